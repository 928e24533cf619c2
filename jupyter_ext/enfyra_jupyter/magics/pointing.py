"""A caret under the word of a cell that an error is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..display import width_of

# How messages name the word that is wrong: ours, and those of databases.
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        r"\bno(?: (?!of\b)[a-z]+)* '([^']+)'",
        r", not '([^']+)'",
        r"invalid choice: '([^']+)'",
        r"\bnrecognized arguments: (\S+)",
        r"\bhas no (--[\w-]+)",
        r"no such column: (?:\w+\.)?(\w+)",
        r'column "?(?:\w+\.)?(\w+)"? does not exist',
        r"Unknown column '(?:\w+\.)?(\w+)'",
    )
)
_WIDTH = 100
# Lines in which somebody may have put a password: they are not shown once more.
_UNSEEN = frozenset({"connect", "login", "token"})


def pointed(message: str, line: str, cell: str | None, details: Any = None) -> str:
    """Give a message with the place that it is about below it, where that is certain.

    Args:
        line: What stands behind `%enfyra`.
        cell: The cell below it, or None.
        details: What the server says beside its message.

    Example:
        >>> print(pointed("'post' has no field 'titel'.", "query post --sort titel", None))
        'post' has no field 'titel'.
          %enfyra query post --sort titel
                                    ^^^^^
    """
    place = _told(cell, details)
    if place is None:
        word = _word(message, details)
        place = _found(word, line, cell) if word else None
    if place is None:
        return message
    text, start, width = place
    before = max(start - _WIDTH // 2, 0)
    shown = text[before : before + _WIDTH].rstrip()
    place = start - before
    space, carets = width_of(shown[:place]), width_of(shown[place : place + width])
    return f"{message}\n  {shown}\n  {' ' * space}{'^' * max(carets, 1)}"


def _word(message: str, details: Any) -> str | None:
    """Give the word that is wrong."""
    known: Mapping[str, Any] = details if isinstance(details, Mapping) else {}
    if isinstance(known.get("field"), str):
        return str(known["field"])
    first = message.partition(" Did you mean ")[0]
    for pattern in _NAMED:
        found = pattern.search(first)
        if found is not None:
            return found[1]
    return None


def _told(cell: str | None, details: Any) -> tuple[str, int, int] | None:
    """Give the line and column that the server names; the last character of a word is named."""
    known: Mapping[str, Any] = details if isinstance(details, Mapping) else {}
    number, column = known.get("line"), known.get("column")
    if cell is None or type(number) is not int or type(column) is not int:
        return None
    # What was sent begins with the first line that is not empty.
    lines = cell.strip().splitlines()
    if not 0 < number <= len(lines):
        return None
    text = lines[number - 1]
    end = min(max(column, 1), max(len(text), 1))
    word = re.search(r"\w*$", text[:end])
    width = len(word[0]) if word is not None and word[0] else 1
    return text, end - width, width


def _found(word: str, line: str, cell: str | None) -> tuple[str, int, int] | None:
    """Find a word, as a whole one or behind the `-` of an order, in the cell or the line."""
    pattern = re.compile(rf"(?<!\w)(?<!\w-)(?<!--){re.escape(word)}(?!\w)")
    if line.partition(" ")[0] in _UNSEEN:
        return None
    for text in [*(cell or "").splitlines(), f"{'%' if cell is None else '%%'}enfyra {line}"]:
        found = pattern.search(text)
        if found is not None:
            return text, found.start(), found.end() - found.start()
    return None
