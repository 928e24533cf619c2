"""Writes that wait for a database which is away for a while, such as one that is restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar

from ..errors import EnfyraError
from ..logs import get_logger

T = TypeVar("T")

_log = get_logger("flows")

AWAY = frozenset({"DATABASE_CONNECTION_ERROR", "DATABASE_BUSY", "DATABASE_TIMEOUT"})
# Seconds between attempts.
_FIRST, _LONGEST = 0.1, 2.0


async def patiently(write: Callable[[], Awaitable[T]]) -> T:
    """Write, again and again while the database is away.

    Only for what may be written twice, and what a fence refuses that comes too late: there is no
    other end than that the task is cancelled.

    Example:
        >>> async def write():
        ...     return "written"
        >>> asyncio.run(patiently(write))
        'written'
    """
    for attempt in count():
        try:
            return await write()
        except EnfyraError as error:
            if error.code not in AWAY:
                raise
            if attempt == 0:
                _log.warning("waiting for the database", extra={"reason": error.message})
        await asyncio.sleep(min(_FIRST * 2 ** min(attempt, 10), _LONGEST))
    raise AssertionError  # it is counted without end
