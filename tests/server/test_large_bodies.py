"""Bodies that are too large or too slow do not cost the server its memory or its attention."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.storage.sql.streams import Streams

from enfyra_server.app import Server
from tests.databases import settings
from tests.processes import Process

from .conftest import client_of
from .raw import Connection

MIB = 1 << 20
ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def process(shared_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with Process(shared_uri, tmp_path_factory.mktemp("large")) as process:
        yield process


def peak_memory(process: Process) -> int:
    """Give the most bytes that the process has held at any time."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def pieces(total: int, piece: bytes = b"x" * MIB) -> Iterator[bytes]:
    for _ in range(total // len(piece)):
        yield piece


def test_a_body_of_100_megabytes_is_413_and_never_held_in_memory(process: Process) -> None:
    with closing(process.login()) as client:
        before = peak_memory(process)
        for headers in ({"Content-Length": str(100 * MIB)}, {}):
            answer = client.post(
                "/user_definition",
                content=pieces(100 * MIB),
                headers={"Content-Type": "application/json", **headers},
            )
            assert answer.status_code == 413
            error = answer.json()["error"]
            assert (error["code"], error["message"]) == (
                "PAYLOAD_TOO_LARGE",
                "The body is larger than 32 MB",
            )
            assert error["correlationId"] == answer.headers["X-Correlation-ID"]
        assert peak_memory(process) - before < 80 * MIB
        # The connection is still good.
        assert client.get("/me").status_code == 200


def test_a_body_without_end_is_cut_off(process: Process) -> None:
    with process.client() as client:
        before = peak_memory(process)
        with pytest.raises(httpx.TransportError):
            client.post("/auth/login", content=pieces(2000 * MIB))
        assert peak_memory(process) - before < 80 * MIB
        assert client.get("/health").status_code == 200


def test_the_limit_is_a_setting_that_takes_effect_at_once(process: Process) -> None:
    with closing(process.login()) as client:
        row = client.get("/setting_definition").json()["data"][0]
        path = f"/setting_definition/{row['id']}"
        assert client.patch(path, json={"maxRequestBodySize": 1}).status_code == 200
        answer = client.post("/auth/login", content=b"x" * (MIB + 1))
        assert (answer.status_code, answer.json()["message"]) == (
            413,
            "The body is larger than 1 MB",
        )
        assert client.patch(path, json={"maxRequestBodySize": 32}).status_code == 200
        assert client.post("/auth/login", content=b"x" * (MIB + 1)).status_code == 400


# -- streams and slow clients ---------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_stream_that_is_refused_early_is_still_answered(http: httpx.AsyncClient) -> None:
    columns = [{"name": "n", "type": "int"}]
    await http.post("/table_definition", json={"name": "item", "columns": columns})

    async def content() -> AsyncIterator[bytes]:
        for piece in pieces(40 * MIB):
            yield piece

    for query, code in (("modee=append", "INVALID_QUERY"), ("", None)):
        answer = await http.post(
            f"/item?{query}", content=content(), headers={"Content-Type": ARROW}
        )
        assert answer.status_code == 400
        assert code is None or answer.json()["error"]["code"] == code
        # On the same connection.
        assert (await http.get("/health")).status_code == 200


@pytest.mark.asyncio
async def test_who_sends_slowly_keeps_nobody_waiting(http: httpx.AsyncClient) -> None:
    port = http.base_url.port
    assert port is not None
    body = json.dumps({"email": "admin@enfyra.local", "password": "secret"}).encode()
    head = f"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    slow = [await Connection.open(port) for _ in range(50)]
    for connection in slow:
        await connection.send(head.encode()[:30])
    assert (await http.get("/me")).status_code == 200
    for connection in slow:
        await connection.send(head.encode()[30:] + body[:10])
    assert (await http.get("/me")).status_code == 200
    # Most go away in the middle; the last one comes to its end.
    for connection in slow[:-1]:
        await connection.close()
    for position in range(10, len(body)):
        await slow[-1].send(body[position : position + 1])
    answer = await slow[-1].answer()
    assert answer.status == 200
    assert answer.body["accessToken"]
    await slow[-1].close()


@pytest.mark.may_block  # by the threads that read for twenty at once
@pytest.mark.asyncio
async def test_readers_that_go_away_leave_connections_to_the_database(server: Server) -> None:
    client = await client_of(server)
    columns = [{"name": "text", "type": "text"}]
    await client.post("/table_definition", json={"name": "item", "columns": columns})
    for _ in range(6):
        created = await client.post("/item?fields=id", json=[{"text": "x" * 10_000}] * 100)
        assert created.status_code == 201
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}\r\nAccept: "

    async def read_a_little(accept: str) -> None:
        connection = await Connection.open(server.port)
        await connection.send(f"GET /item?limit=0 {head}{accept}\r\n\r\n".encode())
        assert (await connection.reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        connection.writer.transport.abort()

    for accept in (ARROW, "application/json"):
        # More of them than the pool has connections.
        await asyncio.gather(*(read_a_little(accept) for _ in range(20)))
        answer = await client.get("/item?limit=1&fields=id")
        assert len(answer.json()["data"]) == 1
    await client.aclose()


def failing(what: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what a database hands out break off."""
    whole = getattr(Streams, what)

    async def broken(self: Any, *arguments: Any) -> AsyncIterator[Any]:
        number = 0
        async for piece in whole(self, *arguments):
            yield piece
            number += 1
            if number == after:
                raise EnfyraError("DATABASE_CONNECTION_ERROR")
        raise EnfyraError("DATABASE_CONNECTION_ERROR")

    monkeypatch.setattr(Streams, what, broken)


@pytest.mark.parametrize("kind", ["arrow", "parquet", "csv"])
@pytest.mark.asyncio
async def test_a_fault_of_the_first_rows_has_its_status(
    sqlite_server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing("batches", 1, monkeypatch)
    client = await client_of(sqlite_server)
    answer = await client.get("/user_definition", params={"format": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        503,
        "DATABASE_CONNECTION_ERROR",
    )
    assert answer.headers["Retry-After"] == "1"
    await client.aclose()


@pytest.mark.parametrize("kind", ["arrow", "parquet", "csv", "ndjson"])
@pytest.mark.asyncio
async def test_a_fault_later_on_breaks_the_connection(
    sqlite_server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but Parquet may end anywhere: only the connection tells that this was not all."""
    failing("lines", 1, monkeypatch)
    failing("batches", 2, monkeypatch)
    client = await client_of(sqlite_server)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/method_definition", params={"format": kind})
    assert (await client.get("/health")).status_code == 200
    await client.aclose()


# -- senders that stop sending --------------------------------------------------------------------


@pytest_asyncio.fixture
async def impatient(sqlite_uri: str) -> AsyncIterator[Server]:
    server = Server(Kernel(settings(sqlite_uri, upload_timeout=0.3)))
    await server.start()
    yield server
    await server.stop(grace=2)


@pytest.mark.asyncio
async def test_a_load_that_comes_to_a_standstill_is_given_up(impatient: Server) -> None:
    client = await client_of(impatient)
    columns = [{"name": "n", "type": "int"}]
    await client.post("/table_definition", json={"name": "item", "columns": columns})
    head = (
        f"POST /item HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}\r\n"
        "Content-Type: text/csv\r\nContent-Length: 100\r\n\r\n"
    )
    connection = await Connection.open(impatient.port)
    await connection.send(head.encode() + b"n\n1\n2\n")
    answer = await connection.answer()
    assert (answer.status, answer.body["error"]["code"]) == (408, "REQUEST_TIMEOUT")
    assert await connection.reader.read() == b""
    await connection.close()
    assert (await client.get("/item")).json()["data"] == []
    # Nobody waits for the rest of a body that is refused, either.
    connection = await Connection.open(impatient.port)
    await connection.send(head.replace("/item ", "/item?mod=x ").encode() + b"n\n1\n")
    answer = await connection.answer()
    assert (answer.status, answer.body["error"]["code"]) == (400, "INVALID_QUERY")
    await connection.close()
    await client.aclose()


@pytest.mark.asyncio
async def test_who_sends_slowly_but_sends_is_not_given_up(impatient: Server) -> None:
    client = await client_of(impatient)
    columns = [{"name": "n", "type": "int"}]
    await client.post("/table_definition", json={"name": "item", "columns": columns})

    async def slowly() -> AsyncIterator[bytes]:
        for piece in (b"n\n", b"1\n", b"2\n", b"3\n", b"4\n"):
            yield piece
            await asyncio.sleep(0.1)

    answer = await client.post("/item?format=csv", content=slowly())
    assert (answer.status_code, answer.json()["data"]["rows"]) == (201, 4)
    await client.aclose()
