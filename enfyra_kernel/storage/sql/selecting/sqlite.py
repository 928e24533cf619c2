"""Statements that only read, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from ..driver import Row
from ..faults import explained
from .faults import explain_sqlite_statement
from .found import Found, FoundColumn, MayRead

T = TypeVar("T")

# The longest text or blob that a statement may make.
_LONGEST = 64 << 20
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
# Functions that give rows are tables to SQLite.
_FUNCTIONS = frozenset({"json_each", "json_tree"})


@asynccontextmanager
async def opened(
    connection: sqlite3.Connection, text: str, arguments: Sequence[Any], may_read: MayRead
) -> AsyncGenerator[Found, None]:
    """Open a statement on a connection that is nobody else's, and reads only."""
    connection.set_authorizer(_authorizer(may_read))
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    with explained(explain_sqlite_statement):
        cursor = await _interruptible(connection, connection.execute, text, arguments)
        columns = tuple(FoundColumn(one[0]) for one in cursor.description or ())

        async def fetch(count: int) -> Sequence[Row]:
            return await _interruptible(connection, cursor.fetchmany, count)

        yield Found(columns, fetch)


def _authorizer(may_read: MayRead) -> Callable[..., int]:
    """Make what SQLite asks of each thing that a statement does, before it does it."""

    def authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
        if action in _ALLOWED:
            return sqlite3.SQLITE_OK
        if action != sqlite3.SQLITE_READ or first is None:
            return sqlite3.SQLITE_DENY
        # Without a column, no value is read: of parts of a WITH, too, which are no tables.
        known = not second or first in _FUNCTIONS or may_read(first, second)
        return sqlite3.SQLITE_OK if known else sqlite3.SQLITE_DENY

    return authorize


async def _interruptible(
    connection: sqlite3.Connection, function: Callable[..., T], *arguments: Any
) -> T:
    """Call a function on a thread; whoever is cancelled meanwhile ends the statement."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            # Once more: the thread may only just have begun.
            connection.interrupt()
            await asyncio.wait([work], timeout=0.05)
        if not work.cancelled():
            work.exception()
        raise
