"""One job that runs, and what becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from ..logs import get_logger
from .queue import GiveUp, Handler, Job, error_text

_log = get_logger("jobs")

# Seconds that a handler has to end after it was told to.
_PATIENCE = 2.0


class Outcome(NamedTuple):
    """How a handler ended.

    Attributes:
        error: What it raised, as text; None if it came to its end.
        final: Whether it would fail again.
        stopped: Whether it was told to end before it came to it.
    """

    result: Any = None
    error: str | None = None
    final: bool = False
    stopped: bool = False


class Run:
    """A handler at work on a job; it can be told to end."""

    def __init__(self, handler: Handler, job: Job) -> None:
        self.job = job
        self._stopped = False
        self._work = asyncio.ensure_future(_call(handler, job))

    async def outcome(self) -> Outcome:
        """Wait for the handler's end."""
        await asyncio.wait([self._work])
        job = self.job
        facts: dict[str, Any] = {"job": job.name, "id": job.id, "attempt": job.attempt}
        if self._work.cancelled():
            if self._stopped:
                return Outcome(stopped=True)
            return Outcome(error="CancelledError: the handler was cancelled")
        error = self._work.exception()
        if error is None:
            return Outcome(self._work.result())
        # The message may hold what the job is about, which is for administrators to see.
        _log.warning("a job has failed", extra={**facts, "error": type(error).__name__})
        return Outcome(error=error_text(error), final=isinstance(error, GiveUp))

    def cancel(self) -> None:
        """Tell the handler to end."""
        self._stopped = True
        self._work.cancel()

    async def stop(self) -> None:
        """Tell the handler to end, and wait a while until it has."""
        self.cancel()
        _, still = await asyncio.wait([self._work], timeout=_PATIENCE)
        if still:
            _log.error("a handler does not end", extra={"job": self.job.name, "id": self.job.id})


async def _call(handler: Handler, job: Job) -> Any:
    return await handler(job)
