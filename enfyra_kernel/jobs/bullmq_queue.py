"""The queue in Redis, by BullMQ: its dashboards show it, and its producers in Node feed it.

Jobs of a transaction, and those that come while Redis is away, wait in the database until they
can be sent. Those that have failed have rows there, which follow what BullMQ says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from ..background import end
from ..clock import Clock
from ..cluster.redis_client import PATIENCE
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.uuid7 import new_uuid
from ..records.records import Records
from ..storage.database import Session
from .bullmq_worker import BullWorker, worker_options
from .dead_letters import Dead, DeadLetters
from .queue import (
    ATTEMPTS,
    BACKOFF,
    KEEP_COMPLETED,
    KEEP_FAILED,
    LEASE,
    Counts,
    Handler,
    Job,
    Order,
    check_concurrency,
    check_name,
    order_of,
)
from .rows import FAILED, OUTGOING, JobRows, is_job_id

_log = get_logger("jobs")

# Seconds between looks for jobs that wait to be sent, and between comparisons of dead letters.
POLL = 1.0
_COMPARE = 30.0
# Seconds until the first look for a job of a transaction that has not ended; then twice as long.
_SOON = 0.002
# BullMQ blocks for ten seconds at most.
_BLOCKED = 15.0
_STATES = ("waiting", "paused", "prioritized", "active", "delayed", "failed", "completed")


class BullQueue:
    """Runs jobs that BullMQ keeps; see `Queue`.

    Args:
        uri: Redis' address.
        node_name: Decorates the keys, so that several deployments can share one Redis.
        backoff: Seconds before the second attempt; each further time twice as long.
        lease: Seconds that a job is held without a sign of life.
        grace: Seconds that running jobs get when the queue is stopped.
    """

    def __init__(
        self,
        uri: str,
        records: Records,
        clock: Clock,
        *,
        node_name: str | None = None,
        backoff: float = BACKOFF,
        lease: float = LEASE,
        poll: float = POLL,
        grace: float = 10.0,
        keep_completed: int = KEEP_COMPLETED,
        keep_failed: int = KEEP_FAILED,
    ) -> None:
        self._uri = uri
        self._rows = JobRows(records, clock)
        self._dead = DeadLetters(records, clock)
        self._clock = clock
        self.prefix = f"{node_name}:bull" if node_name else "bull"
        self._backoff = backoff
        self._lease = lease
        self._poll = poll
        self._grace = grace
        self._keep = {"keep_completed": keep_completed, "keep_failed": keep_failed}
        self._client: Any = None
        self._queues: dict[str, Any] = {}
        self._workers: dict[str, BullWorker] = {}
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._soon = 0.0
        # Names whose dead letters may be others now.
        self._changed: set[str] = set()

    # -- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to run jobs that have a handler."""
        self._client = _client(self._uri, PATIENCE)
        self._task = asyncio.ensure_future(self._keep_up())
        for worker in self._workers.values():
            worker.start()

    async def stop(self) -> None:
        """Begin no other job; those that run get a while, and then go back into the queue."""
        if self._task is None:
            return
        await asyncio.gather(*(worker.stop(self._grace) for worker in self._workers.values()))
        await end(self._task)
        self._task = None
        client, self._client = self._client, None
        self._queues.clear()
        await client.aclose(close_connection_pool=True)

    def register(self, name: str, handler: Handler, *, concurrency: int = 1) -> None:
        """Say what runs the jobs of a name on this instance."""
        check_name(name)
        check_concurrency(concurrency)
        worker = self._workers.get(name)
        if worker is None:
            worker = BullWorker(
                name,
                lambda: _client(self._uri, _BLOCKED),
                lambda client, process: self._make(name, client, process),
                self._note,
                lease=self._lease,
            )
            self._workers[name] = worker
        worker.use(handler, concurrency)
        self._note(name)
        if self._task is not None:
            worker.start()

    def _make(self, name: str, client: Any, process: Any) -> Any:
        import bullmq

        options = worker_options(client, self.prefix, lease=self._lease, **self._keep)
        worker: Any = bullmq.Worker
        return worker(queue_name(name), process, options)

    def _queue(self, name: str) -> Any:
        import bullmq

        queue = self._queues.get(name)
        if queue is None:
            made: Any = bullmq.Queue
            queue = made(queue_name(name), {"connection": self._client, "prefix": self.prefix})
            self._queues[name] = queue
        return queue

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None, None]:
        """Ask Redis for something in the block.

        Raises:
            EnfyraError: QUEUE_UNAVAILABLE when it cannot be reached, or takes too long.
        """
        from redis.exceptions import RedisError

        if self._client is None:
            raise EnfyraError("QUEUE_UNAVAILABLE", "The queue has not been started")
        try:
            async with asyncio.timeout(PATIENCE):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            # The address may hold a password: the error says what kind it was, and no more.
            raise EnfyraError(
                "QUEUE_UNAVAILABLE", f"Redis gives no answer ({type(error).__name__})"
            ) from error

    # -- putting in -----------------------------------------------------------------------------

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
        """Put a job into the queue; see `Queue`. While Redis is away, it waits in the database."""
        order = order_of(name, data, job_id, delay, attempts)
        id_ = new_uuid()
        try:
            if session is not None:
                if await self._is_taken(order):
                    return None
            else:
                return _job(id_, order) if await self._send(id_, order) else None
        except EnfyraError as error:
            _log.warning("a job waits in the database: %s", error.message)
        due = self._clock.now() + timedelta(seconds=order.delay)
        # Should BullMQ have taken it after all, it knows it by its id.
        row = await self._rows.add(order, due, OUTGOING, session, id_=id_)
        if row is None:
            return None
        self._soon = _SOON
        self._wake.set()
        return _job(row.id, order)

    async def _is_taken(self, order: Order) -> bool:
        if order.job_id is None:
            return False
        async with self._asking():
            key = self._queue(order.name).keys["de"]
            return bool(await self._client.exists(f"{key}:{order.job_id}"))

    async def _send(self, id_: str, order: Order) -> bool:
        """Give a job to BullMQ; False if there is one with its id."""
        options: dict[str, Any] = {
            "jobId": id_,
            "attempts": order.attempts,
            "backoff": {"type": "exponential", "delay": round(self._backoff * 1000)},
            "delay": round(order.delay * 1000),
            "removeOnComplete": {"count": self._keep["keep_completed"]},
            "removeOnFail": {"count": self._keep["keep_failed"]},
        }
        if order.job_id is not None:
            options["deduplication"] = {"id": order.job_id}
        async with self._asking():
            await self._client.sadd(self._names_key, order.name)
            job = await self._queue(order.name).add(order.name, order.data, options)
        return job.id == id_

    @property
    def _names_key(self) -> str:
        return f"{self.prefix}:enfyra-names"

    async def _names(self) -> list[str]:
        async with self._asking():
            found: set[str] = await self._client.smembers(self._names_key)
        return sorted({*found, *self._workers})

    # -- operators ------------------------------------------------------------------------------

    async def counts(self) -> dict[str, Counts]:
        """Give how many jobs there are of each name, by state."""
        counts = await self._rows.outgoing_counts()
        for name in await self._names():
            async with self._asking():
                found = await self._queue(name).getJobCounts(*_STATES)
            here = Counts(
                waiting=found["waiting"] + found["paused"] + found["prioritized"],
                **{state: found[state] for state in ("active", "delayed", "failed", "completed")},
            )
            if any(here):
                there = counts.get(name, Counts())
                counts[name] = Counts(*map(sum, zip(here, there, strict=True)))
        return counts

    async def retry(self, id_: str) -> None:
        """Put a failed job back into the queue, where a new one takes its place."""
        row = await self._dead.one(id_) if is_job_id(id_) else None
        if row is None:
            name, job = await self._found(id_)
            raise EnfyraError("CONFLICT", f"The job is not failed: it is {await self._state(job)}")
        if row.state != FAILED:
            raise EnfyraError("CONFLICT", f"The job is not failed: it is {row.state}")
        name = row.name
        if not await self._send(new_uuid(), Order(name, row.data, row.job_id, 0, row.attempts)):
            raise EnfyraError(
                "CONFLICT", f"Another job '{name}' with the id '{row.job_id}' is in the queue"
            )
        if row.queue_id is not None:
            async with self._asking():
                await self._queue(name).remove(row.queue_id)
        await self._dead.delete(row)

    async def remove(self, id_: str) -> None:
        """Remove a job that does not run."""
        row = await self._dead.one(id_) if is_job_id(id_) else None
        if row is None:
            name, job = await self._found(id_)
            async with self._asking():
                gone = await self._queue(name).remove(job.id)
            if not gone:
                raise EnfyraError("CONFLICT", "The job is running", hint="Wait until it has ended")
            self._note(name)
            return
        if row.queue_id is not None:
            async with self._asking():
                await self._queue(row.name).remove(row.queue_id)
        await self._dead.delete(row)

    async def _found(self, id_: str) -> tuple[str, Any]:
        """Give a job that BullMQ knows by this id.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        from bullmq import Job as BullJob

        made: Any = BullJob
        for name in await self._names():
            async with self._asking():
                job = await made.fromId(self._queue(name), id_)
            if job is not None:
                return name, job
        raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no job with the id {id_[:80]}")

    async def _state(self, job: Any) -> str:
        async with self._asking():
            return await job.getState()

    # -- what goes on beside --------------------------------------------------------------------

    def _note(self, name: str) -> None:
        self._changed.add(name)
        self._wake.set()

    async def _keep_up(self) -> None:
        """Send what waits to be sent, and let the rows of dead letters follow."""
        compare_at = 0.0
        while True:
            self._wake.clear()
            try:
                await self._send_waiting()
                if self._clock.monotonic() >= compare_at:
                    compare_at = self._clock.monotonic() + _COMPARE
                    self._changed |= self._workers.keys()
                while self._changed:
                    await self._follow(self._changed.pop())
            except EnfyraError as error:
                _log.debug("jobs were not looked after", extra={"reason": error.message})
            except Exception:
                _log.exception("jobs were not looked after")
            await self._sleep()

    async def _sleep(self) -> None:
        seconds = self._poll
        if self._soon:
            seconds = min(seconds, self._soon)
            self._soon = self._soon * 2 if self._soon < self._poll else 0.0
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send_waiting(self) -> None:
        while rows := await self._rows.outgoing():
            for row in rows:
                delay = max((row.due_at - self._clock.now()).total_seconds(), 0)
                order = Order(row.name, row.data, row.job_id, delay, row.attempts)
                # One that BullMQ has already, of before a crash, it does not take again.
                await self._send(row.id, order)
                await self._rows.remove(row)

    async def _follow(self, name: str) -> None:
        try:
            async with self._asking():
                failed = await self._queue(name).getFailed(0, self._keep["keep_failed"])
            await self._dead.follow(name, [_dead(job) for job in failed])
        except BaseException:
            self._changed.add(name)
            raise


def queue_name(name: str) -> str:
    """Give the name of BullMQ's queue for a name of jobs: a colon has a meaning of its own there.

    Example:
        >>> queue_name("mail:send")
        'mail%3Asend'
    """
    return name.replace("%", "%25").replace(":", "%3A")


def _client(uri: str, patience: float) -> Any:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        uri,
        max_connections=64,
        timeout=patience,
        socket_timeout=patience,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(pool)


def _job(id_: str, order: Order) -> Job:
    return Job(
        id=id_, name=order.name, data=order.data, job_id=order.job_id, attempts=order.attempts
    )


def _dead(job: Any) -> Dead:
    return Dead(
        queue_id=job.id,
        job_id=job.deduplication_id,
        data=job.data,
        attempts=max(job.attempts, 1),
        attempts_made=job.attemptsMade,
        error=job.failedReason or "",
        created_at=_instant(job.timestamp),
        finished_at=_instant(job.finishedOn),
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
