"""The processes of a pool: how many there are, and which one gets the next call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .calls import Call
from .process import Packages, WorkerProcess

# Calls that share a worker while they wait.
_AT_ONCE = 64
# A worker that was silent for so long, with something to do, gets new calls last.
_SILENT = 0.01
# So many calls are better off in one worker that is awake than in several that have to wake up.
_TOGETHER = 16
_FAILED_STARTS = 3


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
        serving: How many of them run scripts.
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
        serving: int,
        spare: int,
        megabytes: int,
        heard: Callable[[Worker, Any], None],
        lost: Callable[[Worker, str], None],
    ) -> None:
        self.packages = Packages()
        self.workers: list[Worker] = []
        self._serving = serving
        self._size = serving + spare
        self._megabytes = megabytes
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
    def short(self) -> bool:
        """Whether there are fewer than there should be."""
        return len(self.workers) < self._size

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
            if serving > self._serving:
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

    def fill(self, now: float) -> None:
        """Start what is missing.

        Raises:
            OSError: The system does not let us.
        """
        alive = sum(not worker.worn for worker in self.workers)
        while alive < self._size and self._failed_starts < _FAILED_STARTS:
            try:
                self.workers.append(self._started(now))
            except OSError:
                self._failed_starts += 1
                raise
            alive += 1

    def _started(self, now: float) -> Worker:
        worker = Worker(now)
        worker.process = WorkerProcess(
            self._megabytes,
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

    async def ended(self) -> None:
        """Wait until those that were ended are gone."""
        await asyncio.gather(*self._ending, return_exceptions=True)
