"""Requests that cannot be answered: each gets a clear error, and nothing is lost or changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from enfyra_server.app import Server

from .raw import Connection, exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

COLUMNS = [
    {"name": "title", "type": "varchar"},
    {"name": "views", "type": "int"},
    {"name": "size", "type": "bigint"},
    {"name": "score", "type": "float"},
    {"name": "born", "type": "date"},
    {"name": "extra", "type": "simple-json"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def table(shared_http: httpx.AsyncClient) -> None:
    answer = await shared_http.post("/table_definition", json={"name": "post", "columns": COLUMNS})
    assert answer.status_code == 201
    assert (await shared_http.post("/post", json={"title": "kept"})).status_code == 201


@pytest_asyncio.fixture(loop_scope="module")
async def posts(table: None, shared_http: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's client; whatever a test sends, the one record stays as it is."""
    before = (await shared_http.get("/post")).json()["data"]
    assert [row["title"] for row in before] == ["kept"]
    yield shared_http
    assert (await shared_http.get("/post")).json()["data"] == before


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """Check an error's body from end to end; give its message."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"success", "statusCode", "message", "error"}
    assert (body["success"], body["statusCode"]) == (False, status)
    error = body["error"]
    assert error["code"] == code
    assert error["method"] == answer.request.method
    assert answer.request.url.raw_path.decode().startswith(error["path"][:60])
    assert error["correlationId"] == answer.headers["X-Correlation-ID"] != ""
    assert datetime.fromisoformat(error["timestamp"]).tzinfo is not None
    message = body["message"]
    assert error["message"] == ("; ".join(message) if isinstance(message, list) else message)
    return error["message"]


async def post(client: httpx.AsyncClient, content: bytes, **headers: str) -> httpx.Response:
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await client.post("/post", content=content, headers=named)


# -- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"title": ', "malformed"),
        (b'{"title": "a",}', "line 1, column 15"),
        (b'{"title"\n:\n"a" "b"}', "line 3, column 5"),
        (b"title=a", "malformed"),
        (b"", "empty"),
        (b'{"title":"\xff\xfe"}', "UTF-8"),
        (b"\xff\xfe{\x00}\x00", "malformed"),
        (b'{"score": NaN}', "column 11"),
        (b'{"score": Infinity}', "column 11"),
        (b'{"score": -Infinity}', "malformed"),
        (b'{"score": 1e400}', "out of range"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"extra":' * 50_000 + b"1" + b"}" * 50_000, "nested too deeply"),
    ],
    ids=[
        "cut off", "comma", "third line", "form", "empty", "bad utf-8", "utf-16", "nan", "infinity",
        "minus infinity", "1e400", "deep list", "deep object",
    ],
)  # fmt: skip
async def test_what_is_not_json_is_refused_with_the_place(
    posts: httpx.AsyncClient, content: bytes, said: str
) -> None:
    assert said in refused(await post(posts, content), 400, "INVALID_JSON")


@pytest.mark.parametrize("content", [b'"text"', b"5", b"null", b"true"])
async def test_a_body_must_be_an_object(posts: httpx.AsyncClient, content: bytes) -> None:
    message = refused(await post(posts, content), 400, "INVALID_BODY")
    assert message == "The body must be a JSON object"


async def test_a_list_may_hold_objects_only(posts: httpx.AsyncClient) -> None:
    message = refused(await post(posts, b'[{"title":"a"}, 5]'), 400, "INVALID_BODY")
    assert "[1]" in message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"titel": "x"}, "titel is not allowed. Did you mean 'title'?"),
        ({"views": 2**31}, "views must be between -2147483648 and 2147483647"),
        (
            {"size": 2**63},
            "size must be between -9223372036854775808 and 9223372036854775807",
        ),
        ({"size": 10**40}, "size must be between -9223372036854775808 and 9223372036854775807"),
        ({"score": 10**400}, "score must be a number that fits 64-bit floating point"),
        ({"views": 1.5}, "views must be an integer"),
        ({"title": "a\0b"}, "title must not contain the character NUL (U+0000)"),
        ({"extra": {"a": ["b\0"]}}, "extra must not contain the character NUL (U+0000)"),
        ({"extra": {"a\0": 1}}, "extra must not contain the character NUL (U+0000)"),
        ({"born": "2026-02-30"}, "born must be"),
    ],
)
async def test_a_value_that_does_not_fit_names_its_field(
    posts: httpx.AsyncClient, body: Any, message: str
) -> None:
    assert refused(await posts.post("/post", json=body), 400, "INVALID_BODY").startswith(message)
    changed = await posts.patch("/post/1", json=body)
    assert refused(changed, 400, "INVALID_BODY").startswith(message)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_another_content_type_is_named(posts: httpx.AsyncClient, kind: str) -> None:
    answer = await post(posts, b'{"title":"a"}', Content_Type=kind)
    message = refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert kind.partition(";")[0] in message
    assert "application/json" in message


async def test_a_compressed_body_is_named(posts: httpx.AsyncClient) -> None:
    answer = await post(posts, b"\x1f\x8b\x08", Content_Encoding="gzip")
    assert "gzip" in refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_by_any_name_is_taken(posts: httpx.AsyncClient, kind: str) -> None:
    answer = await post(posts, b'{"titel":"a"}', Content_Type=kind)
    refused(answer, 400, "INVALID_BODY")


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "nearest"), [("/pots", "/post"), ("/pots/1", "/post"), ("/api/pots", "/post")]
)
async def test_an_unknown_path_suggests_the_nearest(
    posts: httpx.AsyncClient, path: str, nearest: str
) -> None:
    message = refused(await posts.get(path), 404, "ROUTE_NOT_FOUND")
    assert message.endswith(f"Did you mean '{nearest}'?")


async def test_a_path_that_nothing_is_like_suggests_nothing(posts: httpx.AsyncClient) -> None:
    message = refused(await posts.get("/qqqqqqqq"), 404, "ROUTE_NOT_FOUND")
    assert message == "There is nothing at /qqqqqqqq."


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            {"filter": '{"titel": 1}'},
            "UNKNOWN_FIELD",
            "filter.titel: 'post' has no field 'titel'. Did you mean 'title'?",
        ),
        ({"sort": "-viewz"}, "UNKNOWN_FIELD", "'viewz'. Did you mean 'views'?"),
        ({"fields": "tilte"}, "UNKNOWN_FIELD", "'tilte'. Did you mean 'title'?"),
        (
            {"filter": '{"views": {"_gtt": 1}}'},
            "UNKNOWN_OPERATOR",
            "filter.views: there is no operator '_gtt'. Did you mean '_gt'?",
        ),
        ({"limitt": "1"}, "INVALID_QUERY", "'limitt'. Did you mean 'limit'?"),
        ({"filter": "{"}, "INVALID_QUERY", "filter: The JSON is malformed"),
        ({"filter": "5"}, "INVALID_QUERY", "filter"),
        ({"filter": '{"views": "many"}'}, "INVALID_VALUE", "filter.views"),
        ({"filter": '{"views": 99999999999999999999}'}, "INVALID_VALUE", "filter.views: must be"),
        ({"filter": '{"title": "a\\u0000"}'}, "INVALID_VALUE", "filter.title: must not contain"),
        ({"filter": '{"score": NaN}'}, "INVALID_QUERY", "filter: The JSON is malformed"),
        ({"filter": '{"_not":' * 50 + "{}" + "}" * 50}, "INVALID_QUERY", "nested"),
        ({"filter": "[" * 9000 + "]" * 9000}, "INVALID_QUERY", "nested too deeply"),
        ({"limit": "-1"}, "INVALID_QUERY", "limit must be a whole number from 0"),
        ({"limit": "ten"}, "INVALID_QUERY", "limit must be a whole number from 0"),
        ({"page": "0"}, "INVALID_QUERY", "page must be"),
        ({"page": "9" * 30}, "INVALID_QUERY", "page must be"),
        ({"meta": "all"}, "INVALID_QUERY", "meta"),
    ],
)
async def test_what_a_query_cannot_mean_is_named(
    posts: httpx.AsyncClient, query: dict[str, str], code: str, message: str
) -> None:
    assert message in refused(await posts.get("/post", params=query), 400, code)


async def test_more_parameters_than_anybody_needs_are_refused(posts: httpx.AsyncClient) -> None:
    answer = await posts.get("/post?" + "&".join(f"a{n}=1" for n in range(2000)))
    assert "parameters" in refused(answer, 400, "INVALID_QUERY")


# -- addresses ------------------------------------------------------------------------------------


async def test_percent_signs_that_encode_nothing_are_text(posts: httpx.AsyncClient) -> None:
    answer = await posts.get("/post?filter[title]=100%&limit=%zz")
    assert refused(answer, 400, "INVALID_QUERY") == "limit must be a whole number from 0"
    assert (await posts.get("/post?filter[title]=100%")).json()["data"] == []


async def test_a_query_must_be_utf8(posts: httpx.AsyncClient) -> None:
    answer = await posts.get("/post?filter[title]=%ff")
    assert refused(answer, 400, "INVALID_QUERY") == "The query string is not valid UTF-8"


@pytest.mark.parametrize("path", ["/%ff", "/post/%ff", "/%00", "/..%2f..%2fetc/passwd", "//post"])
async def test_odd_paths_lead_nowhere(posts: httpx.AsyncClient, path: str) -> None:
    answer = await posts.request("PATCH", path, json={"title": "changed"})
    assert answer.status_code in {404, 405}
    refused(answer, answer.status_code, answer.json()["error"]["code"])


async def test_a_query_of_60_kilobytes_is_read(posts: httpx.AsyncClient) -> None:
    wanted = json.dumps({"id": {"_in": list(range(10_000))}}, separators=(",", ":"))
    token = posts.headers["Authorization"]
    target = "/post?filter=" + wanted.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
    assert 40_000 < len(target) < 65_536
    port = posts.base_url.port
    assert port is not None
    answer = await exchange(port, _get(target, token))
    assert [row["title"] for row in answer.body["data"]] == ["kept"]


@pytest.mark.parametrize("size", [70_000, 900_000])
async def test_a_longer_query_is_414(posts: httpx.AsyncClient, size: int) -> None:
    port = posts.base_url.port
    assert port is not None
    answer = await exchange(port, _get("/post?filter=" + "x" * size, "Bearer x"))
    assert (answer.status, answer.error["code"]) == (414, "URI_TOO_LONG")
    assert len(answer.content) < 4000


def _get(target: str, token: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode()


# -- framing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ("Content-Length: 2\r\nContent-Length: 40", "twice"),
        ("Content-Length: 2, 40", "twice"),
        ("Content-Length: -2", "not a number"),
        ("Content-Length: two", "not a number"),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked", "exclude"),
        ("Transfer-Encoding: gzip, chunked", "chunked"),
        ("Transfer-Encoding: identity", "chunked"),
    ],
)
async def test_a_body_whose_end_is_uncertain_is_not_read(
    shared_server: Server, headers: str, said: str
) -> None:
    smuggled = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    connection = await Connection.open(shared_server.port)
    await connection.send(
        f"POST /auth/login HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{{}}{smuggled}".encode()
    )
    answer = await connection.answer()
    assert (answer.status, answer.error["code"]) == (400, "BAD_REQUEST")
    assert said in answer.error["message"]
    assert answer.headers["connection"] == "close"
    assert await connection.is_closed()
    await connection.close()


async def test_the_same_length_twice_is_one_length(shared_server: Server) -> None:
    request = (
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
    )
    answer = await exchange(shared_server.port, request)
    assert answer.error["message"] == "email is required; password is required"


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: a\x01b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["garbage", "HTTP/0.9", "HTTP/9.9", "header", "control character", "TLS"],
)
async def test_what_is_not_http_is_400_and_the_server_goes_on(
    shared_server: Server, data: bytes
) -> None:
    assert (await exchange(shared_server.port, data)).status == 400
    assert (await exchange(shared_server.port, _get("/health", "x"))).status == 200


async def test_a_chunked_body_is_a_body(shared_http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"email": "nobody",'
        yield b'"password": "x"}'

    answer = await shared_http.post("/auth/login", content=pieces())
    refused(answer, 401, "INVALID_CREDENTIALS")


async def test_the_scheme_and_host_that_a_proxy_sends_are_no_path(shared_server: Server) -> None:
    answer = await exchange(shared_server.port, _get("http://example.org/health?a=1", "x"))
    assert (answer.status, answer.body) == (200, {"status": "ok"})
