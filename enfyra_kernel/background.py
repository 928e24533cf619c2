"""Work that goes on beside the requests until it is told to end."""

from __future__ import annotations

import asyncio
from typing import Any

_INSIST = 0.5


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended.

    One `cancel()` is not enough: a library may swallow it (`asyncio.wait_for` of Python 3.11
    does when its own time runs out in the same moment), and the task would go on for ever.

    Example:
        >>> async def main():
        ...     task = asyncio.ensure_future(asyncio.sleep(3600))
        ...     await end(task)
        ...     return task.done()
        >>> asyncio.run(main())
        True
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_INSIST)
