"""Record batches on their way out: each format has an encoder, and all are driven alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol


class Encoder(Protocol):
    """Writes record batches in one format; it works on a thread."""

    def begin(self, schema: Any) -> bytes:
        """Give what comes before the first batch."""
        ...

    def write(self, batch: Any) -> bytes:
        """Give what can be sent once this batch is there; that may be nothing yet."""
        ...

    def end(self) -> bytes:
        """Give the rest."""
        ...


async def encoded(
    batches: AsyncGenerator[Any, None], encoder: Encoder
) -> AsyncGenerator[bytes, None]:
    """Give batches in a format, piece by piece.

    The first piece holds the first records, unless there are none: what fails by then fails before
    anything has been sent.
    """
    # A reader that goes away lets go of the database at once.
    async with aclosing(batches):
        first = await anext(batches)
        piece = await asyncio.to_thread(encoder.begin, first.schema)
        begun = False
        async for batch in batches:
            piece += await asyncio.to_thread(encoder.write, batch)
            if piece or not begun:
                yield piece
                piece, begun = b"", True
        yield piece + await asyncio.to_thread(encoder.end)
