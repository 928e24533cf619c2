"""The body of a request while it comes in: kept up to a limit, or handed on as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from enfyra_kernel.errors import EnfyraError

from enfyra_server.delegate import PATIENCE, WAITING_CHUNKS


class Body:
    """A body that is read into memory.

    Args:
        limit: The most bytes that are kept. More are read and thrown away, so that the client
            gets to read the answer, up to a multiple of the limit.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] = []

    def put(self, chunk: bytes) -> None:
        """Take a piece."""
        self._size += len(chunk)
        if self._size <= self._limit:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    @property
    def endless(self) -> bool:
        """Whether the sender shall not be listened to any longer."""
        return self._size > self._limit * PATIENCE

    def content(self) -> bytes:
        """Give all of it.

        Raises:
            EnfyraError: PAYLOAD_TOO_LARGE.
        """
        if self._size > self._limit:
            raise EnfyraError(
                "PAYLOAD_TOO_LARGE",
                f"The body is larger than {self._limit >> 20} MB",
                hint="Send records in several requests, or as NDJSON, CSV, Arrow or Parquet, "
                "which have no limit",
            )
        return b"".join(self._chunks)


class StreamedBody:
    """A body that is worked off while it comes in; its sender waits for whoever reads it.

    Args:
        patience: Seconds without a byte after which a sender is given up.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_CHUNKS)
        self._unread = False

    async def put(self, chunk: bytes | None) -> None:
        """Take a piece, or None for the end; wait until there is room for it."""
        if not self._unread:
            await self._queue.put(chunk)

    def abandon(self) -> None:
        """Note that nobody reads any more; who waits for room goes on."""
        self._unread = True
        while not self._queue.empty():
            self._queue.get_nowait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the pieces.

        Raises:
            EnfyraError: REQUEST_TIMEOUT when nothing comes any more.
        """
        while (piece := await self._next()) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        try:
            async with asyncio.timeout(self._patience):
                return await self._queue.get()
        except TimeoutError:
            raise EnfyraError("REQUEST_TIMEOUT") from None
