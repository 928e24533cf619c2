"""Orders: the fields to sort by, and the place in an order that a page goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import EnfyraError
from ....metadata.tables import Relation, StoredColumn, Table
from ....query.plan import Ordering
from ..values import encoded, field_of
from .conditions import add_measure, conjunction
from .figures import figure_column
from .lookups import lookup
from .scope import NEVER, Document, Scope, Stage

MAX_KEYS = 32
_VALUE = "v"


@dataclass(frozen=True, slots=True)
class SortField:
    """A field to sort by, as what it is read, and its direction."""

    name: str
    column: StoredColumn
    descending: bool


def sort_fields(
    scope: Scope, order: Sequence[Ordering], table: Table, stages: list[Stage]
) -> list[SortField]:
    """Give the fields of an order, and add the stages that make them."""
    if len(order) > MAX_KEYS:
        raise EnfyraError("INVALID_QUERY", f"sort can hold {MAX_KEYS - 1} fields on MongoDB")
    return [_sort_field(scope, one, table, stages) for one in order]


def _sort_field(scope: Scope, one: Ordering, table: Table, stages: list[Stage]) -> SortField:
    if not isinstance(one.by, StoredColumn):
        field = add_measure(scope, one.by, table, stages)
        return SortField(field, figure_column(one.by.measure), one.descending)
    if not one.joins:
        return SortField(field_of(one.by.name), one.by, one.descending)
    field = add_path(scope, one.joins, one.targets, one.by, table, stages)
    return SortField(field, one.by, one.descending)


def add_path(
    scope: Scope,
    joins: Sequence[Relation],
    targets: Sequence[Table],
    column: StoredColumn,
    table: Table,
    stages: list[Stage],
) -> str:
    """Add the stages that fetch a value along to-one relations; give the field it is put into."""
    field = scope.field()
    stages.append(_hop(joins, targets, column, table, field))
    stages.append({"$set": {field: {"$first": f"${field}.{_VALUE}"}}})
    return field


def _hop(
    joins: Sequence[Relation],
    targets: Sequence[Table],
    column: StoredColumn,
    table: Table,
    into: str,
) -> Stage:
    relation, target = joins[0], targets[0]
    if len(joins) == 1:
        then: list[Stage] = [{"$project": {"_id": 0, _VALUE: f"${field_of(column.name)}"}}]
    else:
        further = _hop(joins[1:], targets[1:], column, target, _VALUE)
        then = [
            further,
            {"$project": {"_id": 0, _VALUE: {"$first": f"${_VALUE}.{_VALUE}"}}},
        ]
    return lookup(relation, target, table, into, [], then)


def sort(fields: Sequence[SortField]) -> list[Stage]:
    """Give the stage that sorts: MongoDB, too, takes nulls for less than all values."""
    order: dict[str, int] = {}
    for one in fields:
        # Of a field that is named twice, the first time counts.
        order.setdefault(one.name, -1 if one.descending else 1)
    return [{"$sort": order}] if order else []


def behind(scope: Scope, fields: Sequence[SortField], after: Sequence[int | None]) -> Document:
    """Give the condition that a record comes after a place in the order."""
    later: list[Document] = []
    equal: list[Document] = []
    for one, slot in zip(fields, after, strict=True):
        value = None if slot is None else encoded(scope.value(slot), one.column.type)
        step = _step(one, value)
        if step is not None:
            later.append(conjunction([*equal, step]))
        equal.append({one.name: {"$eq": value}})
    return {"$or": later} if later else NEVER


def _step(one: SortField, value: object) -> Document | None:
    """Give the condition that a field comes after a value; None where nothing does."""
    if one.descending:
        return None if value is None else {"$or": [{one.name: {"$lt": value}}, {one.name: None}]}
    return {one.name: {"$ne": None}} if value is None else {one.name: {"$gt": value}}
