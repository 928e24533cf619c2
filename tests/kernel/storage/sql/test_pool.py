"""The pool of connections, whatever becomes of those who wait for one."""

from __future__ import annotations

import asyncio

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.storage.sql.pool import Pool

pytestmark = pytest.mark.asyncio


class Connections:
    """Makes connections, each when it is told to."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.made = 0
        self.closed: list[int] = []
        self.failing = False

    async def connect(self) -> int:
        await self.ready.wait()
        if self.failing:
            raise EnfyraError("DATABASE_CONNECTION_ERROR")
        self.made += 1
        return self.made

    async def close(self, connection: int) -> None:
        self.closed.append(connection)

    def pool(self, size: int = 1) -> Pool[int]:
        return Pool(self.connect, self.close, lambda _: True, size, patience=5)


async def given_up(pool: Pool[int]) -> None:
    """Have somebody wait for a connection, and go away."""
    waiting = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_connection_whose_taker_has_gone_is_there_for_the_next() -> None:
    connections = Connections()
    pool = connections.pool()
    await given_up(pool)
    connections.ready.set()
    assert await pool.acquire() == 1
    assert pool.open == 1
    pool.release(1)
    await pool.stop()
    assert connections.closed == [1]


async def test_a_pool_that_stops_closes_what_was_made_for_nobody() -> None:
    connections = Connections()
    pool = connections.pool()
    await given_up(pool)
    stopping = asyncio.ensure_future(pool.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    connections.ready.set()
    await stopping
    assert (connections.closed, pool.open) == ([1], 0)


async def test_a_connection_that_could_not_be_made_gives_its_place_back() -> None:
    connections = Connections()
    connections.failing = True
    pool = connections.pool()
    await given_up(pool)
    connections.ready.set()
    with pytest.raises(EnfyraError):
        await pool.acquire()
    connections.failing = False
    assert await pool.acquire() == 1
    pool.release(1)
    await pool.stop()
