"""Measures runs of flows a second, how soon one begins, and what a thousand schedules cost.

    python -m tests.bench.flows
    python -m tests.bench.flows sqlite postgresql=postgresql://localhost/b

A run has one step, which writes a line into its log. The floor is the least that this asks of the
database: a row inserted for the run, one for the line, and the run updated when it is done.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from statistics import median
from typing import Any, NamedTuple

from enfyra_kernel import Kernel, Settings
from enfyra_kernel.encoding import decode_json
from enfyra_kernel.flows.defining import Defining
from enfyra_kernel.flows.rows import FlowRows
from enfyra_kernel.flows.runs import EXECUTION, LOG, Beginning
from enfyra_kernel.metadata.registry import DefinitionChange
from enfyra_kernel.query.parse import parse
from enfyra_kernel.query.plan import ADMINISTRATOR, INTERNAL
from enfyra_kernel.scripts.pools import Domain

from .engines import ENGINES, database
from .servers import environment

RUNS = 500
AT_ONCE = 10
SCHEDULES = 1000
# Seconds that an idle kernel is watched.
IDLE = 15
_BEGUN = Beginning(payload={"to": "ann@example.com"})
_IDS = parse({"fields": "id"})


class Figures(NamedTuple):
    """What was measured.

    Attributes:
        rate: Runs a second.
        floor: What the database could do.
        begins: Milliseconds from a trigger to the first step, at p50.
        idle: Percent of a core with a thousand schedules, none of which is due.
    """

    rate: float
    floor: float
    begins: float
    idle: float


async def _define(kernel: Kernel) -> None:
    rows = FlowRows(kernel.scripts.runner(Domain.UNSAVED))
    defining = Defining(kernel.records, kernel.definitions, kernel.registry, rows)
    step = {"key": "say", "type": "log", "config": {"message": "hello"}}
    await defining.define("bench", {"steps": [step]})


async def _all(work: Any) -> float:
    """Do some work so often, so many at a time; give when it began."""
    numbers = iter(range(RUNS))

    async def some() -> None:
        for _ in numbers:
            await work()

    begin = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return begin


async def runs(kernel: Kernel) -> float:
    """Give how many runs a second begin and end."""
    flow = kernel.registry.current.flows.find("bench")
    begin = await _all(lambda: kernel.flows.triggers.begin(flow, _BEGUN))
    while kernel.flows.workers.running or await kernel.flows.runs.waiting(1):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return RUNS / (time.perf_counter() - begin)


async def statements(kernel: Kernel) -> float:
    """Give how many runs a second their statements would allow."""
    executions, logs = kernel.records.of(EXECUTION), kernel.records.of(LOG)
    flow = {"id": kernel.registry.current.flows.find("bench").id}

    async def one() -> None:
        row = {"flow": flow, "status": "running", "payload": _BEGUN.payload, "fence": 1}
        key = decode_json(await executions.create(row, _IDS, INTERNAL))[0]["id"]
        await logs.create(
            {"execution": {"id": key}, "message": "hello", "step": "say"}, _IDS, INTERNAL
        )
        await executions.update(key, {"status": "completed"}, _IDS, INTERNAL)

    begin = await _all(one)
    return RUNS / (time.perf_counter() - begin)


async def begins(kernel: Kernel) -> float:
    """Give the milliseconds from a trigger to the first step, one at a time."""
    flow, spans = kernel.registry.current.flows.find("bench"), list[float]()
    step = kernel.flows.engine.step
    begun = 0.0

    async def noted(scene: Any) -> Any:
        spans.append((time.perf_counter() - begun) * 1000)
        return await step(scene)

    kernel.flows.engine.step = noted  # type: ignore[method-assign]
    try:
        for _ in range(100):
            begun = time.perf_counter()
            await kernel.flows.triggers.begin(flow, _BEGUN)
            while kernel.flows.workers.running:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        kernel.flows.engine.step = step  # type: ignore[method-assign]
    return median(spans)


async def idle(kernel: Kernel) -> float:
    """Give the percent of a core that a kernel takes whose schedules are not due."""
    rows = [
        {
            "name": f"nightly {number}",
            "triggerType": "schedule",
            "triggerConfig": {"cron": f"{number % 60} 3 29 2 *", "timezone": "Europe/Berlin"},
        }
        for number in range(SCHEDULES)
    ]
    async with kernel.definitions.changing(DefinitionChange.of("flows")) as session:
        await kernel.records.of("flow_definition").create_many(
            rows, access=ADMINISTRATOR, session=session
        )
    await asyncio.sleep(3)
    begin, worked = time.perf_counter(), time.process_time()
    await asyncio.sleep(IDLE)
    return (time.process_time() - worked) / (time.perf_counter() - begin) * 100


async def measure(uri: str, rounds: int) -> Figures:
    """Give the medians."""
    async with Kernel(Settings.load(environment(uri), dotenv=None)) as kernel:
        await _define(kernel)
        found = [(await runs(kernel), await statements(kernel)) for _ in range(rounds)]
        return Figures(
            median(rate for rate, _ in found),
            median(floor for _, floor in found),
            await begins(kernel),
            await idle(kernel),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("engines", nargs="*", default=list(ENGINES), metavar="engine[=uri]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, default 3")
    options = parser.parse_args()
    for asked in options.engines:
        with database(asked) as (engine, uri):
            made = asyncio.run(measure(uri, options.rounds))
        print(
            f"{engine:12}{made.rate:6.0f} runs/s   floor {made.floor:6.0f}   ratio "
            f"{made.rate / made.floor:.2f}   first step after {made.begins:.1f} ms   "
            f"idle {made.idle:.2f} %"
        )


if __name__ == "__main__":
    main()
