"""The system's own rows, written by scripts: through what their routes do, rules included."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from ...access.policy import authorize
from ...encoding import decode_json, encode_json
from ...errors import EnfyraError
from ...identity.callers import Caller
from ...metadata.routes import Route
from ...metadata.tables import Table
from ...query.plan import ADMINISTRATOR
from ..context import Context
from ..messages import JSON, Request, Response
from .repositories import Call

# Whom a trusted script acts as when nobody is logged in.
_SCRIPT = Caller(id="", email="script", is_root=True)

Operations = Callable[[Route, str], Callable[[Context], Awaitable[Response]]]


class SystemRows:
    """Writes rows of system tables as a request to their routes would.

    Args:
        operations: Gives what a route does by itself for a method.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def write(self, context: Context, table: Table, method: str, call: Call) -> bytes:
        """Do what a call asks for; give the JSON that the script gets.

        Raises:
            EnfyraError: INVALID_ARGUMENT for what these tables do not do; else as their routes.
        """
        if call.session is not None:
            raise EnfyraError(
                "INVALID_ARGUMENT", f"'{table.name}' cannot be written within a transaction"
            )
        if call.verb == "upsert" or ("id" not in call.options and method != "POST"):
            raise EnfyraError(
                "INVALID_ARGUMENT", f"Rows of '{table.name}' are written one by one, by their id"
            )
        inner = self._inner(context, table, method, call)
        response = await self._operations(inner.route, method)(inner)
        answer = decode_json(response.body)
        if method == "DELETE":
            return encode_json({"message": answer["message"], "statusCode": 200})
        return encode_json({"data": answer.get("data", [])})

    def _inner(self, context: Context, table: Table, method: str, call: Call) -> Context:
        path = f"/{table.name}"
        if method != "POST":
            path += f"/{quote(str(call.options['id']), safe='')}"
        match = context.snapshot.routes.find(path)
        if match is None or method not in match.route.available or not match.allows(method):
            raise EnfyraError("INVALID_ARGUMENT", f"Scripts cannot {method} '{table.name}'")
        caller, access = context.caller, context.access
        if call.access is ADMINISTRATOR:
            access = ADMINISTRATOR
            caller = _SCRIPT if caller is None else dataclasses.replace(caller, is_root=True)
        else:
            authorize(match.route, method, caller)
        body = encode_json(call.options["data"]) if "data" in call.options else b""
        request = Request(method, path, "", {"content-type": JSON}, body)
        named = {
            name: call.options[name]
            for name in ("fields", "include", "deep")
            if name in call.options
        }
        return Context(request, context.snapshot, match, caller, access, named or None)
