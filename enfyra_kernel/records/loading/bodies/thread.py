"""A body as it comes in, read on a thread of its own."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, cast

import pyarrow as pa

from ....errors import EnfyraError
from ....pieces import PieceFile
from .batch import Batch

# How a body may be compressed, and what pyarrow calls that.
CODINGS = {"": None, "identity": None, "gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
_BUFFER = 1 << 16


@asynccontextmanager
async def read_on_thread(
    stream: AsyncIterator[bytes], coding: str, read: Callable[[BinaryIO], Iterator[Batch]]
) -> AsyncGenerator[AsyncIterator[Batch], None]:
    """Give the batches of a body as they come.

    Args:
        coding: One of `CODINGS`.
        read: Reads the body, which is a file to it that cannot be sought in; it may block.

    Raises:
        EnfyraError: UNSUPPORTED_MEDIA_TYPE for another coding, and what `read` raises.
    """
    _check(coding)
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="enfyra-load")
    feed = _Feed(stream, loop)
    reading = read(_opened(PieceFile(feed.next_piece), coding))
    try:

        async def batches() -> AsyncIterator[Batch]:
            while (batch := await loop.run_in_executor(thread, _next, reading)) is not None:
                yield batch

        yield batches()
    finally:
        feed.stop()
        # Whatever it holds, such as a temporary file, it lets go of where it was opened.
        thread.submit(_close, reading)
        thread.shutdown(wait=False)


def _check(coding: str) -> None:
    if coding not in CODINGS:
        known = ", ".join(name for name, codec in CODINGS.items() if codec == name)
        raise EnfyraError(
            "UNSUPPORTED_MEDIA_TYPE",
            f"The body is compressed by '{coding[:40]}'; send it as it is, or by {known}",
        )


def _opened(pieces: PieceFile, coding: str) -> BinaryIO:
    file: Any = io.BufferedReader(pieces, _BUFFER)
    codec = CODINGS[coding]
    if codec is not None:
        unpacked = pa.CompressedInputStream(pa.PythonFile(file, "r"), codec)
        file = io.BufferedReader(cast("Any", unpacked), _BUFFER)
    return file


def _next(reading: Iterator[Batch]) -> Batch | None:
    return next(reading, None)


def _close(reading: Iterator[Batch]) -> None:
    cast("Any", reading).close()


class _Feed:
    """Gives pieces to a thread that the event loop gets."""

    def __init__(self, stream: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self._asked: Future[bytes | None] | None = None
        self._stopped = False

    def next_piece(self) -> bytes | None:
        """Wait for the next piece, on the thread."""
        asked = self._asked = asyncio.run_coroutine_threadsafe(self._more(), self._loop)
        # The thread may have been between two pieces when it was told to stop.
        if self._stopped:
            asked.cancel()
        return asked.result()

    async def _more(self) -> bytes | None:
        return await anext(self._stream, None)

    def stop(self) -> None:
        """Free a thread that waits for a client which sends no more."""
        self._stopped = True
        if self._asked is not None:
            self._asked.cancel()
