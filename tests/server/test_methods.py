"""What holds for every request: methods, prefixes, correlation ids."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from enfyra_server.app import Server

from .raw import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARROW = "application/vnd.apache.arrow.stream"
PREFIXES = ["", "/api", "/enfyra"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(shared_http: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's client; there is a table with one record."""
    columns = [{"name": "title", "type": "varchar"}]
    await shared_http.post("/table_definition", json={"name": "post", "columns": columns})
    await shared_http.post("/post", json={"title": "Hello"})
    yield shared_http


# -- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/post", "/health", "/ready", "/openapi.json", "/docs", "/me"])
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    read = await client.get(path)
    head = await client.head(path)
    assert (head.status_code, head.content) == (read.status_code, b"")
    assert head.headers["Content-Type"] == read.headers["Content-Type"]
    assert head.headers["Content-Length"] == str(len(read.content))


async def test_head_of_an_arrow_stream_leaves_the_connection_usable(
    shared_server: Server, client: httpx.AsyncClient
) -> None:
    connection = await Connection.open(shared_server.port)
    token = client.headers["Authorization"]
    common = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    await connection.send(f"HEAD /post {common}Accept: {ARROW}\r\n\r\n".encode())
    head = await connection.answer(bodiless=True)
    assert (head.status, head.headers["content-type"]) == (200, ARROW)
    await connection.send(f"GET /post?fields=title {common}\r\n".encode())
    assert (await connection.answer()).body["data"] == [{"id": 1, "title": "Hello"}]
    await connection.close()


async def test_an_answer_that_the_client_has_already_is_empty(
    shared_server: Server, client: httpx.AsyncClient
) -> None:
    connection = await Connection.open(shared_server.port)
    token = client.headers["Authorization"]
    common = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    await connection.send(f"GET /post?filter[id]=1 {common}\r\n".encode())
    first = await connection.answer()
    etag = first.headers["etag"]
    await connection.send(f"GET /post?filter[id]=1 {common}If-None-Match: {etag}\r\n\r\n".encode())
    again = await connection.answer(bodiless=True)
    assert (again.status, again.headers["etag"]) == (304, etag)
    assert "content-length" not in again.headers
    await connection.send(f"GET /post?filter[id]=1 {common}\r\n".encode())
    assert (await connection.answer()).body == first.body
    await connection.close()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("FOO", "/post", "DELETE, GET, HEAD, PATCH, POST"),
        ("PUT", "/post", "DELETE, GET, HEAD, PATCH, POST"),
        ("POST", "/post/1", "DELETE, PATCH, PUT"),
        ("GET", "/post/1", "DELETE, PATCH, PUT"),
        ("TRACE", "/post/1", "DELETE, PATCH, PUT"),
        ("CONNECT", "/post", "DELETE, GET, HEAD, PATCH, POST"),
        ("PUT", "/me", "GET, HEAD, PATCH"),
        ("GET", "/auth/login", "POST"),
        ("POST", "/health", "GET, HEAD"),
        ("DELETE", "/docs", "GET, HEAD"),
        ("PUT", "/table_definition/1", "DELETE, PATCH"),
        ("X" * 3000, "/post", "DELETE, GET, HEAD, PATCH, POST"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
async def test_another_method_is_405_with_those_that_are_allowed(
    client: httpx.AsyncClient, prefix: str, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, prefix + path, json={})
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    error = answer.json()["error"]
    assert error["code"] == "METHOD_NOT_ALLOWED"
    assert error["details"] == {"allowed": allowed.split(", ")}
    assert error["message"] == f"{method[:40]} is not available at {path}"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/post", "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
        ("/post/1", "DELETE, OPTIONS, PATCH, PUT"),
        ("/me", "GET, HEAD, OPTIONS, PATCH"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/api/post", "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
    ],
)
async def test_options_tells_what_a_path_takes(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (204, allowed, b"")
    assert "Content-Length" not in answer.headers


async def test_options_of_nothing_is_404(client: httpx.AsyncClient) -> None:
    answer = await client.options("/nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ROUTE_NOT_FOUND")


# -- prefixes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_everything_answers_under_each_prefix(client: httpx.AsyncClient, prefix: str) -> None:
    created = await client.post(f"{prefix}/post", json={"title": "new"})
    assert created.status_code == 201
    id_ = created.json()["data"][0]["id"]
    for method in ("PATCH", "PUT"):
        answer = await client.request(method, f"{prefix}/post/{id_}/", json={"title": method})
        assert answer.json()["data"][0]["title"] == method
    listed = await client.get(f"{prefix}/post/", params={"sort": "-id", "limit": 1})
    assert listed.json()["data"][0]["title"] == "PUT"
    assert (await client.delete(f"{prefix}/post/{id_}")).status_code == 200
    for path in ("/me", "/metadata/post", "/health", "/ready", "/openapi.json", "/docs"):
        assert (await client.get(prefix + path)).status_code == 200, path


@pytest.mark.parametrize("path", ["/apipost", "/api/api/post", "/Api/post", "/api/enfyra/post"])
async def test_a_prefix_counts_once_and_whole(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


# -- correlation ids ------------------------------------------------------------------------------

EVERYWHERE = [
    ("GET", "/post", 200),
    ("GET", "/post?fields=nope", 400),
    ("GET", "/nowhere", 404),
    ("GET", "/health", 200),
    ("GET", "/docs", 200),
    ("GET", "/static/nothing.js", 404),
    ("OPTIONS", "/post", 204),
    ("POST", "/health", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
async def test_the_correlation_id_is_echoed(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers={"X-Correlation-ID": "trace/7:a-b_c.d"})
    assert answer.status_code == status
    assert answer.headers["X-Correlation-ID"] == "trace/7:a-b_c.d"
    if status >= 400:
        assert answer.json()["error"]["correlationId"] == "trace/7:a-b_c.d"


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
async def test_without_one_each_request_gets_its_own(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    given = {(await client.request(method, path)).headers["X-Correlation-ID"] for _ in range(3)}
    assert len(given) == 3
    assert "" not in given


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        (b"a b\tc", "abc"),
        (b"<script>\xff\xe9", "<script>"),
        (b"x" * 5000, "x" * 128),
        (b'"},{"a":"', '"},{"a":"'),
    ],
)
async def test_what_could_do_harm_is_taken_out(
    client: httpx.AsyncClient, sent: bytes, echoed: str
) -> None:
    answer = await client.get("/nowhere", headers=[(b"X-Correlation-ID", sent)])
    assert answer.headers["X-Correlation-ID"] == echoed
    assert answer.json()["error"]["correlationId"] == echoed


@pytest.mark.parametrize("sent", [b"", b"\xff\xfe"])
async def test_one_of_which_nothing_is_left_is_replaced(
    client: httpx.AsyncClient, sent: bytes
) -> None:
    answer = await client.get("/health", headers=[(b"X-Correlation-ID", sent)])
    assert answer.headers["X-Correlation-ID"].startswith("req_")


async def test_a_line_break_cannot_bring_in_a_header(shared_server: Server) -> None:
    connection = await Connection.open(shared_server.port)
    await connection.send(
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: a\r\n Set-Cookie: b=c\r\n\r\n"
    )
    answer = await connection.answer()
    assert (answer.status, answer.headers) == (400, {})
    await connection.close()


async def test_pipelined_requests_are_answered_in_their_order(shared_server: Server) -> None:
    connection = await Connection.open(shared_server.port)
    requests = (
        f"GET /health HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: {number}\r\n\r\n"
        for number in range(20)
    )
    await connection.send("".join(requests).encode())
    answers = [await connection.answer() for _ in range(20)]
    assert [answer.headers["x-correlation-id"] for answer in answers] == [
        str(number) for number in range(20)
    ]
    await connection.close()
