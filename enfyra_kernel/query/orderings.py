"""Sort keys resolved, and the place in an order that a page goes on from."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.tables import StoredColumn, Table, stored
from ..metadata.types import DOCUMENTS, ColumnType
from ..metadata.values import text_reader
from .ast import Function, Keyset, Operator, SortKey
from .measures import measure_of, walk
from .predicates import Ordering, RelatedMeasure
from .slots import Slot, Slots
from .visibility import Names

MAX_KEYS = 32
MAX_PATH = 16
_SORTED = frozenset({Function.COUNT, Function.MIN, Function.MAX})


def resolve_order(
    keys: Sequence[SortKey], table: Table, names: Names, parameter: str = "sort"
) -> tuple[Ordering, ...]:
    """Resolve what to sort by; the primary key comes last, so that the order is whole.

    Raises:
        EnfyraError: as for filters; INVALID_QUERY for what has no order.
    """
    if len(keys) > MAX_KEYS:
        raise EnfyraError("INVALID_QUERY", f"{parameter} can hold {MAX_KEYS} fields at most")
    orderings = [_ordering(key, table, names, parameter) for key in keys]
    # In the direction of the last key, so that an index serves the whole order.
    descending = bool(orderings) and orderings[-1].descending
    for column in table.keys:
        key = stored(column)
        if not any(not one.joins and _is(one.by, key) for one in orderings):
            nullable = column.is_nullable and not table.addressable
            orderings.append(Ordering((), (), key, nullable=nullable, descending=descending))
    return tuple(orderings)


def _is(by: StoredColumn | RelatedMeasure, column: StoredColumn) -> bool:
    return isinstance(by, StoredColumn) and by.name == column.name


def _ordering(key: SortKey, table: Table, names: Names, parameter: str) -> Ordering:
    if len(key.path) > MAX_PATH:
        raise EnfyraError(
            "INVALID_QUERY",
            f"{parameter}: a path has {MAX_PATH} names at most, not {len(key.path)}",
        )
    if key.figure is not None:
        return _measured(key, table, names, parameter)
    joins, targets, last = walk(key.path, table, names, parameter)
    column = _sortable(key, last, names, parameter)
    nullable = bool(joins) or (column.is_nullable and not (column.is_primary and last.addressable))
    return Ordering(joins, targets, stored(column), nullable, key.descending)


def _sortable(key: SortKey, table: Table, names: Names, parameter: str) -> ColumnDefinition:
    name, place = key.path[-1], f"{parameter}.{'.'.join(key.path)}"
    if name in table.relations and name not in table.columns:
        relation = table.relations[name]
        what = (
            f"sort by one of its fields, such as {'.'.join(key.path)}.{table.primary.name}"
            if relation.kind.to_one
            else f"sort by a figure of it, such as _count({name})"
        )
        raise EnfyraError("INVALID_QUERY", f"{place}: '{name}' is a relation; {what}")
    column = names.column(table, name, place)
    if column.type in DOCUMENTS:
        raise EnfyraError("INVALID_QUERY", f"{place}: a {column.type.value} field has no order")
    return column


def _measured(key: SortKey, table: Table, names: Names, parameter: str) -> Ordering:
    figure = key.figure
    if figure is None or figure.function not in _SORTED:
        raise EnfyraError("INVALID_QUERY", f"{parameter} knows _count, _min and _max of relations")
    place = f"{parameter}._{figure.function.value}({'.'.join(key.path)})"
    if len(key.path) != 1:
        raise EnfyraError(
            "INVALID_QUERY", f"{place}: name a relation of '{table.name}' and a field of it"
        )
    relation = names.to_many(table, key.path[0], place)
    target = names.target(relation)
    measure = measure_of(figure, target, names, place, names.rows(target))
    nullable = figure.function is not Function.COUNT
    by = RelatedMeasure(relation, target, measure)
    return Ordering((), (), by, nullable, key.descending)


def add_keyset(keyset: Keyset, order: Sequence[Ordering], slots: Slots) -> tuple[int | None, ...]:
    """Note what the values of a place in an order are for.

    Raises:
        EnfyraError: INVALID_CURSOR when the place is in another order.
    """
    if len(keyset.slots) != len(order):
        raise EnfyraError("INVALID_CURSOR", "The cursor belongs to a query with another sort")
    for slot, one in zip(keyset.slots, order, strict=True):
        if slot is None:
            continue
        type_, options = type_of(one)
        read = text_reader(type_, options)
        slots.add(slot, Slot("sort", type_, Operator.EQ, read, "cursor"))
    return keyset.slots


def type_of(one: Ordering) -> tuple[ColumnType, object]:
    """Give the type of what is ordered by, and its options."""
    if isinstance(one.by, StoredColumn):
        return one.by.type, one.by.options
    measure = one.by.measure
    return measure.type, measure.column.options if measure.column is not None else None
