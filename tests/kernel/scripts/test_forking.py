"""A fresh process for each call: what the one that forks them does, and what it survives."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool

from .running import FakeDatabase, run, script, value
from .test_pool import LOOP, all_gone, eventually, parent_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=1, isolation=Isolation.FORK)
    await value(pool, "return 1")
    yield pool
    await pool.stop()


async def test_no_process_has_two_calls(pool: WorkerPool) -> None:
    seen: list[int] = []
    for _ in range(5):
        await eventually(lambda: pool.ready == 2)
        seen.append(pool.pids[0])
        assert await value(pool, "return 1") == 1
        assert seen[-1] not in pool.pids
    assert len(set(seen)) == 5
    await eventually(lambda: not [pid for pid in seen if Path(f"/proc/{pid}").exists()])


async def test_calls_that_wait_have_each_their_own(pool: WorkerPool) -> None:
    host = FakeDatabase()
    source = "await ctx.trigger('a')\nawait ctx.helpers.sleep(5000)"
    waiting = [asyncio.ensure_future(run(pool, source, host=host)) for _ in range(10)]
    await eventually(lambda: len(host.asked) == 10)
    # One of them is killed: it is nobody else's affair.
    assert (await run(pool, script(LOOP, timeout=50))).failure is not None
    assert not [one for one in waiting if one.done()]
    assert len(pool.pids) >= 10
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await eventually(lambda: len(pool.pids) == 2)


async def test_more_than_may_be_at_once_wait_their_turn(pool: WorkerPool) -> None:
    most = 0

    async def answer(*_: object) -> int:
        nonlocal most
        most = max(most, len(pool.pids))
        await asyncio.sleep(0.02)
        return 1

    host = FakeDatabase({"cache.get": answer})
    source = "return await ctx.cache.get('a')"
    assert await asyncio.gather(*(value(pool, source, host) for _ in range(40))) == [1] * 40
    assert most <= 16


async def test_the_end_of_what_forks_them_is_made_good(pool: WorkerPool) -> None:
    await eventually(lambda: pool.ready == 2)
    zygote = parent_of(pool.pids[0])
    running = asyncio.ensure_future(value(pool, "await ctx.helpers.sleep(100)\nreturn 1"))
    await asyncio.sleep(0.02)
    pids = pool.pids
    os.kill(zygote, signal.SIGKILL)
    assert await running == 1
    await eventually(lambda: pool.pids)
    assert parent_of(pool.pids[0]) != zygote
    await all_gone([zygote, *pids])


async def test_packages_come_and_go(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text("def shout(text): return text.upper()\n")
    await pool.use_packages(tmp_path, {"shouting": ["shouting"]})
    before = {parent_of(pid) for pid in pool.pids}
    assert await value(pool, "import shouting\nreturn shouting.shout('a')") == "A"
    await pool.use_packages(None, {})
    assert (await run(pool, "import shouting")).failure is not None
    await all_gone(before)


async def test_nothing_is_left_when_it_is_idle() -> None:
    pool = WorkerPool(workers=1, spare=0, isolation=Isolation.FORK, idle=0.1)
    pids: list[int] = []

    async def look(*_: object) -> None:
        pids.extend([*pool.pids, parent_of(pool.pids[0])])

    await value(pool, "await ctx.cache.get('a')", FakeDatabase({"cache.get": look}))
    await all_gone(pids)
    assert await value(pool, "return 2") == 2
    await pool.stop()
