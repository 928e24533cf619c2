"""Connections: kept while something is going on, closed when nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response
from tornado import httputil

from enfyra_server import connections
from enfyra_server.app import Server
from enfyra_server.site import Site
from tests.databases import settings

from .raw import Connection

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.asyncio
async def test_headers_of_a_client_are_read_once(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    parse = httputil.HTTPHeaders.parse

    def noted(_: object, text: str) -> httputil.HTTPHeaders:
        read.append(text)
        return parse(text)

    server = Server(Kernel(settings(sqlite_uri)))
    await server.start()
    monkeypatch.setattr(httputil.HTTPHeaders, "parse", classmethod(noted))
    connection = await Connection.open(server.port)
    for path in (b"/health", b"/nowhere", b"/health"):
        await connection.send(GET.replace(b"/health", path).replace(b": x", b": y"))
        await connection.answer()
    assert len(read) == 1
    await connection.close()
    await server.stop(grace=2)


class Held:
    """Answers that take until they are let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.cut_off = False

    async def handle(self, _request: Request) -> Response:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        return Response(200, b"{}")


@pytest_asyncio.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    one = Held()

    async def handle(_site: Site, request: Request) -> Response:
        return await one.handle(request)

    monkeypatch.setattr(Site, "handle", handle)
    return one


@pytest_asyncio.fixture
async def impatient(sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A server that closes connections which are idle for an instant."""
    monkeypatch.setattr(connections, "IDLE", 0.1)
    monkeypatch.setattr(connections, "LOOK", 0.01)
    server = Server(Kernel(settings(sqlite_uri)))
    await server.start()
    yield server
    await server.stop(grace=2)


@pytest.mark.asyncio
@pytest.mark.parametrize("sent", [b"", GET[:10], GET])
async def test_one_that_sends_no_whole_request_is_closed(impatient: Server, sent: bytes) -> None:
    connection = await Connection.open(impatient.port)
    await connection.send(sent)
    if sent == GET:
        assert (await connection.answer()).status == 200
    assert await connection.is_closed()
    await connection.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_", [GET, b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"]
)
async def test_one_that_waits_for_its_answer_is_kept(
    impatient: Server, held: Held, request_: bytes
) -> None:
    connection = await Connection.open(impatient.port)
    await connection.send(request_)
    await held.begun.wait()
    await asyncio.sleep(0.3)
    held.go.set()
    assert (await connection.answer()).status == 200
    await connection.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "request_",
    [
        GET,
        b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /post HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
async def test_an_answer_that_takes_longer_than_a_server_waits_is_cut_off(
    sqlite_uri: str, held: Held, request_: bytes
) -> None:
    server = Server(Kernel(settings(sqlite_uri)))
    await server.start()
    connection = await Connection.open(server.port)
    await connection.send(request_)
    await held.begun.wait()
    async with asyncio.timeout(60):
        await server.stop(grace=0.05)
    assert held.cut_off
    assert await connection.is_closed()
    await connection.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_client_of_http_1_0_is_answered_and_left(
    sqlite_server: Server, method: bytes
) -> None:
    connection = await Connection.open(sqlite_server.port)
    await connection.send(method + b" /health HTTP/1.0\r\n\r\n")
    answer = await connection.answer(bodiless=method == b"HEAD")
    assert answer.status == 200
    assert await connection.is_closed()
    await connection.close()


@pytest.mark.asyncio
async def test_a_client_that_asks_for_it_is_left_with_its_answer(sqlite_server: Server) -> None:
    connection = await Connection.open(sqlite_server.port)
    await connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await connection.is_closed()
    await connection.close()
