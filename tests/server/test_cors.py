"""Pages of other origins, over HTTP: preflights, answers, errors, and who is let in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from enfyra_server.app import Server

from .raw import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = "https://shop.example.com"
PREFIX = "access-control-"


async def let_in(http: httpx.AsyncClient, *origins: str) -> None:
    """Let in these origins, and no others."""
    for row in (await http.get("/cors_origin_definition")).json()["data"]:
        await http.delete(f"/cors_origin_definition/{row['id']}")
    for origin in origins:
        answer = await http.post("/cors_origin_definition", json={"origin": origin})
        assert answer.status_code == 201, answer.text


def told(answer: httpx.Response) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in answer.headers.items()
        if name.startswith(PREFIX)
    }


async def ask(http: httpx.AsyncClient, path: str, origin: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = {"origin": origin, "access-control-request-method": "PATCH", **named}
    return await http.options(path, headers=asked)


async def test_without_origins_nothing_is_said_of_them(shared_http: httpx.AsyncClient) -> None:
    await let_in(shared_http)
    answer = await shared_http.get("/me", headers={"origin": SHOP})
    assert told(answer) == {}
    assert "vary" not in answer.headers
    preflight = await ask(shared_http, "/me", SHOP)
    assert (preflight.status_code, told(preflight)) == (204, {})


async def test_an_origin_is_let_in_at_once_with_all_that_a_page_needs(
    shared_http: httpx.AsyncClient,
) -> None:
    http = shared_http
    await let_in(http, SHOP)
    answer = await http.get("/me", headers={"origin": SHOP})
    given = told(answer)
    assert "X-Correlation-ID" in given.pop("expose-headers")
    assert given == {"allow-origin": SHOP, "allow-credentials": "true"}
    assert answer.headers["vary"] == "Origin"
    preflight = await ask(
        http, "/api/me", SHOP, access_control_request_headers="authorization, content-type"
    )
    assert (preflight.status_code, preflight.text) == (204, "")
    given = told(preflight)
    given.pop("expose-headers")
    assert given == {
        "allow-origin": SHOP, "allow-credentials": "true", "max-age": "600",
        "allow-headers": "authorization, content-type", "allow-methods": "GET, HEAD, PATCH",
    }  # fmt: skip
    assert "Origin" in preflight.headers["vary"]
    # Others are told nothing; and whoever asks without an origin may share a cache with a page.
    for headers in ({"origin": "https://evil.example.com"}, {}):
        other = await http.get("/me", headers=headers)
        assert (other.status_code, told(other)) == (200, {})
        assert other.headers["vary"] == "Origin"
    assert told(await ask(http, "/me", "https://evil.example.com")) == {}
    await let_in(http)
    assert told(await http.get("/me", headers={"origin": SHOP})) == {}


async def test_a_page_may_read_errors_too(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    await let_in(http, SHOP)
    headers = {"origin": SHOP}
    for answer, status in (
        (await http.get("/nothing", headers=headers), 404),
        (await http.put("/me", headers=headers), 405),
        (await http.get("/me", headers={**headers, "authorization": "Bearer x"}), 401),
        (await http.get("/openapi.json", headers=headers), 200),
        (await http.get("/post.csv", headers=headers), 404),
    ):
        assert answer.status_code == status
        assert told(answer)["allow-origin"] == SHOP
    for path in ("/nothing", "/openapi.json", "/"):
        preflight = await ask(http, path, SHOP)
        assert preflight.status_code == 204
        assert told(preflight)["allow-origin"] == SHOP


async def test_everybody_never_means_with_cookies(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    await let_in(http, "*")
    for answer in (
        await http.get("/me", headers={"origin": SHOP}), await ask(http, "/me", SHOP),
    ):  # fmt: skip
        given = told(answer)
        assert given["allow-origin"] == "*"
        assert "allow-credentials" not in given
    await let_in(http, "*", SHOP)
    assert told(await http.get("/me", headers={"origin": SHOP}))["allow-credentials"] == "true"
    other = told(await http.get("/me", headers={"origin": "https://evil.example.com"}))
    assert (other["allow-origin"], "allow-credentials" in other) == ("*", False)


async def test_patterns_and_what_is_echoed(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    await let_in(http, "https://*.example.com", "http://localhost:*")
    for origin in ("https://a.example.com", "http://localhost:5173"):
        assert told(await http.get("/me", headers={"origin": origin}))["allow-origin"] == origin
    for origin in ("https://a.example.com.evil.net", "https://example.com", "null", "x" * 3000):
        assert told(await http.get("/me", headers={"origin": origin})) == {}
    for asked in ("x y", "a,,b", "a;b", "<script>", "a" * 2000):
        preflight = await ask(
            http, "/me", "https://a.example.com", access_control_request_headers=asked
        )
        assert "allow-headers" not in told(preflight)


async def test_origins_that_are_none_are_refused(shared_http: httpx.AsyncClient) -> None:
    http = shared_http
    await let_in(http, SHOP)
    answer = await http.post("/cors_origin_definition", json={"origin": f"{SHOP}/"})
    assert answer.status_code == 400
    assert answer.json()["message"] == [f"origin must be without a path: {SHOP}"]
    assert (await http.post("/cors_origin_definition", json={"origin": SHOP})).status_code == 409
    row = (await http.get("/cors_origin_definition")).json()["data"][0]
    changed = {"origin": "https://*.com"}
    answer = await http.patch(f"/cors_origin_definition/{row['id']}", json=changed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_BODY")
    disabled = {"isEnabled": False}
    await http.patch(f"/cors_origin_definition/{row['id']}", json=disabled)
    assert told(await http.get("/me", headers={"origin": SHOP})) == {}
    await let_in(http)


async def test_what_is_not_looked_at_any_further_is_readable_too(
    shared_http: httpx.AsyncClient, shared_server: Server
) -> None:
    await let_in(shared_http, SHOP)
    connection = await Connection.open(shared_server.port)
    head = f"GET /me?{'a' * 70_000} HTTP/1.1\r\nHost: x\r\nOrigin: {SHOP}\r\n\r\n"
    await connection.send(head.encode())
    answer = await connection.answer()
    await connection.close()
    assert answer.status == 414
    assert answer.headers["access-control-allow-origin"] == SHOP
    await let_in(shared_http)
