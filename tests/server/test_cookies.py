"""Browsers: cookies in the place of tokens, renewed on the way, and useless to other sites."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
import pytest_asyncio
from enfyra_kernel.access.origins import Origins
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request

from enfyra_server.app import Server
from enfyra_server.bridge import refuse_foreign
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, settings
from tests.kernel.identity.conftest import MovingClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREDENTIALS = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
NAMES = {"accessToken", "refreshToken", "expTime"}


@pytest.fixture(scope="module")
def clock() -> MovingClock:
    return MovingClock()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(shared_uri: str, clock: MovingClock) -> AsyncIterator[Server]:
    server = Server(Kernel(settings(shared_uri), clock=clock))
    await server.start()
    yield server
    await server.stop(grace=2)


@pytest_asyncio.fixture(loop_scope="module")
async def browser(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies, and has none yet."""
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=60, verify=False) as client:
        yield client


def set_by(answer: httpx.Response) -> dict[str, Any]:
    """Give the cookies that an answer sets, with their attributes."""
    cookies: dict[str, Any] = {}
    for header in answer.headers.get_list("set-cookie"):
        cookies |= SimpleCookie(header)
    return cookies


async def log_in(browser: httpx.AsyncClient, **more: Any) -> httpx.Response:
    answer = await browser.post("/api/login", json=CREDENTIALS | more)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("path", ["/api/login", "/enfyra/login", "/api/auth/login"])
async def test_a_login_sets_cookies_that_scripts_cannot_read(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.post(path, json=CREDENTIALS)
    assert answer.status_code == 200
    # Nor can they read the tokens in the answer.
    assert answer.json().keys() == {"statusCode", "message", "expTime", "loginProvider"}
    assert answer.headers["Cache-Control"] == "no-store"
    cookies = set_by(answer)
    assert cookies.keys() == NAMES
    for morsel in cookies.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Lax", "/")
        assert (morsel["secure"], morsel["max-age"]) == ("", "")
    for prefix in ("/api", "/enfyra"):
        assert (await browser.get(f"{prefix}/me")).json()["data"][0]["email"] == ADMIN_EMAIL


async def test_the_openapi_document_is_that_of_whoever_the_cookies_are(
    browser: httpx.AsyncClient,
) -> None:
    await log_in(browser)
    seen = {
        prefix: "/user_definition" in (await browser.get(f"{prefix}/openapi.json")).json()["paths"]
        for prefix in ("", "/api")
    }
    assert seen == {"": False, "/api": True}


async def test_cookies_are_for_https_where_the_browser_uses_it(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(
        "/api/login", json=CREDENTIALS, headers={"X-Forwarded-Proto": "https"}
    )
    assert all(morsel["secure"] is True for morsel in set_by(answer).values())


async def test_remembered_cookies_outlive_the_browser(browser: httpx.AsyncClient) -> None:
    ages = {int(one["max-age"]) for one in set_by(await log_in(browser, remember=True)).values()}
    assert len(ages) == 1
    assert abs(ages.pop() - 604_800) <= 2


async def test_cookies_mean_nothing_at_the_root(browser: httpx.AsyncClient) -> None:
    await log_in(browser)
    assert (await browser.get("/me")).status_code == 401
    assert (await browser.post("/auth/logout")).status_code == 401


async def test_a_bearer_token_works_everywhere_and_wins(browser: httpx.AsyncClient) -> None:
    given = (await browser.post("/auth/login", json=CREDENTIALS)).json()
    head = {"Authorization": f"Bearer {given['accessToken']}", "Origin": "https://evil.example"}
    for path in ("/me", "/api/me", "/enfyra/me"):
        assert (await browser.patch(path, headers=head, json={})).status_code in {200, 400}
        assert (await browser.get(path, headers=head)).status_code == 200
    await log_in(browser)
    bad = await browser.get("/api/me", headers={"Authorization": "Bearer nonsense"})
    assert bad.status_code == 401


async def test_access_is_renewed_on_the_way(browser: httpx.AsyncClient, clock: MovingClock) -> None:
    before = set_by(await log_in(browser))
    clock.ahead += 1000
    answers = await asyncio.gather(*(browser.get("/api/me") for _ in range(10)))
    assert {one.status_code for one in answers} == {200}
    after = {set_by(one)["refreshToken"].value for one in answers if set_by(one)}
    assert len(after) == 1
    assert after.pop() != before["refreshToken"].value
    quiet = await browser.get("/api/me")
    assert (quiet.status_code, set_by(quiet)) == (200, {})
    assert (quiet.headers["Cache-Control"], quiet.headers["Vary"]) == (
        "private, no-cache",
        "Cookie",
    )
    # The browser has lost one of the two.
    del browser.cookies["accessToken"]
    assert set_by(await browser.get("/api/me")).keys() == NAMES


async def test_a_refresh_by_hand_takes_the_cookie(browser: httpx.AsyncClient) -> None:
    before = set_by(await log_in(browser))
    answer = await browser.post("/api/auth/refresh-token")
    assert answer.json().keys() == {"statusCode", "message", "expTime", "loginProvider"}
    assert set_by(answer)["refreshToken"].value != before["refreshToken"].value
    assert (await browser.get("/api/me")).status_code == 200


@pytest.mark.parametrize("lost", [None, "accessToken"])
async def test_a_logout_takes_the_cookies_away(
    browser: httpx.AsyncClient, lost: str | None
) -> None:
    await log_in(browser)
    kept = dict(browser.cookies)
    if lost is not None:
        del browser.cookies[lost]
    answer = await browser.post("/api/logout")
    assert (answer.status_code, answer.json()["message"]) == (200, "Logged out")
    assert {one["max-age"] for one in set_by(answer).values()} == {"0"}
    assert not browser.cookies
    # A copy of them is worth nothing.
    browser.cookies.update(kept)
    again = await browser.get("/api/me")
    assert again.status_code == 401
    assert set_by(again).keys() == NAMES
    gone = await browser.post("/api/logout")
    assert (gone.status_code, set_by(gone).keys()) == (401, NAMES)


async def test_a_wrong_password_sets_nothing(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/api/login", json=CREDENTIALS | {"password": "x"})
    assert (answer.status_code, set_by(answer)) == (401, {})


@pytest.mark.parametrize("cookie", ["accessToken=x; refreshToken=y", "accessToken", "; =;;=", '"'])
async def test_cookies_that_are_worth_nothing_are_nobodys(
    browser: httpx.AsyncClient, cookie: str
) -> None:
    answer = await browser.get("/api/me", headers={"Cookie": cookie})
    assert answer.status_code == 401
    assert (await browser.get("/api/health", headers={"Cookie": cookie})).status_code == 200


# -- other sites ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.org"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[bad"},
    ],
)
async def test_other_sites_cannot_write(
    browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await log_in(browser)
    for method, path in (
        ("PATCH", "/api/me"),
        ("POST", "/enfyra/post"),
        ("POST", "/api/logout"),
        # Nor log somebody in to an account of their own.
        ("POST", "/api/login"),
    ):
        answer = await browser.request(method, path, headers=headers, json={})
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "CROSS_SITE_REQUEST"
        assert set_by(answer) == {}
    assert (await browser.get("/api/me", headers=headers)).status_code == 200


async def test_ones_own_pages_can_write(browser: httpx.AsyncClient, server: Server) -> None:
    await log_in(browser)
    for headers in (
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://third.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": f"http://127.0.0.1:{server.port}"},
        {"Origin": "https://third.example", "X-Forwarded-Host": "third.example, inner"},
    ):
        answer = await browser.patch("/api/me", headers=headers, json={"email": ADMIN_EMAIL})
        assert answer.status_code == 200, answer.text


async def test_origins_that_are_named_may_write() -> None:
    headers = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    refuse_foreign(Request("POST", "/api/post", "", headers), Origins(["https://app.example"]))
