"""A stream kept in a file until it is whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile

# Less than that stays in memory.
SMALL = 4 << 20
PIECE = 1 << 20


@asynccontextmanager
async def spooled(stream: AsyncIterator[bytes]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Wait for the end of a stream; give it again as a stream.

    Where a database has one writer only, a slow sender would keep all others from writing.

    Example:
        >>> async def main():
        ...     async def sent():
        ...         yield b"ab"
        ...         yield b"c"
        ...     async with spooled(sent()) as stream:
        ...         return [piece async for piece in stream]
        >>> asyncio.run(main())
        [b'abc']
    """
    with SpooledTemporaryFile(max_size=SMALL) as file:
        async for piece in stream:
            await asyncio.to_thread(file.write, piece)
        file.seek(0)

        async def pieces() -> AsyncIterator[bytes]:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece

        yield pieces()
