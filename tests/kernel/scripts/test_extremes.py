"""Scripts that go to extremes, or do what nobody expects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.pools import Domain, DomainPools
from enfyra_kernel.scripts.script import Stage

from .running import FakeDatabase, run, script, section, value
from .test_pool import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
# A package is the only thing that scripts could leave something in.
BOX = "things = []\n"
CLOCK_SET_BACK = "import time\ntime.time = lambda: 1.0\ntime.time_ns = lambda: 1\n"


@pytest_asyncio.fixture
async def fresh() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=1)
    yield pool
    await pool.stop()


async def test_ten_thousand_tasks_at_once(pool: WorkerPool) -> None:
    source = (
        "import asyncio\n"
        "async def one(n):\n"
        "    await asyncio.sleep(0)\n"
        "    return n\n"
        "return sum(await asyncio.gather(*(one(n) for n in range(10000))))"
    )
    assert await value(pool, source) == sum(range(10_000))
    # Nor do those matter that nobody waits for.
    left = source.rpartition("\n")[0] + "\nfor n in range(10000):\n    asyncio.create_task(one(n))"
    assert await value(pool, left) is None
    assert await value(pool, "return 1") == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a = []\na.append(a)\nreturn a", "holds itself"),
        ("a = {}\na['b'] = {'a': a}\nreturn [a]", "holds itself"),
        ("a = None\nfor _ in range(5000):\n    a = [a]\nreturn a", "nested too deeply"),
        ("ctx.body.me = ctx.body", "holds itself"),
        ("ctx.share.me = [ctx.share]", "holds itself"),
        ("await ctx.cache.set('a', ctx.body | {'b': ctx}, 1)", "Context"),
        ("return lambda: 1", "function"),
        ("return {(1, 2): 3}", "A key of the type tuple"),
        ("return ctx", "Context"),
        ("return one.__class__ if False else iter([1])", "'.__class__' cannot be used"),
        ("return 'half \\ud800'", "cannot be given as JSON"),
    ],
)
async def test_what_is_no_json_is_an_error_of_its_script(
    pool: WorkerPool, source: str, said: str
) -> None:
    outcome = await run(pool, source, body={})
    assert outcome.failure is not None
    assert said in outcome.failure.problem.message
    assert outcome.failure.code == "SCRIPT_EXECUTION_ERROR"
    # Others of the request, and of the process, do not suffer from it.
    assert section(await run(pool, "ctx.share.a = 1"), "share") == {"a": 1}


async def test_what_was_returned_or_sent_is_changed_by_nobody(pool: WorkerPool) -> None:
    later = (
        "import asyncio\n"
        "answer = {'n': 1}\n"
        "async def later():\n"
        "    await asyncio.sleep(0)\n"
        "    answer['n'] = 2\n"
        "asyncio.create_task(later())\n"
    )
    assert await value(pool, f"{later}return answer") == {"n": 1}
    at_last = "answer = {'n': 1}\ntry:\n    return answer\nfinally:\n    answer['n'] = 2"
    # That is the language: it was not returned yet.
    assert await value(pool, at_last) == {"n": 2}
    host = FakeDatabase()
    sent = "sent = {'n': 1}\ntask = ctx.cache.set('a', sent, 1)\nsent['n'] = 2\nawait task"
    await value(pool, sent, host)
    assert host.asked == [("cache.set", ["a", {"n": 1}, 1])]


async def test_a_stage_has_no_hold_on_what_it_has_handed_on(pool: WorkerPool) -> None:
    handler = "ctx.share.mine = answer = {'n': 1}\nreturn answer"
    post = script("ctx.data.n = 2\nreturn [ctx.data, ctx.share.mine]", Stage.POST)
    outcome = await run(pool, handler, post, share={})
    assert json.loads(outcome.result or b"") == [{"n": 2}, {"n": 1}]
    assert section(outcome, "share") == {"mine": {"n": 1}}


async def test_a_clock_that_is_set_back_holds_nothing_up(
    fresh: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "back.py").write_text(CLOCK_SET_BACK)
    await fresh.use_packages(tmp_path, {"back": ["back"]})
    monkeypatch.setattr(time, "time", lambda: 1.0)
    for source in ("await ctx.helpers.sleep(9000)", "while True: pass"):
        outcome = await run(fresh, script(source, timeout=100))
        assert outcome.failure is not None
        assert outcome.failure.code == "SCRIPT_TIMEOUT_ERROR"
        assert 100 <= outcome.ran[0].milliseconds < 5000
    assert await value(fresh, "await ctx.helpers.sleep(10)\nreturn 1") == 1


async def test_trust_domains_do_not_see_each_other(tmp_path: Path) -> None:
    (tmp_path / "box.py").write_text(BOX)
    put, look = "import box\nbox.things.append(1)", "import box\nreturn list(box.things)"
    seen: dict[Isolation, list[Any]] = {}
    for isolation in Isolation:
        pools = DomainPools(workers=1, memory_mb=128, isolation=isolation)
        await pools.use_packages(tmp_path, {"box": ["box"]})
        saved, unsaved = (pools.of(domain) for domain in Domain)
        assert isinstance(saved, WorkerPool)
        assert isinstance(unsaved, WorkerPool)
        for _ in range(2):
            await value(unsaved, put)
        seen[isolation] = [await value(saved, look), await value(unsaved, look)]
        await pools.stop()
    # What a package keeps, warm processes keep; nothing takes it from one domain to the other.
    assert seen[Isolation.WARM] == [[], [1, 1]]
    assert seen[Isolation.FORK] == [[], []]


async def test_four_workers_start_together() -> None:
    pool = WorkerPool(workers=3, spare=1)
    first = asyncio.ensure_future(value(pool, "return 1"))
    await eventually(lambda: len(pool.pids) == 4)
    assert pool.ready == 0
    assert await first == 1
    await eventually(lambda: pool.ready == 4)
    await pool.stop()
