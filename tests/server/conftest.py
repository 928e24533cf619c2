"""A real HTTP server in front of a kernel, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, Databases, settings


@pytest_asyncio.fixture
async def server(database_uri: str) -> AsyncIterator[Server]:
    """A server on a fresh database of each engine."""
    server = Server(Kernel(settings(database_uri)))
    await server.start()
    yield server
    await server.stop(grace=2)


@pytest_asyncio.fixture
async def sqlite_server(sqlite_uri: str) -> AsyncIterator[Server]:
    """A server on SQLite, for what does not depend on the engine."""
    server = Server(Kernel(settings(sqlite_uri)))
    await server.start()
    yield server
    await server.stop(grace=2)


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


async def client_of(server: Server) -> httpx.AsyncClient:
    """Give a client that is logged in as the administrator; close it."""
    # Without TLS: loading the certificates takes longer than a handler may.
    client = httpx.AsyncClient(base_url=address(server), timeout=60, verify=False)
    body = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    answer = await client.post("/auth/login", json=body)
    client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
    return client


@pytest_asyncio.fixture
async def http(sqlite_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's HTTP client of `sqlite_server`."""
    client = await client_of(sqlite_server)
    yield client
    await client.aclose()


# -- one server for all tests of a module, which leave no traces --------------------------------


@pytest.fixture(scope="module")
def shared_uri(_database_makers: dict[str, Databases]) -> Iterator[str]:
    uri = _database_makers["sqlite"].fresh()
    yield uri
    _database_makers["sqlite"].drop(uri)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_server(shared_uri: str) -> AsyncIterator[Server]:
    """A server on SQLite."""
    server = Server(Kernel(settings(shared_uri)))
    await server.start()
    yield server
    await server.stop(grace=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_http(shared_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator's HTTP client of `shared_server`."""
    client = await client_of(shared_server)
    yield client
    await client.aclose()
