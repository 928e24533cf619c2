"""The processes of a pool: how many there are, and which one gets the next call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from .calls import Call
from .forking import Forking
from .process import Packages, Starter, WorkerProcess
from .spawning import Spawning

# Calls that share a worker while they wait.
_AT_ONCE = 64
# A worker that was silent for so long, with something to do, gets new calls last.
_SILENT = 0.01
# So many calls are better off in one worker that is awake than in several that have to wake up.
_TOGETHER = 16
_FAILED_STARTS = 3
# Processes that have one call each, for one that takes many: most of them wait for the server.
_FORKED_AT_ONCE = 16


class Isolation(StrEnum):
    """What a process is used for: many calls, or just one."""

    WARM = "warm"
    FORK = "fork"


class Worker:
    """A process as its pool sees it.

    Attributes:
        calls: What it is working on, by number.
        ready: Whether it has begun to serve.
        worn: Whether it gets no more calls, and ends when it has none.
        alone: Whether its call has it for itself.
        layers: What each layer of its sandbox has got.
        silent_since: Since when it owes a word, by the loop's clock.
    """

    def __init__(self, started: float) -> None:
        self.process: WorkerProcess
        self.calls: dict[int, Call] = {}
        self.ready = False
        self.worn = False
        self.alone = False
        self.layers: Mapping[str, str] = {}
        self.started = started
        self.silent_since: float | None = None

    def takes(self, call: Call) -> bool:
        """Whether it could run another call."""
        if not self.ready or self.worn or self.alone or len(self.calls) >= _AT_ONCE:
            return False
        return not (call.alone and self.calls)


class Crew:
    """The processes of one pool.

    Args:
        isolation: Whether each runs many calls, or one.
        serving: How many of them run scripts; of those that run one call, 16 times as many.
        spare: How many more stand by, to take the place of one that has to be killed.
        megabytes: What the scripts of each may use of memory.
        heard: Called with each message of a worker.
        lost: Called once for a worker that has ended by itself, with the reason.

    Attributes:
        packages: What scripts may import beside what every script may.
        workers: All that there are, the oldest first.
    """

    def __init__(
        self,
        *,
        isolation: Isolation,
        serving: int,
        spare: int,
        megabytes: int,
        heard: Callable[[Worker, Any], None],
        lost: Callable[[Worker, str], None],
    ) -> None:
        self.packages = Packages()
        self.workers: list[Worker] = []
        self._once = isolation is Isolation.FORK
        self._most = serving * _FORKED_AT_ONCE if self._once else serving
        self._ready = serving + spare
        self._starter: Starter = Forking(megabytes) if self._once else Spawning(megabytes)
        self._heard = heard
        self._lost = lost
        self._ending: set[asyncio.Task[Any]] = set()
        self._failed_starts = 0

    @property
    def layers(self) -> Mapping[str, str]:
        """What each layer of the sandbox has got; empty until a worker is ready."""
        none: Mapping[str, str] = {}
        return next((one.layers for one in self.workers if one.ready), none)

    @property
    def full(self) -> bool:
        """Whether there is nothing to start, for those that ask often."""
        return not self._once and len(self.workers) >= self._ready

    def missing(self, waiting: int) -> int:
        """Say how many processes there should be, and are not, when calls wait."""
        alive = sum(not worker.worn for worker in self.workers)
        if not self._once:
            return self._ready - alive
        # Those that have their call are worn.
        busy = len(self.workers) - alive
        return min(self._ready + waiting, self._most - busy) - alive

    @property
    def hopeless(self) -> bool:
        """Whether nothing serves, and starting something has failed too often."""
        return self._failed_starts >= _FAILED_STARTS and not any(one.ready for one in self.workers)

    def free(self, call: Call, now: float) -> Worker | None:
        """Give the worker that is best for a call; None when all have enough to do."""
        best: Worker | None = None
        least = (True, True, 0)
        serving = 0
        for worker in self.workers:
            serving += worker.ready and not worker.worn
            if serving > self._most:
                break  # the rest stands by
            if worker.takes(call):
                since, busy = worker.silent_since, len(worker.calls)
                crowded = busy >= _TOGETHER
                rank = (
                    since is not None and now - since > _SILENT,
                    crowded,
                    busy if crowded else -busy,
                )
                if best is None or rank < least:
                    best, least = worker, rank
        return best

    def take(self, worker: Worker, call: Call, now: float) -> None:
        """Note that a worker is given a call."""
        worker.calls[call.number] = call
        worker.alone = call.alone
        worker.worn = worker.worn or self._once
        if worker.silent_since is None:
            worker.silent_since = now

    def fill(self, waiting: int, now: float) -> bool:
        """Start one of those that are missing, and say whether there are more.

        One at a time: to start a process takes milliseconds, in which the server does nothing else.

        Raises:
            OSError: The system does not let us.
        """
        missing = self.missing(waiting)
        if missing <= 0 or self._failed_starts >= _FAILED_STARTS:
            return False
        try:
            self.workers.append(self._started(now))
        except OSError:
            self._failed_starts += 1
            raise
        return missing > 1

    def _started(self, now: float) -> Worker:
        worker = Worker(now)
        worker.process = WorkerProcess(
            self._starter,
            self.packages,
            lambda message: self._heard(worker, message),
            lambda reason: self._lost(worker, reason),
        )
        return worker

    def is_ready(self, worker: Worker, layers: Mapping[str, str]) -> None:
        """Take that a worker has begun to serve."""
        worker.ready = True
        worker.layers = layers
        self._failed_starts = 0

    def has_not_started(self, worker: Worker) -> None:
        """Take that a worker has ended before it was ready."""
        self._failed_starts += 1
        self.end(worker)

    def try_again(self) -> None:
        """Forget the starts that have failed."""
        self._failed_starts = 0

    def end(self, worker: Worker) -> None:
        """End a worker, whatever it does."""
        worker.process.kill()
        self.workers.remove(worker)
        task = asyncio.ensure_future(worker.process.ended())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def renew(self) -> None:
        """Replace forked workers that wait for a call: what one has died of, all may have."""
        if self._once:
            for worker in [one for one in self.workers if not one.calls]:
                self.end(worker)

    def end_all(self) -> None:
        """End all workers, and what starts them."""
        for worker in self.workers[:]:
            self.end(worker)
        self._starter.rest()

    async def ended(self) -> None:
        """Wait until those that were ended are gone."""
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._starter.stop()
