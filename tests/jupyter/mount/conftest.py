"""A Jupyter Server with the extension, on a database of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 - its fixtures and its way to run tests
from tornado.httpclient import HTTPClientError, HTTPResponse

from enfyra_jupyter.extension import EnfyraApp
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, SECRET_KEY, Databases


class Answer(NamedTuple):
    """What came back."""

    status: int
    raw: bytes
    headers: Any

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def cookies(self) -> dict[str, str]:
        return dict(
            re.match(r"([^=]+)=([^;]*)", one).groups()  # type: ignore[union-attr,misc]
            for one in self.headers.get_list("Set-Cookie")
        )


Send = Callable[..., Awaitable[Answer]]


@pytest.fixture(scope="session", autouse=True)
def _template(_database_makers: dict[str, Databases]) -> None:
    # Made before any test has an event loop of its own.
    _database_makers["sqlite"].drop(_database_makers["sqlite"].fresh())


@pytest.fixture
def enfyra_environment() -> dict[str, str]:
    """More of the environment; tests override it."""
    return {}


@pytest.fixture(autouse=True)
def _environment(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    sqlite_uri: str,
    enfyra_environment: dict[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {
        "DB_URI": sqlite_uri,
        "SECRET_KEY": SECRET_KEY,
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ENFYRA_PASSWORD_MEMORY": "32",
        "ENFYRA_PASSWORD_PASSES": "1",
        **enfyra_environment,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"enfyra_jupyter": True},
            "allow_unauthenticated_access": False,
        }
    }


@pytest.fixture
def extension(jp_serverapp: Any, jp_asyncio_loop: Any) -> EnfyraApp:
    """The extension, started."""
    app = jp_serverapp.extension_manager.extension_points["enfyra"].app
    jp_asyncio_loop.run_until_complete(app._start_jupyter_server_extension(jp_serverapp))
    return app


@pytest.fixture
def send(extension: EnfyraApp, http_server_client: Any, jp_base_url: str) -> Send:
    """Send a request below the mount point, without any credentials but those given."""

    async def send_request(method: str, path: str, body: Any = None, **facts: Any) -> Answer:
        headers = {key: value for key, value in facts.pop("headers", {}).items() if value}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        facts.setdefault("follow_redirects", False)
        if facts.get("body_producer") is None:
            facts["body"] = body
        try:
            response: HTTPResponse = await http_server_client.fetch(
                f"{jp_base_url}enfyra{path}",
                method=method,
                headers=headers,
                allow_nonstandard_methods=True,
                request_timeout=20,
                **facts,
            )
        except HTTPClientError as error:
            if error.response is None:
                raise
            response = error.response
        return Answer(response.code, response.body, response.headers)

    return send_request


@pytest.fixture
def jupyter(jp_auth_header: dict[str, str]) -> dict[str, str]:
    """The headers of whoever holds the Jupyter token."""
    return dict(jp_auth_header)


@pytest.fixture
def login(send: Send) -> Callable[[], Awaitable[dict[str, str]]]:
    """Log in with the administrator's password; give the headers."""

    async def log_in() -> dict[str, str]:
        body = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        answer = await send("POST", "/auth/login", body)
        assert answer.status == 200, answer.raw
        return {"Authorization": f"Bearer {answer.body['accessToken']}"}

    return log_in
