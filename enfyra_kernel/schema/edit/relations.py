"""Edits of relations."""

from __future__ import annotations

import msgspec.structs

from ...errors import did_you_mean
from ...metadata.definitions import RelationDefinition, TableDefinition
from ...metadata.tables import with_physical_names
from ...metadata.types import RelationKind
from ..layout import is_adopted
from ..payload import RelationInput
from .rules import RuleEdits
from .sheet import Sheet, fields_of, renamed

_FIELDS = {
    "propertyName": "property_name",
    "type": "type",
    "onDelete": "on_delete",
    "metadata": "metadata",
    "description": "description",
    "isNullable": "is_nullable",
    "isPublished": "is_published",
    "isUpdatable": "is_updatable",
}


class RelationEdits:
    """Adds, changes and drops relations of a table, both of their sides."""

    def __init__(self, sheet: Sheet, rules: RuleEdits) -> None:
        self._sheet = sheet
        self._rules = rules

    def add(self, table_id: int, given: RelationInput) -> int | None:
        """Add a relation to a table, and its inverse if asked; give its provisional id."""
        table = self._sheet.open_table(table_id)
        for key in ("propertyName", "type"):
            if key not in given.values:
                self._sheet.problems.add(given.place, f"{key} is required")
        target = self._target(given)
        if target is None or not {"propertyName", "type"} <= set(given.values):
            return None
        owner = self._owner(given, table, target)
        if given.mapped_by is not None and owner is None:
            return None
        relation = RelationDefinition(
            id=self._sheet.new_id(),
            source=table.id,
            target=target.id,
            mapped_by=owner.id if owner is not None else None,
            rules=self._rules.listed((), given.rules),
            **fields_of(given.values, _FIELDS),
        )
        if relation.type is RelationKind.ONE_TO_MANY and owner is None:
            return self._add_from_inverse(table, target, given, relation)
        self._sheet.put_relation(with_physical_names(relation, table.physical, target.physical))
        if given.inverse is not None:
            self._add_inverse(relation, given.inverse)
        return relation.id

    def _target(self, given: RelationInput) -> TableDefinition | None:
        if given.target is None:
            self._sheet.problems.add(given.place, "targetTable is required")
            return None
        if isinstance(given.target, int):
            found = self._sheet.catalog.get(given.target)
        else:
            found = self._sheet.catalog.by_name(given.target)
        if found is None:
            known = [one.name for one in self._sheet.catalog.values()]
            hint = did_you_mean(given.target, known) if isinstance(given.target, str) else ""
            self._sheet.problems.add(
                given.place, f"targetTable '{given.target}' does not exist.{hint}"
            )
        return found

    def _owner(
        self, given: RelationInput, table: TableDefinition, target: TableDefinition
    ) -> RelationDefinition | None:
        """Find the owning side that `mappedBy` names, on the target."""
        if given.mapped_by is None:
            return None
        if given.inverse is not None:
            self._sheet.problems.add(given.place, "takes mappedBy or inversePropertyName, not both")
            return None
        if isinstance(given.mapped_by, int):
            owner = self._sheet.catalog.relation(given.mapped_by)
        else:
            owner = target.relation(given.mapped_by)
        if owner is None or owner.source != target.id or owner.target != table.id:
            known = [one.property_name for one in target.relations if one.target == table.id]
            listed = ", ".join(known) or "none"
            self._sheet.problems.add(
                given.place,
                f"mappedBy '{given.mapped_by}' is no relation from '{target.name}' to "
                f"'{table.name}' (there is: {listed})",
            )
            return None
        if not owner.owning or self._sheet.catalog.inverse_of(owner.id) is not None:
            self._sheet.problems.add(given.place, f"'{given.mapped_by}' has an inverse already")
            return None
        if owner.type.inverse is not given.values["type"]:
            self._sheet.problems.add(
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
            self._sheet.problems.add(
                given.place,
                "a one-to-many relation needs mappedBy (the many-to-one on the target) or "
                "inversePropertyName (the name of one to make there)",
            )
            return None
        owner = RelationDefinition(
            id=self._sheet.new_id(),
            type=RelationKind.MANY_TO_ONE,
            property_name=given.inverse,
            source=target.id,
            target=table.id,
            is_nullable=relation.is_nullable,
            on_delete=relation.on_delete,
            is_published=relation.is_published,
            is_updatable=relation.is_updatable,
        )
        self._sheet.put_relation(with_physical_names(owner, target.physical, table.physical))
        mapped = msgspec.structs.replace(relation, mapped_by=owner.id, on_delete=None)
        self._sheet.put_relation(mapped)
        return relation.id

    def _add_inverse(self, owner: RelationDefinition, name: str) -> None:
        self._sheet.put_relation(
            RelationDefinition(
                id=self._sheet.new_id(),
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

    def update(self, table_id: int, id_: int, given: RelationInput) -> None:
        """Change one relation."""
        table = self._sheet.open_table(table_id)
        relation = next(one for one in table.relations if one.id == id_)
        self._put(table, relation, given)

    def _put(
        self, table: TableDefinition, relation: RelationDefinition, given: RelationInput
    ) -> None:
        changed = msgspec.structs.replace(
            relation,
            rules=self._rules.listed(relation.rules, given.rules),
            **fields_of(given.values, _FIELDS),
        )
        if is_adopted(relation) and not is_adopted(changed):
            changed = msgspec.structs.replace(changed, metadata=relation.metadata)
        if changed.type is not relation.type:
            self._sheet.problems.add(
                given.place,
                f"is {relation.type.value}; a relation's type cannot be changed. "
                "Drop it and add another",
            )
        if given.target is not None:
            target = self._target(given)
            if target is not None and target.id != relation.target:
                self._sheet.problems.add(
                    given.place, "leads to another table; that cannot be changed"
                )
        if changed.property_name != relation.property_name:
            changed = self._with_new_name(table, relation, changed)
        self._sheet.put_relation(changed)
        inverse = self._sheet.catalog.inverse_of(relation.id) if relation.owning else None
        if given.inverse is not None and relation.owning:
            if inverse is None:
                self._add_inverse(changed, given.inverse)
            elif inverse.property_name != given.inverse:
                self._sheet.put_relation(
                    msgspec.structs.replace(inverse, property_name=given.inverse)
                )

    def _with_new_name(
        self, table: TableDefinition, old: RelationDefinition, new: RelationDefinition
    ) -> RelationDefinition:
        """Rename the key with the relation, and the groups that name it; a junction stays."""
        renames = {old.property_name: new.property_name}
        self._sheet.put_table(
            msgspec.structs.replace(
                table,
                uniques=renamed(table.uniques, renames),
                indexes=renamed(table.indexes, renames),
            )
        )
        if not old.owning or old.foreign_key_column is None or table.is_adopted:
            return new
        return with_physical_names(
            msgspec.structs.replace(new, foreign_key_column=None, constraint_name=None),
            table.physical,
            self._sheet.catalog[old.target].physical,
        )

    def drop(self, table_id: int, id_: int) -> None:
        """Remove a relation; the inverse goes with the owning side."""
        self._sheet.open_table(table_id)
        gone = {id_}
        inverse = self._sheet.catalog.inverse_of(id_)
        if inverse is not None:
            gone.add(inverse.id)
        self._sheet.catalog = self._sheet.catalog.without_relations(gone)

    def replace(self, table_id: int, given: tuple[RelationInput, ...]) -> None:
        """Make a table's relations those that were sent; what they leave out is dropped."""
        table = self._sheet.open_table(table_id)
        remaining = {one.id: one for one in table.relations}
        for one in given:
            found = self._matching(remaining, one)
            if found is None:
                self.add(table_id, one)
            else:
                del remaining[found.id]
                self._put(self._sheet.catalog[table_id], found, one)
        for relation in remaining.values():
            # An inverse was put here by the other table: who does not know it does not drop it.
            if relation.owning:
                self.drop(table_id, relation.id)

    def _matching(
        self, remaining: dict[int, RelationDefinition], given: RelationInput
    ) -> RelationDefinition | None:
        by_name = {one.property_name: one for one in remaining.values()}
        return self._sheet.matching(given, given.values.get("propertyName", ""), remaining, by_name)
