"""The log of a call."""

from __future__ import annotations

from typing import Any

from ..channel import MAX_LOG, MAX_LOG_LINE
from .values import encoded

_CUT = " ..."


class CallLog:
    """What the scripts of a call have logged: 4 KB a line and 64 KB altogether."""

    __slots__ = ("_left", "lines")

    def __init__(self) -> None:
        self._left = MAX_LOG
        self.lines: list[str] = []

    def add(self, text: str) -> None:
        """Add the lines of a text."""
        # The pieces of a huge text are not even made.
        for line in text[: self._left + 1].split("\n"):
            if self._left <= 0:
                return
            shown = line if len(line) <= MAX_LOG_LINE else line[: MAX_LOG_LINE - 4] + _CUT
            self._left -= len(shown) + 1
            if self._left <= 0:
                shown = "The log is full"
            self.lines.append(shown)

    def write(self, *values: Any, sep: str = " ", end: str = "", **_: Any) -> None:
        """Add values as `print` does."""
        if self._left > 0:
            self.add(str(sep or " ").join(map(_shown, values)) + str(end or "").rstrip("\n"))

    def take(self) -> list[str]:
        """Give the lines that have come since the last time."""
        lines, self.lines = self.lines, []
        return lines


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return encoded(value).decode()
    except (TypeError, ValueError):
        return repr(value)
