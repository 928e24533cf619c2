"""Logging in elsewhere in a real browser: on Enfyra's own origin, and in an app of another one."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.databases import Databases
from tests.openid import CLIENT, SECRET, OpenId, new_key
from tests.processes import Process

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.browser, pytest.mark.may_block]

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
EMAIL = "ann@example.org"
_ME = "fetch('{}/me').then(answer => answer.json()).then(body => body.data[0].email)"


class _App(RequestHandler):
    """An app's own server: a page, and everything below /enfyra handed on."""

    def initialize(self, enfyra: str) -> None:
        self.enfyra = enfyra

    async def get(self, path: str) -> None:
        if not path.startswith("enfyra/"):
            self.write("<!doctype html><title>App</title><h1>Chat</h1>")
            return
        headers = {"Cookie": self.request.headers.get("Cookie", "")}
        async with httpx.AsyncClient(verify=False) as client:
            answer = await client.get(f"{self.enfyra}/{self.request.uri[1:]}", headers=headers)
        self.set_status(answer.status_code)
        for name in ("Content-Type", "Location", "Set-Cookie"):
            for value in answer.headers.get_list(name):
                self.add_header(name, value)
        self.finish(answer.content)


class Elsewhere:
    """The provider and the app, on a loop in a thread of their own."""

    def __init__(self, enfyra: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._enfyra = enfyra
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    async def _start(self) -> None:
        self.openid = OpenId(new_key())
        self.openid.asks = True
        socket, port = bind_unused_port("127.0.0.1")
        self._server = HTTPServer(Application([("/(.*)", _App, {"enfyra": self._enfyra})]))
        self._server.add_sockets([socket])
        # Another site than 127.0.0.1.
        self.app = f"http://localhost:{port}"

    def stop(self) -> None:
        async def stop() -> None:
            self.openid.stop()
            self._server.stop()
            await self._server.close_all_connections()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def enfyra(
    _database_makers: dict[str, Databases], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    databases = _database_makers["sqlite"]
    uri = databases.fresh()
    with Process(uri, tmp_path_factory.mktemp("enfyra")) as process:
        yield process
    databases.drop(uri)


@pytest.fixture(scope="module")
def elsewhere(enfyra: Process) -> Iterator[Elsewhere]:
    servers = Elsewhere(enfyra.url)
    with closing(enfyra.login()) as admin:
        row = {
            "provider": "test",
            "clientId": CLIENT,
            "clientSecret": SECRET,
            "issuer": servers.openid.url,
            "redirectUri": f"{enfyra.url}/api/auth/test/callback",
        }
        assert admin.post("/oauth_config_definition", json=row).status_code == 201
        origin = {"origin": servers.app}
        assert admin.post("/cors_origin_definition", json=origin).status_code == 201
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as one:
        browser = one.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of somebody who has never been anywhere."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_person_logs_in_elsewhere(enfyra: Process, elsewhere: Elsewhere, page: Any) -> None:
    page.goto(f"{enfyra.url}/api/auth/test?redirect=/docs")
    page.get_by_role("button", name="I am Ann").click()
    page.wait_for_url(f"{enfyra.url}/docs")
    assert page.evaluate(_ME.format("/api")) == EMAIL
    # No script gets hold of a token.
    assert page.evaluate("document.cookie") == ""
    cookies = {one["name"]: one for one in page.context.cookies()}
    assert cookies.keys() == {"accessToken", "refreshToken", "expTime"}
    assert all(one["httpOnly"] and one["sameSite"] == "Lax" for one in cookies.values())
    # A page of another origin cannot end the login, although its form comes with the cookies.
    page.goto(f"{elsewhere.openid.url}/jwks")
    page.evaluate(
        """url => {
            document.body.innerHTML = `<form method="post" action="${url}"></form>`
            document.forms[0].submit()
        }""",
        f"{enfyra.url}/api/logout",
    )
    page.wait_for_url(f"{enfyra.url}/api/logout")
    assert "CROSS_SITE_REQUEST" in page.content()
    page.goto(f"{enfyra.url}/docs")
    assert page.evaluate(_ME.format("/api")) == EMAIL
    page.evaluate("fetch('/api/logout', {method: 'POST'})")
    page.wait_for_function("fetch('/api/me').then(answer => answer.status === 401)")
    assert page.context.cookies() == []


def test_a_person_logs_in_to_an_app(enfyra: Process, elsewhere: Elsewhere, page: Any) -> None:
    begin = f"{enfyra.url}/api/auth/test?redirect={elsewhere.app}/chat&cookieBridgePrefix=/enfyra"
    page.goto(begin)
    page.get_by_role("button", name="I am Ann").click()
    page.wait_for_url(f"{elsewhere.app}/chat")
    assert page.evaluate(_ME.format("/enfyra")) == EMAIL
    assert page.evaluate("document.cookie") == ""


def test_the_documentation_shows_more_to_whoever_logs_in_on_it(enfyra: Process, page: Any) -> None:
    def shows(path: str, *, shown: bool = True) -> None:
        # By hand: the page's policy lets no text be run as a script.
        asked = f"window.ui?.specSelectors.specJson().hasIn(['paths', '{path}'])"
        for _ in range(300):
            if page.evaluate(asked) is shown:
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{path} is {'not ' if shown else ''}shown")

    with closing(enfyra.login()) as admin:
        token = admin.headers["Authorization"].removeprefix("Bearer ")
    page.goto(f"{enfyra.url}/docs")
    shows("/auth/login")
    shows("/user_definition", shown=False)
    page.get_by_role("button", name="Authorize", exact=True).first.click()
    page.get_by_label("auth-bearer-value").fill(token)
    page.get_by_role("button", name="Apply credentials").click()
    shows("/user_definition")
    # It is kept for the next time, and forgotten by hand.
    page.reload()
    shows("/user_definition")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("button", name="Remove authorization").click()
    shows("/user_definition", shown=False)
