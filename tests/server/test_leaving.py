"""Clients that go away while they are waiting: the database stops working for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from enfyra_server.app import Server
from tests.databases import SQL_ENGINES

from .conftest import client_of
from .raw import Connection

ENDLESS = {
    "sqlite": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT max(n) FROM t",
    "postgresql": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) "
    "SELECT max(n) FROM t",
    "mysql": "SELECT count(*) FROM column_definition a, column_definition b, column_definition c, "
    "column_definition d, column_definition e WHERE a.name < b.name AND c.name < e.name",
}
_RUNNING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    "AND datname = current_database() AND pid <> pg_backend_pid()",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
    "AND command = 'Query' AND id <> connection_id()",
}


@asynccontextmanager
async def _asking(
    server: Server,
    http: httpx.AsyncClient,
    method: str,
    path: str,
    body: Any = None,
    *,
    text: str = "",
) -> AsyncGenerator[None, None]:
    """Ask, with JSON or with CSV, and go away without an answer at the end of the block."""
    content = text.encode() if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
        f"Authorization: {http.headers['Authorization']}\r\n"
    )
    kind = f"Content-Type: {'text/csv' if text else 'application/json'}\r\n" if content else ""
    connection = await Connection.open(server.port)
    await connection.send(f"{head}{kind}\r\n".encode() + content)
    yield
    await connection.close()


async def _until(server: Server, *, running: bool) -> None:
    """Wait until the database works, or does not work, for somebody."""
    driver: Any = server.kernel.database.driver  # pyright: ignore[reportAttributeAccessIssue]
    text = _RUNNING[server.kernel.database.engine]
    async with asyncio.timeout(60):
        while bool((await driver.fetch_rows(text, ()))[0][0]) is not running:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_statements_end_with_their_clients(server: Server, engine: str) -> None:
    http = await client_of(server)
    body = {"sql": ENDLESS[engine]}
    if engine == "sqlite":
        # More than there are threads: were one of them held, the last would wait for it.
        for _ in range(8):
            async with _asking(server, http, "POST", "/admin/sql", body):
                await asyncio.sleep(0.02)
    else:
        async with _asking(server, http, "POST", "/admin/sql", body):
            await _until(server, running=True)
        await _until(server, running=False)
        await _list_behind_a_lock(server, http)
    assert (await http.post("/admin/sql", json={"sql": "SELECT 1 AS x"})).json()["data"]
    await http.aclose()


async def _list_behind_a_lock(server: Server, http: httpx.AsyncClient) -> None:
    """A plain list is ended as well, and a load; they wait for a lock, so that they take long."""
    answer = await http.post(
        "/table_definition", json={"name": "post", "columns": [{"name": "title", "type": "text"}]}
    )
    assert answer.status_code == 201
    driver: Any = server.kernel.database.driver  # pyright: ignore[reportAttributeAccessIssue]
    async with driver.transaction() as runner:
        if server.kernel.database.engine == "postgresql":
            await runner.run("LOCK TABLE post IN ACCESS EXCLUSIVE MODE", ())
        else:
            await runner.run("LOCK TABLES post WRITE", ())
        async with _asking(server, http, "GET", "/post"):
            await _until(server, running=True)
        await _until(server, running=False)
        # So is a load that is there whole.
        async with _asking(server, http, "POST", "/post", text="title\nx\n"):
            await _until(server, running=True)
        await _until(server, running=False)
        if server.kernel.database.engine == "mysql":
            await runner.run("UNLOCK TABLES", ())
    assert (await http.get("/post")).json()["data"] == []


@pytest.mark.asyncio
async def test_threads_of_sqlite_are_free_again(sqlite_server: Server) -> None:
    driver: Any = sqlite_server.kernel.database.driver  # pyright: ignore[reportAttributeAccessIssue]
    asking = [asyncio.ensure_future(driver.fetch_rows(ENDLESS["sqlite"], ())) for _ in range(8)]
    await asyncio.sleep(0.05)
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    async with asyncio.timeout(60):
        assert (await driver.fetch_rows("SELECT 1", ()))[0][0] == 1
