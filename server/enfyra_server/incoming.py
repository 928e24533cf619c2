"""The body of a request that is worked off while it is still coming in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from enfyra_kernel.errors import EnfyraError

# So many pieces of 64 kB wait at most.
WAITING_CHUNKS = 8


class Incoming:
    """Hands pieces on from who receives them to who works them off.

    Args:
        patience: Seconds without a byte after which a sender is given up.

    Attributes:
        skipped: How many bytes have been thrown away.
        stalled: Whether the sender has been given up.

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

    def __init__(self, patience: float | None = None) -> None:
        self._patience = patience
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(WAITING_CHUNKS)
        self._complete = asyncio.Event()
        self._unread = False
        self.skipped = 0
        self.stalled = False

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
        """Give the pieces.

        Raises:
            EnfyraError: REQUEST_TIMEOUT when nothing comes any more.
        """
        while (piece := await self._next()) is not None:
            self._room.release()
            yield piece

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                return await self._pieces.get()
        except TimeoutError:
            self.stalled = True
            raise EnfyraError(
                "REQUEST_TIMEOUT",
                f"Nothing of the body has come for {self._patience:g} seconds",
                hint="Send it again; what had come was taken back",
            ) from None

    async def skip(self) -> None:
        """Throw away what is left, until all has come in: a sender reads no answer before.

        Who sends nothing any more is not waited for.
        """
        self._unread = True
        # Whoever waits for room goes on.
        self._room.release()
        while not (self._complete.is_set() or self.stalled):
            before = self.skipped
            try:
                async with asyncio.timeout(self._patience):
                    await self._complete.wait()
            except TimeoutError:
                self.stalled = self.skipped == before
