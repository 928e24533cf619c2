"""Edits of the catalog: pure functions from definitions and input to new definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec.structs

from ..errors import EnfyraError, did_you_mean
from ..metadata import names
from ..metadata.definitions import (
    ColumnDefinition,
    RelationDefinition,
    TableDefinition,
    timestamp_columns,
)
from ..metadata.tables import with_physical_names
from ..metadata.types import ColumnType, RelationKind
from .catalog import Catalog, without_names
from .layout import is_adopted
from .payload import ColumnInput, Problems, RelationInput, TableInput
from .validate import check_catalog

_COLUMN_FIELDS = {
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
}
_RELATION_FIELDS = {
    "propertyName": "property_name",
    "type": "type",
    "onDelete": "on_delete",
    "metadata": "metadata",
    "description": "description",
    "isNullable": "is_nullable",
    "isPublished": "is_published",
    "isUpdatable": "is_updatable",
}
_TABLE_FIELDS = {
    "name": "name",
    "alias": "alias",
    "description": "description",
    "isSingleRecord": "is_single_record",
    "validateBody": "validate_body",
    "metadata": "metadata",
}
# All that may be changed of the system's own tables.
_SYSTEM_TABLE_FIELDS = frozenset({"description", "validateBody"})


class Editor:
    """Makes one edit of a catalog.

    Attributes:
        catalog: The state so far; after an edit, the new state.
        problems: What is wrong with the input.
    """

    def __init__(self, catalog: Catalog, *, engine: str) -> None:
        self.catalog = catalog
        self.problems = Problems()
        self._engine = engine
        self._next = catalog.next_id()

    def _new_id(self) -> int:
        self._next -= 1
        return self._next

    def finish(self, *touched: int) -> Catalog:
        """Check the result; raises VALIDATION_ERROR with every problem."""
        self.problems.check()
        check_catalog(self.catalog, touched, engine=self._engine)
        return self.catalog

    # -- tables ---------------------------------------------------------------------------------

    def create_table(self, given: TableInput) -> int:
        """Add a table; give its provisional id."""
        name = given.values.get("name")
        problem = names.table_name_problem(name)
        if problem is not None:
            self.problems.add("name", problem)
            self.problems.check()
        if self.catalog.by_name(str(name)) is not None:
            raise EnfyraError("TABLE_EXISTS", f"A table '{name}' exists already")
        table = TableDefinition(id=self._new_id(), **_fields(given.values, _TABLE_FIELDS))
        columns = [self._new_column(one) for one in given.columns or ()]
        if not any(column.is_primary for column in columns):
            columns.insert(0, self._primary_column())
        columns += [
            one
            for one in timestamp_columns(self._new_id)
            if one.name not in {column.name for column in columns}
        ]
        table = msgspec.structs.replace(
            table,
            columns=tuple(columns),
            uniques=given.uniques or (),
            indexes=given.indexes or (),
        )
        self.catalog = self.catalog.with_table(table)
        for relation in given.relations or ():
            self.add_relation(table.id, relation)
        return table.id

    def update_table(self, id_: int, given: TableInput) -> None:
        """Change a table; columns or relations that are given and leave some out drop those."""
        table = self.catalog[id_]
        if table.is_system:
            self._only_for_system(table, given)
        if "name" in given.values and given.values["name"] != table.name:
            self._check_new_name(given.values["name"])
        table = msgspec.structs.replace(table, **_fields(given.values, _TABLE_FIELDS))
        if given.uniques is not None:
            table = msgspec.structs.replace(table, uniques=given.uniques)
        if given.indexes is not None:
            table = msgspec.structs.replace(table, indexes=given.indexes)
        self.catalog = self.catalog.with_table(table)
        if given.columns is not None:
            self._replace_columns(id_, given.columns)
        if given.relations is not None:
            self._replace_relations(id_, given.relations)

    def _only_for_system(self, table: TableDefinition, given: TableInput) -> None:
        extra = set(given.values) - _SYSTEM_TABLE_FIELDS
        changed = {key for key in extra if given.values[key] != _current(table, key)}
        if changed or given.columns is not None or given.relations is not None:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"'{table.name}' is a system table: only its description and validateBody "
                "can be changed",
            )

    def _check_new_name(self, name: Any) -> None:
        problem = names.table_name_problem(name)
        if problem is not None:
            self.problems.add("name", problem)
            self.problems.check()
        if self.catalog.by_name(name) is not None:
            raise EnfyraError("TABLE_EXISTS", f"A table '{name}' exists already")

    def drop_table(self, id_: int) -> None:
        """Remove a table and every relation that leads to it."""
        table = self.catalog[id_]
        if table.is_system:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", f"'{table.name}' is a system table and cannot be dropped"
            )
        gone = {one.id for one in self.catalog.relations() if id_ in {one.source, one.target}}
        gone |= {one.id for one in self.catalog.relations() if one.mapped_by in gone}
        self.catalog = self.catalog.without_relations(gone).without_table(id_)

    # -- columns --------------------------------------------------------------------------------

    def _primary_column(self) -> ColumnDefinition:
        return ColumnDefinition(
            id=self._new_id(),
            name="id",
            type=ColumnType.INT,
            is_primary=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )

    def _new_column(self, given: ColumnInput) -> ColumnDefinition:
        for key in ("name", "type"):
            if key not in given.values:
                self.problems.add(given.place, f"{key} is required")
        facts = _fields(given.values, _COLUMN_FIELDS)
        facts: dict[str, Any] = {"name": "?", "type": ColumnType.TEXT, **facts}
        if facts.get("is_primary"):
            facts |= {"is_generated": True, "is_nullable": False, "is_updatable": False}
        return ColumnDefinition(id=self._new_id(), **facts)

    def add_column(self, table_id: int, given: ColumnInput) -> int:
        """Add a column to a table; give its provisional id."""
        table = self.catalog[table_id]
        self._guard_system(table)
        column = self._new_column(given)
        self._put_columns(table, (*table.columns, column))
        return column.id

    def update_column(self, table_id: int, id_: int, given: ColumnInput) -> None:
        """Change one column."""
        table = self.catalog[table_id]
        self._guard_system(table)
        columns = tuple(
            self._changed_column(one, given) if one.id == id_ else one for one in table.columns
        )
        self._put_columns(table, columns)

    def drop_column(self, table_id: int, id_: int) -> None:
        """Remove one column, and the groups that name it."""
        table = self.catalog[table_id]
        self._guard_system(table)
        column = next(one for one in table.columns if one.id == id_)
        self._refuse_to_drop(column)
        gone = {column.name}
        self.catalog = self.catalog.with_table(
            msgspec.structs.replace(
                table,
                columns=tuple(one for one in table.columns if one.id != id_),
                uniques=without_names(table.uniques, gone),
                indexes=without_names(table.indexes, gone),
            )
        )

    def _guard_system(self, table: TableDefinition) -> None:
        if table.is_system:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", f"'{table.name}' is a system table; its fields are fixed"
            )

    def _refuse_to_drop(self, column: ColumnDefinition) -> None:
        if column.is_primary:
            self.problems.add(f"column '{column.name}'", "is the primary key and cannot be dropped")
        elif column.is_system:
            self.problems.add(f"column '{column.name}'", "is kept by the server")
        self.problems.check()

    def _replace_columns(self, table_id: int, given: tuple[ColumnInput, ...]) -> None:
        table = self.catalog[table_id]
        self._guard_system(table)
        remaining = {one.id: one for one in table.columns}
        columns: list[ColumnDefinition] = []
        for one in given:
            found = self._matching_column(remaining, one)
            if found is None:
                columns.append(self._new_column(one))
            else:
                del remaining[found.id]
                columns.append(self._changed_column(found, one))
        # The key and the timestamps belong to every table; nobody need list them.
        kept = [one for one in remaining.values() if one.is_primary or one.is_system]
        for column in kept:
            del remaining[column.id]
        columns = [
            *(one for one in kept if one.is_primary),
            *columns,
            *(one for one in kept if not one.is_primary),
        ]
        gone = {one.name for one in remaining.values()}
        table = msgspec.structs.replace(
            table,
            uniques=without_names(table.uniques, gone),
            indexes=without_names(table.indexes, gone),
        )
        self._put_columns(table, tuple(columns))

    def _matching_column(
        self, remaining: Mapping[int, ColumnDefinition], given: ColumnInput
    ) -> ColumnDefinition | None:
        if given.id is not None:
            found = remaining.get(given.id)
            if found is None:
                self.problems.add(given.place, f"there is no column with the id {given.id}")
            return found
        by_name = {one.name: one for one in remaining.values()}
        if given.was is not None and given.was not in by_name:
            # Applying a definition a second time finds the rename done.
            return by_name.get(given.values.get("name", ""))
        return by_name.get(given.was or given.values.get("name", ""))

    def _changed_column(self, column: ColumnDefinition, given: ColumnInput) -> ColumnDefinition:
        changed = msgspec.structs.replace(column, **_fields(given.values, _COLUMN_FIELDS))
        if column.is_primary or column.is_system:
            fixed = ("name", "type", "is_primary", "is_generated", "is_nullable")
            if any(getattr(changed, key) != getattr(column, key) for key in fixed):
                what = "the primary key" if column.is_primary else "kept by the server"
                self.problems.add(given.place, f"is {what}; its name and type are fixed")
        elif changed.is_primary:
            self.problems.add(given.place, "cannot become the primary key")
        if changed.type is not column.type and "options" not in given.values:
            changed = msgspec.structs.replace(changed, options=None)
        return changed

    def _put_columns(self, table: TableDefinition, columns: tuple[ColumnDefinition, ...]) -> None:
        """Put columns in place; groups follow renames."""
        before = {one.id: one.name for one in table.columns}
        renames = {
            before[one.id]: one.name
            for one in columns
            if one.id in before and before[one.id] != one.name
        }
        self.catalog = self.catalog.with_table(
            msgspec.structs.replace(
                table,
                columns=columns,
                uniques=_renamed(table.uniques, renames),
                indexes=_renamed(table.indexes, renames),
            )
        )

    # -- relations ------------------------------------------------------------------------------

    def add_relation(self, table_id: int, given: RelationInput) -> int | None:
        """Add a relation to a table, and its inverse if asked; give its provisional id."""
        table = self.catalog[table_id]
        for key in ("propertyName", "type"):
            if key not in given.values:
                self.problems.add(given.place, f"{key} is required")
        target = self._target(given)
        if target is None or not {"propertyName", "type"} <= set(given.values):
            return None
        owner = self._owner(given, table, target)
        if given.mapped_by is not None and owner is None:
            return None
        relation = RelationDefinition(
            id=self._new_id(),
            source=table.id,
            target=target.id,
            mapped_by=owner.id if owner is not None else None,
            **_fields(given.values, _RELATION_FIELDS),
        )
        if relation.type is RelationKind.ONE_TO_MANY and owner is None:
            return self._add_from_inverse(table, target, given, relation)
        self.catalog = self.catalog.with_relation(
            with_physical_names(relation, table.physical, target.physical)
        )
        if given.inverse is not None:
            self._add_inverse(relation, given.inverse)
        return relation.id

    def _target(self, given: RelationInput) -> TableDefinition | None:
        if given.target is None:
            self.problems.add(given.place, "targetTable is required")
            return None
        if isinstance(given.target, int):
            found = self.catalog.get(given.target)
        else:
            found = self.catalog.by_name(given.target)
        if found is None:
            known = [one.name for one in self.catalog.values()]
            hint = did_you_mean(given.target, known) if isinstance(given.target, str) else ""
            self.problems.add(given.place, f"targetTable '{given.target}' does not exist.{hint}")
        return found

    def _owner(
        self, given: RelationInput, table: TableDefinition, target: TableDefinition
    ) -> RelationDefinition | None:
        """Find the owning side that `mappedBy` names, on the target."""
        if given.mapped_by is None:
            return None
        if given.inverse is not None:
            self.problems.add(given.place, "takes mappedBy or inversePropertyName, not both")
            return None
        if isinstance(given.mapped_by, int):
            owner = self.catalog.relation(given.mapped_by)
        else:
            owner = target.relation(given.mapped_by)
        if owner is None or owner.source != target.id or owner.target != table.id:
            known = [one.property_name for one in target.relations if one.target == table.id]
            listed = ", ".join(known) or "none"
            self.problems.add(
                given.place,
                f"mappedBy '{given.mapped_by}' is no relation from '{target.name}' to "
                f"'{table.name}' (there is: {listed})",
            )
            return None
        if not owner.owning or self.catalog.inverse_of(owner.id) is not None:
            self.problems.add(given.place, f"'{given.mapped_by}' has an inverse already")
            return None
        if owner.type.inverse is not given.values["type"]:
            self.problems.add(
                given.place,
                f"must be {owner.type.inverse.value}: '{owner.property_name}' is "
                f"{owner.type.value}",
            )
            return None
        return owner

    def _add_from_inverse(
        self,
        table: TableDefinition,
        target: TableDefinition,
        given: RelationInput,
        relation: RelationDefinition,
    ) -> int | None:
        """Add a one-to-many together with the many-to-one on the target that owns it."""
        if given.inverse is None:
            self.problems.add(
                given.place,
                "a one-to-many relation needs mappedBy (the many-to-one on the target) or "
                "inversePropertyName (the name of one to make there)",
            )
            return None
        owner = RelationDefinition(
            id=self._new_id(),
            type=RelationKind.MANY_TO_ONE,
            property_name=given.inverse,
            source=target.id,
            target=table.id,
            is_nullable=relation.is_nullable,
            on_delete=relation.on_delete,
            is_published=relation.is_published,
            is_updatable=relation.is_updatable,
        )
        self.catalog = self.catalog.with_relation(
            with_physical_names(owner, target.physical, table.physical)
        )
        mapped = msgspec.structs.replace(relation, mapped_by=owner.id, on_delete=None)
        self.catalog = self.catalog.with_relation(mapped)
        return relation.id

    def _add_inverse(self, owner: RelationDefinition, name: str) -> None:
        self.catalog = self.catalog.with_relation(
            RelationDefinition(
                id=self._new_id(),
                type=owner.type.inverse,
                property_name=name,
                source=owner.target,
                target=owner.source,
                mapped_by=owner.id,
                is_nullable=owner.is_nullable,
                is_published=owner.is_published,
                is_updatable=owner.is_updatable,
            )
        )

    def update_relation(self, table_id: int, id_: int, given: RelationInput) -> None:
        """Change one relation."""
        table = self.catalog[table_id]
        self._guard_system(table)
        relation = next(one for one in table.relations if one.id == id_)
        self._put_relation(table, relation, given)

    def _put_relation(
        self, table: TableDefinition, relation: RelationDefinition, given: RelationInput
    ) -> None:
        changed = msgspec.structs.replace(relation, **_fields(given.values, _RELATION_FIELDS))
        if is_adopted(relation) and not is_adopted(changed):
            changed = msgspec.structs.replace(changed, metadata=relation.metadata)
        if changed.type is not relation.type:
            self.problems.add(
                given.place,
                f"is {relation.type.value}; a relation's type cannot be changed. "
                "Drop it and add another",
            )
        if given.target is not None:
            target = self._target(given)
            if target is not None and target.id != relation.target:
                self.problems.add(given.place, "leads to another table; that cannot be changed")
        if changed.property_name != relation.property_name:
            changed = self._renamed_relation(table, relation, changed)
        self.catalog = self.catalog.with_relation(changed)
        inverse = self.catalog.inverse_of(relation.id) if relation.owning else None
        if given.inverse is not None and relation.owning:
            if inverse is None:
                self._add_inverse(changed, given.inverse)
            elif inverse.property_name != given.inverse:
                self.catalog = self.catalog.with_relation(
                    msgspec.structs.replace(inverse, property_name=given.inverse)
                )

    def _renamed_relation(
        self, table: TableDefinition, old: RelationDefinition, new: RelationDefinition
    ) -> RelationDefinition:
        """Rename the key with the relation, and the groups that name it; a junction stays."""
        renames = {old.property_name: new.property_name}
        self.catalog = self.catalog.with_table(
            msgspec.structs.replace(
                table,
                uniques=_renamed(table.uniques, renames),
                indexes=_renamed(table.indexes, renames),
            )
        )
        if not old.owning or old.foreign_key_column is None or table.is_adopted:
            return new
        return with_physical_names(
            msgspec.structs.replace(new, foreign_key_column=None, constraint_name=None),
            table.physical,
            self.catalog[old.target].physical,
        )

    def drop_relation(self, table_id: int, id_: int) -> None:
        """Remove a relation; the inverse goes with the owning side."""
        self._guard_system(self.catalog[table_id])
        gone = {id_}
        inverse = self.catalog.inverse_of(id_)
        if inverse is not None:
            gone.add(inverse.id)
        self.catalog = self.catalog.without_relations(gone)

    def _replace_relations(self, table_id: int, given: tuple[RelationInput, ...]) -> None:
        self._guard_system(self.catalog[table_id])
        remaining = {one.id: one for one in self.catalog[table_id].relations}
        for one in given:
            found = self._matching_relation(remaining, one)
            if found is None:
                self.add_relation(table_id, one)
            else:
                del remaining[found.id]
                self._put_relation(self.catalog[table_id], found, one)
        for relation in remaining.values():
            # An inverse was put here by the other table: who does not know it does not drop it.
            if relation.owning:
                self.drop_relation(table_id, relation.id)

    def _matching_relation(
        self, remaining: Mapping[int, RelationDefinition], given: RelationInput
    ) -> RelationDefinition | None:
        if given.id is not None:
            found = remaining.get(given.id)
            if found is None:
                self.problems.add(given.place, f"there is no relation with the id {given.id}")
            return found
        by_name = {one.property_name: one for one in remaining.values()}
        name = given.values.get("propertyName", "")
        if given.was is not None and given.was not in by_name:
            return by_name.get(name)
        return by_name.get(given.was or name)


def _fields(values: Mapping[str, Any], mapping: Mapping[str, str]) -> dict[str, Any]:
    return {mapping[key]: value for key, value in values.items() if key in mapping}


def _current(table: TableDefinition, key: str) -> Any:
    return getattr(table, _TABLE_FIELDS[key])


def _renamed(
    groups: tuple[tuple[str, ...], ...], renames: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(renames.get(name, name) for name in group) for group in groups)
