"""Workers that die, hang, lie and are replaced."""

# ruff: noqa: E501 - scripts stand on one line

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Language

from .running import FakeDatabase, run, script, value

pytestmark = pytest.mark.asyncio
LOOP = "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"


@pytest_asyncio.fixture(params=list(Isolation))
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=1, isolation=request.param)
    yield pool
    await pool.stop()


@pytest_asyncio.fixture
async def warm() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=1)
    yield pool
    await pool.stop()


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def eventually(condition: Any, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def all_gone(pids: Iterable[int]) -> None:
    await eventually(lambda: not [pid for pid in pids if is_there(pid)])


async def test_nothing_runs_before_the_first_script(pool: WorkerPool) -> None:
    await pool.start()
    assert pool.pids == []
    assert await value(pool, "return 1") == 1
    # Where each call has a process of its own, the next ones are on their way.
    await eventually(lambda: len(pool.pids) == 2)


async def test_stopping_leaves_nothing(pool: WorkerPool) -> None:
    descriptors = open_files()
    running = asyncio.ensure_future(run(pool, "await ctx.helpers.sleep(9000)"))
    await eventually(lambda: pool.layers)
    pids = pool.pids
    await pool.stop()
    assert not [pid for pid in pids if is_there(pid)]
    outcome = await running
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_UNAVAILABLE"
    assert open_files() == descriptors
    assert (await run(pool, "return 1")).failure is not None
    await pool.start()
    assert await value(pool, "return 1") == 1


async def test_stopping_while_workers_start(pool: WorkerPool) -> None:
    running = asyncio.ensure_future(run(pool, "return 1"))
    await asyncio.sleep(0)
    await pool.stop()
    assert (await running).failure is not None
    assert pool.pids == []


async def test_a_loop_is_ended_and_the_next_script_runs(warm: WorkerPool) -> None:
    await value(warm, "return 1")
    await eventually(lambda: warm.ready == 2)
    pids = warm.pids
    outcome = await run(warm, script(LOOP, timeout=200))
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_TIMEOUT_ERROR"
    assert await value(warm, "return 2") == 2
    await eventually(lambda: len(warm.pids) == 2)
    assert len(set(pids) & set(warm.pids)) == 1


async def test_others_in_a_killed_worker_run_elsewhere(warm: WorkerPool) -> None:
    await value(warm, "return 1")
    await eventually(lambda: warm.ready == 2)
    loop = asyncio.ensure_future(run(warm, script(LOOP, timeout=300)))
    others = await asyncio.gather(*(value(warm, f"return {n}") for n in range(20)))
    assert others == list(range(20))
    assert (await loop).failure is not None


async def test_others_that_have_asked_something_are_not_run_twice(warm: WorkerPool) -> None:
    host = FakeDatabase({"trigger": {}})
    await value(warm, "return 1")
    await eventually(lambda: warm.ready == 2)
    source = "await ctx.trigger('a')\nawait ctx.helpers.sleep(30_000)\nreturn 1"
    other = asyncio.ensure_future(run(warm, script(source, timeout=60_000), host=host))
    await eventually(lambda: host.asked)
    await run(warm, script(LOOP, timeout=200))
    outcome = await other
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_UNAVAILABLE"
    assert len(host.asked) == 1


async def test_a_worker_that_crashes_is_replaced(pool: WorkerPool) -> None:
    await value(pool, "return 1")
    await eventually(lambda: pool.ready == 2)
    calls = asyncio.gather(
        *(value(pool, f"await ctx.helpers.sleep(100)\nreturn {n}") for n in range(5))
    )
    await asyncio.sleep(0.05)
    os.kill(pool.pids[0], signal.SIGSEGV)
    assert await calls == list(range(5))
    await eventually(lambda: len(pool.pids) == 2)


async def test_a_script_that_crashes_its_worker_is_found_out(pool: WorkerPool) -> None:
    await value(pool, "return 1")
    await eventually(lambda: pool.ready == 2)
    crashing = asyncio.ensure_future(run(pool, "await ctx.helpers.sleep(30_000)"))
    for _ in range(2):
        await asyncio.sleep(0.1)
        await eventually(lambda: pool.ready >= 2)
        for pid in (killed := pool.pids):
            os.kill(pid, signal.SIGSEGV)
        await all_gone(killed)
    outcome = await crashing
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_EXECUTION_ERROR"
    assert "has come to an end" in outcome.failure.problem.message
    assert await value(pool, "return 1") == 1


async def test_memory_is_limited(pool: WorkerPool) -> None:
    outcome = await run(pool, "x = ['a' * 1000000 for n in range(100000)]")
    assert outcome.failure is not None
    assert "no memory left" in outcome.failure.problem.message
    assert outcome.failure.problem.line == 1
    assert await value(pool, "return 1") == 1


async def test_a_call_that_nobody_waits_for_is_broken_off(pool: WorkerPool) -> None:
    await value(pool, "return 1")

    async def answer(name: str, _: Any) -> Any:
        if name == "a":
            # As soon as it has been answered, and before anything else arrives.
            asyncio.get_running_loop().call_soon(running.cancel)
        return {}

    host = FakeDatabase({"trigger": answer})
    source = "await ctx.trigger('a')\nawait ctx.helpers.sleep(200)\nawait ctx.trigger('b')"
    running = asyncio.ensure_future(run(pool, source, host=host))
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.4)
    assert [arguments for _, arguments in host.asked] == [["a", None]]
    assert await value(pool, "return 1") == 1


async def test_many_at_once_wait_for_the_server_together(pool: WorkerPool) -> None:
    waiting = 0
    all_there = asyncio.Event()

    async def answer(*_: Any) -> int:
        nonlocal waiting
        waiting += 1
        if waiting == 12:
            all_there.set()
        await all_there.wait()
        return 1

    host = FakeDatabase({"cache.get": answer})
    answers = await asyncio.gather(*(value(pool, "return await ctx.cache.get('a')", host) for _ in range(12)))  # fmt: skip
    assert answers == [1] * 12


async def test_more_than_a_worker_takes_waits(pool: WorkerPool) -> None:
    source = "await ctx.helpers.sleep(5)\nreturn 1"
    assert await asyncio.gather(*(value(pool, source) for _ in range(150))) == [1] * 150


async def test_large_bodies_and_results(pool: WorkerPool) -> None:
    text = "x" * 8_000_000
    assert await value(pool, "return ctx.body", body=text) == text
    outcome = await run(pool, "return 'x' * 20000000")
    assert outcome.failure is not None
    assert "too large" in outcome.failure.problem.message


async def test_a_source_that_breaks_the_compiler_is_a_problem(pool: WorkerPool) -> None:
    for source in (
        "-" * 100_000 + "1",
        "x" + ".a" * 100_000,
        "[" * 300 + "]" * 300,
        "\0",
        "'\ud800'",
    ):
        problems = await pool.check(Language.PYTHON, source)
        assert problems, source[:10]
        assert await value(pool, "return 1") == 1


async def test_a_place_without_python_is_told(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    outcome = await run(pool, "return 1")
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_UNAVAILABLE"
    with pytest.raises(EnfyraError, match="no worker can be started"):
        await pool.check(script("").language, "")
    monkeypatch.undo()
    assert await value(pool, "return 1") == 1


HOST = """
import asyncio, sys
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Script, Stage

async def main():
    pool = WorkerPool(workers=1, isolation=Isolation(sys.argv[2]))
    await pool.run([Script(name="a", stage=Stage.PRE, source="pass")], {}, None)
    while len(pool.pids) < 2:
        await asyncio.sleep(0.01)
    print(*pool.pids, flush=True)
    await pool.run([Script(name="b", stage=Stage.PRE, source=sys.argv[1])], {}, None)

asyncio.run(main())
"""


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.may_block
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("isolation", Isolation)
async def test_workers_end_with_the_server(isolation: Isolation) -> None:
    command = [sys.executable, "-c", HOST, LOOP, isolation]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert host.stdout is not None
    with host.stdout:
        pids = {int(text) for text in host.stdout.readline().split()}
    assert len(pids) == 2
    # That which forks them, too.
    pids |= {parent_of(pid) for pid in pids if is_there(pid)} - {host.pid}
    await asyncio.sleep(0.2)
    host.kill()
    host.wait()
    await all_gone(pids)
