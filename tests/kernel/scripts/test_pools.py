"""Trust domains: what they share, and what they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.pools import Domain, DomainPools
from enfyra_kernel.scripts.script import Language

from .running import run, script, value
from .test_pool import LOOP, eventually, is_there

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pools() -> AsyncIterator[DomainPools]:
    pools = DomainPools(workers=1, memory_mb=128)
    await pools.start()
    yield pools
    await pools.stop()


def of(pools: DomainPools, domain: Domain) -> WorkerPool:
    runner = pools.of(domain)
    assert isinstance(runner, WorkerPool)
    return runner


async def test_each_domain_has_processes_of_its_own(pools: DomainPools) -> None:
    saved, unsaved = of(pools, Domain.SAVED), of(pools, Domain.UNSAVED)
    assert await unsaved.check(Language.PYTHON, "return 1") == []
    assert len(unsaved.pids) == 1
    assert saved.pids == []
    assert await value(saved, "return 1") == 1
    assert len(saved.pids) == 2
    assert not set(saved.pids) & set(unsaved.pids)


async def test_what_ends_one_domain_does_not_touch_the_other(pools: DomainPools) -> None:
    saved, unsaved = of(pools, Domain.SAVED), of(pools, Domain.UNSAVED)
    await value(saved, "return 1")
    before = saved.pids
    running = asyncio.ensure_future(value(saved, "await ctx.helpers.sleep(400)\nreturn 1"))
    outcome = await run(unsaved, script(LOOP, timeout=50))
    assert outcome.failure is not None
    assert await running == 1
    assert saved.pids == before


@pytest.mark.parametrize("source", ["return len('a' * 100)", "ctx.body = 1"])
async def test_scripts_are_run_alike(pools: DomainPools, source: str) -> None:
    outcomes: list[Any] = []
    for domain in Domain:
        outcome = await run(of(pools, domain), source)
        outcomes.append((outcome.result, outcome.sections, outcome.failure))
    assert outcomes[0] == outcomes[1]


async def test_processes_end_when_they_are_idle() -> None:
    pool = WorkerPool(workers=1, spare=0, idle=0.2)
    # What runs for longer than that is no idleness.
    assert await value(pool, "await ctx.helpers.sleep(400)\nreturn 1") == 1
    (pid,) = pool.pids
    await eventually(lambda: not pool.pids)
    await eventually(lambda: not is_there(pid))
    assert await value(pool, "return 2") == 2
    await pool.stop()
