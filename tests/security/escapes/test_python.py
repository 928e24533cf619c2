"""Hostile scripts in Python, each in a real worker."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Outcome, Script, Stage

from .python import (
    ENDLESS,
    ENVIRONMENT,
    FILES,
    GREEDY,
    INTERNALS,
    NETWORK,
    PROCESSES,
    STATE,
)  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="module")
CANARY = "canary-7c1f5be2"
# What a script finds if those before it have left nothing.
PROBE = """
import datetime, decimal, functools, json, math
from fractions import Fraction
ctx.share.a = 1
return [
    json.dumps([1]), math.floor(2.5), round(math.pi, 2), round(math.e, 2),
    str(decimal.Decimal(1) / 3), len("abc"),
    hasattr(ValueError, "x"), hasattr(EnfyraError, "x"), hasattr(object, "x"),
    hasattr(Fraction, "limit"), datetime.datetime(2024, 1, 1).isoformat(),
    ctx.body, ctx.user, ctx.share, ctx.share.get("a"), functools.reduce(max, [1, 2]),
]
"""
CLEAN = [
    "[1]", 2, 3.14, 2.72, "0.3333333333333333333333333333", 3, False, False, False, False,
    "2024-01-01T00:00:00", None, None, {"a": 1}, 1, 2,
]  # fmt: skip


@dataclass
class Target:
    """What hostile scripts are after."""

    file: Path
    listener: socket.socket

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    def filled(self, source: str) -> str:
        return source.replace("{file}", str(self.file)).replace("{port}", str(self.port))

    def was_called(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


class Server:
    """Remembers what was asked, and answers at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def call(self, name: str, arguments: bytes) -> bytes:
        self.asked.append(f"{name} {arguments[:100].decode()}")
        return b"null"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    file = tmp_path_factory.mktemp("secret") / "secret.txt"
    file.write_text(CANARY)
    os.environ["ENFYRA_CANARY"] = CANARY
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield Target(file, listener)
    del os.environ["ENFYRA_CANARY"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pools(target: Target) -> AsyncIterator[dict[Isolation, WorkerPool]]:
    pools = {one: WorkerPool(workers=1, memory_mb=128, isolation=one) for one in Isolation}
    # Another call has had the canary before them.
    for pool in pools.values():
        await run(pool, "ctx.share.x = ctx.body\nprint(ctx.body)", body=CANARY)
    yield pools
    for pool in pools.values():
        await pool.stop()


@pytest.fixture
def pool(pools: dict[Isolation, WorkerPool], isolation: Isolation) -> WorkerPool:
    return pools[isolation]


async def run(pool: WorkerPool, source: str, timeout: int = 5000, **sections: Any) -> Outcome:
    script = Script(name="hostile", stage=Stage.HANDLER, source=source, timeout=timeout)
    raw = {name: json.dumps(value).encode() for name, value in sections.items()}
    server = Server()
    outcome = await asyncio.wait_for(pool.run([script], raw, server), 20)
    asked = len(server.asked)
    assert not [one for one in server.asked if "late" in one]
    await asyncio.sleep(0)
    assert len(server.asked) == asked
    return outcome


async def is_clean(pool: WorkerPool) -> None:
    outcome = await run(pool, PROBE)
    assert outcome.failure is None, outcome.failure
    assert json.loads(outcome.result or b"null") == CLEAN


def holds(outcome: Outcome, target: Target) -> None:
    shown = repr(outcome)
    assert CANARY not in shown
    assert outcome.result != b'"ESCAPED"'
    assert "/usr/" not in shown
    assert not target.was_called()
    assert [path.name for path in target.file.parent.iterdir()] == ["secret.txt"]
    assert target.file.read_text() == CANARY


def cases(*tables: dict[str, str]) -> list[Any]:
    """Give all scripts for warm processes, and every third for fresh ones, which cost more."""
    return [
        pytest.param(isolation, source, id=f"{isolation}-{name}")
        for isolation, step in ((Isolation.WARM, 1), (Isolation.FORK, 3))
        for table in tables
        for name, source in list(table.items())[::step]
    ]


@pytest.mark.parametrize(("isolation", "source"), cases(FILES, INTERNALS, NETWORK, PROCESSES))
async def test_what_scripts_have_no_business_with(
    pool: WorkerPool, target: Target, source: str
) -> None:
    outcome = await run(pool, target.filled(source))
    holds(outcome, target)
    # Each of them asks for something that there is not, which is an error of the script.
    assert outcome.failure is not None or outcome.result in (b"false", b"null")
    await is_clean(pool)


@pytest.mark.parametrize(("isolation", "source"), cases(ENVIRONMENT, STATE))
async def test_nothing_goes_from_one_call_to_another(
    pool: WorkerPool, target: Target, source: str
) -> None:
    holds(await run(pool, source), target)
    await is_clean(pool)


@pytest.mark.parametrize(("isolation", "source"), cases(ENDLESS))
async def test_what_does_not_end_is_ended(pool: WorkerPool, target: Target, source: str) -> None:
    outcome = await run(pool, source, timeout=150)
    holds(outcome, target)
    assert outcome.failure is not None
    assert outcome.failure.code in ("SCRIPT_TIMEOUT_ERROR", "SCRIPT_EXECUTION_ERROR")
    await is_clean(pool)


@pytest.mark.parametrize(("isolation", "source"), cases(GREEDY))
async def test_what_is_greedy_gets_no_more_than_there_is(
    pool: WorkerPool, target: Target, source: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await run(pool, source, timeout=500)
    assert CANARY not in repr(outcome)
    assert len(repr(outcome)) < 400_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, "kilobytes that the server has grown by"
    await is_clean(pool)


async def test_the_corpus_is_large_enough() -> None:
    tables = (FILES, INTERNALS, NETWORK, PROCESSES, ENVIRONMENT, STATE, ENDLESS, GREEDY)
    assert sum(map(len, tables)) >= 120
