"""Definitions that are live on all instances at once.

Who changes definitions loads what he touched and sends it to the others, so that a change costs
the database the same however many instances there are. They apply what follows on the version
that they have. Where something is missing (a message was lost, or could not be read; a version of
Enfyra that is not understood) one of them loads everything and sends it to the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from ..background import end
from ..cluster.bus import Bus
from ..cluster.channels import METADATA, ROUTES
from ..cluster.locks import LockStore
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.registry import EVERYTHING, DefinitionChange, Registry, Update

_log = get_logger("live")

LOCK = "metadata-reload"
LEASE = 30.0
# Seconds to wait for a message that may be on its way, before the database is asked.
GRACE = 0.05
# Seconds to wait for the one who loads everything.
PATIENCE = 3.0
# Bytes of a message; what is larger, everybody loads himself.
MOST = 4 << 20


class LiveDefinitions:
    """Makes changes live here and everywhere.

    Args:
        on_news: Called when others have changed something.
    """

    def __init__(
        self, registry: Registry, bus: Bus, locks: LockStore, on_news: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._bus = bus
        self._locks = locks
        self._on_news = on_news
        self._sending = asyncio.Lock()
        self._told = 0
        self._healing: asyncio.Task[None] | None = None
        self._look = False
        for channel in (METADATA, ROUTES):
            bus.subscribe(channel, self._heard, Update)

    async def stop(self) -> None:
        """End what goes on beside the requests."""
        await end(self._healing)

    # -- changes of this instance ---------------------------------------------------------------

    async def go_live(self, change: DefinitionChange, version: int) -> None:
        """Make a committed change live here, and tell the others.

        Several at the same time are loaded, and told, at once.
        """
        self._registry.apply(Update(since=version - 1, version=version, change=change))
        async with self._sending:
            if self._told >= version:
                return
            update = await self._registry.catch_up(version, patience=GRACE)
            if self._registry.current.version < version:
                # What others changed in between is not known.
                await self._registry.reload()
            if update is None:
                update = Update(since=version - 1, version=version, change=change)
            await self._send(update)

    async def _send(self, update: Update) -> None:
        self._told = max(self._told, update.version)
        message = msgspec.json.encode(update)
        if len(message) > MOST:
            message = msgspec.json.encode(msgspec.structs.replace(update, definitions=None))
        await self._bus.publish(_channel(update.change), msgspec.Raw(message))

    # -- changes of others ----------------------------------------------------------------------

    async def _heard(self, update: Update) -> None:
        if update.version <= self._registry.current.version:
            return
        self._on_news()
        try:
            applied = self._registry.apply(update)
        except Exception:
            _log.exception("a change could not be applied")
            self.look_soon()
            return
        if not applied:
            self._heal_soon()

    def look_soon(self) -> None:
        """Have the database looked at, without waiting for it: messages may have been lost."""
        self._look = True
        self._heal_soon()

    def _heal_soon(self) -> None:
        if self._healing is None or self._healing.done():
            self._healing = asyncio.ensure_future(self._heal())

    async def _heal(self) -> None:
        """Bring up to date what was heard of and could not be applied."""
        try:
            while self._look or self._registry.newest > self._registry.current.version:
                if self._look:
                    self._look = False
                    await self.refresh()
                version = self._registry.newest
                if await self._registry.catch_up(version, patience=GRACE) is not None:
                    continue
                if self._registry.current.version < version:
                    await self._load_for_all(version)
        except EnfyraError as error:
            # The next look at the database makes good for it.
            _log.warning("the definitions could not be loaded", extra={"reason": error.message})
        except Exception:
            _log.exception("the definitions could not be loaded")

    async def refresh(self) -> bool:
        """Look whether the database holds a newer version, and load it; say whether it did."""
        version = await self._registry.version()
        # A change of this instance is in the database a moment before it is live here.
        if await self._registry.reached(version, patience=GRACE):
            return False
        await self._load_for_all(version)
        return True

    async def _load_for_all(self, version: int) -> None:
        """Have one instance load everything and send it to the others."""
        try:
            async with self._locks.attempt(LOCK, ttl=LEASE) as lease:
                if lease is not None:
                    # Another one may have sent it just now.
                    if self._registry.current.version < version:
                        loaded = await self._registry.reload()
                        await self._send(
                            Update(
                                since=0,
                                version=loaded.version,
                                change=EVERYTHING,
                                definitions=loaded,
                            )
                        )
                    return
            if await self._registry.reached(version, patience=PATIENCE):
                return
        except EnfyraError as error:
            if error.code != "LOCKS_UNAVAILABLE":
                raise
        await self._registry.reload()


def _channel(change: DefinitionChange) -> str:
    """Give the channel of a change: that of routes where it is about nothing else."""
    only_routes = "settings" not in change.kinds and change.tables is not None and not change.tables
    return ROUTES if only_routes else METADATA
