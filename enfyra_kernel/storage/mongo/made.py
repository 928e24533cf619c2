"""Whether a change of the schema has been noted in the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import changes as c
from ..physical import PhysicalTable


def is_noted(tables: Mapping[str, PhysicalTable], change: c.Change) -> bool:
    """Say whether tables are as a change leaves them."""
    match change:
        case c.CreateTable(table):
            return table.name in tables
        case c.DropTable(table):
            return table.name not in tables
        case c.RenameTable(old, new):
            return new in tables and old not in tables
        case _:
            table = tables.get(change.table)
            return table is not None and _is_noted_in(table, change)


def _is_noted_in(table: PhysicalTable, change: Any) -> bool:
    match change:
        case c.AddColumn(_, column):
            return table.column(column.name) is not None
        case c.DropColumn(_, column):
            return table.column(column.name) is None
        case c.RenameColumn(_, old, new):
            return table.column(new) is not None and table.column(old.name) is None
        case c.AlterColumn(_, _, new):
            return table.column(new.name) == new
        case c.AddIndex(_, one) | c.DropIndex(_, one):
            there = one.name in {index.name for index in table.indexes}
        case c.AddReference(_, one) | c.DropReference(_, one):
            there = one.name in {reference.name for reference in table.references}
        case _:
            there = change.check.name in {check.name for check in table.checks}
    return there == isinstance(change, c.AddIndex | c.AddReference | c.AddCheck)
