"""A source as it is compiled, and the way back to what its author wrote."""

from __future__ import annotations

from dataclasses import dataclass

from ..script import Problem


@dataclass(frozen=True, slots=True)
class Expanded:
    """A source that is run as it was written.

    Attributes:
        source: What the author wrote.
        text: What is compiled.
    """

    source: str
    text: str

    def problem(
        self, message: str, line: int | None, column: int | None = None, hint: str | None = None
    ) -> Problem:
        """Give a problem at a place in `text` as one at its place in the author's source."""
        lines = self.source.split("\n")
        if line is None or not 1 <= line <= len(lines):
            return Problem(message=message, hint=hint)
        text = lines[line - 1]
        if column is not None:
            column = min(max(column, 1), len(text) + 1)
        return Problem(message=message, line=line, column=column, text=text, hint=hint)


def expand(source: str) -> Expanded:
    """Give what is compiled for a source in Python."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    return Expanded(source, source)
