"""Foreign keys of somebody's tables as relations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec.structs

from ...metadata.definitions import ColumnDefinition, RelationDefinition, TableDefinition
from ...metadata.types import OnDelete, RelationKind
from ...storage.physical import PhysicalReference, PhysicalTable, Remark
from ..catalog import Catalog
from .keys import choose_key
from .naming import free, plural, relation_name
from .tables import NewId

_ADOPTED = {"adopted": True}

Ends = tuple[PhysicalReference, PhysicalReference]


class Connected(NamedTuple):
    """A catalog with relations added.

    Attributes:
        relations: The ids of the owning sides that are new.
        remarks: What became of foreign keys that are no relations, by physical table.
    """

    catalog: Catalog
    relations: tuple[int, ...]
    remarks: tuple[tuple[str, Remark], ...]


def connect(
    catalog: Catalog, physical: Mapping[str, PhysicalTable], new: Collection[int], new_id: NewId
) -> Connected:
    """Make relations of the foreign keys from and to tables that are newly defined."""
    connector = _Connector(catalog, physical, new, new_id)
    connector.run()
    return Connected(connector.catalog, tuple(connector.made), tuple(connector.remarks))


def ends_of(junction: PhysicalTable, physical: Mapping[str, PhysicalTable]) -> Ends | None:
    """Give the two foreign keys of a table that does nothing but join two others.

    Its key is just the two of them, whatever else it holds is filled in by the database, nothing
    refers to it, and both refer to the keys of tables.
    """
    references = junction.references
    if len(references) != 2 or any(len(one.columns) != 1 for one in references):
        return None
    columns = {one.columns[0] for one in references}
    if set(junction.primary) != columns or len(columns) != 2:
        return None
    extra = [one for one in junction.columns if one.name not in columns and not one.generated]
    referred = any(
        one.target == junction.name for other in physical.values() for one in other.references
    )
    if extra or referred or not all(_is_key(one, physical) for one in references):
        return None
    return references[0], references[1]


def _is_key(reference: PhysicalReference, physical: Mapping[str, PhysicalTable]) -> bool:
    target = physical.get(reference.target)
    key = choose_key(target) if target is not None else None
    return key is not None and (key.primary,) == reference.target_columns and key.together is None


class _Connector:
    def __init__(
        self,
        catalog: Catalog,
        physical: Mapping[str, PhysicalTable],
        new: Collection[int],
        new_id: NewId,
    ) -> None:
        self.catalog = catalog
        self.made: list[int] = []
        self.remarks: list[tuple[str, Remark]] = []
        self._physical = physical
        self._new = new
        self._new_id = new_id
        self._ids = {one.physical: one.id for one in catalog.values()}
        self._junctions = {
            one.name: ends
            for one in physical.values()
            if (ends := ends_of(one, physical)) is not None
        }

    def run(self) -> None:
        for name, id_ in list(self._ids.items()):
            table = self._physical.get(name)
            if table is not None and self.catalog[id_].is_adopted:
                for reference in table.references:
                    self._foreign_key(table, id_, reference)
        for name, ends in self._junctions.items():
            self._to_many(self._physical[name], ends)

    # -- one record -----------------------------------------------------------------------------

    def _foreign_key(self, table: PhysicalTable, id_: int, reference: PhysicalReference) -> None:
        target = self._ids.get(reference.target)
        if id_ in self._new:
            problem = self._problem(reference, target)
            if problem is not None:
                columns = ", ".join(reference.columns)
                remark = Remark("foreign key", columns, f"is no relation: {problem}")
                self.remarks.append((table.name, remark))
                return
        if target is not None and len(reference.columns) == 1 and {id_, target} & set(self._new):
            self._to_one(table, id_, target, reference)

    def _problem(self, reference: PhysicalReference, target: int | None) -> str | None:
        """Say why a foreign key cannot be a relation, or None."""
        if len(reference.columns) > 1:
            return f"it holds {len(reference.columns)} columns, which stay fields"
        if reference.target not in self._physical and target is None:
            return f"the database has no '{reference.target}'"
        if target is None:
            return f"'{reference.target}' is not adopted; the column stays a field"
        return None

    def _to_one(
        self, physical: PhysicalTable, source: int, target: int, reference: PhysicalReference
    ) -> None:
        table, other = self.catalog[source], self.catalog[target]
        column = next((o for o in table.columns if o.physical == reference.columns[0]), None)
        referred = next((o for o in other.columns if o.physical in reference.target_columns), None)
        if column is None or referred is None or _is_made(table, target, reference):
            return
        kept = self._stays(physical, table, column, other, referred)
        if not kept:
            table = _without_column(table, column)
        wanted = relation_name(column.name, other.name, referred.name)
        name = _name(wanted, table, column, other, kept=kept)
        if not kept:
            table = _with_groups_renamed(table, column.name, name)
        self.catalog = self.catalog.with_table(table)
        on_delete = reference.on_delete
        if on_delete is OnDelete.SET_NULL and not column.is_nullable:
            # The database will refuse it.
            on_delete = OnDelete.RESTRICT
        self._add(
            RelationDefinition(
                id=self._new_id(),
                type=_kind(physical, reference),
                property_name=name,
                source=source,
                target=target,
                is_nullable=column.is_nullable,
                is_updatable=not kept,
                on_delete=on_delete,
                foreign_key_column=column.physical,
                referenced_column=reference.target_columns[0],
                constraint_name=reference.name,
                metadata=_ADOPTED,
            )
        )

    def _stays(
        self,
        physical: PhysicalTable,
        table: TableDefinition,
        column: ColumnDefinition,
        other: TableDefinition,
        referred: ColumnDefinition,
    ) -> bool:
        """Say whether a foreign key stays a field beside its relation, which then follows it.

        So it does in a key, and where the relation's value would not be the other record's key.
        """
        if column.is_primary or column.name in (table.key_fields or ()):
            return True
        if not referred.is_primary or other.key_fields is not None:
            return True
        again = [one for one in physical.references if one.columns == (column.physical,)]
        return len(again) > 1 or any(
            one.target == physical.name and column.physical in one.target_columns
            for each in self._physical.values()
            for one in each.references
        )

    def _add(self, owner: RelationDefinition) -> None:
        """Add a relation and the way back."""
        self.made.append(owner.id)
        self.catalog = self.catalog.with_relation(owner)
        source = self.catalog[owner.source].name
        wanted = source if owner.type is RelationKind.ONE_TO_ONE else plural(source)
        taken = _field_names(self.catalog[owner.target])
        if wanted.lower() in taken:
            wanted = f"{wanted}_by_{owner.property_name}"
        self.catalog = self.catalog.with_relation(
            RelationDefinition(
                id=self._new_id(),
                type=owner.type.inverse,
                property_name=free(wanted, taken),
                source=owner.target,
                target=owner.source,
                mapped_by=owner.id,
                is_updatable=owner.is_updatable,
                metadata=_ADOPTED,
            )
        )

    # -- many records ---------------------------------------------------------------------------

    def _to_many(self, junction: PhysicalTable, ends: Ends) -> None:
        source, target = (self._ids.get(end.target) for end in ends)
        known = any(one.junction_table_name == junction.name for one in self.catalog.relations())
        if source is None or target is None or known or junction.name in self._ids:
            return
        taken = _field_names(self.catalog[source])
        self._add(
            RelationDefinition(
                id=self._new_id(),
                type=RelationKind.MANY_TO_MANY,
                property_name=free(plural(self.catalog[target].name), taken),
                source=source,
                target=target,
                junction_table_name=junction.name,
                junction_source_column=ends[0].columns[0],
                junction_target_column=ends[1].columns[0],
                metadata=_ADOPTED,
            )
        )
        self.remarks += [(junction.name, remark) for remark in _remarks_on_junction(junction, ends)]


def _remarks_on_junction(junction: PhysicalTable, ends: Ends) -> Iterator[Remark]:
    keys = {end.columns[0] for end in ends}
    for column in junction.columns:
        if column.name not in keys:
            yield Remark("column", column.name, "left out: the table became a relation")
    yield from junction.remarks


def _name(
    wanted: str,
    table: TableDefinition,
    column: ColumnDefinition,
    other: TableDefinition,
    *,
    kept: bool,
) -> str:
    taken = _field_names(table)
    if kept and wanted.lower() in taken:
        wanted = f"{column.name}_{other.name}" if other.name.lower() in taken else other.name
    return free(wanted, taken)


def _is_made(table: TableDefinition, target: int, reference: PhysicalReference) -> bool:
    return any(
        one.owning and one.target == target and one.foreign_key_column == reference.columns[0]
        for one in table.relations
    )


def _kind(physical: PhysicalTable, reference: PhysicalReference) -> RelationKind:
    single = physical.primary == reference.columns or any(
        index.unique and index.columns == reference.columns for index in physical.indexes
    )
    return RelationKind.ONE_TO_ONE if single else RelationKind.MANY_TO_ONE


def _without_column(table: TableDefinition, column: ColumnDefinition) -> TableDefinition:
    columns = tuple(one for one in table.columns if one is not column)
    return msgspec.structs.replace(table, columns=columns)


def _with_groups_renamed(table: TableDefinition, old: str, new: str) -> TableDefinition:
    return msgspec.structs.replace(
        table, uniques=_renamed(table.uniques, old, new), indexes=_renamed(table.indexes, old, new)
    )


def _renamed(groups: Sequence[tuple[str, ...]], old: str, new: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(new if name == old else name for name in group) for group in groups)


def _field_names(table: TableDefinition) -> set[str]:
    return {column.name.lower() for column in table.columns} | {
        relation.property_name.lower() for relation in table.relations
    }
