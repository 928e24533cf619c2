"""The shape of an answer: the flat rows that the database gives, and how they nest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....metadata.tables import StoredColumn


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column of the flat rows below an answer."""

    name: str
    label: str
    column: StoredColumn


@dataclass(frozen=True, slots=True)
class Branch:
    """A related record of the answer; it is null when the leaf `presence` is."""

    name: str
    presence: str
    parts: Layout


Layout = tuple["Leaf | Branch", ...]


def leaves(layout: Layout) -> Iterable[Leaf]:
    """Give the leaves of a layout in the order of the flat rows' columns."""
    for part in layout:
        if isinstance(part, Leaf):
            yield part
        else:
            yield from leaves(part.parts)
