"""How the records of a relation are found from the record that has it."""

from __future__ import annotations

from dataclasses import dataclass

from ....metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ..dialect import Expression
from .scope import From, Scope


@dataclass(frozen=True, slots=True)
class Link:
    """Related records.

    Attributes:
        source: What to select from: the target, joined with a junction if there is one.
        target: The target in it.
        column: What equals the value of `parent_key` in the record that has the relation.
    """

    source: From
    target: From
    column: Expression


def link(scope: Scope, relation: Relation, target: Table) -> Link:
    """Give the records of a relation, to be compared with the value of `parent_key`."""
    rows = scope.alias(target)
    junction = relation.junction
    if junction is not None:
        between = scope.junction(junction.table, junction.source_column, junction.target_column)
        on = rows.c[target.primary.physical] == between.c[junction.target_column]
        return Link(rows.join(between, on), rows, between.c[junction.source_column])
    if relation.foreign_key is None:
        raise ValueError(f"'{relation.name}' is stored nowhere")
    name = relation.referenced if relation.holds_key else relation.foreign_key
    return Link(rows, rows, rows.c[name])


def parent_key(relation: Relation, table: Table, target: Table) -> StoredColumn:
    """Give the column of a record by which those of its relation are found.

    Args:
        table: The table that has the relation.
        target: The table that it leads to.
    """
    if relation.junction is not None:
        return table.key
    if relation.holds_key:
        return key_of(relation, target)
    for column in table.columns.values():
        if column.physical == relation.referenced:
            return stored(column)
    return table.key
