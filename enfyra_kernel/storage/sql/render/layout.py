"""The shape of an answer: the flat rows that the database gives, and how they nest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....metadata.tables import StoredColumn, Table
from ....query.selection import SelectedMany


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


@dataclass(frozen=True, slots=True)
class Many:
    """Related records of the answer, which have rows of their own.

    Attributes:
        key: The value that the related records are found by; not shown itself.
        table: What the record belongs to that has them.
    """

    name: str
    key: Leaf
    selected: SelectedMany
    table: Table


@dataclass(frozen=True, slots=True)
class Listed:
    """Values of the answer in a list."""

    name: str
    parts: tuple[Leaf, ...]


Part = Leaf | Branch | Many | Listed
Layout = tuple[Part, ...]


def leaves(layout: Layout) -> Iterable[Leaf]:
    """Give the leaves of a layout in the order of the flat rows' columns."""
    for part in layout:
        match part:
            case Leaf():
                yield part
            case Many():
                yield part.key
            case Branch() | Listed():
                yield from leaves(part.parts)
