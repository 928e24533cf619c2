"""The stop button of a notebook: the cell ends, and so does what the server does for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

from tests.processes import Process, environment

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]

PATIENCE = 120.0
# Seconds after which a person would press the button again.
AGAIN = 30.0
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'"
)
FLOW = "%%enfyra flow slow\nsteps:\n- {key: read, type: query, config: {table: post}}"
STOPPED = "Interrupted; the server stops working on it, and keeps what it has finished"


@pytest.mark.parametrize("engine", ["postgresql"], scope="session")
async def test_the_stop_button_ends_the_work(database_uri: str, tmp_path: Path) -> None:
    """Everything waits for one table, which somebody else has locked, until it is interrupted."""
    server = Process(database_uri, tmp_path / "server")
    with server, closing(server.login()) as admin:
        post = {"name": "post", "columns": [{"name": "title", "type": "varchar"}]}
        assert admin.post("/table_definition", json=post).status_code == 201
        token = admin.headers["Authorization"].removeprefix("Bearer ")
        own = {"ENFYRA_URL": server.url, "ENFYRA_TOKEN": token}
        async with notebook(tmp_path, own) as cells:
            assert await cells.run("%load_ext enfyra_jupyter\n%enfyra status") == ""
            assert await cells.run(FLOW) == ""
            async with locked(database_uri, "post") as waiting:
                said = [
                    await cells.interrupted(cell, waiting)
                    for cell in (
                        "%%enfyra sql\nSELECT title FROM post",
                        "%enfyra query post",
                        "rows = [{'title': 'x'}]\n%enfyra push rows --table post",
                        "%enfyra run slow",
                    )
                ]
            # The connection can be used as before.
            assert await cells.run("found = %enfyra query post\nassert list(found) == []") == ""
        runs = admin.get("/flow_execution_definition", params={"fields": "id,status"}).json()
        [run] = runs["data"]
        assert run["status"] == "cancelled"
        assert said == [
            f"UsageError: {STOPPED}\n",
            f"UsageError: {STOPPED}\n",
            "UsageError: Interrupted; nothing is loaded, unless the server had just finished\n",
            f"UsageError: Interrupted: run {run['id']} of slow is cancelled\n",
        ]


@asynccontextmanager
async def locked(uri: str, table: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Lock a table; give what counts the statements that wait for it."""
    connection, looking = await asyncpg.connect(uri), await asyncpg.connect(uri)

    async def waiting() -> int:
        return await looking.fetchval(WAITING)

    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield waiting
    finally:
        await connection.close()
        await looking.close()


class Cells:
    """A notebook's kernel, in a process of its own."""

    def __init__(self, manager: AsyncKernelManager, client: AsyncKernelClient) -> None:
        self._manager, self._client = manager, client

    async def run(self, code: str) -> str:
        """Run a cell; give what it writes to stderr."""
        return await self._told(self._begin(code), PATIENCE)

    def _begin(self, code: str) -> str:
        # Otherwise the kernel throws the next cell away, if that comes soon after an error.
        return self._client.execute(code, stop_on_error=False)

    async def interrupted(self, code: str, waiting: Callable[[], Awaitable[int]]) -> str:
        """Run a cell, and interrupt it when the database works for it; give what it says."""
        cell = self._begin(code)
        # A kernel that says that it is busy may not hear an interrupt yet.
        await until(waiting, 1)
        while True:
            await self._manager.interrupt_kernel()
            try:
                said = await self._told(cell, AGAIN)
            except TimeoutError:
                continue
            await until(waiting, 0)
            return said

    async def _told(self, cell: str, patience: float) -> str:
        said = ""
        async with asyncio.timeout(patience):
            while True:
                message = await self._client.get_iopub_msg()
                if message["parent_header"].get("msg_id") != cell:
                    continue
                kind, content = message["msg_type"], message["content"]
                assert kind != "error", "\n".join(content["traceback"])
                if kind == "stream" and content["name"] == "stderr":
                    said += content["text"]
                if content.get("execution_state") == "idle":
                    return said


async def until(waiting: Callable[[], Awaitable[int]], number: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await waiting() != number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@asynccontextmanager
async def notebook(folder: Path, variables: dict[str, str]) -> AsyncIterator[Cells]:
    manager = AsyncKernelManager(kernel_name="python3")
    own = {"IPYTHONDIR": str(folder / "ipython"), **variables}
    await manager.start_kernel(cwd=str(folder), env=environment(own))
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=PATIENCE)
        yield Cells(manager, client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
