"""Edits of columns."""

from __future__ import annotations

from typing import Any

import msgspec.structs

from ...metadata.definitions import ColumnDefinition, TableDefinition
from ...metadata.types import ColumnType
from ..catalog import without_names
from ..fields import keeps_values
from ..payload import ColumnInput
from .rules import RuleEdits
from .sheet import Sheet, fields_of, renamed

_FIELDS = {
    "name": "name",
    "type": "type",
    "options": "options",
    "defaultValue": "default_value",
    "metadata": "metadata",
    "description": "description",
    "placeholder": "placeholder",
    "isPrimary": "is_primary",
    "isGenerated": "is_generated",
    "isNullable": "is_nullable",
    "isUpdatable": "is_updatable",
    "isPublished": "is_published",
    "isEncrypted": "is_encrypted",
}


class ColumnEdits:
    """Adds, changes and drops columns of a table."""

    def __init__(self, sheet: Sheet, rules: RuleEdits, *, engine: str) -> None:
        self._sheet = sheet
        self._rules = rules
        self._key_type = ColumnType.OBJECT_ID if engine == "mongodb" else ColumnType.INT

    def primary(self) -> ColumnDefinition:
        """Make the key of a table that names none."""
        return ColumnDefinition(
            id=self._sheet.new_id(),
            name="id",
            type=self._key_type,
            is_primary=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )

    def new(self, given: ColumnInput) -> ColumnDefinition:
        """Make a column that was sent."""
        for key in ("name", "type"):
            if key not in given.values:
                self._sheet.problems.add(given.place, f"{key} is required")
        facts = fields_of(given.values, _FIELDS)
        facts: dict[str, Any] = {"name": "?", "type": ColumnType.TEXT, **facts}
        if facts.get("is_primary"):
            facts |= {"is_generated": True, "is_nullable": False, "is_updatable": False}
        rules = self._rules.listed((), given.rules)
        return ColumnDefinition(id=self._sheet.new_id(), rules=rules, **facts)

    def add(self, table_id: int, given: ColumnInput) -> int:
        """Add a column to a table; give its provisional id."""
        table = self._sheet.open_table(table_id)
        column = self.new(given)
        self._put(table, (*table.columns, column))
        return column.id

    def update(self, table_id: int, id_: int, given: ColumnInput) -> None:
        """Change one column."""
        table = self._sheet.open_table(table_id)
        columns = tuple(
            self._changed(one, given) if one.id == id_ else one for one in table.columns
        )
        self._put(table, columns)

    def drop(self, table_id: int, id_: int) -> None:
        """Remove one column, and the groups that name it."""
        table = self._sheet.open_table(table_id)
        column = next(one for one in table.columns if one.id == id_)
        self._refuse_to_drop(table, column)
        gone = {column.name}
        self._sheet.put_table(
            msgspec.structs.replace(
                table,
                columns=tuple(one for one in table.columns if one.id != id_),
                uniques=without_names(table.uniques, gone),
                indexes=without_names(table.indexes, gone),
            )
        )

    def _refuse_to_drop(self, table: TableDefinition, column: ColumnDefinition) -> None:
        if column.is_primary or column.name in (table.key_fields or ()):
            self._sheet.problems.add(
                f"column '{column.name}'", "is the primary key and cannot be dropped"
            )
        elif (follower := _follower(table, column)) is not None:
            self._sheet.problems.add(
                f"column '{column.name}'",
                f"holds the relation '{follower}'; drop the relation first",
            )
        elif column.is_system:
            self._sheet.problems.add(f"column '{column.name}'", "is kept by the server")
        self._sheet.problems.check()

    def replace(self, table_id: int, given: tuple[ColumnInput, ...]) -> None:
        """Make a table's columns those that were sent; what they leave out is dropped."""
        table = self._sheet.open_table(table_id)
        remaining = {one.id: one for one in table.columns}
        columns: list[ColumnDefinition] = []
        for one in given:
            found = self._matching(remaining, one)
            if found is None:
                columns.append(self.new(one))
            else:
                del remaining[found.id]
                columns.append(self._changed(found, one))
        # The key and the timestamps belong to every table; nobody need list them.
        keys = table.key_fields or ()
        kept = [
            one for one in remaining.values() if one.is_primary or one.is_system or one.name in keys
        ]
        for column in kept:
            del remaining[column.id]
        columns = [
            *(one for one in kept if one.is_primary),
            *columns,
            *(one for one in kept if not one.is_primary),
        ]
        for one in remaining.values():
            self._refuse_to_drop(table, one)
        gone = {one.name for one in remaining.values()}
        table = msgspec.structs.replace(
            table,
            uniques=without_names(table.uniques, gone),
            indexes=without_names(table.indexes, gone),
        )
        self._put(table, tuple(columns))

    def _matching(
        self, remaining: dict[int, ColumnDefinition], given: ColumnInput
    ) -> ColumnDefinition | None:
        by_name = {one.name: one for one in remaining.values()}
        return self._sheet.matching(given, given.values.get("name", ""), remaining, by_name)

    def _changed(self, column: ColumnDefinition, given: ColumnInput) -> ColumnDefinition:
        changed = msgspec.structs.replace(
            column,
            rules=self._rules.listed(column.rules, given.rules),
            **fields_of(given.values, _FIELDS),
        )
        if changed.is_encrypted is not column.is_encrypted:
            self._sheet.problems.add(
                given.place, "isEncrypted is set when a column is made and never changes"
            )
        if column.is_encrypted and not keeps_values(column, changed):
            self._sheet.problems.add(
                given.place,
                "is encrypted, and the database cannot convert what it cannot read: its type "
                "stays, and its options can only be widened",
            )
        if column.is_primary or column.is_system:
            fixed = ("name", "type", "is_primary", "is_generated", "is_nullable")
            if any(getattr(changed, key) != getattr(column, key) for key in fixed):
                what = "the primary key" if column.is_primary else "kept by the server"
                self._sheet.problems.add(given.place, f"is {what}; its name and type are fixed")
        elif changed.is_primary:
            self._sheet.problems.add(given.place, "cannot become the primary key")
        if changed.type is not column.type and "options" not in given.values:
            changed = msgspec.structs.replace(changed, options=None)
        return changed

    def _put(self, table: TableDefinition, columns: tuple[ColumnDefinition, ...]) -> None:
        """Put columns in place; groups follow renames."""
        before = {one.id: one.name for one in table.columns}
        renames = {
            before[one.id]: one.name
            for one in columns
            if one.id in before and before[one.id] != one.name
        }
        if table.is_adopted:
            columns = tuple(_with_old_place(one, before.get(one.id)) for one in columns)
        self._sheet.put_table(
            msgspec.structs.replace(
                table,
                columns=columns,
                uniques=renamed(table.uniques, renames),
                indexes=renamed(table.indexes, renames),
                key_fields=table.key_fields and renamed((table.key_fields,), renames)[0],
            )
        )


def _follower(table: TableDefinition, column: ColumnDefinition) -> str | None:
    """Give the relation that follows from a column of an adopted table, if one does."""
    return next(
        (
            one.property_name
            for one in table.relations
            if one.owning and one.foreign_key_column == column.physical
        ),
        None,
    )


def _with_old_place(column: ColumnDefinition, before: str | None) -> ColumnDefinition:
    """Keep a renamed column of an adopted table where it is in the database."""
    if column.physical_name is not None or before in {None, column.name}:
        return column
    return msgspec.structs.replace(column, physical_name=before)
