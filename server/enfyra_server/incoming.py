"""The body of a request that is worked off while it is still coming in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

# So many pieces of 64 kB wait at most.
WAITING_CHUNKS = 8


class Incoming:
    """Hands pieces on from who receives them to who works them off.

    Attributes:
        skipped: How many bytes have been thrown away.

    Example:
        >>> async def main() -> bytes:
        ...     incoming = Incoming()
        ...     await incoming.put(b"ab")
        ...     await incoming.put(b"c")
        ...     incoming.end()
        ...     return b"".join([piece async for piece in incoming.pieces()])
        >>> asyncio.run(main())
        b'abc'
    """

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(WAITING_CHUNKS)
        self._complete = asyncio.Event()
        self._unread = False
        self.skipped = 0

    async def put(self, piece: bytes) -> None:
        """Take a piece; wait while there is no room for it, so that the sender waits, too."""
        if self._unread:
            self.skipped += len(piece)
            return
        await self._room.acquire()
        self._pieces.put_nowait(piece)

    def end(self) -> None:
        """Note that this was all."""
        self._complete.set()
        self._pieces.put_nowait(None)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the pieces."""
        while (piece := await self._pieces.get()) is not None:
            self._room.release()
            yield piece

    async def skip(self) -> None:
        """Throw away what is left, until all has come in: a sender reads no answer before."""
        self._unread = True
        # Whoever waits for room goes on.
        self._room.release()
        await self._complete.wait()
