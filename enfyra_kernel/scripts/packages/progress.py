"""How far an installation is, told to whoever looks at its row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from ...errors import EnfyraError
from ...logs import get_logger

_log = get_logger("packages")
_LONGEST = 200

Say = Callable[[str], None]


@asynccontextmanager
async def told(
    write: Callable[[str], Awaitable[None]], *, seconds: float = 1.0
) -> AsyncGenerator[Say, None]:
    """Give what takes lines, the last of which is written now and then.

    pip says much in a short time: at most one line is written in so many seconds. At the end of
    the block nothing more is.

    Example:
        >>> async def write(line):
        ...     print(line)
        >>> async def main():
        ...     async with told(write) as say:
        ...         say("Collecting six")
        ...         say("Downloading six")
        ...         await asyncio.sleep(0.01)
        >>> asyncio.run(main())
        Downloading six
    """
    last = ""
    news, over = asyncio.Event(), asyncio.Event()

    def say(line: str) -> None:
        nonlocal last
        if line:
            last = line[:_LONGEST]
            news.set()

    async def keep() -> None:
        while await news.wait() and not over.is_set():
            news.clear()
            try:
                await write(last)
            except EnfyraError as error:
                _log.warning("progress was not written", extra={"reason": error.message})
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)

    task = asyncio.ensure_future(keep())
    try:
        yield say
    finally:
        over.set()
        news.set()
        # Not broken off: what is being written would come behind what is written next.
        await task
