"""Locks by name: of all instances of a cluster, one holds a name at a time.

A lock is a lease. It is renewed while its block runs; a holder that crashes, hangs or cannot reach
Redis loses it when the lease is over. What must never be done by a holder that has lost it without
noticing yet is guarded by the fence: each holder gets a larger number than all before it, so that
whatever is written can refuse the number of one who came before (see `Lease.fence`).
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from ..background import end
from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from .instance import Instance

_log = get_logger("locks")

# Seconds between two tries of one who waits: few at first, for locks that are held for a moment.
_FIRST_TRY, _LAST_TRY = 0.005, 0.1
# Of a lease, the part after which it is renewed, and after which a failed renewal is repeated.
_RENEW, _RETRY = 1 / 3, 1 / 12


class Lease:
    """The right to a name, while it is renewed.

    Attributes:
        name: What is held.
        owner: What tells this holder from every other one; begins with the instance's id.
        fence: Larger than that of every earlier holder of any lock of the cluster, also when Redis
            has lost everything, or was added or taken away: it is at least the microseconds since
            1970 by Redis' clock. If that clock may jump back, give `hold` the largest fence that
            you have seen as the `floor`.
        lost: Set as soon as it is known that the lease is lost. Whoever works long waits for it
            beside his work, or calls `check` between two steps.
    """

    def __init__(self, name: str, owner: str, fence: int, ttl: float, clock: Clock) -> None:
        self.name = name
        self.owner = owner
        self.fence = fence
        self.ttl = ttl
        self.lost = asyncio.Event()
        self._clock = clock
        self._until = clock.monotonic() + ttl

    @property
    def remaining(self) -> float:
        """Seconds for which it is certainly held if nothing renews it; 0 when it is lost."""
        return 0.0 if self.lost.is_set() else max(self._until - self._clock.monotonic(), 0.0)

    @property
    def held(self) -> bool:
        """Whether nobody else can have the name now; right also after a pause of this process."""
        return self.remaining > 0

    def check(self) -> None:
        """Do nothing while the lease is held.

        Raises:
            EnfyraError: LOCK_LOST.
        """
        if not self.held:
            raise EnfyraError(
                "LOCK_LOST",
                f"The lock '{self.name}' is no longer held: it was not renewed in time",
                details={"lock": self.name},
            )

    def extended(self, since: float) -> None:
        """Note that it was renewed at an instant of the clock."""
        self._until = since + self.ttl


class LockStore(Protocol):
    """Locks of a cluster.

    All methods raise LOCKS_UNAVAILABLE (503) when Redis, which has the locks, gives no answer:
    whoever asks decides whether to go on without.
    """

    def hold(
        self, name: str, *, ttl: float, wait: float = 0.0, floor: int = 0
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold a name in a block, renewed all the while, and let go of it at the end.

        Those who wait are not served in any order.

        Args:
            name: What to hold; any text, the same for all who mean the same.
            ttl: Seconds after which a holder that no longer renews it loses it.
            wait: Seconds to wait for another holder; 0 tries once.
            floor: The fence becomes larger than this.

        Raises:
            EnfyraError: LOCK_HELD when somebody else does not let go of it in time.

        Example:
            >>> from enfyra_kernel.clock import SystemClock
            >>> from enfyra_kernel.cluster.local_locks import LocalLocks
            >>> async def main() -> str:
            ...     locks = LocalLocks(Instance.here(), SystemClock())
            ...     async with locks.hold("report", ttl=30) as lease:
            ...         lease.check()
            ...         try:
            ...             async with locks.hold("report", ttl=30, wait=0.01):
            ...                 return "twice"
            ...         except EnfyraError as error:
            ...             return error.code
            >>> asyncio.run(main())
            'LOCK_HELD'
        """
        ...

    def attempt(
        self, name: str, *, ttl: float, floor: int = 0
    ) -> AbstractAsyncContextManager[Lease | None]:
        """Hold a name in a block as `hold` does, or None at once if somebody else has it."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a name could not be taken: who has it."""

    holder: str


class LeasingLocks(ABC):
    """What all locks have in common: waiting, renewing, letting go.

    Args:
        instance: Who holds the locks.
    """

    def __init__(self, instance: Instance, clock: Clock) -> None:
        self._instance = instance
        self._clock = clock

    @abstractmethod
    async def _take(self, name: str, owner: str, ttl: float, floor: int) -> int | Refused:
        """Take a name that nobody has; give the fence."""

    @abstractmethod
    async def _renew(self, lease: Lease) -> bool:
        """Prolong a lease by its whole span from now; say whether it is still held."""

    @abstractmethod
    async def _let_go(self, lease: Lease) -> None:
        """Free a name, if this owner has it."""

    @abstractmethod
    async def stop(self) -> None:
        """Disconnect."""

    @asynccontextmanager
    async def hold(
        self, name: str, *, ttl: float, wait: float = 0.0, floor: int = 0
    ) -> AsyncGenerator[Lease, None]:
        """Hold a name in a block; see `LockStore`."""
        lease = await self._acquire(name, ttl, wait, floor)
        if isinstance(lease, Refused):
            raise EnfyraError(
                "LOCK_HELD",
                f"'{name}' is held by {lease.holder}",
                details={"lock": name, "holder": lease.holder},
            )
        async with self._holding(lease):
            yield lease

    @asynccontextmanager
    async def attempt(
        self, name: str, *, ttl: float, floor: int = 0
    ) -> AsyncGenerator[Lease | None, None]:
        """Hold a name in a block, or None if somebody else has it."""
        lease = await self._acquire(name, ttl, 0.0, floor)
        if isinstance(lease, Refused):
            yield None
            return
        async with self._holding(lease):
            yield lease

    async def _acquire(self, name: str, ttl: float, wait: float, floor: int) -> Lease | Refused:
        if ttl <= 0 or not name:
            raise ValueError("a lock needs a name, and a lease of more than 0 seconds")
        owner = f"{self._instance.id}:{secrets.token_hex(8)}"
        deadline = self._clock.monotonic() + wait
        pause = _FIRST_TRY
        while True:
            lease = Lease(name, owner, 0, ttl, self._clock)
            taken = await self._take(name, owner, ttl, floor)
            if isinstance(taken, int):
                lease.fence = taken
                return lease
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return taken
            # Not all at the same time.
            await asyncio.sleep(min(left, pause * (0.5 + secrets.randbelow(1000) / 1000)))
            pause = min(pause * 2, _LAST_TRY)

    @asynccontextmanager
    async def _holding(self, lease: Lease) -> AsyncGenerator[None, None]:
        renewing = asyncio.ensure_future(self._keep(lease))
        try:
            yield
        finally:
            await end(renewing)
            try:
                await self._let_go(lease)
            except EnfyraError as error:
                # It ends by itself.
                extra = {"lock": lease.name, "reason": error.message}
                _log.warning("a lock was not released", extra=extra)

    async def _keep(self, lease: Lease) -> None:
        """Renew a lease until it is lost; a failure is repeated as long as there is time."""
        pause = lease.ttl * _RENEW
        while lease.held:
            await asyncio.sleep(min(pause, lease.remaining))
            begun = self._clock.monotonic()
            try:
                async with asyncio.timeout(lease.remaining):
                    if not await self._renew(lease):
                        break
            except (TimeoutError, EnfyraError):
                pause = lease.ttl * _RETRY
            else:
                lease.extended(begun)
                pause = lease.ttl * _RENEW
        lease.lost.set()
        _log.warning("a lock was lost", extra={"lock": lease.name})
