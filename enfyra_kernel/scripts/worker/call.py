"""One call of the host: its sections, what it asks for, and its log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .records import dumped, loaded

# Characters of one line of a log, and of all lines of a script.
LONGEST_LINE = 4_096
LONGEST_LOG = 65_536
# Requests that one call may have under way at once.
AT_ONCE = 64


class HostError(Exception):
    """What the host has refused.

    Attributes:
        code: As the API's errors have it.
        status: The HTTP status.
    """

    def __init__(self, code: str, message: str, status: int | None, details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details


Ask = Callable[[str, bytes], Awaitable[bytes]]


class Call:
    """What the scripts of one call have in common.

    Attributes:
        sections: The sections of the context as JSON, as scripts have left them.
    """

    def __init__(self, sections: dict[str, bytes], ask: Ask) -> None:
        self.sections = sections
        self._ask = ask
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lines: list[str] = []
        self._logged = 0

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Ask the host; arguments are a JSON list, the answer is JSON.

        Raises:
            HostError: What it has refused.
        """
        async with self._turns:
            return await self._ask(name, arguments)

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Ask the host with values, and get one."""
        return loaded(await self.call(name, dumped(arguments)))

    def log(self, text: str) -> None:
        """Add a line to the log; what is too much is left out."""
        line = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
        if self._logged >= LONGEST_LOG:
            return
        self._logged += len(line) + 1
        self._lines.append(
            line if self._logged < LONGEST_LOG else "… the rest of the log is left out"
        )

    def taken_log(self) -> tuple[str, ...]:
        """Give the lines so far, and begin anew."""
        lines = tuple(self._lines)
        self._lines.clear()
        self._logged = 0
        return lines
