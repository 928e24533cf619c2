"""Whoever runs runs: takes them, holds them, and says what has become of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..background import end
from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.flows import FlowDefinition, Flows
from .engine import Engine, StepFailed
from .patience import patiently
from .progress import RunProgress
from .runs import CANCELLED, COMPLETED, FAILED, PENDING, Run, Runs

_log = get_logger("flows")

# Seconds between looks for runs that nobody has said a word about.
POLL = 5.0
# Seconds between writes of how far a run is.
BEAT = 0.5
# A run whose holders have gone so often is given up.
MOST_CLAIMS = 5
# Ends between looks for runs that were kept long enough.
_PRUNE_AFTER = 10

Ended = Callable[[Run, FlowDefinition, str, dict[str, Any] | None], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Held:
    """A run at work here."""

    run: Run
    task: asyncio.Task[None] | None = None
    progress: RunProgress | None = None
    # It is somebody else's by now, or was cancelled.
    lost: bool = False
    given_back: bool = False


class Workers:
    """Runs up to so many runs at the same time.

    Args:
        flows: Gives the definitions of the moment.
        holder: Who this is, among all that share the database.
        at_once: How many; 0 for none: others do it.
        lease: Seconds after which another one may take over from a holder who is silent.
        ended: Called with each run that is over here, its status, and the error.
        forget: Removes what runs have left whose rows are gone.

    Attributes:
        on_lag: Takes the seconds that a scheduled run has begun late.
    """

    def __init__(
        self,
        runs: Runs,
        engine: Engine,
        flows: Callable[[], Flows],
        clock: Clock,
        *,
        holder: str,
        at_once: int,
        lease: float,
        ended: Ended,
        forget: Callable[[Sequence[int]], Awaitable[None]],
    ) -> None:
        self._runs = runs
        self._engine = engine
        self._flows = flows
        self._clock = clock
        self.holder = holder
        self._at_once = at_once
        self._lease = lease
        self._ended = ended
        self.forget = forget
        self._held: dict[int, _Held] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._more = True
        self._ends: Counter[int] = Counter()
        self._pruning: set[int] = set()
        self.on_lag: Callable[[float], None] | None = None

    @property
    def running(self) -> int:
        """How many runs are at work here."""
        return len(self._held)

    @property
    def has_room(self) -> bool:
        """Whether another run could begin here at once."""
        return self._loop is not None and not self._stopping and self.running < self._at_once

    # -- starting and stopping ------------------------------------------------------------------

    def start(self, poll: float = POLL) -> None:
        """Begin to look for runs."""
        if self._at_once:
            self._loop = asyncio.ensure_future(self._look(poll))

    async def stop(self, grace: float) -> None:
        """Take no more; what does not end in time goes back, for others to go on with."""
        self._stopping = True
        await end(self._loop)
        self._loop = None
        if self._held:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._idle.wait()
        for held in list(self._held.values()):
            held.given_back = True
            await end(held.task)

    def wake(self) -> None:
        """Look for runs now: somebody has written one down."""
        self._wake.set()

    def cancel(self, run: int) -> None:
        """Break a run off that was cancelled."""
        held = self._held.get(run)
        if held is not None and held.task is not None:
            held.lost = True
            held.task.cancel()

    # -- taking ---------------------------------------------------------------------------------

    async def _look(self, poll: float) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(poll):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.take_some()
            except EnfyraError as error:
                _log.debug("no look at runs", extra={"reason": error.message})
            except Exception:
                _log.exception("runs could not be looked for")

    async def take_some(self) -> int:
        """Claim runs that wait or were abandoned, as many as there is room for; give how many."""
        taken = 0
        # Unless all that wait have been looked at, the next end is a reason to look again.
        self._more = True
        while (room := self._at_once - self.running) > 0 and not self._stopping:
            found = [*await self._runs.abandoned(room), *await self._runs.waiting(room)]
            claimed = 0
            for run in found[:room]:
                if run.id not in self._held and await self._may_begin(run):
                    mine = await self._runs.claim(run, self.holder)
                    if mine is not None:
                        self.take(mine)
                        claimed += 1
            taken += claimed
            self._more = len(found) > claimed
            if len(found) < room or not claimed:
                break
        return taken

    async def _may_begin(self, run: Run) -> bool:
        flow = self._flows().by_id.get(run.flow_id)
        if flow is None or flow.most is None or run.status != PENDING:
            return True
        return await self._runs.under_way(flow.id) < flow.most

    def take(self, run: Run) -> None:
        """Begin with a run that is claimed already."""
        if self.on_lag is not None and run.scheduled_for is not None and run.fence == 1:
            due = datetime.fromisoformat(run.scheduled_for)
            self.on_lag(max((self._clock.now() - due).total_seconds(), 0.0))
        held = self._held[run.id] = _Held(run)
        held.task = asyncio.ensure_future(self._hold(held))

    # -- holding --------------------------------------------------------------------------------

    async def _hold(self, held: _Held) -> None:
        run = held.run
        try:
            flow = self._flows().by_id.get(run.flow_id)
            if flow is None:
                await self._runs.finish(run, FAILED, error={"message": "The flow is gone"})
                return
            await self._run(held, flow)
        except asyncio.CancelledError:
            # It is somebody else's, or given back: whoever cancelled knows.
            pass
        except Exception:
            # The lease runs out, and another look is taken at it then.
            _log.exception("run left", extra={"run": run.id})
        finally:
            self._held.pop(run.id, None)
            if not self._held:
                self._idle.set()
            if self._more and not self._stopping:
                self._wake.set()

    async def _run(self, held: _Held, flow: FlowDefinition) -> None:
        run = held.run
        progress = held.progress = RunProgress(run, flow, self._clock)
        if run.fence > MOST_CLAIMS:
            error = {"message": f"Those who ran it have gone {MOST_CLAIMS} times"}
            await self._over(held, flow, FAILED, error)
            return
        done = asyncio.Event()
        keeper = asyncio.ensure_future(self._keep(held, done))
        try:
            status, error = await self._outcome(held, flow, progress)
        except asyncio.CancelledError:
            done.set()
            await keeper
            if held.given_back and not held.lost:
                await self._runs.give_back(run, **_without_step(progress))
            elif held.lost:
                await self._say(run, progress)
                await self._ended(run, flow, CANCELLED, None)
            raise
        done.set()
        await keeper
        if not held.lost:
            await self._over(held, flow, status, error)

    async def _outcome(
        self, held: _Held, flow: FlowDefinition, progress: RunProgress
    ) -> tuple[str, dict[str, Any] | None]:
        limit = asyncio.timeout(None if flow.timeout is None else flow.timeout / 1000)
        try:
            async with limit:
                await self._engine.run(
                    held.run, flow, progress, lambda: patiently(lambda: self._save(held))
                )
        except StepFailed as failed:
            return FAILED, _error(failed.error, failed.step.key)
        except TimeoutError:
            if not limit.expired():
                raise
            error = EnfyraError("FLOW_TIMEOUT", f"The run has taken longer than {flow.timeout} ms")
            return FAILED, _error(error, progress.current)
        except EnfyraError as error:
            return FAILED, _error(error, progress.current)
        return COMPLETED, None

    async def _over(
        self, held: _Held, flow: FlowDefinition, status: str, error: dict[str, Any] | None
    ) -> None:
        run, progress = held.run, held.progress
        changed = progress.row() if progress is not None else {}
        lines = progress.lines() if progress is not None else []
        if not await self._finished(run, status, lines, {**changed, "error": error}):
            held.lost = True
            return
        _log.info("run ended", extra={"run": run.id, "flow": flow.name, "status": status})
        await self._ended(run, flow, status, error)
        await self._prune(flow)

    async def _finished(
        self, run: Run, status: str, lines: list[dict[str, Any]], row: dict[str, Any]
    ) -> bool:
        """Write the end of a run; say whether it was still one's own."""
        tried = False

        async def finish() -> bool:
            nonlocal tried
            again, tried = tried, True
            mine = await self._runs.finish(run, status, lines, **row)
            # The database may have done it before it was gone, and said nothing any more.
            return mine or (again and await self._runs.has_ended(run, status))

        return await patiently(finish)

    async def _prune(self, flow: FlowDefinition) -> None:
        """Forget the oldest runs now and then; of several that end together, one does it."""
        self._ends[flow.id] += 1
        enough = self._ends[flow.id] >= min(_PRUNE_AFTER, max(flow.kept // 10, 1))
        if not enough or flow.id in self._pruning:
            return
        self._ends[flow.id] = 0
        self._pruning.add(flow.id)
        try:
            await self.forget(await self._runs.prune(flow.id, flow.kept))
        except EnfyraError as error:
            _log.debug("runs not pruned", extra={"flow": flow.name, "reason": error.message})
        finally:
            self._pruning.discard(flow.id)

    # -- keeping it -----------------------------------------------------------------------------

    async def _keep(self, held: _Held, done: asyncio.Event) -> None:
        """Write down how far a run is, and hold on to it, until it is done."""
        heard = time.monotonic()
        while not done.is_set() and not held.lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await done.wait()
                return
            due = time.monotonic() - heard >= self._lease / 3
            try:
                if held.progress is not None:
                    await self._say(held.run, held.progress)
                    due = due or held.progress.changed
                if not due:
                    continue
                await self._save(held)
                heard = time.monotonic()
            except EnfyraError as error:
                _log.warning("run not kept", extra={"run": held.run.id, "reason": error.message})
                if time.monotonic() - heard > self._lease:
                    self._lose(held)

    async def _save(self, held: _Held) -> None:
        row = held.progress.row() if held.progress is not None else {}
        if not await self._runs.save(held.run, **row):
            self._lose(held)

    def _lose(self, held: _Held) -> None:
        """Stop work on a run that is somebody else's."""
        held.lost = True
        _log.warning("run lost", extra={"run": held.run.id, "fence": held.run.fence})
        if held.task is not None:
            held.task.cancel()

    async def _say(self, run: Run, progress: RunProgress) -> None:
        lines = progress.lines()
        if not lines:
            return
        try:
            await self._runs.log(run.id, lines)
        except BaseException:
            progress.unsaid(lines)
            raise


def _without_step(progress: RunProgress) -> dict[str, Any]:
    return progress.row() | {"currentStep": None}


def _error(error: EnfyraError, step: str | None) -> dict[str, Any]:
    found = {"message": error.message, "code": error.code, "failedStep": step}
    if error.details is not None:
        found["details"] = error.details
    if error.hint:
        found["hint"] = error.hint
    return found
