"""Scripts in JavaScript within a call."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from ..javascript import Limits, run_javascript
from .log import CallLog
from .sections import WRITABLE, Sections
from .values import decoded, encoded

# Seconds that a script has at least, and those of a call that has no end.
_LEAST, _MOST = 0.05, 30.0


class Running(Protocol):
    """What a script runs in."""

    sections: Sections
    log: CallLog
    deadline: float | None

    def ask_raw(self, name: str, arguments: bytes, read: Callable[[bytes], Any]) -> Awaitable[Any]:
        """Ask the server with JSON."""
        ...


class _Port:
    """A call as the engine sees it."""

    def __init__(self, running: Running, source: str) -> None:
        self.sections = _sections(running, source)
        self._running = running

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Ask the server."""
        return await self._running.ask_raw(name, arguments, bytes)

    def log(self, text: str) -> None:
        """Add to the log."""
        self._running.log.add(text)


def _sections(running: Running, source: str) -> dict[str, bytes]:
    sections = dict(running.sections.raw)
    raw = sections.pop("rawBody", b"")
    if "rawBody" in source and "req" in sections:
        # A text, as JavaScript has no other bytes here; those that are none are replaced.
        request = decoded(sections["req"])
        sections["req"] = encoded({**request, "rawBody": raw.decode(errors="replace")})
    return sections


async def run(_digest: str, source: str, running: Running) -> bytes | None:
    """Run a script; what it has changed is taken over, also when it fails."""
    port, before = _Port(running, source), dict(running.sections.raw)
    left = _MOST if running.deadline is None else running.deadline - time.monotonic()
    try:
        return await run_javascript(source, port, Limits(seconds=max(left, _LEAST)))
    finally:
        for name in WRITABLE:
            text = port.sections.get(name)
            if text is not None and text is not before.get(name):
                running.sections.put_raw(name, text)
