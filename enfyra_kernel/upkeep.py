"""What an instance does beside requests: it hears of the others, looks after, and clears away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec

from .background import end
from .clock import Clock
from .cluster.bus import Bus
from .cluster.channels import SESSIONS, WRITES
from .cluster.locks import LockStore
from .errors import EnfyraError
from .identity.revocation_log import RevocationLog
from .identity.verified import EVERYBODY, Revoked
from .lifecycle.identity_services import IdentityServices
from .logs import get_logger
from .records.definitions import Definitions
from .records.idempotency import Idempotency
from .records.live import LiveDefinitions
from .storage.replicated import ReplicatedDatabase

_log = get_logger("kernel")

# Seconds that an answer waits until the other instances can be told who wrote.
_TELLING = 0.25
# Seconds between looks for what has been kept long enough.
_PRUNE_EVERY = 600
_CLEANUP_LEASE = 3600
# Seconds between writes of when API tokens were last used.
_WRITE_USED_EVERY = 60


class Upkeep:
    """Keeps an instance in step with the others.

    Args:
        replicated: The database with its read replicas, if there are any.
    """

    def __init__(
        self,
        bus: Bus,
        locks: LockStore,
        clock: Clock,
        definitions: Definitions,
        live: LiveDefinitions,
        idempotency: Idempotency,
        revocation_log: RevocationLog,
        replicated: ReplicatedDatabase | None,
    ) -> None:
        self._bus = bus
        self._locks = locks
        self._clock = clock
        self._definitions = definitions
        self._live = live
        self._idempotency = idempotency
        self._revocation_log = revocation_log
        self._replicated = replicated
        self._task: asyncio.Task[None] | None = None

    # -- starting and stopping ------------------------------------------------------------------

    def subscribe(self, identity: IdentityServices) -> None:
        """Listen to the others; before the bus starts."""
        self._identity = identity
        self._bus.subscribe(SESSIONS, self._revoked_elsewhere)
        if self._replicated is not None:
            self._bus.subscribe(WRITES, self._written_elsewhere)
        self._bus.on_gap(self._after_gap)

    def start(self, interval: float) -> None:
        """Begin to look after.

        Args:
            interval: Seconds between looks at what one was not told.
        """
        self._task = asyncio.ensure_future(self._look_after(interval))

    async def stop(self) -> None:
        """End, and write down what only this instance knows."""
        await end(self._task)
        self._task = None
        with suppress(EnfyraError):
            await self._identity.api_tokens.write_used()

    # -- who has written ------------------------------------------------------------------------

    async def tell_written(self, caller: str) -> None:
        """Tell the others who wrote, before he is answered and can ask one of them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TELLING):
                await self._bus.publish(WRITES, {"caller": caller})

    def all_written(self) -> None:
        """Take it that everybody has written: what has changed is not known."""
        if self._replicated is not None:
            self._replicated.note_write_of_everybody()

    async def _written_elsewhere(self, message: Any) -> None:
        if self._replicated is not None:
            self._replicated.note_write(message["caller"])

    # -- who may not any more -------------------------------------------------------------------

    async def announce_revoked(self, revoked: Revoked) -> None:
        """Tell the others whose tokens are worth nothing any more."""
        await self._bus.publish(SESSIONS, msgspec.to_builtins(revoked))
        await self._revocation_log.note(revoked)

    async def _revoked_elsewhere(self, message: Any) -> None:
        try:
            revoked = msgspec.convert(message, Revoked)
        except msgspec.ValidationError:
            # Another version's words: whoever it is about is among everybody.
            revoked = EVERYBODY
        self._identity.revocations.forget(revoked)

    async def _after_gap(self) -> None:
        self._forget_everybody()
        self._live.look_soon()

    def _forget_everybody(self) -> None:
        self.all_written()
        self._identity.revocations.forget(EVERYBODY)

    # -- beside everything ----------------------------------------------------------------------

    async def _look_after(self, interval: float) -> None:
        """Look for what other processes changed or revoked; Redis tells sooner, if it is there."""
        prune_at = write_at = 0.0
        while True:
            await asyncio.sleep(interval)
            try:
                if self._clock.now().timestamp() >= prune_at:
                    prune_at = self._clock.now().timestamp() + _PRUNE_EVERY
                    await self.prune()
                if self._clock.monotonic() >= write_at:
                    write_at = self._clock.monotonic() + _WRITE_USED_EVERY
                    await self._identity.api_tokens.write_used()
                for revoked in await self._revocation_log.news():
                    self._identity.revocations.forget(revoked)
                if await self._live.refresh():
                    self._forget_everybody()
                await self._definitions.heal()
            except EnfyraError as error:
                _log.debug("no look at the definitions", extra={"reason": error.message})
            except Exception:
                _log.exception("the definitions could not be loaded")

    async def prune(self) -> None:
        """Delete what has been kept long enough, unless another instance is at it."""
        with suppress(EnfyraError):
            async with self._locks.attempt("session-cleanup", ttl=_CLEANUP_LEASE) as lease:
                if lease is not None:
                    await self._idempotency.prune()
                    await self._identity.sessions.prune()
                    await self._revocation_log.prune()
