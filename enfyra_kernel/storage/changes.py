"""Physical changes as values: what a schema change does to the database, step by step.

They are written to the journal before they are made, so each can be stored as JSON, and each that
loses nothing has an inverse.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec.structs

from .physical import (
    PhysicalCheck,
    PhysicalColumn,
    PhysicalIndex,
    PhysicalReference,
    PhysicalTable,
)


class CreateTable(msgspec.Struct, frozen=True, tag="createTable"):
    """Make a table with its columns, checks and primary key; indexes and references follow."""

    table: PhysicalTable


class DropTable(msgspec.Struct, frozen=True, tag="dropTable"):
    """Drop a table and its rows."""

    table: PhysicalTable


class RenameTable(msgspec.Struct, frozen=True, tag="renameTable"):
    """Give a table another name."""

    old: str
    new: str


class AddColumn(msgspec.Struct, frozen=True, tag="addColumn"):
    """Add a column; existing rows get its default."""

    table: str
    column: PhysicalColumn


class DropColumn(msgspec.Struct, frozen=True, tag="dropColumn"):
    """Drop a column and its values."""

    table: str
    column: PhysicalColumn


class RenameColumn(msgspec.Struct, frozen=True, tag="renameColumn"):
    """Give a column another name."""

    table: str
    old: PhysicalColumn
    new: str


class AlterColumn(msgspec.Struct, frozen=True, tag="alterColumn"):
    """Change a column's nullability, default, length or, converting its values, its type."""

    table: str
    old: PhysicalColumn
    new: PhysicalColumn

    @property
    def converts(self) -> bool:
        """Whether existing values take another form."""
        return self.old.type is not self.new.type


class AddIndex(msgspec.Struct, frozen=True, tag="addIndex"):
    """Make an index."""

    table: str
    index: PhysicalIndex


class DropIndex(msgspec.Struct, frozen=True, tag="dropIndex"):
    """Drop an index."""

    table: str
    index: PhysicalIndex


class AddReference(msgspec.Struct, frozen=True, tag="addReference"):
    """Add a foreign key constraint."""

    table: str
    reference: PhysicalReference


class DropReference(msgspec.Struct, frozen=True, tag="dropReference"):
    """Drop a foreign key constraint."""

    table: str
    reference: PhysicalReference


class AddCheck(msgspec.Struct, frozen=True, tag="addCheck"):
    """Keep a column to a list of values."""

    table: str
    check: PhysicalCheck


class DropCheck(msgspec.Struct, frozen=True, tag="dropCheck"):
    """No longer keep a column to a list of values."""

    table: str
    check: PhysicalCheck


Change = (
    CreateTable
    | DropTable
    | RenameTable
    | AddColumn
    | DropColumn
    | RenameColumn
    | AlterColumn
    | AddIndex
    | DropIndex
    | AddReference
    | DropReference
    | AddCheck
    | DropCheck
)

LOSING = (DropTable, DropColumn)


def inverse(change: Change) -> Change | None:
    """Give the change that takes this one back, or None when it cannot be taken back.

    Example:
        >>> inverse(RenameTable("post", "article"))
        RenameTable(old='article', new='post')
    """
    match change:
        case CreateTable(table):
            return DropTable(table)
        case RenameTable(old, new):
            return RenameTable(new, old)
        case AddColumn(table, column):
            return DropColumn(table, column)
        case RenameColumn(table, old, new):
            return RenameColumn(table, msgspec.structs.replace(old, name=new), old.name)
        case AlterColumn(table, old, new):
            return AlterColumn(table, new, old)
        case AddIndex(table, index):
            return DropIndex(table, index)
        case DropIndex(table, index):
            return AddIndex(table, index)
        case AddReference(table, reference):
            return DropReference(table, reference)
        case DropReference(table, reference):
            return AddReference(table, reference)
        case AddCheck(table, check):
            return DropCheck(table, check)
        case DropCheck(table, check):
            return AddCheck(table, check)
        case DropTable() | DropColumn():
            return None


def table_of(change: Change) -> str:
    """Give the name of the table that a change is about, as it is before the change."""
    match change:
        case CreateTable(table) | DropTable(table):
            return table.name
        case RenameTable(old):
            return old
        case _:
            return change.table


def follow(tables: dict[str, PhysicalTable], change: Change) -> None:
    """Bring a description of the tables up to date with a change that was made."""
    replace = msgspec.structs.replace
    match change:
        case CreateTable(table):
            tables[table.name] = replace(table, indexes=(), references=table.references)
        case DropTable(table):
            tables.pop(table.name, None)
        case RenameTable(old, new):
            renamed = replace(tables.pop(old), name=new)
            tables[new] = renamed
            for name, table in tables.items():
                tables[name] = replace(
                    table,
                    references=tuple(
                        replace(one, target=new) if one.target == old else one
                        for one in table.references
                    ),
                )
        case _:
            tables[change.table] = _changed(tables[change.table], change)


def _changed(table: PhysicalTable, change: Change) -> PhysicalTable:
    replace = msgspec.structs.replace
    match change:
        case AddColumn(_, column):
            return replace(table, columns=(*table.columns, column))
        case DropColumn(_, column):
            kept = tuple(one for one in table.columns if one.name != column.name)
            return replace(table, columns=kept)
        case RenameColumn(_, old, new):
            return _with_renamed_column(table, old.name, new)
        case AlterColumn(_, old, new):
            columns = tuple(new if one.name == old.name else one for one in table.columns)
            return replace(table, columns=columns)
        case AddIndex(_, index):
            return replace(table, indexes=(*table.indexes, index))
        case DropIndex(_, index):
            kept_indexes = tuple(one for one in table.indexes if one.name != index.name)
            return replace(table, indexes=kept_indexes)
        case AddReference(_, reference):
            return replace(table, references=(*table.references, reference))
        case DropReference(_, reference):
            kept_references = tuple(one for one in table.references if one.name != reference.name)
            return replace(table, references=kept_references)
        case AddCheck(_, check):
            return replace(table, checks=(*table.checks, check))
        case DropCheck(_, check):
            return replace(table, checks=tuple(o for o in table.checks if o.name != check.name))
        case _:
            return table


def _with_renamed_column(table: PhysicalTable, old: str, new: str) -> PhysicalTable:
    replace = msgspec.structs.replace

    def names(columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(new if one == old else one for one in columns)

    return replace(
        table,
        columns=tuple(replace(o, name=new) if o.name == old else o for o in table.columns),
        indexes=tuple(replace(one, columns=names(one.columns)) for one in table.indexes),
        references=tuple(replace(one, columns=names(one.columns)) for one in table.references),
        checks=tuple(replace(o, column=new) if o.column == old else o for o in table.checks),
    )
