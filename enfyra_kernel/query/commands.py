"""Writes, resolved: what to insert, update or delete, without the values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..metadata.tables import StoredColumn, Table
from .ast import Operator
from .plan import Comparison, Predicate, Slot
from .selection import Selection


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert records; values follow the order of `columns`.

    Attributes:
        conflict: Columns whose equality with an existing record makes it an update of that one.
        kept: Columns that such an update leaves as they are.
        selection: What of the new record to give back; None for nothing.
    """

    table: Table
    columns: tuple[StoredColumn, ...]
    conflict: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    selection: Selection | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Update:
    """Set columns of the records that meet a condition.

    Values are those of `columns`, then those of the condition's slots.

    Attributes:
        added: Columns whose value is added to what is there, instead of taking its place. Null
            counts as 0; a sum that the column cannot hold is an error.
    """

    table: Table
    columns: tuple[StoredColumn, ...]
    where: Predicate
    slots: tuple[Slot, ...] = field(default=(), compare=False)
    added: frozenset[str] = frozenset()
    selection: Selection | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the records that meet a condition; values are those of its slots."""

    table: Table
    where: Predicate
    slots: tuple[Slot, ...] = field(default=(), compare=False)


def key_equals(table: Table) -> Comparison:
    """Make the condition that a record is the one whose key is in slot 0."""
    return Comparison(table.key, Operator.EQ, 0)
