"""The locks of a single instance, in its memory."""

from __future__ import annotations

from dataclasses import dataclass

from ..clock import Clock
from .instance import Instance
from .locks import Lease, LeasingLocks, Refused


@dataclass(slots=True)
class _Held:
    owner: str
    until: float


class LocalLocks(LeasingLocks):
    """Locks between the tasks of one instance; see `LockStore`."""

    def __init__(self, instance: Instance, clock: Clock) -> None:
        super().__init__(instance, clock)
        self._held: dict[str, _Held] = {}
        self._fence = 0

    async def stop(self) -> None:
        """Do nothing."""

    async def _take(self, name: str, owner: str, ttl: float, floor: int) -> int | Refused:
        held = self._held.get(name)
        if held is not None and held.until > self._clock.monotonic():
            return Refused(self._instance.label)
        self._held[name] = _Held(owner, self._clock.monotonic() + ttl)
        # As in Redis: a process that starts anew goes on above those before it.
        microseconds = int(self._clock.now().timestamp() * 1_000_000)
        self._fence = max(self._fence, floor, microseconds - 1) + 1
        return self._fence

    async def _renew(self, lease: Lease) -> bool:
        held = self._held.get(lease.name)
        if held is None or held.owner != lease.owner:
            return False
        held.until = self._clock.monotonic() + lease.ttl
        return True

    async def _let_go(self, lease: Lease) -> None:
        held = self._held.get(lease.name)
        if held is not None and held.owner == lease.owner:
            del self._held[lease.name]
