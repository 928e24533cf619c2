"""Workers on database servers, and workers that are killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.cluster.bus import LocalBus, LocalHub
from enfyra_kernel.cluster.instance import Instance
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs.database_queue import DatabaseQueue
from enfyra_kernel.jobs.queue import Counts
from enfyra_kernel.jobs.rows import JobRows
from enfyra_kernel.kernel import Kernel

from tests.contract.test_queue import (
    DatabaseLab,
    Gate,
    Log,
    MovingClock,
    dead_letters,
    settled,
    test_a_dead_letter_is_retried_by_hand_with_all_of_its_attempts,
    test_a_job_leaves_with_its_transaction_or_not_at_all,
    test_any_instance_may_run_a_job_and_one_does,
    test_of_an_id_there_is_one_job_until_it_has_finished,
    test_of_many_who_ask_for_an_id_at_once_one_gets_it,
    test_what_does_not_end_in_time_goes_back_with_all_of_its_attempts,
    test_who_is_silent_beyond_the_lease_loses_the_job_and_cannot_end_it,
    until,
)
from tests.databases import settings

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="session", params=("postgresql", "mysql", "mongodb"))
def engine(request: pytest.FixtureRequest) -> str:
    """The engines that the contract is not asked of as a whole."""
    return request.param


@pytest_asyncio.fixture
async def lab(kernel: Kernel) -> AsyncIterator[DatabaseLab]:
    lab = DatabaseLab(kernel)
    yield lab
    await lab.close()


__all__ = [
    "test_a_dead_letter_is_retried_by_hand_with_all_of_its_attempts",
    "test_a_job_leaves_with_its_transaction_or_not_at_all",
    "test_any_instance_may_run_a_job_and_one_does",
    "test_of_an_id_there_is_one_job_until_it_has_finished",
    "test_of_many_who_ask_for_an_id_at_once_one_gets_it",
    "test_what_does_not_end_in_time_goes_back_with_all_of_its_attempts",
    "test_who_is_silent_beyond_the_lease_loses_the_job_and_cannot_end_it",
]


async def test_a_job_that_loses_all_of_its_workers_has_failed(lab: DatabaseLab) -> None:
    lost, other = await lab.make(), await lab.make()
    gate, log = Gate(), Log()
    lost.register("mail", gate)
    await lost.enqueue("mail", attempts=1)
    await until(lambda: gate.inside == 1)
    other.register("mail", log)
    await lab.lose()
    await settled(other, "mail", failed=1)
    assert not log.jobs
    assert (await dead_letters(lab, "mail", 1))[0]["lastError"] == "The worker was lost"


async def test_a_worker_that_is_killed_loses_no_job(sqlite_uri: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kernel.jobs.crash", sqlite_uri),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL, output.decode()
    clock, log = MovingClock(), Log()
    clock.ahead = 31.0
    async with Kernel(settings(sqlite_uri), clock=clock) as kernel:
        assert (await kernel.jobs.counts())["mail"] == Counts(waiting=2, active=2)
        kernel.jobs.register("mail", log)
        await settled(kernel.jobs, "mail", completed=4)
    assert sorted((job.data, job.attempt) for job in log.jobs) == [(0, 1), (1, 1), (2, 0), (3, 0)]


async def test_what_was_claimed_without_hearing_of_it_is_given_back(
    sqlite_kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = JobRows.claim, [0]

    async def claim_and_fail(self: JobRows, *arguments: Any) -> Any:
        found = await claim(self, *arguments)
        failures[0] += 1
        if failures[0] == 1:
            raise EnfyraError("DATABASE_CONNECTION_ERROR")
        return found

    monkeypatch.setattr(JobRows, "claim", claim_and_fail)
    log = Log()
    sqlite_kernel.jobs.register("mail", log)
    await sqlite_kernel.jobs.enqueue("mail", 1)
    await settled(sqlite_kernel.jobs, "mail", completed=1)
    assert [job.attempt for job in log.jobs] == [0]


async def test_what_became_of_a_job_is_written_when_the_database_is_back(
    sqlite_kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, failures = JobRows.complete, [0]

    async def fail_first(self: JobRows, *arguments: Any) -> bool:
        failures[0] += 1
        if failures[0] == 1:
            raise EnfyraError("DATABASE_CONNECTION_ERROR")
        return await complete(self, *arguments)

    monkeypatch.setattr(JobRows, "complete", fail_first)
    log = Log()
    sqlite_kernel.jobs.register("mail", log)
    await sqlite_kernel.jobs.enqueue("mail", 1)
    await settled(sqlite_kernel.jobs, "mail", completed=1)
    assert len(log.jobs) == 1


async def test_another_instance_is_told_of_a_job_that_it_runs(sqlite_kernel: Kernel) -> None:
    hub, log = LocalHub(), Log()
    records, clock = sqlite_kernel.records, sqlite_kernel.clock
    buses = [LocalBus(Instance.here(), hub) for _ in range(2)]
    # By themselves they would look when the test is long over.
    server, worker = (
        DatabaseQueue(records, clock, bus, instance="test", poll=3600) for bus in buses
    )
    worker.register("mail", log)
    for part in (*buses, server, worker):
        await part.start()
    for number in range(20):
        await server.enqueue("mail", number)
    await until(lambda: len(log.jobs) == 20)
    for part in (server, worker, *buses):
        await part.stop()
