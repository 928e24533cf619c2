"""A client for tests that talks to a kernel without a network in between."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import urlencode

from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request

from .databases import ADMIN_EMAIL, ADMIN_PASSWORD


class Answer(NamedTuple):
    """What came back: the status, the decoded body, the headers."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def row(self) -> Any:
        return self.body["data"][0]

    @property
    def code(self) -> str:
        return self.body["error"]["code"]

    @property
    def message(self) -> str:
        message = self.body["message"]
        return "; ".join(message) if isinstance(message, list) else message


class Api:
    """Sends requests to a kernel as the administrator, or as nobody."""

    def __init__(self, kernel: Kernel, token: str | None = None, ip: str = "") -> None:
        self.kernel = kernel
        self.token = token
        self.ip = ip

    async def login(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> Api:
        answer = await self.post("/auth/login", {"email": email, "password": password})
        assert answer.status == 200, answer.body
        return Api(self.kernel, answer.body["accessToken"])

    @property
    def anonymous(self) -> Api:
        return Api(self.kernel)

    def at(self, ip: str) -> Api:
        """Give the same client at another address."""
        return Api(self.kernel, self.token, ip)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        content = raw if raw is not None else b""
        if body is not None:
            # On a thread: the loop is the kernel's, and a large body is the client's affair.
            content = (await asyncio.to_thread(json.dumps, body)).encode()
        named = {"content-type": "application/json"} if content else {}
        if self.token is not None:
            named["authorization"] = f"Bearer {self.token}"
        named |= {key.lower(): value for key, value in (headers or {}).items()}
        text = urlencode(
            {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in query.items()}
        )
        request = Request(method, path, text, named, content, remote_ip=self.ip)
        response = await self.kernel.handle(request)
        if response.stream is not None:
            data = b"".join([piece async for piece in response.stream])
            return Answer(response.status, data, response.headers)
        decoded = await asyncio.to_thread(json.loads, response.body) if response.body else None
        return Answer(response.status, decoded, response.headers)

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.send("GET", path, **query)

    async def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        return await self.send("POST", path, body, **query)

    async def patch(self, path: str, body: Any = None, **query: Any) -> Answer:
        return await self.send("PATCH", path, body, **query)

    async def put(self, path: str, body: Any = None, **query: Any) -> Answer:
        return await self.send("PUT", path, body, **query)

    async def delete(self, path: str, **query: Any) -> Answer:
        return await self.send("DELETE", path, **query)

    # -- what tests do all the time -------------------------------------------------------------

    async def define(self, name: str, *columns: Any, **facts: Any) -> Any:
        """Create a table; columns are "name type" or dictionaries.

        Without a primary column it gets one that counts up, on MongoDB too.
        """
        body = {"name": name, "columns": [column_of(one) for one in columns], **facts}
        if self.kernel.database.engine == "mongodb" and not any(
            one.get("isPrimary") for one in body["columns"]
        ):
            body["columns"] = [{"name": "id", "type": "int", "isPrimary": True}, *body["columns"]]
        answer = await self.post("/table_definition", body)
        assert answer.status == 201, answer.body
        return answer.row

    async def create(self, path: str, body: Any) -> Any:
        answer = await self.post(path, body)
        assert answer.status == 201, answer.body
        return answer.data if isinstance(body, list) else answer.row

    async def rows(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.data

    async def publish(self, path: str, *methods: str) -> None:
        """Open methods of a route to everybody."""
        known = {one["name"]: one["id"] for one in await self.rows("/method_definition")}
        route = (await self.rows("/route_definition", filter={"path": path}))[0]
        answer = await self.patch(
            f"/route_definition/{route['id']}", {"publicMethods": [known[one] for one in methods]}
        )
        assert answer.status == 200, answer.body


def column_of(column: Any) -> Any:
    """Make a column of "name type", with `!` behind the type for one that must not be null."""
    if not isinstance(column, str):
        return column
    name, _, type_ = column.partition(" ")
    bare = type_.rstrip("!")
    return {"name": name, "type": bare, "isNullable": bare == type_}
