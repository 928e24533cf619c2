"""Measures jobs a second, from being put in until they are done, beside what the database can do.

    python -m tests.bench.jobs
    python -m tests.bench.jobs sqlite postgresql=postgresql://localhost/b --bullmq

The floor is the least that a durable queue asks of its database for each job, with nothing
around: a row inserted, and updated by its key when it is begun and when it is done. `--bullmq`
measures the queue in a private Redis beside SQLite, against the same floor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from enfyra_kernel import Kernel, Settings
from enfyra_kernel.jobs.queue import Job
from enfyra_kernel.jobs.statements import Statements
from enfyra_kernel.metadata.uuid7 import new_uuid
from enfyra_kernel.query.ast import Operator

from tests.services import Redis

from .engines import ENGINES, database
from .servers import environment

JOBS = 1000
AT_ONCE = 16


async def through_the_queue(kernel: Kernel) -> float:
    """Give how many jobs a second are put in, run and done."""
    left, done = JOBS, asyncio.Event()

    async def handler(_job: Job) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    kernel.jobs.register("bench", handler, concurrency=AT_ONCE)

    async def put_in(_number: int) -> None:
        await kernel.jobs.enqueue("bench", {"to": "ann@example.com"})

    begin = time.perf_counter()
    await _all(put_in)
    await done.wait()
    while (await kernel.jobs.counts())["bench"].active:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    return JOBS / (time.perf_counter() - begin)


async def through_the_database(kernel: Kernel) -> float:
    """Give how many jobs a second three statements for each would allow."""
    statements = Statements(kernel.records, kernel.clock)

    async def one(_number: int) -> None:
        id_, now = new_uuid(), kernel.clock.now()
        values: dict[str, Any] = {
            "id": id_, "name": "floor", "state": "completed", "data": {"to": "ann@example.com"},
            "attempts": 3, "attemptsMade": 0, "fence": 0, "dueAt": now, "createdAt": now,
        }  # fmt: skip
        await statements.insert(values)
        for _ in range(2):
            await statements.update({"startedAt": now}, ("id", Operator.EQ, id_))

    begin = time.perf_counter()
    await _all(one)
    return JOBS / (time.perf_counter() - begin)


async def _all(work: Callable[[int], Awaitable[None]]) -> None:
    """Do some work for each job, so many at a time."""
    numbers = iter(range(JOBS))

    async def some() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def measure(uri: str, rounds: int, **more: Any) -> tuple[float, float]:
    """Give the medians of both: through the queue, and the floor."""
    found: list[tuple[float, float]] = []
    async with Kernel(Settings.load(environment(uri), dotenv=None, **more)) as kernel:
        for _ in range(rounds):
            found.append((await through_the_queue(kernel), await through_the_database(kernel)))
    return median(one for one, _ in found), median(floor for _, floor in found)


def _show(name: str, uri: str, rounds: int, **more: Any) -> None:
    rate, floor = asyncio.run(measure(uri, rounds, **more))
    print(f"{name:20}{rate:8.0f} jobs/s   floor {floor:8.0f}   ratio {rate / floor:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("engines", nargs="*", default=list(ENGINES), metavar="engine[=uri]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, default 3")
    parser.add_argument("--bullmq", action="store_true", help="also the queue in Redis")
    options = parser.parse_args()
    for asked in options.engines:
        with database(asked) as (engine, uri):
            _show(engine, uri, options.rounds)
    if options.bullmq:
        redis = Redis()
        redis.start()
        try:
            with database("sqlite") as (_, uri):
                more = {"jobs": "bullmq", "redis_uri": redis.url, "node_name": os.urandom(4).hex()}
                _show("bullmq", uri, options.rounds, **more)
        finally:
            redis.stop()


if __name__ == "__main__":
    main()
