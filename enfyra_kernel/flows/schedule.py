"""Sets flows off at their times; of all instances, one claims each tick."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from ..background import end
from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.flows import FlowDefinition, Flows
from .times import MOST_MISSED, Times, due, times_of

_log = get_logger("schedule")

# A tick that comes so late is one that was missed.
GRACE = timedelta(seconds=60)
# Seconds between looks whether definitions have changed.
_LOOK = 1.0

Fire = Callable[[FlowDefinition, datetime], Awaitable[None]]


class Upcoming(NamedTuple):
    """When a flow runs next."""

    flow: FlowDefinition
    times: Times
    next: datetime | None


class Schedule:
    """Keeps to the times of all flows that have some.

    Nothing is stored but the runs themselves: what is due follows from the definitions, the clock
    and the last tick that has a run.

    Args:
        flows: Gives the definitions of the moment.
        last_due: Gives the last tick of each flow that has a run.
        fire: Sets a flow off for a tick, unless somebody else has.
    """

    def __init__(
        self,
        flows: Callable[[], Flows],
        last_due: Callable[[], Awaitable[dict[int, datetime]]],
        fire: Fire,
        clock: Clock,
    ) -> None:
        self._flows = flows
        self._last_due = last_due
        self._fire = fire
        self._clock = clock
        self._seen: Flows | None = None
        self._times: dict[int, tuple[FlowDefinition, Times]] = {}
        # Up to when the ticks of each flow are dealt with.
        self._dealt: dict[int, datetime] = {}
        self._heap: list[tuple[datetime, int]] = []
        self._task: asyncio.Task[None] | None = None

    # -- starting and stopping ------------------------------------------------------------------

    async def start(self) -> None:
        """Catch up with what was missed, and go on from there."""
        last = await self._last_due() if self._flows().scheduled else {}
        self._rebuild(last)
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Set nothing off any more."""
        await end(self._task)
        self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:
                _log.exception("the schedule failed")
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Give the seconds until something is due, or might have changed."""
        if not self._heap:
            return _LOOK
        until = (self._heap[0][0] - self._clock.now()).total_seconds()
        return min(max(until, 0.001), _LOOK)

    # -- what is due ----------------------------------------------------------------------------

    def upcoming(self) -> list[Upcoming]:
        """Give all flows that have times, with their next one."""
        self._follow()
        now = self._clock.now()
        return [
            Upcoming(flow, times, times.after(max(now, self._dealt[id_])))
            for id_, (flow, times) in self._times.items()
        ]

    async def tick(self) -> int:
        """Set off what is due by now; give how many ticks that were."""
        self._follow()
        now, fired = self._clock.now(), 0
        while self._heap and self._heap[0][0] <= now:
            _, id_ = heapq.heappop(self._heap)
            found = self._times.get(id_)
            if found is None:
                continue
            try:
                fired += await self._deal(found[0], found[1], now)
                self._dealt[id_] = now
            except EnfyraError as error:
                _log.warning("tick put off", extra={"flow": found[0].name, "why": error.message})
                heapq.heappush(self._heap, (now + timedelta(seconds=1), id_))
                continue
            self._plan(id_)
        return fired

    async def _deal(self, flow: FlowDefinition, times: Times, now: datetime) -> int:
        chosen = _chosen(flow, times, self._dealt[flow.id], now)
        for instant in chosen:
            await self._fire(flow, instant)
            # Should a later one fail, this one is not looked at again.
            self._dealt[flow.id] = instant
        return len(chosen)

    # -- definitions ----------------------------------------------------------------------------

    def _follow(self) -> None:
        """Take in what has changed in the definitions."""
        if self._flows() is not self._seen:
            self._rebuild(None)

    def _rebuild(self, last: dict[int, datetime] | None) -> None:
        """Read the times anew.

        Args:
            last: At the start: the last tick of each flow that has a run.
        """
        self._seen = self._flows()
        now = self._clock.now()
        times: dict[int, tuple[FlowDefinition, Times]] = {}
        dealt: dict[int, datetime] = {}
        for flow in self._seen.scheduled:
            try:
                found = times_of(flow.trigger_config)
            except EnfyraError as error:
                _log.warning("no schedule", extra={"flow": flow.name, "reason": error.message})
                continue
            times[flow.id] = flow, found
            before = self._times.get(flow.id)
            if before is not None and before[0].trigger_config == flow.trigger_config:
                dealt[flow.id] = self._dealt[flow.id]
            else:
                dealt[flow.id] = now if last is None else _begin(flow, last, now)
        self._times, self._dealt, self._heap = times, dealt, []
        for id_ in times:
            self._plan(id_)

    def _plan(self, id_: int) -> None:
        instant = self._times[id_][1].after(self._dealt[id_])
        if instant is not None:
            heapq.heappush(self._heap, (instant, id_))


def _begin(flow: FlowDefinition, last: dict[int, datetime], now: datetime) -> datetime:
    """Give the instant from which ticks are looked at when a server starts."""
    found = last.get(flow.id)
    if found is None and flow.created is not None:
        with suppress(ValueError):
            found = datetime.fromisoformat(flow.created)
    return now if found is None else min(found, now)


def _chosen(flow: FlowDefinition, times: Times, after: datetime, now: datetime) -> list[datetime]:
    """Give the ticks of a span that are run: those on time, and what the flow says of others."""
    config = flow.trigger_config
    # One that comes once is not to be missed altogether.
    policy = config.get("missed") or ("last" if config.get("at") else "skip")
    on_time = list(islice(due(times, max(after, now - GRACE), now), MOST_MISSED))
    if policy == "skip" or after >= now - GRACE:
        return on_time
    missed = list(islice(due(times, after, now - GRACE), MOST_MISSED))
    if policy == "all":
        return [*missed, *on_time][:MOST_MISSED]
    if on_time or not missed:
        return on_time
    # Perhaps there were more than were looked at.
    return [_last(times, missed[-1], now - GRACE)]


def _last(times: Times, after: datetime, until: datetime) -> datetime:
    found = after
    for instant in islice(due(times, after, until), 1_000_000):
        found = instant
    return found
