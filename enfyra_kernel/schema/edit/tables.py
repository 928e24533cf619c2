"""Edits of tables."""

from __future__ import annotations

from typing import Any

import msgspec.structs

from ...errors import EnfyraError
from ...metadata import names
from ...metadata.definitions import TableDefinition, timestamp_columns
from ..payload import TableInput
from .columns import ColumnEdits
from .relations import RelationEdits
from .sheet import Sheet, fields_of

_FIELDS = {
    "name": "name",
    "alias": "alias",
    "description": "description",
    "isSingleRecord": "is_single_record",
    "validateBody": "validate_body",
    "metadata": "metadata",
}
# All that may be changed of the system's own tables.
_SYSTEM_FIELDS = frozenset({"description", "validateBody"})


class TableEdits:
    """Creates, changes and drops tables."""

    def __init__(self, sheet: Sheet, columns: ColumnEdits, relations: RelationEdits) -> None:
        self._sheet = sheet
        self._columns = columns
        self._relations = relations

    def create(self, given: TableInput) -> int:
        """Add a table; give its provisional id."""
        self._check_new_name(given.values.get("name"))
        table = TableDefinition(id=self._sheet.new_id(), **fields_of(given.values, _FIELDS))
        columns = [self._columns.new(one) for one in given.columns or ()]
        if not any(column.is_primary for column in columns):
            columns.insert(0, self._columns.primary())
        columns += [
            one
            for one in timestamp_columns(self._sheet.new_id)
            if one.name not in {column.name for column in columns}
        ]
        table = msgspec.structs.replace(
            table,
            columns=tuple(columns),
            uniques=given.uniques or (),
            indexes=given.indexes or (),
        )
        self._sheet.put_table(table)
        for relation in given.relations or ():
            self._relations.add(table.id, relation)
        return table.id

    def update(self, id_: int, given: TableInput) -> None:
        """Change a table; columns or relations that are given and leave some out drop those."""
        table = self._sheet.catalog[id_]
        if table.is_system:
            self._check_system(table, given)
        if "name" in given.values and given.values["name"] != table.name:
            self._check_new_name(given.values["name"])
            if table.is_adopted:
                # It stays what it is in the database.
                table = msgspec.structs.replace(table, physical_name=table.physical)
        table = msgspec.structs.replace(table, **fields_of(given.values, _FIELDS))
        if given.uniques is not None:
            table = msgspec.structs.replace(table, uniques=given.uniques)
        if given.indexes is not None:
            table = msgspec.structs.replace(table, indexes=given.indexes)
        self._sheet.put_table(table)
        if given.columns is not None:
            self._columns.replace(id_, given.columns)
        if given.relations is not None:
            self._relations.replace(id_, given.relations)

    def _check_system(self, table: TableDefinition, given: TableInput) -> None:
        extra = set(given.values) - _SYSTEM_FIELDS
        changed = {key for key in extra if given.values[key] != getattr(table, _FIELDS[key])}
        if changed or given.columns is not None or given.relations is not None:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"'{table.name}' is a system table: only its description and validateBody "
                "can be changed",
            )

    def _check_new_name(self, name: Any) -> None:
        problem = names.table_name_problem(name)
        if problem is not None:
            self._sheet.problems.add("name", problem)
            self._sheet.problems.check()
        if self._sheet.catalog.by_name(name) is not None:
            raise EnfyraError("TABLE_EXISTS", f"A table '{name}' exists already")

    def drop(self, id_: int) -> None:
        """Remove a table and every relation that leads to it."""
        table = self._sheet.catalog[id_]
        if table.is_system:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", f"'{table.name}' is a system table and cannot be dropped"
            )
        catalog = self._sheet.catalog
        gone = {one.id for one in catalog.relations() if id_ in {one.source, one.target}}
        gone |= {one.id for one in catalog.relations() if one.mapped_by in gone}
        self._sheet.catalog = catalog.without_relations(gone).without_table(id_)
