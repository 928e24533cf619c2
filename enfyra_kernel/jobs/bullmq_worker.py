"""What runs the jobs of one name from BullMQ, again and again until it is told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from ..background import end
from ..logs import get_logger
from .queue import Handler, Job, kept_result
from .running import Run

_log = get_logger("jobs")

# Milliseconds after which Redis is asked again when it was away.
_AGAIN = 500
_PAUSE = 0.5


class JobFailed(Exception):
    """Tells BullMQ what a handler has raised."""


class BullWorker:
    """Runs the jobs of one name.

    Args:
        connect: Makes a connection to Redis.
        make: Makes BullMQ's own worker, of a connection and a processor.
        on_end: Told when a job has ended so that the jobs that have failed may be others now.
        lease: Seconds that a job is held without a sign of life.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        make: Callable[[Any, Any], Any],
        on_end: Callable[[str], None],
        *,
        lease: float,
    ) -> None:
        self.name = name
        self._connect = connect
        self._make = make
        self._on_end = on_end
        self._lease = lease
        self._handler: Handler | None = None
        self._concurrency = 1
        self._runs: set[Run] = set()
        self._lost: set[Run] = set()
        self._worker: Any = None
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._stopping = False

    def use(self, handler: Handler, concurrency: int) -> None:
        """Run jobs by another handler from now on."""
        self._handler = handler
        self._concurrency = concurrency
        if self._worker is not None:
            self._worker.opts["concurrency"] = concurrency

    def start(self) -> None:
        """Begin to run jobs."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """Run BullMQ's worker; it ends when Redis is away as it begins."""
        while not self._stopping:
            client = self._connect()
            self._worker = self._make(client, self._process)
            self._worker.opts["concurrency"] = self._concurrency
            self._worker.on("error", _note_error)
            self._worker.on("lockRenewalFailed", self._lose)
            self._worker.on("failed", self._failed)
            self._worker.on("completed", self._completed)
            try:
                await self._worker.run()
            except Exception as error:
                _note_error(error)
            if not self._stopping:
                await self._worker.close(force=True)
                await asyncio.sleep(_PAUSE)
            elif self._closing is not None:
                await asyncio.wait([self._closing])
            # BullMQ may have asked for something after it has closed it.
            await client.aclose(close_connection_pool=True)

    async def stop(self, grace: float) -> None:
        """Begin no other job; those that run get a while, and then go back into the queue."""
        self._stopping = True
        task = self._task
        if task is None or self._worker is None:
            await end(task)
            return
        closing = self._closing = asyncio.ensure_future(self._worker.close())
        renewing = asyncio.ensure_future(self._renew())
        await asyncio.wait([closing], timeout=grace)
        await asyncio.gather(*(run.stop() for run in list(self._runs)))
        await asyncio.wait([task], timeout=self._lease)
        for one in (renewing, closing, task):
            await end(one)

    async def _renew(self) -> None:
        """Prolong leases while the worker closes, which itself does not do so any longer."""
        while True:
            await asyncio.sleep(self._lease / 3)
            await self._worker.extendLocks()

    # -- what BullMQ calls ----------------------------------------------------------------------

    async def _process(self, job: Any, token: str) -> Any:
        """Run a job; what is raised says what becomes of it."""
        from bullmq.custom_errors import DelayedError, UnrecoverableError

        if self._handler is None:
            raise JobFailed("There is no handler")
        # Not by the token: BullMQ gives the same one to jobs that it fetches together.
        run = Run(self._handler, job_of(self.name, job))
        self._runs.add(run)
        try:
            outcome = await run.outcome()
        finally:
            self._runs.discard(run)
        if outcome.stopped:
            if run not in self._lost:
                await job.moveToDelayed(round(time.time() * 1000), token)
            self._lost.discard(run)
            # It is somewhere else now, and BullMQ is to leave it there.
            raise DelayedError
        if outcome.error is None:
            return kept_result(outcome.result)
        if outcome.final:
            raise UnrecoverableError(outcome.error)
        raise JobFailed(outcome.error)

    def _lose(self, ids: list[str]) -> None:
        """End the handlers whose jobs somebody else has taken over."""
        for run in self._runs:
            if run.job.id in ids:
                _log.warning("a job was taken over", extra={"job": self.name, "id": run.job.id})
                self._lost.add(run)
                run.cancel()

    def _failed(self, job: Any, _error: Any) -> None:
        if job.finishedOn:
            self._on_end(self.name)

    def _completed(self, job: Any, _result: Any) -> None:
        if job.attemptsMade > 1:
            # It may have been a dead letter that somebody has retried.
            self._on_end(self.name)


def _note_error(error: Exception, _job: Any = None) -> None:
    _log.debug("BullMQ's worker has trouble", extra={"reason": type(error).__name__})


def job_of(name: str, job: Any) -> Job:
    """Give a job of BullMQ as handlers get it."""
    return Job(
        id=job.id,
        name=name,
        data=job.data,
        job_id=job.deduplication_id,
        attempt=job.attemptsMade + job.stalledCounter,
        attempts=max(job.attempts, 1),
        fence=job.attemptsStarted,
    )


def worker_options(
    connection: Any, prefix: str, *, lease: float, keep_completed: int, keep_failed: int
) -> dict[str, Any]:
    """Give the options of BullMQ's own worker."""
    return {
        "connection": connection,
        "prefix": prefix,
        "autorun": False,
        # Seconds: so long may it take, too, until an idle worker hears that it is to stop.
        "drainDelay": 2,
        "lockDuration": round(lease * 1000),
        "stalledInterval": round(lease * 1000),
        # A job that takes its worker down with it is given up the third time.
        "maxStalledCount": 2,
        "runRetryDelay": _AGAIN,
        "removeOnComplete": {"count": keep_completed},
        "removeOnFail": {"count": keep_failed},
    }
