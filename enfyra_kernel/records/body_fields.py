"""The fields of bodies: how each is read, and what stands in for those that are not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ..metadata.types import INSTANTS, ColumnType
from ..metadata.values import Reader, reader
from ..query.visibility import Field
from .related import item_reader, read_list
from .rules import with_rules

NOW = "now"


@dataclass(frozen=True, slots=True)
class BodyField:
    """How one field of a body is read.

    Attributes:
        read: Reads a column's value; of a relation to many, the list.
        item: Reads one related record.
        settled: Whether related records that are there cannot be related anew: the relation is
            stored in them and cannot be changed.
    """

    store: StoredColumn | None
    relation: Relation | None
    read: Reader
    item: Reader | None
    nullable: bool
    updatable: bool
    field: Field
    settled: bool = False
    read_only: str | None = None


def fields_of(table: Table, snapshot: Snapshot) -> dict[str, BodyField]:
    """Give the fields that a body of a table may have, by name."""
    fields: dict[str, BodyField] = {}
    for name, column in table.columns.items():
        if name in table.timestamps:
            continue
        fields[name] = BodyField(
            stored(column),
            None,
            with_rules(reader(column.type, column.options), column),
            None,
            column.is_nullable and not (column.is_primary and table.addressable),
            column.is_updatable and not column.is_primary,
            column,
            read_only=None if column.read_only is None else f"is read only: {column.read_only}",
        )
    for name, relation in table.relations.items():
        target = snapshot.tables[relation.target]
        store = key_of(relation, target) if relation.holds_key else None
        settled = _is_settled(relation, target)
        fields[name] = BodyField(
            store,
            relation,
            read_list,
            item_reader(relation, target),
            relation.nullable or store is None or relation.read_only is not None,
            relation.updatable and not settled,
            relation,
            settled,
            relation.read_only,
        )
    return fields


def _is_settled(relation: Relation, target: Table) -> bool:
    if relation.owning or relation.junction is not None or relation.inverse is None:
        return False
    return not target.relations[relation.inverse].updatable


def defaults_of(table: Table) -> dict[str, Callable[[datetime], Any]]:
    """Give what makes the default of each stored column that has one, from the time."""
    return {
        column.physical: _default(column)
        for column in table.columns.values()
        if column.default_value is not None
    }


def _default(column: ColumnDefinition) -> Callable[[datetime], Any]:
    if column.default_value == NOW and column.type in INSTANTS:
        return lambda now: now
    if column.default_value == NOW and column.type is ColumnType.DATE:
        return lambda now: now.date()
    value = reader(column.type, column.options)(column.default_value)
    return lambda _now: value
