"""What every Queue keeps to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs.bullmq_queue import BullQueue
from enfyra_kernel.jobs.database_queue import DatabaseQueue
from enfyra_kernel.jobs.queue import BACKOFF, LEASE, Counts, GiveUp, Job, Queue
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.parse import parse
from enfyra_kernel.query.plan import ADMINISTRATOR
from redis.asyncio import Redis

from tests.conftest import service_url

pytestmark = pytest.mark.asyncio

PATIENCE = 60.0


class MovingClock(SystemClock):
    """Can be put forward."""

    ahead = 0.0

    def now(self) -> Any:
        return super().now() + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Lab(Protocol):
    """Makes queues, and lets time pass for them."""

    kernel: Kernel

    async def make(self, **options: Any) -> Queue:
        """Give a queue that has started: one more instance."""
        ...

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        ...

    async def lose(self) -> None:
        """Let so much time pass that whoever runs a job has lost it."""
        ...

    async def due_in(self, name: str) -> float:
        """Give the seconds until the one job that is delayed is due."""
        ...

    async def close(self) -> None:
        """Stop all queues."""
        ...


class DatabaseLab:
    """Makes queues in a database."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.clock = MovingClock()
        self._made: list[DatabaseQueue] = []

    async def make(self, **options: Any) -> DatabaseQueue:
        given = {"poll": 0.1, "grace": 0.2, **options}
        queue = DatabaseQueue(self.kernel.records, self.clock, instance="test", **given)
        self._made.append(queue)
        await queue.start()
        return queue

    async def advance(self, seconds: float) -> None:
        self.clock.ahead += seconds
        for queue in self._made:
            queue.wake()

    async def lose(self) -> None:
        await self.advance(LEASE + 1)

    async def due_in(self, name: str) -> float:
        (row,) = await job_rows(self.kernel, {"state": "waiting", "name": name})
        return (datetime.fromisoformat(row["dueAt"]) - self.clock.now()).total_seconds()

    async def close(self) -> None:
        await asyncio.gather(*(queue.stop() for queue in self._made))


class BullLab:
    """Makes queues of BullMQ; time passes by doing what BullMQ would do later."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.uri = service_url("redis")
        self.node_name = uuid.uuid4().hex
        self._made: list[BullQueue] = []

    async def make(self, **options: Any) -> BullQueue:
        given = {"poll": 0.1, "grace": 0.2, "node_name": self.node_name, **options}
        queue = BullQueue(self.uri, self.kernel.records, self.kernel.clock, **given)
        self._made.append(queue)
        await queue.start()
        return queue

    async def advance(self, seconds: float) -> None:
        for name in await self._made[0]._names():
            for job in await self._made[0]._queue(name).getDelayed():
                await job.promote()

    async def lose(self) -> None:
        async with Redis.from_url(self.uri, decode_responses=True) as client:
            async for key in client.scan_iter(f"{self.node_name}:bull:*"):
                if key.endswith((":lock", ":stalled-check")):
                    await client.delete(key)
            for queue in self._made:
                for worker in queue._workers.values():
                    for _ in range(2):
                        await worker._worker.runStalledJobsCheck()
                        await client.delete(worker._worker.keys["stalled-check"])

    async def due_in(self, name: str) -> float:
        (job,) = await self._made[0]._queue(name).getDelayed()
        return job.delay / 1000

    async def close(self) -> None:
        await asyncio.gather(*(queue.stop() for queue in self._made))


async def job_rows(kernel: Kernel, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the rows of jobs, as an administrator lists them."""
    asked = parse({"filter": wanted, "sort": "finishedAt,id"})
    return await kernel.records.of("job_definition").rows(asked, ADMINISTRATOR)


async def dead_letters(lab: Lab, name: str, number: int) -> list[dict[str, Any]]:
    """Give the dead letters of a name, when there are so many."""
    found: list[dict[str, Any]] = []

    async def so_many() -> bool:
        found[:] = await job_rows(lab.kernel, {"state": "failed", "name": name})
        return len(found) == number

    await until(so_many)
    return found


@pytest.fixture(scope="session", params=("sqlite", "bullmq"))
def twin(request: pytest.FixtureRequest) -> str:
    """Each implementation; `tests/kernel/jobs` asks some of it of other databases."""
    return request.param


@pytest.fixture(scope="session")
def engine(twin: str) -> str:
    return "sqlite" if twin == "bullmq" else twin


@pytest_asyncio.fixture
async def lab(twin: str, kernel: Kernel) -> AsyncIterator[Lab]:
    lab: Lab = BullLab(kernel) if twin == "bullmq" else DatabaseLab(kernel)
    yield lab
    await lab.close()


class Log:
    """A handler that notes what it was given, and raises as long as it is told to."""

    def __init__(self, failures: int = 0, error: type[Exception] = ValueError) -> None:
        self.jobs: list[Job] = []
        self.failures = failures
        self.error = error

    async def __call__(self, job: Job) -> Any:
        self.jobs.append(job)
        if len(self.jobs) <= self.failures:
            raise self.error(f"attempt {job.attempt} of {job.name}")
        return {"done": job.data}

    @property
    def data(self) -> list[Any]:
        return [job.data for job in self.jobs]


class Gate:
    """A handler that waits until it is opened; it notes how many are inside at most."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.begun: list[Job] = []
        self.inside = self.most = 0
        self.ended = 0

    async def __call__(self, job: Job) -> None:
        self.begun.append(job)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.opened.wait()
            self.ended += 1
        finally:
            self.inside -= 1


async def until(wanted: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = wanted()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


async def settled(queue: Queue, name: str, **wanted: int) -> None:
    """Wait until there are so many jobs of a name, by state."""

    async def so() -> bool:
        try:
            counts = (await queue.counts()).get(name, Counts())
        except EnfyraError as error:
            # A machine that does much else may keep Redis waiting for longer than we wait for it.
            if error.code != "QUEUE_UNAVAILABLE":
                raise
            return False
        return all(getattr(counts, state) == number for state, number in wanted.items())

    await until(so)


# -- running --------------------------------------------------------------------------------------


async def test_a_job_runs_with_its_data(lab: Lab) -> None:
    queue, log = await lab.make(), Log()
    queue.register("post:index", log)
    data = {"text": "ü😀", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    job = await queue.enqueue("post:index", data, job_id="a:b/1")
    assert job is not None
    await settled(queue, "post:index", completed=1, waiting=0, active=0)
    (ran,) = log.jobs
    assert (ran.id, ran.name, ran.data, ran.job_id) == (job.id, "post:index", data, "a:b/1")
    assert (ran.attempt, ran.attempts) == (0, 3)
    assert ran.fence > job.fence


async def test_jobs_wait_for_a_handler_and_run_in_the_order_they_came(lab: Lab) -> None:
    queue, log = await lab.make(), Log()
    for number in range(5):
        await queue.enqueue("mail", number)
    assert (await queue.counts())["mail"] == Counts(waiting=5)
    queue.register("mail", log)
    await until(lambda: len(log.jobs) == 5)
    assert log.data == [0, 1, 2, 3, 4]


async def test_any_instance_may_run_a_job_and_one_does(lab: Lab) -> None:
    first, second = await lab.make(), await lab.make()
    logs = [Log(), Log()]
    for queue, log in zip((first, second), logs, strict=True):
        queue.register("mail", log, concurrency=3)
    await asyncio.gather(*(first.enqueue("mail", number) for number in range(30)))
    await settled(first, "mail", completed=30)
    assert sorted(logs[0].data + logs[1].data) == list(range(30))


async def test_only_so_many_of_a_name_run_at_once_and_others_beside_them(lab: Lab) -> None:
    queue, gate, log = await lab.make(), Gate(), Log()
    queue.register("slow", gate, concurrency=2)
    queue.register("quick", log)
    for number in range(4):
        await queue.enqueue("slow", number)
    await until(lambda: gate.inside == 2)
    await queue.enqueue("quick")
    await settled(queue, "quick", completed=1)
    assert (await queue.counts())["slow"] == Counts(waiting=2, active=2)
    gate.opened.set()
    await settled(queue, "slow", completed=4)
    assert gate.most == 2


async def test_a_delayed_job_waits_for_its_time(lab: Lab) -> None:
    queue, log = await lab.make(), Log()
    queue.register("mail", log)
    await queue.enqueue("mail", "later", delay=timedelta(seconds=BACKOFF))
    await queue.enqueue("mail", "now")
    await settled(queue, "mail", completed=1, delayed=1, waiting=0)
    assert log.data == ["now"]
    await lab.advance(BACKOFF)
    await settled(queue, "mail", completed=2, delayed=0)


# -- attempts -------------------------------------------------------------------------------------


async def test_a_job_that_fails_is_tried_again_ever_later_and_kept_when_it_has_failed(
    lab: Lab,
) -> None:
    queue, log = await lab.make(), Log(failures=3)
    queue.register("mail", log)
    job = await queue.enqueue("mail", {"to": "ann"}, job_id="order-7")
    assert job is not None
    for attempt, pause in enumerate((BACKOFF, 2 * BACKOFF)):
        await settled(queue, "mail", delayed=1, active=0)
        assert len(log.jobs) == attempt + 1
        assert pause / 2 < await lab.due_in("mail") <= pause
        await lab.advance(pause)
    await settled(queue, "mail", failed=1, delayed=0, waiting=0, active=0)
    assert [job.attempt for job in log.jobs] == [0, 1, 2]
    assert len({job.fence for job in log.jobs}) == 3
    (dead,) = await dead_letters(lab, "mail", 1)
    assert dead["lastError"] == "ValueError: attempt 2 of mail"
    assert (dead["attempts"], dead["attemptsMade"], dead["data"]) == (3, 3, {"to": "ann"})
    assert dead["jobId"] == "order-7"


async def test_as_many_attempts_as_were_asked_for(lab: Lab) -> None:
    queue, log = await lab.make(), Log(failures=9)
    queue.register("mail", log)
    await queue.enqueue("mail", attempts=1)
    await settled(queue, "mail", failed=1)
    assert len(log.jobs) == 1


async def test_a_handler_can_give_up(lab: Lab) -> None:
    queue, log = await lab.make(), Log(failures=9, error=GiveUp)
    queue.register("mail", log)
    await queue.enqueue("mail")
    await settled(queue, "mail", failed=1, delayed=0)
    assert len(log.jobs) == 1


async def test_a_dead_letter_is_retried_by_hand_with_all_of_its_attempts(lab: Lab) -> None:
    queue, log = await lab.make(), Log(failures=2)
    queue.register("mail", log)
    await queue.enqueue("mail", 7, attempts=1, job_id="a")
    await settled(queue, "mail", failed=1)
    await queue.retry((await dead_letters(lab, "mail", 1))[0]["id"])
    await until(lambda: len(log.jobs) == 2)
    await settled(queue, "mail", failed=1)
    (dead,) = await dead_letters(lab, "mail", 1)
    await queue.retry(dead["id"])
    await settled(queue, "mail", failed=0, completed=1)
    assert log.data == [7, 7, 7]
    await dead_letters(lab, "mail", 0)


async def test_a_job_that_would_be_there_twice_is_not_retried(lab: Lab) -> None:
    queue, log = await lab.make(), Log(failures=1)
    queue.register("mail", log)
    await queue.enqueue("mail", attempts=1, job_id="a")
    await settled(queue, "mail", failed=1)
    assert await queue.enqueue("mail", delay=1000, job_id="a") is not None
    (dead,) = await dead_letters(lab, "mail", 1)
    with pytest.raises(EnfyraError, match="Another job 'mail' with the id 'a'") as caught:
        await queue.retry(dead["id"])
    assert caught.value.status == 409


async def test_a_dead_letter_is_removed(lab: Lab) -> None:
    queue = await lab.make()
    queue.register("mail", Log(failures=1))
    await queue.enqueue("mail", attempts=1)
    await settled(queue, "mail", failed=1)
    (dead,) = await dead_letters(lab, "mail", 1)
    await queue.remove(dead["id"])
    await dead_letters(lab, "mail", 0)
    assert (await queue.counts()).get("mail", Counts()).failed == 0
    for action in (queue.remove, queue.retry):
        for id_ in (dead["id"], "no id"):
            with pytest.raises(EnfyraError) as caught:
                await action(id_)
            assert caught.value.status == 404


async def test_what_waits_can_be_removed_and_what_has_not_failed_not_be_retried(lab: Lab) -> None:
    queue = await lab.make()
    job = await queue.enqueue("mail", job_id="a")
    assert job is not None
    with pytest.raises(EnfyraError, match="it is waiting") as caught:
        await queue.retry(job.id)
    assert caught.value.status == 409
    await queue.remove(job.id)
    assert await queue.counts() == {}
    assert await queue.enqueue("mail", job_id="a") is not None


async def test_what_runs_is_not_removed(lab: Lab) -> None:
    queue, gate = await lab.make(), Gate()
    queue.register("mail", gate)
    job = await queue.enqueue("mail")
    assert job is not None
    await until(lambda: gate.inside == 1)
    with pytest.raises(EnfyraError, match="running") as caught:
        await queue.remove(job.id)
    assert caught.value.status == 409
    gate.opened.set()


# -- one of an id ---------------------------------------------------------------------------------


async def test_of_an_id_there_is_one_job_until_it_has_finished(lab: Lab) -> None:
    queue, gate = await lab.make(), Gate()
    assert await queue.enqueue("mail", delay=BACKOFF, job_id="a") is not None
    assert await queue.enqueue("mail", job_id="a") is None
    assert await queue.enqueue("mail", job_id="A") is not None
    assert await queue.enqueue("other", job_id="a") is not None
    await lab.advance(BACKOFF)
    assert await queue.enqueue("mail", job_id="a") is None
    queue.register("mail", gate, concurrency=2)
    await until(lambda: gate.inside == 2)
    assert await queue.enqueue("mail", job_id="a") is None
    gate.opened.set()
    await settled(queue, "mail", completed=2)
    assert await queue.enqueue("mail", job_id="a") is not None
    await settled(queue, "mail", completed=3)
    assert gate.ended == 3


async def test_of_many_who_ask_for_an_id_at_once_one_gets_it(lab: Lab) -> None:
    queues = [await lab.make(), await lab.make()]
    asked = [queues[n % 2].enqueue("mail", n, job_id="a") for n in range(8)]
    got = [job for job in await asyncio.gather(*asked) if job is not None]
    assert len(got) == 1
    assert (await queues[0].counts())["mail"] == Counts(waiting=1)


async def test_a_failed_job_frees_its_id(lab: Lab) -> None:
    queue, log = await lab.make(), Log(failures=1)
    queue.register("mail", log)
    await queue.enqueue("mail", 1, attempts=1, job_id="a")
    await settled(queue, "mail", failed=1)
    assert await queue.enqueue("mail", 2, attempts=1, job_id="a") is not None
    await settled(queue, "mail", completed=1)
    assert log.data == [1, 2]


# -- transactions ---------------------------------------------------------------------------------


class TakenBack(Exception):
    pass


async def test_a_job_leaves_with_its_transaction_or_not_at_all(lab: Lab) -> None:
    queue, log = await lab.make(), Log()
    queue.register("mail", log)
    database = lab.kernel.records.database
    with suppress(TakenBack):
        async with database.transaction() as session:
            assert await queue.enqueue("mail", "never", session=session, job_id="a") is not None
            assert await queue.enqueue("mail", "never", session=session, job_id="a") is None
            raise TakenBack
    async with database.transaction() as session:
        assert await queue.enqueue("mail", "once", session=session, job_id="a") is not None
        await asyncio.sleep(0.05)
        assert not log.jobs
    await settled(queue, "mail", completed=1)
    assert log.data == ["once"]


# -- lost workers ---------------------------------------------------------------------------------


async def test_who_is_silent_beyond_the_lease_loses_the_job_and_cannot_end_it(lab: Lab) -> None:
    lost, other = await lab.make(), await lab.make()
    gate, log = Gate(), Log()
    lost.register("mail", gate)
    await lost.enqueue("mail", 1)
    await until(lambda: gate.inside == 1)
    other.register("mail", log)
    await asyncio.sleep(0.15)
    assert not log.jobs
    await lab.lose()
    await until(lambda: len(log.jobs) == 1)
    await settled(other, "mail", completed=1)
    assert log.jobs[0].attempt == 1
    assert log.jobs[0].fence > gate.begun[0].fence
    gate.opened.set()
    await until(lambda: gate.ended == 1)
    await asyncio.sleep(0.05)
    assert (await other.counts())["mail"] == Counts(completed=1)


# -- stopping -------------------------------------------------------------------------------------


async def test_who_stops_lets_its_jobs_end(lab: Lab) -> None:
    queue, other, gate = await lab.make(grace=PATIENCE), await lab.make(), Gate()
    queue.register("mail", gate)
    for number in range(2):
        await queue.enqueue("mail", number)
    await until(lambda: gate.inside == 1)
    stopping = asyncio.ensure_future(queue.stop())
    await asyncio.sleep(0.01)
    gate.opened.set()
    await stopping
    assert gate.ended == 1
    assert (await other.counts())["mail"] == Counts(waiting=1, completed=1)


async def test_what_does_not_end_in_time_goes_back_with_all_of_its_attempts(lab: Lab) -> None:
    queue, other = await lab.make(grace=0.01), await lab.make()
    gate, log = Gate(), Log()
    queue.register("mail", gate)
    await queue.enqueue("mail", attempts=1)
    await until(lambda: gate.inside == 1)
    await queue.stop()
    assert gate.inside == 0
    counts = (await other.counts())["mail"]
    assert (counts.waiting + counts.delayed, counts.active) == (1, 0)
    other.register("mail", log)
    await settled(other, "mail", completed=1)
    assert log.jobs[0].attempt == 0


# -- history --------------------------------------------------------------------------------------


async def test_of_finished_jobs_the_last_ones_are_kept(lab: Lab) -> None:
    queue = await lab.make(keep_completed=5, keep_failed=5)
    queue.register("done", Log(), concurrency=4)
    queue.register("failed", Log(failures=100), concurrency=4)
    for number in range(20):
        await queue.enqueue("done", number)
        await queue.enqueue("failed", number, attempts=1)

    async def pruned() -> bool:
        found = await queue.counts()
        done, failed = found["done"], found["failed"]
        rest = done.waiting + done.active + failed.waiting + failed.active
        return rest == 0 and 5 <= done.completed <= 9 and 5 <= failed.failed <= 9

    await until(pruned)

    async def listed() -> bool:
        rows = await job_rows(lab.kernel, {"state": "failed", "name": "failed"})
        return {15, 16, 17, 18, 19} <= {row["data"] for row in rows}

    await until(listed)
