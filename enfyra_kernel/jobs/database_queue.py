"""The queue in the database: durable, with no other service.

Jobs are rows. Whoever claims one holds it for as long as its lease is renewed; the fence, which
grows with each claim, keeps whoever has lost it from writing what became of it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..background import end
from ..clock import Clock
from ..cluster.bus import Bus
from ..cluster.channels import JOBS
from ..errors import EnfyraError
from ..logs import get_logger
from ..records.records import Records
from ..storage.database import Session
from .queue import (
    ATTEMPTS,
    BACKOFF,
    KEEP_COMPLETED,
    KEEP_FAILED,
    LEASE,
    Counts,
    Handler,
    Job,
    check_concurrency,
    check_name,
    kept_result,
    order_of,
    pause_after,
)
from .rows import ACTIVE, COMPLETED, FAILED, WAITING, JobRow, JobRows
from .running import Outcome, Run
from .statements import MANY

_log = get_logger("jobs")

# Seconds between looks for jobs that another process has put in, or that are due.
POLL = 1.0
# Seconds that running jobs get to end when the queue is stopped.
GRACE = 10.0
# Seconds until the first look for a job of a transaction that has not ended; then twice as long.
_SOON = 0.002
# Seconds to give those back that have not ended.
_WRITING = 10.0
_PAUSES = (0.05, 0.2, 1.0, 2.0, 5.0)
_LOST = "The worker was lost"


class _Kind(NamedTuple):
    handler: Handler
    concurrency: int


class DatabaseQueue:
    """Runs jobs that are rows of the database; see `Queue`.

    Args:
        bus: Tells the other instances of jobs that they may run; without it they look themselves.
        instance: Who this is, for people who look at the rows.
        backoff: Seconds before the second attempt; each further time twice as long.
        lease: Seconds that a job is held without a sign of life.
        grace: Seconds that running jobs get when the queue is stopped.
        keep_completed: Jobs that are kept of each name, about; `keep_failed` the same.
    """

    def __init__(
        self,
        records: Records,
        clock: Clock,
        bus: Bus | None = None,
        *,
        instance: str,
        backoff: float = BACKOFF,
        lease: float = LEASE,
        poll: float = POLL,
        grace: float = GRACE,
        keep_completed: int = KEEP_COMPLETED,
        keep_failed: int = KEEP_FAILED,
    ) -> None:
        self._rows = JobRows(records, clock)
        self._clock = clock
        # Of its own: another process with the same name is somebody else.
        self._owner = f"{instance}:{secrets.token_hex(4)}"
        self._backoff = backoff
        self._lease = timedelta(seconds=lease)
        self._poll = poll
        self._grace = grace
        self._keep = {COMPLETED: keep_completed, FAILED: keep_failed}
        self._kinds: dict[str, _Kind] = {}
        self._running: dict[asyncio.Task[None], Run] = {}
        self._active: Counter[str] = Counter()
        self._finished: Counter[tuple[str, str]] = Counter()
        self._wake = asyncio.Event()
        self._soon = 0.0
        # Whether jobs may have been claimed that nobody runs.
        self._unsure = False
        self._look_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._bus = bus
        # Whether there are jobs that others have not been told of, and the task that tells.
        self._untold = False
        self._telling: asyncio.Task[None] | None = None
        if bus is not None:
            bus.subscribe(JOBS, self._told)

    async def start(self) -> None:
        """Begin to run jobs that have a handler."""
        self._tasks = [asyncio.ensure_future(self._run()), asyncio.ensure_future(self._renew())]

    async def stop(self) -> None:
        """Begin no other job; those that run get a while, and then go back into the queue."""
        if not self._tasks:
            return
        claiming, renewing = self._tasks
        self._tasks = []
        await end(claiming)
        with suppress(EnfyraError):
            await self._recover()
        if self._running:
            await asyncio.wait(list(self._running), timeout=self._grace)
        await asyncio.gather(*(run.stop() for run in self._running.values()))
        if self._running:
            await asyncio.wait(list(self._running), timeout=_WRITING)
        await end(renewing)
        await end(self._telling)

    def register(self, name: str, handler: Handler, *, concurrency: int = 1) -> None:
        """Say what runs the jobs of a name on this instance."""
        check_name(name)
        check_concurrency(concurrency)
        self._kinds[name] = _Kind(handler, concurrency)
        self.wake()

    def wake(self) -> None:
        """Look for jobs at once."""
        self._wake.set()

    async def enqueue(
        self,
        name: str,
        data: Any = None,
        *,
        job_id: str | None = None,
        delay: float | timedelta | None = None,
        attempts: int = ATTEMPTS,
        session: Session | None = None,
    ) -> Job | None:
        """Put a job into the queue; see `Queue`."""
        order = order_of(name, data, job_id, delay, attempts)
        due = self._clock.now() + timedelta(seconds=order.delay)
        row = await self._rows.add(order, due, WAITING, session)
        if row is None:
            return None
        if session is not None:
            # Nobody tells when a transaction has ended.
            self._soon = _SOON
        elif not order.delay:
            self._tell_others(name)
        self.wake()
        return _job(row)

    # -- other instances ------------------------------------------------------------------------

    def _tell_others(self, name: str) -> None:
        """Tell the other instances that there are jobs, unless this one is run here at once."""
        kind = self._kinds.get(name)
        if self._bus is None or (kind is not None and self._active[name] < kind.concurrency):
            return
        self._untold = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell(self._bus))

    async def _tell(self, bus: Bus) -> None:
        while self._untold:
            self._untold = False
            await bus.publish(JOBS, {})

    async def _told(self, _message: Any) -> None:
        self.wake()

    # -- operators ------------------------------------------------------------------------------

    async def counts(self) -> dict[str, Counts]:
        """Give how many jobs there are of each name, by state."""
        return await self._rows.counts()

    async def retry(self, id_: str) -> None:
        """Put a failed job back into the queue."""
        row = await self._rows.existing(id_)
        if row.state != FAILED or not await self._rows.retry(row, WAITING):
            raise _is_not(row, "failed")
        self.wake()

    async def remove(self, id_: str) -> None:
        """Remove a job that does not run."""
        row = await self._rows.existing(id_)
        if row.state == ACTIVE or not await self._rows.remove(row):
            raise EnfyraError("CONFLICT", "The job is running", hint="Wait until it has ended")

    # -- claiming -------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            due: datetime | None = None
            try:
                await self._recover()
                await self._take_over()
                due = await self._claim_all()
            except EnfyraError as error:
                _log.debug("no look for jobs", extra={"reason": error.message})
            except Exception:
                _log.exception("jobs could not be looked for")
            await self._sleep(due)

    async def _sleep(self, due: datetime | None) -> None:
        """Wait until there may be something to do."""
        seconds = self._poll
        if due is not None:
            seconds = min(seconds, max((due - self._clock.now()).total_seconds(), 0.001))
        if self._soon:
            seconds = min(seconds, self._soon)
            self._soon = self._soon * 2 if self._soon < self._poll else 0.0
        try:
            async with asyncio.timeout(seconds if self._kinds else None):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim_all(self) -> datetime | None:
        """Begin all jobs that can be; give when the next one is due."""
        while True:
            free = self._free()
            if not free:
                return None
            limit = min(sum(free.values()), MANY) + 1
            waiting = await self._rows.waiting(list(free), limit)
            now = self._clock.now()
            chosen: list[str] = []
            for one in waiting:
                if one.due_at <= now and free[one.name] > 0:
                    free[one.name] -= 1
                    chosen.append(one.id)
            if chosen:
                self._unsure = True
                for row in await self._rows.claim(chosen, self._owner, now + self._lease):
                    self._begin(row)
                self._unsure = False
            if not chosen or len(waiting) < limit:
                return next((one.due_at for one in waiting if one.due_at > now), None)

    async def _recover(self) -> None:
        """Give jobs back that were claimed without our hearing of it."""
        if not self._unsure:
            return
        running = {(run.job.id, run.job.fence) for run in self._running.values()}
        for row in await self._rows.owned(self._owner):
            if (row.id, row.fence) not in running:
                await self._rows.give_back(row)
        self._unsure = False

    def _free(self) -> dict[str, int]:
        """Give how many more jobs of each name may run."""
        free = {name: kind.concurrency - self._active[name] for name, kind in self._kinds.items()}
        return {name: number for name, number in free.items() if number > 0}

    async def _take_over(self) -> None:
        """Look for jobs whose worker is lost, now and then."""
        now = self._clock.monotonic()
        if not self._kinds or now < self._look_at:
            return
        self._look_at = now + self._lease.total_seconds() / 6
        for row in await self._rows.stalled():
            failed = _LOST if row.attempts_made >= row.attempts else None
            if await self._rows.take_from_stalled(row, failed=failed):
                _log.warning("a worker was lost", extra={"job": row.name, "id": row.id})

    # -- running --------------------------------------------------------------------------------

    def _begin(self, row: JobRow) -> None:
        run = Run(self._kinds[row.name].handler, _job(row))
        self._active[row.name] += 1
        task = asyncio.ensure_future(self._finish(row, run))
        self._running[task] = run
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        run = self._running.pop(task)
        self._active[run.job.name] -= 1
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("what became of a job is not known", exc_info=error)

    async def _finish(self, row: JobRow, run: Run) -> None:
        outcome = await run.outcome()
        state = self._next_state(row, outcome)
        if not await self._persist(lambda: self._note(row, outcome, state)):
            _log.warning("a job was taken over meanwhile", extra={"job": row.name, "id": row.id})
        if state in self._keep:
            await self._prune(row.name, state)

    def _next_state(self, row: JobRow, outcome: Outcome) -> str:
        if outcome.stopped:
            return WAITING
        if outcome.error is None:
            return COMPLETED
        return FAILED if outcome.final or row.attempts_made >= row.attempts else WAITING

    async def _note(self, row: JobRow, outcome: Outcome, state: str) -> bool:
        """Write what became of a job; False if that is no longer ours to say."""
        if outcome.stopped:
            return await self._rows.give_back(row)
        if outcome.error is None:
            return await self._rows.complete(row, kept_result(outcome.result))
        if state == FAILED:
            return await self._rows.fail(row, outcome.error)
        pause = timedelta(seconds=pause_after(row.attempts_made, self._backoff))
        return await self._rows.wait_again(row, self._clock.now() + pause, outcome.error)

    async def _persist(self, note: Callable[[], Awaitable[bool]]) -> bool:
        """Write something even if the database is away for a while."""
        for pause in _PAUSES:
            try:
                return await note()
            except EnfyraError as error:
                _log.warning("what became of a job is not written yet: %s", error.code)
                await asyncio.sleep(pause)
        return await note()

    async def _prune(self, name: str, state: str) -> None:
        """Keep the history short; not after each job."""
        keep = self._keep[state]
        self._finished[name, state] += 1
        if self._finished[name, state] <= keep // 5:
            return
        try:
            await self._rows.prune(name, state, keep)
            self._finished[name, state] = 0
        except EnfyraError as error:
            # There is another time.
            _log.debug("finished jobs were not pruned", extra={"reason": error.message})

    async def _renew(self) -> None:
        """Give a sign of life for all jobs that run here."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if not self._running:
                continue
            try:
                held = await self._rows.renew(self._owner, self._clock.now() + self._lease)
                if held < len(self._running):
                    await self._stop_lost()
            except EnfyraError as error:
                _log.warning("the leases of jobs were not renewed: %s", error.code)
            except Exception:
                _log.exception("the leases of jobs were not renewed")

    async def _stop_lost(self) -> None:
        """End the handlers whose jobs somebody else has taken over."""
        held = {(row.id, row.fence) for row in await self._rows.owned(self._owner)}
        lost = [one for one in self._running.values() if (one.job.id, one.job.fence) not in held]
        await asyncio.gather(*(run.stop() for run in lost))


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id,
        name=row.name,
        data=row.data,
        job_id=row.job_id,
        attempt=max(row.attempts_made - 1, 0),
        attempts=row.attempts,
        fence=row.fence,
    )


def _is_not(row: JobRow, state: str) -> EnfyraError:
    return EnfyraError("CONFLICT", f"The job is not {state}: it is {row.state}")
