"""What an edit works on: the catalog so far, and what is wrong with the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from ...errors import EnfyraError
from ...metadata.definitions import Group, RelationDefinition, TableDefinition
from ..catalog import Catalog
from ..payload import ColumnInput, RelationInput
from ..raw import Problems

Definition = TypeVar("Definition")


class Sheet:
    """A catalog in the making.

    Attributes:
        catalog: The state so far.
        problems: What is wrong with the input.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.problems = Problems()
        self._next = catalog.next_id()

    def new_id(self) -> int:
        """Give a provisional id."""
        self._next -= 1
        return self._next

    def put_table(self, table: TableDefinition) -> None:
        """Add a table, or put it in the place of the one with its id."""
        self.catalog = self.catalog.with_table(table)

    def put_relation(self, relation: RelationDefinition) -> None:
        """Add a relation to its table, or put it in the place of the one with its id."""
        self.catalog = self.catalog.with_relation(relation)

    def open_table(self, id_: int) -> TableDefinition:
        """Give a table whose columns and relations may be changed.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR for a system table.
        """
        table = self.catalog[id_]
        if table.is_system:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", f"'{table.name}' is a system table; its fields are fixed"
            )
        return table

    def matching(
        self,
        given: ColumnInput | RelationInput,
        name: str,
        by_id: Mapping[int, Definition],
        by_name: Mapping[str, Definition],
    ) -> Definition | None:
        """Find the definition that is meant: by id, by its former name, or by its name."""
        if given.id is not None:
            found = by_id.get(given.id)
            if found is None:
                what = "column" if isinstance(given, ColumnInput) else "relation"
                self.problems.add(given.place, f"there is no {what} with the id {given.id}")
            return found
        if given.was is not None and given.was in by_name:
            return by_name[given.was]
        # Applying a definition a second time finds the rename done.
        return by_name.get(name)


def fields_of(values: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Give what was sent by the names of a definition's fields; the rest is left out."""
    return {fields[key]: value for key, value in values.items() if key in fields}


def renamed(groups: tuple[Group, ...], renames: Mapping[str, str]) -> tuple[Group, ...]:
    """Give groups of names with some names changed."""
    return tuple(tuple(renames.get(name, name) for name in group) for group in groups)
