"""What a statement finds: its columns, and its rows as they are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..driver import Row

# Says whether a column of a table may be read, by the names that the database has for them.
MayRead = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a result.

    Attributes:
        name: As the database names it; two columns may have the same name.
        kind: `int`, `float`, `decimal`, `bool`, `date`, `timestamp`, `json`, `text`, `bytes` or
            `other`; None where the database does not say.
    """

    name: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A statement that has begun.

    Attributes:
        columns: Its columns.
        fetch: Gives the next rows, so many at most, in Python's types; none at the end.
    """

    columns: tuple[FoundColumn, ...]
    fetch: Callable[[int], Awaitable[Sequence[Row]]]


def distinct(names: Sequence[str]) -> list[str]:
    """Give names of which no two are the same.

    Example:
        >>> distinct(["id", "name", "id"])
        ['id', 'name', 'id_2']
    """
    given: dict[str, None] = {}
    for name in names:
        number, unique = 1, name
        while unique in given:
            number += 1
            unique = f"{name}_{number}"
        given[unique] = None
    return list(given)
