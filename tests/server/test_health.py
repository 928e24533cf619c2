"""/health says that the process lives, /ready whether it can work, and what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.conftest import service_url
from tests.databases import Databases, PostgresqlDatabases, settings
from tests.services.redis import Redis

from .conftest import address, client_of

pytestmark = pytest.mark.asyncio


class Gate:
    """A way to a port that can be shut, as when a service is down."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, there[1]}
        await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()
        self._open.discard(writer)


@pytest.fixture
def postgresql_uri(_database_makers: dict[str, Databases]) -> Iterator[str]:
    if "postgresql" not in _database_makers:
        _database_makers["postgresql"] = PostgresqlDatabases(service_url("postgresql"))
    maker = _database_makers["postgresql"]
    uri = maker.fresh()
    yield uri
    maker.drop(uri)


@pytest_asyncio.fixture
async def gated(postgresql_uri: str) -> AsyncIterator[tuple[Server, Gate]]:
    """A server whose way to its database can be shut."""
    before, _, after = postgresql_uri.partition("@127.0.0.1:")
    port, _, database = after.partition("/")
    gate = Gate(int(port))
    await gate.open()
    server = Server(Kernel(settings(f"{before}@127.0.0.1:{gate.port}/{database}")))
    await server.start()
    yield server, gate
    await server.stop(grace=2)
    await gate.shut()


async def until(condition: Callable[[], Any]) -> Any:
    """Ask until the answer is yes; a state of another process tells nobody when it changes."""
    async with asyncio.timeout(60):
        while not (found := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def test_with_everything_there(server: Server) -> None:
    async with httpx.AsyncClient(base_url=address(server), verify=False) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()) == (
            200,
            {"status": "ready", "services": {"database": "ok"}},
        )


async def test_a_database_that_is_down_is_named_until_it_is_back(
    gated: tuple[Server, Gate],
) -> None:
    server, gate = gated
    client = await client_of(server)
    await gate.shut()
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert ready.json()["services"]["database"] != "ok"
    assert ready.headers["Retry-After"] == "1"
    assert (await client.get("/health")).status_code == 200
    # What is known without a database is still answered.
    nobody = {"Authorization": ""}
    assert (await client.get("/openapi.json", headers=nobody)).status_code == 200
    answer = await client.get("/user_definition")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["error"]["code"] == "DATABASE_CONNECTION_ERROR"
    await gate.open()

    async def is_ready() -> bool:
        return (await client.get("/ready")).status_code == 200

    await until(is_ready)
    assert (await client.get("/user_definition")).status_code == 200
    await client.aclose()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


@pytest.mark.may_block
async def test_redis_that_is_down_is_named_and_what_needs_it_not_goes_on(
    sqlite_uri: str, own_redis: Redis
) -> None:
    server = Server(Kernel(settings(sqlite_uri, redis_uri=own_redis.url)))
    await server.start()
    client = await client_of(server)
    services = (await client.get("/ready")).json()["services"]
    assert services == {"database": "ok", "redis": "ok"}
    own_redis.kill()
    ready = await client.get("/ready")
    assert ready.status_code == 503
    services = ready.json()["services"]
    assert services["database"] == "ok"
    assert services["redis"] != "ok"
    table = {"name": "post", "columns": [{"name": "title", "type": "varchar"}]}
    assert (await client.post("/table_definition", json=table)).status_code == 201
    assert (await client.post("/post", json={"title": "a"})).status_code == 201
    await asyncio.to_thread(own_redis.launch)

    async def is_ready() -> bool:
        return (await client.get("/ready")).status_code == 200

    await until(is_ready)
    await client.aclose()
    await server.stop(grace=2)
