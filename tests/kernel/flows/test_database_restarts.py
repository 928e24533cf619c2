"""The database is gone in the middle of a run, and comes back: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.flows.progress import RunProgress
from enfyra_kernel.flows.runs import FlowReference, Run
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.flows import FlowDefinition

from tests.api import Api
from tests.databases import settings
from tests.services import PostgreSQL, ServiceMissing

from .deck import begin, entries, flow, lines, ran, runs_of, step, until


@pytest.fixture
def own() -> Iterator[PostgreSQL]:
    """A server that nobody else needs."""
    try:
        server = PostgreSQL()
        server.start()
    except ServiceMissing as error:
        pytest.skip(str(error))
    yield server
    server.stop()


class Watch:
    """Watches what a holder writes, and holds one step up.

    Attributes:
        written: The steps that are written down as over.
        unwritten: Those that could not be.
        gate: The step `held` ends when it is open.
    """

    def __init__(self, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
        self._save, self._step = kernel.flows.runs.save, kernel.flows.engine.step
        self.written: set[str] = set()
        self.unwritten: set[str] = set()
        self.gate = asyncio.Event()
        monkeypatch.setattr(kernel.flows.runs, "save", self.save)
        monkeypatch.setattr(kernel.flows.engine, "step", self.step)

    async def save(self, run: Any, **changed: Any) -> bool:
        keys = {one["key"] for one in changed["completedSteps"]}
        try:
            mine = await self._save(run, **changed)
        except EnfyraError:
            self.unwritten |= keys
            raise
        self.written |= keys
        return mine

    async def step(self, scene: Any) -> Any:
        if scene.step.key == "held":
            await self.gate.wait()
        return await self._step(scene)


@pytest.mark.asyncio
async def test_a_run_goes_on_behind_a_restart_of_the_database(
    own: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a step has ended while nobody could write that down."""
    async with Kernel(settings(own.url, flow_lease=60)) as kernel:
        api = await Api(kernel).login()
        await flow(
            api, "long",
            *(step(key, "log", config={"message": f"{key} {{{{ @FLOW_META.fence }}}}"})
              for key in ("first", "held", "third")),
        )  # fmt: skip
        watch = Watch(kernel, monkeypatch)
        run = await begin(api, "long")
        await until(lambda: "first" in watch.written)
        await asyncio.to_thread(own.crash)
        watch.gate.set()
        await until(lambda: "held" in watch.unwritten)
        await asyncio.to_thread(own.launch)
        await until(lambda: kernel.flows.workers.running == 0)
        [row] = await runs_of(api, "long")
        assert (row["id"], row["status"], row["error"], row["fence"]) == (run, "completed", None, 1)
        assert entries(row) == [(key, "completed") for key in ("first", "held", "third")]
        assert await lines(api, run) == ["first 1", "held 1", "third 1"]


@pytest.mark.asyncio
async def test_an_end_that_was_written_while_the_database_went_counts_once(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database did it, and could not say so any more: what follows is set off all the same."""
    runs = sqlite_api.kernel.flows.runs
    finish, answers = runs.finish, iter(range(1))

    async def finished(run: Any, status: str, lines: Any, **changed: Any) -> bool:
        mine = await finish(run, status, lines, **changed)
        for _ in answers:
            raise EnfyraError("DATABASE_CONNECTION_ERROR")
        return mine

    monkeypatch.setattr(runs, "finish", finished)
    after = {"triggerType": "flow", "triggerConfig": {"flow": "first", "on": ["completed"]}}
    await flow(sqlite_api, "first", step("says", "log", config={"message": "hello"}))
    await flow(sqlite_api, "second", step("two", source="return 2"), **after)
    row = await ran(sqlite_api, "first")
    assert (row["status"], await lines(sqlite_api, row["id"])) == ("completed", ["hello"])
    states: list[str] = []
    while states != ["completed"]:
        states = [one["status"] for one in await runs_of(sqlite_api, "second")]


def test_lines_that_could_not_be_stored_are_said_again() -> None:
    known = FlowDefinition(id=1, name="long")
    progress = RunProgress(Run(id=1, flow=FlowReference(1)), known, SystemClock())
    for message in ("one", "two"):
        progress.say("step", "info", message)
    lines = progress.lines()
    progress.say("step", "info", "three")
    progress.unsaid(lines)
    assert [one["message"] for one in progress.lines()] == ["one", "two", "three"]
