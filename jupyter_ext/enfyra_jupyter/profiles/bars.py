"""The bars of a column's picture, and which rows each of them stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from ..display import shortened, text_of, visible
from ..parameters import plain
from .looking import ColumnProfile

_LETTERS = 60
# A longer value does not go into an address.
_LONGEST = 300
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::00(?:\.0+)?|(:\d\d(?:\.\d+)?))(?:Z|\+00:00)"
)
# What a filter compares with a value.
_EXACT = frozenset(
    {"int", "bigint", "float", "decimal", "boolean", "varchar", "text", "enum", "uuid", "ObjectId",
     "date", "datetime", "timestamp"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """A value, or a part of the values, and how often it is there.

    Attributes:
        label: What it is, for people.
        condition: What its rows meet, in our filter language; None where a filter cannot say it.
    """

    label: str
    count: int
    condition: Mapping[str, Any] | None


def bars_of(column: ColumnProfile, *, encrypted: bool = False) -> list[Bar]:
    """Give the bars of a histogram, or the most frequent values.

    Args:
        encrypted: Whether no filter can look at the column.

    Example:
        >>> from enfyra_jupyter.profiles.looking import ColumnProfile
        >>> views = ColumnProfile(
        ...     name="n", type="int", nulls=0, distinct=9, top=(), bins=[8, 1], edges=[0, 5, 9]
        ... )
        >>> [(bar.label, bar.condition) for bar in bars_of(views)]
        [('0 to 4', {'n': {'_gte': 0, '_lt': 5}}), ('5 to 9', {'n': {'_gte': 5, '_lte': 9}})]
    """
    if not column.edges:
        return values_of(column.name, "" if encrypted else column.type, column.top)
    bars = list(_parts(column))
    return [Bar(one.label, one.count, None) for one in bars] if encrypted else bars


def values_of(name: str, type_: str, values: Iterable[tuple[Any, int]]) -> list[Bar]:
    """Give a bar for each of some values, beside how often it is there.

    Example:
        >>> values_of("live", "boolean", [(True, 3)])
        [Bar(label='true', count=3, condition={'live': {'_eq': True}})]
    """
    return [Bar(_named(value), many, _equal(name, type_, value)) for value, many in values]


def without(name: str) -> dict[str, Any]:
    """Give what a row without a value meets."""
    return {name: {"_is_null": True}}


def _named(value: Any) -> str:
    if value is None:
        return "null"
    return said(value) or "(empty)"


def _equal(name: str, type_: str, value: Any) -> Mapping[str, Any] | None:
    if type_ not in _EXACT:
        return None
    if value is None:
        return without(name)
    sent = plain(value)
    return None if isinstance(sent, str) and len(sent) > _LONGEST else {name: {"_eq": sent}}


def _parts(column: ColumnProfile) -> Iterator[Bar]:
    last = len(column.bins) - 1
    for number, (begin, end) in enumerate(pairwise(column.edges)):
        if begin == end:
            asked: dict[str, Any] = {"_eq": begin}
        else:
            asked = {"_gte": begin, ("_lte" if number == last else "_lt"): end}
        label = _part(column.type, begin, end, number == last)
        yield Bar(label, column.bins[number], {column.name: asked})


def _part(type_: str, begin: Any, end: Any, is_last: bool) -> str:
    if not is_last:
        end = _before(type_, end)
    first, last = said(begin), said(end)
    return first if first == last else f"{first} to {last}"


def _before(type_: str, end: Any) -> Any:
    """Give the last value of a part that does not hold its end, if there is one that is it."""
    if isinstance(end, int):
        return end - 1
    if type_ == "date":
        return (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    return end


def said(value: Any) -> str:
    """Give a value as a person reads it: short, and with instants on the clock of UTC.

    Example:
        >>> said("2024-03-31T23:00:00+00:00"), said(1.5), said("<b>"), said(None)
        ('2024-03-31 23:00', '1.5', '<b>', '')
    """
    text = text_of(plain(value))
    found = _INSTANT.fullmatch(text)
    if found is not None:
        return f"{found[1]} {found[2]}{found[3] or ''}"
    return shortened(visible(text), _LETTERS)
