"""An Arrow stream as it comes in: cut into batches that fit into memory, on a thread of its own."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pyarrow as pa

from ...errors import EnfyraError
from ...pieces import PieceFile

ROWS = 5_000


@asynccontextmanager
async def batches_of(
    stream: AsyncIterator[bytes],
) -> AsyncGenerator[tuple[Any, AsyncIterator[Any]], None]:
    """Read an Arrow IPC stream; give its schema, and its record batches as they come.

    Raises:
        EnfyraError: BAD_REQUEST when it is not one whole, valid stream.
    """
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="enfyra-arrow")
    feed = _Feed(stream, loop)
    file = io.BufferedReader(PieceFile(feed.next_piece), 1 << 16)
    try:
        opened = await loop.run_in_executor(thread, _guarded, lambda: pa.ipc.open_stream(file))

        async def batches() -> AsyncIterator[Any]:
            while True:
                batch = await loop.run_in_executor(thread, _guarded, lambda: _next(opened, file))
                if batch is None:
                    return
                for start in range(0, batch.num_rows, ROWS):
                    yield batch.slice(start, ROWS)

        yield opened.schema, batches()
    finally:
        feed.stop()
        thread.shutdown(wait=False, cancel_futures=True)


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


def _next(opened: Any, file: io.BufferedReader[PieceFile]) -> Any:
    try:
        batch = opened.read_next_batch()
    except StopIteration:
        if file.read(1):
            raise pa.ArrowInvalid("there is something behind its end") from None
        return None
    # What a client sends may point outside of its own buffers, or hold texts that are none.
    batch.validate(full=True)
    return batch


def _guarded(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (pa.ArrowException, EOFError, OSError) as error:
        text = str(error).partition("\n")[0]
        raise EnfyraError(
            "BAD_REQUEST", f"The body is not one whole Arrow IPC stream: {text}"
        ) from None
