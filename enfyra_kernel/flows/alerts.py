"""Alerts that are sent to other servers, again and again for a while where one does not answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, cast

from ..background import end
from ..errors import EnfyraError
from ..logs import get_logger

_log = get_logger("flows")

# Seconds before each next attempt, a little shorter by chance.
PAUSES = (2.0, 10.0, 60.0, 300.0)
# What a server says to somebody who comes too soon.
_LATER = frozenset({408, 425, 429})


class Alerts:
    """Sends alerts beside the runs, which do not wait for them.

    Args:
        post: Sends JSON to another server.

    Attributes:
        pause: Waits for some seconds before another attempt.
    """

    def __init__(self, post: Callable[[str, Any], Awaitable[None]]) -> None:
        self._post = post
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self.pause: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep

    def send(self, url: str, payload: Mapping[str, Any]) -> None:
        """Begin to send one."""
        task = asyncio.ensure_future(self._insist(url, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _insist(self, url: str, payload: Mapping[str, Any]) -> None:
        for pause in (*PAUSES, None):
            try:
                await self._post(url, payload)
                return
            except EnfyraError as problem:
                last = pause is None or not _may_pass(problem)
                _log.warning(
                    "alert not sent",
                    extra={"flow": payload["flow"], "why": problem.message, "given_up": last},
                )
            if last or pause is None:
                return
            await self._rest(pause * random.uniform(0.8, 1.0))  # noqa: S311 - not a secret
            if self._stopping.is_set():
                return

    async def _rest(self, seconds: float) -> None:
        """Wait, unless all is about to stop."""
        rest = asyncio.ensure_future(self.pause(seconds))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({rest, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            rest.cancel()
            stop.cancel()

    async def stop(self, grace: float) -> None:
        """Give those that are on their way a moment; the others are not sent."""
        self._stopping.set()
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            await end(task)


def _may_pass(problem: EnfyraError) -> bool:
    """Say whether the same may go well later."""
    if problem.code == "FETCH_FORBIDDEN":
        return False
    details: Any = problem.details
    status = cast("dict[str, Any]", details).get("status") if isinstance(details, dict) else None
    return type(status) is not int or status >= 500 or status in _LATER
