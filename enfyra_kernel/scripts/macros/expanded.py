"""A source with its macros expanded, and the way back to what its author wrote."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..script import Problem


class MacroError(Exception):
    """A macro that cannot be expanded."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.marked())
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of a source and what takes its place; neither holds a line break."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Shift:
    """An edit by its columns: in the expanded line, and in the author's."""

    start: int
    end: int
    author_start: int
    author_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A source with its macros expanded.

    Attributes:
        source: What the author wrote, with `\\n` at the end of every line.
        text: What is run. It has the same lines.
    """

    source: str
    text: str
    shifts: Mapping[int, Sequence[_Shift]]

    def origin(self, line: int, column: int) -> tuple[int, int]:
        """Give the place in the author's source of a place in `text`; all count from 1.

        What is within a macro's expansion is where the macro begins.
        """
        moved = 0
        for shift in self.shifts.get(line, ()):
            if column < shift.start:
                break
            if column < shift.end:
                return line, shift.author_start
            moved = shift.author_end - shift.end
        return line, column + moved

    def problem(
        self, message: str, line: int | None, column: int | None = None, hint: str | None = None
    ) -> Problem:
        """Give a problem at a place in `text` as one at its place in the author's source."""
        lines = self.source.split("\n")
        if line is None or not 1 <= line <= len(lines):
            return Problem(message=message, hint=hint)
        text = lines[line - 1]
        if column is not None:
            column = min(max(self.origin(line, column)[1], 1), len(text) + 1)
        return Problem(message=message, line=line, column=column, text=text, hint=hint)


def expanded(source: str, edits: Iterable[Edit]) -> Expanded:
    """Apply edits, which are in order and do not overlap."""
    pieces: list[str] = []
    shifts: dict[int, list[_Shift]] = {}
    done = 0
    line, line_start, grown = 1, 0, 0
    for edit in edits:
        between = source[done : edit.start]
        breaks = between.count("\n")
        if breaks:
            line += breaks
            line_start = done + between.rindex("\n") + 1
            grown = 0
        start = edit.start - line_start + 1
        end = edit.end - line_start + 1
        shift = _Shift(start + grown, start + grown + len(edit.text), start, end)
        shifts.setdefault(line, []).append(shift)
        grown += len(edit.text) - (edit.end - edit.start)
        pieces += (between, edit.text)
        done = edit.end
    pieces.append(source[done:])
    return Expanded(source=source, text="".join(pieces), shifts=shifts)


def problem_at(source: str, offset: int, message: str, hint: str | None = None) -> Problem:
    """Give a problem at an offset in a source."""
    line_start = source.rfind("\n", 0, offset) + 1
    line_end = source.find("\n", offset)
    return Problem(
        message=message,
        line=source.count("\n", 0, offset) + 1,
        column=offset - line_start + 1,
        text=source[line_start : line_end if line_end >= 0 else len(source)],
        hint=hint,
    )


def unknown_macro(source: str, offset: int, name: str, known: Iterable[str]) -> MacroError:
    """Give the error for a macro that does not exist, with the nearest that does."""
    names = list(known)
    if name.startswith("THROW") and name[5:].isdigit():
        nearest = f"@THROW.http({name[5:]}, message)"
    else:
        found = difflib.get_close_matches(name.upper(), names, n=1, cutoff=0.6)
        nearest = f"@{found[0]}" if found else None
    hint = f"Did you mean {nearest}?" if nearest else f"Macros are {_listed(names)}"
    return MacroError(problem_at(source, offset, f"There is no macro @{name}", hint))


def _listed(names: Iterable[str]) -> str:
    return " ".join(f"@{name}" for name in sorted(names) if not name[-1].isdigit())
