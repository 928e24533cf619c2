"""Connections to servers that went away: closed aside, since that can take its time."""

from __future__ import annotations

import asyncio
from typing import Any

from ...background import end
from ...logs import get_logger
from ..database import Database

_log = get_logger("replicas")

PATIENCE = 1.0


class Retired:
    """Databases that nobody uses any more."""

    def __init__(self) -> None:
        self._closing: set[asyncio.Task[None]] = set()

    def add(self, database: Database) -> None:
        """Close the connections of a database, without waiting for it."""
        task = asyncio.ensure_future(database.stop())
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[Any]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.debug("connections were not closed well", extra={"reason": repr(error)})

    async def stop(self) -> None:
        """Wait a moment for what is still closing, then cut it off."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=PATIENCE)
        for task in tuple(self._closing):
            await end(task)
