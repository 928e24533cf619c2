"""Hostile scripts in JavaScript, each in a real worker."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Language, Outcome, Script, Stage

from .javascript import ESCAPES, PROBE, UNTOUCHED, Escape

pytestmark = pytest.mark.asyncio(loop_scope="module")
FAILURES = {"SCRIPT_SYNTAX_ERROR", "SCRIPT_EXECUTION_ERROR", "SCRIPT_TIMEOUT_ERROR"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pools() -> AsyncIterator[dict[Isolation, WorkerPool]]:
    pools = {one: WorkerPool(workers=1, isolation=one) for one in Isolation}
    yield pools
    for pool in pools.values():
        await pool.stop()


@pytest.fixture
def pool(pools: dict[Isolation, WorkerPool], isolation: Isolation) -> WorkerPool:
    return pools[isolation]


class Host:
    """Answers nothing of use, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    async def call(self, name: str, _arguments: bytes) -> bytes:
        self.asked.add(name)
        return b"null"


async def outcome_of(pool: WorkerPool, source: str, host: Host, timeout: int) -> Outcome:
    script = Script(
        name="hostile",
        stage=Stage.HANDLER,
        language=Language.JAVASCRIPT,
        source=source,
        timeout=timeout,
    )
    return await pool.run([script], _SECTIONS, host)


_SECTIONS = dict.fromkeys(("body", "query", "params", "share", "req", "api", "env"), b"{}")


@pytest.mark.parametrize(
    ("isolation", "escape"),
    [(Isolation.WARM, one) for one in ESCAPES] + [(Isolation.FORK, one) for one in ESCAPES[::3]],
    ids=lambda one: one.name if isinstance(one, Escape) else one,
)
async def test_the_worker_holds(pool: WorkerPool, escape: Escape) -> None:
    host = Host()
    outcome = await outcome_of(pool, escape.source, host, timeout=400)
    assert host.asked <= escape.asks
    if escape.returns is None or escape.needs_kill:
        assert outcome.failure is not None, outcome.result
        assert outcome.failure.code in FAILURES
        assert not outcome.failure.thrown
    else:
        assert outcome.failure is None, outcome.failure
        assert outcome.result is not None
        assert json.loads(outcome.result) == escape.returns
    assert await found(pool) == UNTOUCHED


async def found(pool: WorkerPool) -> Any:
    """Give what a script finds of those before it."""
    outcome = await outcome_of(pool, PROBE, Host(), timeout=5_000)
    assert outcome.failure is None, outcome.failure
    return json.loads(outcome.result) if outcome.result is not None else None
