"""Many who run flows on one database: each tick is begun once, and no run is lost or doubled."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.flows.runs import Beginning, Run
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import PostgresqlDatabases, settings
from tests.engines import two_engines  # noqa: F401
from tests.processes import Process

from .deck import flow, lines, over, results, run_of, runs_of, step


class Moved(SystemClock):
    """A clock that tests move on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> Any:
        return super().now() + self.ahead


class Three:
    """Three kernels on one database, each with a clock of its own."""

    def __init__(self, kernels: list[Kernel], clocks: list[Moved]) -> None:
        self.kernels = kernels
        self.clocks = clocks

    def later(self, **span: float) -> None:
        for clock in self.clocks:
            clock.ahead += timedelta(**span)


@pytest_asyncio.fixture
async def three(database_uri: str) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        clocks = [Moved() for _ in range(3)]
        kernels = [
            await stack.enter_async_context(
                Kernel(settings(database_uri, flow_workers=0, flow_lease=5), clock=clock)
            )
            for clock in clocks
        ]
        yield Three(kernels, clocks)


@pytest.mark.asyncio
async def test_each_tick_is_begun_once(three: Three) -> None:
    """200 ticks, three who look at each of them at the same moment: 200 runs."""
    api = await Api(three.kernels[0]).login()
    await flow(
        api, "often", step("s", source="return 1"), maxExecutions=0,
        triggerType="schedule", triggerConfig={"interval": 60},
    )  # fmt: skip
    for kernel in three.kernels:
        await kernel.registry.refresh()
        await kernel.flows.schedule.tick()
    for _ in range(200):
        three.later(seconds=60)
        await asyncio.gather(*(one.flows.schedule.tick() for one in three.kernels))
    # The login has expired long ago.
    rows = await runs_of(await Api(three.kernels[0]).login(), "often")
    due = [row["scheduledFor"] for row in rows]
    assert (len(due), len(set(due))) == (200, 200)


def held(three: Three, kernel: int) -> Any:
    return three.kernels[kernel].flows.runs


async def begun(three: Three) -> Run:
    api = await Api(three.kernels[0]).login()
    await flow(api, "work", step("s", source="return 1"))
    for kernel in three.kernels:
        await kernel.registry.refresh()
    definition = three.kernels[0].registry.current.flows.find("work")
    run = await held(three, 0).create(definition, Beginning(holder="first"))
    assert run is not None
    return run


@pytest.mark.asyncio
async def test_a_holder_who_was_away_for_too_long_cannot_write(three: Three) -> None:
    first = await begun(three)
    assert await held(three, 1).abandoned(5) == []
    assert await held(three, 0).save(first, currentStep="s")
    three.later(seconds=6)
    (found,) = await held(three, 1).abandoned(5)
    takers = await asyncio.gather(*(held(three, n).claim(found, str(n)) for n in (0, 1, 2)))
    (second,) = [one for one in takers if one is not None]
    assert (second.fence, second.started_at) == (2, first.started_at)
    # The first one wakes up: whatever he writes meets nothing.
    assert not await held(three, 0).save(first, currentStep="late")
    assert not await held(three, 0).renew(first)
    assert not await held(three, 0).finish(first, "completed")
    assert not await held(three, 0).give_back(first)
    assert await held(three, 2).finish(second, "completed")
    row = await run_of(await Api(three.kernels[0]).login(), first.id)
    assert (row["status"], row["fence"], row["currentStep"]) == ("completed", 2, None)


@pytest.mark.asyncio
async def test_a_run_that_waits_is_claimed_by_one(three: Three) -> None:
    api = await Api(three.kernels[0]).login()
    await flow(api, "work", step("s", source="return 1"))
    for kernel in three.kernels:
        await kernel.registry.refresh()
    await api.post("/admin/flow/trigger/work")
    (waiting,) = await held(three, 1).waiting(5)
    takers = await asyncio.gather(*(held(three, n).claim(waiting, str(n)) for n in (0, 1, 2)))
    assert [one is not None for one in takers].count(True) == 1


@pytest.mark.asyncio
async def test_a_run_goes_on_while_the_database_is_away_for_a_moment(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Kernel(settings(sqlite_uri)) as kernel:
        api = await Api(kernel).login()
        await flow(
            api, "work", step("a", "sleep", config={"ms": 900}), step("b", source="return 2")
        )
        save, failures = kernel.flows.runs.save, iter(range(1))

        async def failing(run: Run, **changed: Any) -> bool:
            for _ in failures:
                raise EnfyraError("DATABASE_CONNECTION_ERROR")
            return await save(run, **changed)

        monkeypatch.setattr(kernel.flows.runs, "save", failing)
        answer = await api.post("/admin/flow/trigger/work")
        row = await over(api, answer.row["executionId"])
        assert (row["status"], results(row)["b"]) == ("completed", 2)


@pytest.mark.asyncio
async def test_a_server_that_stops_gives_runs_to_the_next_one(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri)) as first:
        api = await Api(first).login()
        await flow(
            api, "long", step("a", "log", config={"message": "once"}),
            step("b", "sleep", config={"ms": 1_500}), step("c", source="return @FLOW_META.fence"),
        )  # fmt: skip
        run = (await api.post("/admin/flow/trigger/long")).row["executionId"]
        await at_step(api, run, "b")
        await first.flows.workers.stop(grace=0)
        assert (await run_of(api, run))["status"] == "pending"
    async with Kernel(settings(sqlite_uri)) as second:
        api = await Api(second).login()
        row = await over(api, run)
        assert (row["status"], results(row)["c"], row["fence"]) == ("completed", 2, 2)
        assert (await lines(api, run)).count("once") == 1


async def at_step(api: Api, run: int, key: str) -> None:
    """Wait until a run has come to a step."""
    for _ in range(1500):
        if (await run_of(api, run))["currentStep"] == key:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"run {run} never came to {key}")


# -- real processes -------------------------------------------------------------------------------

LONG = [
    {"key": "a", "type": "log", "config": {"message": "once"}},
    {"key": "b", "type": "sleep", "config": {"ms": 2_500}},
    {"key": "c", "type": "script", "sourceCode": "return @FLOW_META.fence"},
]


@pytest.fixture
def pair(
    _database_makers: dict[str, Any], redis_url: str, tmp_path: Path
) -> Iterator[tuple[Process, Process]]:
    from tests.conftest import _MAKERS, service_url

    if "postgresql" not in _database_makers:
        _database_makers["postgresql"] = _MAKERS["postgresql"](service_url("postgresql"))
    databases: PostgresqlDatabases = _database_makers["postgresql"]
    uri = databases.fresh()
    shared = {"ENFYRA_FLOW_LEASE": "1", "REDIS_URI": redis_url, "NODE_NAME": tmp_path.name}
    with (
        Process(uri, tmp_path / "a", settings=shared) as first,
        Process(uri, tmp_path / "b", settings=shared) as second,
    ):
        yield first, second
    databases.drop(uri)


def trigger(client: httpx.Client) -> int:
    answer = client.put("/admin/flow/long", json={"steps": LONG})
    assert answer.status_code == 200, answer.text
    return client.post("/admin/flow/trigger/long", json={}).json()["data"][0]["executionId"]


def wait_for(client: httpx.Client, run: int, **wanted: Any) -> dict[str, Any]:
    filter_ = f'{{"id":{{"_eq":{run}}}}}'
    for _ in range(1500):
        (row,) = client.get("/flow_execution_definition", params={"filter": filter_}).json()["data"]
        if all(row[name] == value for name, value in wanted.items()):
            return row
        time.sleep(0.02)
    raise AssertionError(f"run {run} never was {wanted}: {row}")


def said(client: httpx.Client, run: int) -> list[str]:
    filter_ = f'{{"execution":{{"id":{{"_eq":{run}}}}}}}'
    rows = client.get("/flow_log_definition", params={"filter": filter_, "limit": 0}).json()["data"]
    return [row["message"] for row in rows]


def test_a_run_outlives_the_process_that_held_it(pair: tuple[Process, Process]) -> None:
    first, second = pair
    with closing(first.login()) as here, closing(second.login()) as there:
        run = trigger(here)
        wait_for(here, run, currentStep="b")
        first.process.send_signal(signal.SIGKILL)
        row = wait_for(there, run, status="completed")
        assert row["state"]["results"]["c"] == row["fence"] >= 2
        # What was over is not done again.
        assert said(there, run).count("once") == 1
        assert [one["key"] for one in row["completedSteps"]] == ["a", "b", "c"]


def test_a_holder_that_was_paused_stops_when_it_wakes(
    pair: tuple[Process, Process], redis_url: str
) -> None:
    import redis

    first, second = pair
    with closing(first.login()) as here, closing(second.login()) as there:
        run = trigger(here)
        wait_for(here, run, currentStep="b")
        first.process.send_signal(signal.SIGSTOP)
        # Nothing of a run is in Redis.
        with closing(redis.Redis.from_url(redis_url)) as server:
            server.flushall()
        row = wait_for(there, run, status="completed")
        first.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        assert wait_for(here, run, status="completed") == row
        assert row["fence"] == 2
        rows = here.get("/flow_execution_definition").json()["data"]
        assert [one["id"] for one in rows] == [run]


def test_one_instance_cancels_what_another_runs(pair: tuple[Process, Process]) -> None:
    first, second = pair
    with closing(first.login()) as here, closing(second.login()) as there:
        run = trigger(here)
        wait_for(here, run, currentStep="b")
        assert there.post(f"/admin/flow/cancel/{run}").status_code == 200
        row = wait_for(here, run, status="cancelled")
        assert "c" not in row["state"]["results"]
