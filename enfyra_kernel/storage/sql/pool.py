"""A pool of driver connections that costs next to nothing to enter and to leave.

The drivers' own pools send a reset query, or make a proxy object, each time a connection comes
back: 30 to 150 microseconds of a request that takes 100. What we run leaves no state behind
(transactions are closed by whoever opened them), so here a connection is taken from a stack and
put back on it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from ...errors import EnfyraError

C = TypeVar("C")


class Pool(Generic[C]):
    """Connections, at most `size` of them, made when they are needed.

    Args:
        connect: Makes a connection.
        close: Closes one.
        usable: Says whether one that comes back can be used again.
        size: How many there may be.
        patience: Seconds to wait for one.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[C]],
        close: Callable[[C], Awaitable[None]],
        usable: Callable[[C], bool],
        size: int,
        patience: float = 30.0,
    ) -> None:
        self._connect = connect
        self._close = close
        self._usable = usable
        self._size = size
        self._patience = patience
        self._open = 0
        self._idle: list[C] = []
        # Who waits, and until when; whoever has waited longest comes first.
        self._waiting: deque[tuple[asyncio.Future[C | None], float]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._closing = False
        self._ending: set[asyncio.Future[None]] = set()
        self._all_back = asyncio.Event()
        self._all_back.set()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._open

    def take(self) -> C | None:
        """Take a connection if one is idle; it must be given back with `release`."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if self._usable(connection):
                return connection
            self._forget()
        return None

    async def acquire(self) -> C:
        """Take a connection, waiting if need be; it must be given back with `release`."""
        connection = self.take()
        if connection is not None:
            return connection
        if self._closing:
            raise EnfyraError("SERVICE_UNAVAILABLE", "The server is stopping")
        if self._open < self._size:
            return await self._make()
        return await self._wait()

    async def _make(self) -> C:
        self._open += 1
        self._all_back.clear()
        making = asyncio.ensure_future(self._connect())
        try:
            # Drivers that are broken off while they connect leave a socket open.
            return await asyncio.shield(making)
        except BaseException:
            # It may have failed, it may be under way, it may even be ready.
            making.add_done_callback(self._made_for_nobody)
            raise

    def _made_for_nobody(self, making: asyncio.Future[C]) -> None:
        if making.cancelled() or making.exception() is not None:
            self._forget()
        else:
            self.release(making.result())

    async def _wait(self) -> C:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[C | None] = loop.create_future()
        until = loop.time() + self._patience
        self._waiting.append((waiter, until))
        if self._alarm is None:
            self._alarm = loop.call_at(until, self._give_up)
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                handed = waiter.result()
                if handed is not None:
                    self.release(handed)
                else:
                    self._wake()
            raise
        # None: a place is free, but the connection that had it is gone.
        return connection if connection is not None else await self.acquire()

    def _give_up(self) -> None:
        """Send those away who have waited too long: one alarm for all makes waiting cheap."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and (self._waiting[0][1] <= now or self._waiting[0][0].done()):
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(
                    EnfyraError(
                        "DATABASE_BUSY", f"All {self._size} connections to the database are in use"
                    )
                )
        self._alarm = None
        if self._waiting:
            self._alarm = loop.call_at(self._waiting[0][1], self._give_up)

    def release(self, connection: C) -> None:
        """Give a connection back."""
        if self._closing:
            # It counts until it is closed, for `stop` waits for that.
            task = asyncio.ensure_future(self._end(connection))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            return
        if not self._usable(connection):
            self._forget()
            return
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    async def _end(self, connection: C) -> None:
        try:
            # One that cannot be closed as it should is gone all the same.
            with suppress(Exception):
                await self._close(connection)
        finally:
            self._forget()

    def _forget(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._all_back.set()
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def stop(self, patience: float = 10.0) -> None:
        """Close idle connections, and those in use as they come back, for so many seconds."""
        self._closing = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await self._end(connection)
        try:
            async with asyncio.timeout(patience):
                await self._all_back.wait()
        except TimeoutError:
            pass
