"""Transactions that scripts open: each is held by a task of its own until it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

from ...background import end
from ...errors import EnfyraError
from ...storage.database import Database, Session

# How many a script may have open at once, lest it takes all connections.
MOST = 2


class _RollBack(Exception):
    """Ends the block of a transaction without making it final."""


class _Open(NamedTuple):
    session: Session
    commit: asyncio.Future[bool]
    task: asyncio.Task[None]
    turn: asyncio.Lock


class Transactions:
    """The transactions of one request's scripts; those left open are taken back at its end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[int, _Open] = {}
        self._last = 0

    async def begin(self) -> int:
        """Open a transaction, and give its number."""
        if len(self._open) >= MOST:
            raise EnfyraError(
                "TOO_MANY_TRANSACTIONS", f"A script may have {MOST} transactions open at once"
            )
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[Session] = loop.create_future()
        commit: asyncio.Future[bool] = loop.create_future()
        task = asyncio.ensure_future(self._hold(begun, commit))
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        if not begun.done():
            # It could not be opened; this raises why.
            await task
        self._last += 1
        self._open[self._last] = _Open(begun.result(), commit, task, asyncio.Lock())
        return self._last

    async def _hold(self, begun: asyncio.Future[Session], commit: asyncio.Future[bool]) -> None:
        # A transaction has to be opened and closed by the same task.
        try:
            async with self._database.transaction() as session:
                begun.set_result(session)
                if not await commit:
                    raise _RollBack
        except _RollBack:
            pass

    @asynccontextmanager
    async def using(self, number: int | None) -> AsyncGenerator[Session | None, None]:
        """Give the session of an open transaction, to one at a time; None without a number."""
        if number is None:
            yield None
            return
        found = self._found(number)
        async with found.turn:
            yield found.session

    @property
    def newest(self) -> int | None:
        """The number of the transaction that was opened last, of those that are open."""
        return max(self._open, default=None)

    async def end(self, number: int, *, commit: bool) -> None:
        """Make a transaction final, or take it back."""
        found = self._found(number)
        async with found.turn:
            del self._open[number]
            found.commit.set_result(commit)
            await found.task

    def _found(self, number: int) -> _Open:
        found = self._open.get(number)
        if found is None:
            raise EnfyraError("TRANSACTION_ENDED", "The transaction has ended")
        return found

    async def close(self) -> None:
        """Take back what is still open."""
        while self._open:
            _, found = self._open.popitem()
            await end(found.task)
