"""Orders of a Plan: rows sorted, and the place of a row in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...metadata.tables import Relation, StoredColumn, Table
from ..orderings import type_of
from ..predicates import Ordering
from .figures import Compiled, related_figure
from .json_values import json_writer
from .rows import RelatedRows, Row


class Order:
    """An order of the records of a table."""

    def __init__(
        self,
        orderings: Sequence[Ordering],
        table: Table,
        related: RelatedRows,
        compiled: Compiled,
    ) -> None:
        self._descending = [one.descending for one in orderings]
        self._values = [_ordered_by(one, table, related, compiled) for one in orderings]
        self._writers = [json_writer(*type_of(one)) for one in orderings]

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Give records in order."""
        found = list(rows)
        keys = list(zip(self._values, self._descending, strict=True))
        for value, descending in reversed(keys):
            found.sort(key=lambda row, value=value: sort_key(value(row)), reverse=descending)
        return found

    def place(self, row: Row) -> list[Any]:
        """Give a record's values of the order as JSON has them."""
        return [write(value(row)) for write, value in zip(self._writers, self._values, strict=True)]

    def is_behind(self, row: Row, place: Sequence[Any]) -> bool:
        """Say whether a record comes after a place: its values of the order, None for null."""
        for value, descending, at in zip(self._values, self._descending, place, strict=True):
            mine, other = sort_key(value(row)), sort_key(at)
            if mine != other:
                return (mine > other) is not descending
        return False


def sort_key(value: Any) -> tuple[bool, Any]:
    """Give what a value sorts by: nulls first.

    Example:
        >>> sorted([2, None, 1], key=sort_key)
        [None, 1, 2]
    """
    return (value is not None, value)


def _ordered_by(
    one: Ordering, table: Table, related: RelatedRows, compiled: Compiled
) -> Callable[[Row], Any]:
    if not isinstance(one.by, StoredColumn):
        return related_figure(one.by, table, related, compiled)
    return value_at(one.joins, one.targets, one.by, table, related)


def value_at(
    joins: Sequence[Relation],
    targets: Sequence[Table],
    column: StoredColumn,
    table: Table,
    related: RelatedRows,
) -> Callable[[Row], Any]:
    """Give the function from a record to a value that to-one relations lead to."""

    def value(row: Row) -> Any:
        at, source = row, table
        for relation, target in zip(joins, targets, strict=True):
            found = next(iter(related.related(at, source, relation, target)), None)
            if found is None:
                return None
            at, source = found, target
        return at[column.name]

    return value
