"""Adopting tables that somebody else made: they get definitions, and stay as they are.

Pure: from a description of the physical tables to definitions. Nothing physical changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec.structs

from ..errors import EnfyraError, did_you_mean
from ..metadata import names
from ..metadata.definitions import ColumnDefinition, RelationDefinition, TableDefinition
from ..metadata.types import ColumnType, RelationKind
from ..storage.physical import PhysicalColumn, PhysicalReference, PhysicalTable
from .catalog import Catalog

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_]+")
_KEY_SUFFIX = re.compile(r"(_id|Id|ID)$")
_KEY_TYPES = frozenset(
    {ColumnType.INT, ColumnType.BIGINT, ColumnType.UUID, ColumnType.VARCHAR, ColumnType.TEXT}
)


class Adopter:
    """Adds definitions of existing tables to a catalog.

    Args:
        physical: All tables of the database.

    Attributes:
        catalog: The catalog so far.
    """

    def __init__(self, catalog: Catalog, physical: Iterable[PhysicalTable]) -> None:
        self.catalog = catalog
        self._physical = {table.name: table for table in physical}
        self._next = catalog.next_id()

    def _new_id(self) -> int:
        self._next -= 1
        return self._next

    def adopt(self, name: str, facts: Mapping[str, Any]) -> int:
        """Adopt a table by its physical or logical name; give its provisional id.

        Args:
            facts: Further fields of the definition, such as `description`.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND, TABLE_EXISTS, or VALIDATION_ERROR for a table that
                cannot be represented, saying why.
        """
        table = self._find(name)
        logical = self._logical_name(table.name)
        if any(one.physical == table.name for one in self.catalog.values()):
            raise EnfyraError("TABLE_EXISTS", f"The table '{table.name}' is defined already")
        if self.catalog.by_name(logical) is not None:
            raise EnfyraError("TABLE_EXISTS", f"A table '{logical}' exists already")
        definition = self._definition(table, logical, facts)
        self.catalog = self.catalog.with_table(definition)
        self._connect()
        return definition.id

    def _find(self, name: str) -> PhysicalTable:
        exact = self._physical.get(name)
        if exact is not None:
            return exact
        for table in self._physical.values():
            if name in {table.name.lower(), self._logical_name(table.name)}:
                return table
        raise EnfyraError(
            "RESOURCE_NOT_FOUND",
            f"The database has no table '{name[:80]}'.{did_you_mean(name, self._physical)}",
        )

    def _logical_name(self, physical: str) -> str:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", physical)
        return _NOT_IN_NAME.sub("_", snake).strip("_").lower()

    # -- the table ------------------------------------------------------------------------------

    def _definition(
        self, table: PhysicalTable, logical: str, facts: Mapping[str, Any]
    ) -> TableDefinition:
        self._check(table, logical)
        columns, left_out = self._columns(table)
        by_physical = {column.physical: column.name for column in columns}
        metadata: dict[str, Any] = dict(facts.get("metadata") or {})
        if left_out:
            metadata["notAdopted"] = left_out
        return TableDefinition(
            id=self._new_id(),
            name=logical,
            is_adopted=True,
            physical_name=table.name if table.name != logical else None,
            alias=facts.get("alias"),
            description=facts.get("description"),
            metadata=metadata or None,
            columns=tuple(columns),
            uniques=tuple(_groups(table, by_physical, unique=True)),
            indexes=tuple(_groups(table, by_physical, unique=False)),
        )

    def _check(self, table: PhysicalTable, logical: str) -> None:
        problem = names.table_name_problem(logical)
        if table.view:
            problem = "is a view, which this version cannot adopt"
        elif len(table.primary) != 1:
            count = len(table.primary)
            problem = f"has {count} columns in its primary key; one is needed"
            if self._ends(table) is not None:
                problem = (
                    "only joins two tables; adopt those, and it becomes a relation between them"
                )
        else:
            key = table.column(table.primary[0])
            if key is None or key.type not in _KEY_TYPES:
                problem = "has a primary key of a type that Enfyra does not know"
        if problem is not None:
            raise EnfyraError("VALIDATION_ERROR", problems=[f"'{table.name}' {problem}"])

    def _columns(self, table: PhysicalTable) -> tuple[list[ColumnDefinition], list[dict[str, Any]]]:
        columns: list[ColumnDefinition] = []
        left_out: list[dict[str, Any]] = []
        taken: set[str] = set()
        for column in table.columns:
            if column.type is None:
                left_out.append({"column": column.name, "type": column.native})
                continue
            name = _free_name(_field_name(column.name), taken)
            columns.append(self._column(column, column.type, name))
        return columns, left_out

    def _column(self, column: PhysicalColumn, type_: ColumnType, name: str) -> ColumnDefinition:
        return ColumnDefinition(
            id=self._new_id(),
            name=name,
            type=type_,
            options=column.options,
            is_primary=column.primary,
            is_generated=column.generated,
            is_nullable=column.nullable,
            is_updatable=not column.primary,
            physical_name=column.name if column.name != name else None,
            physical_type=column.native,
        )

    # -- relations ------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Make relations of foreign keys whose two tables are both defined."""
        by_physical = {one.physical: one.id for one in self.catalog.values()}
        for physical_name, id_ in list(by_physical.items()):
            table = self._physical.get(physical_name)
            if table is None or not self.catalog[id_].is_adopted:
                continue
            for reference in table.references:
                target = by_physical.get(reference.target)
                if target is not None and len(reference.columns) == 1:
                    self._to_one(id_, target, reference, table)
        for junction in self._physical.values():
            ends = self._ends(junction)
            if ends is not None:
                self._to_many(junction, ends, by_physical)

    def _to_one(
        self, source: int, target: int, reference: PhysicalReference, physical: PhysicalTable
    ) -> None:
        table, other = self.catalog[source], self.catalog[target]
        column = next((o for o in table.columns if o.physical == reference.columns[0]), None)
        refers_to_key = reference.target_columns[:1] == (other.primary.physical,)
        if column is None or column.is_primary or not refers_to_key:
            return
        table = msgspec.structs.replace(
            table, columns=tuple(one for one in table.columns if one is not column)
        )
        name = _free_name(_relation_name(column.name, other.name), _field_names(table))
        single = any(
            index.unique and index.columns == reference.columns for index in physical.indexes
        )
        kind = RelationKind.ONE_TO_ONE if single else RelationKind.MANY_TO_ONE
        renames = {column.name: name}
        self.catalog = self.catalog.with_table(
            msgspec.structs.replace(
                table,
                uniques=_renamed(table.uniques, renames),
                indexes=_renamed(table.indexes, renames),
            )
        )
        owner = RelationDefinition(
            id=self._new_id(),
            type=kind,
            property_name=name,
            source=source,
            target=target,
            is_nullable=column.is_nullable,
            on_delete=reference.on_delete,
            foreign_key_column=column.physical,
            referenced_column=reference.target_columns[0],
            constraint_name=reference.name,
            metadata={"adopted": True},
        )
        self._add_with_inverse(owner, self.catalog[source].name)

    def _add_with_inverse(self, owner: RelationDefinition, source_name: str) -> None:
        self.catalog = self.catalog.with_relation(owner)
        many = owner.type is not RelationKind.ONE_TO_ONE
        wanted = _plural(source_name) if many else source_name
        taken = _field_names(self.catalog[owner.target])
        if wanted.lower() in taken:
            wanted = f"{wanted}_by_{owner.property_name}"
        self.catalog = self.catalog.with_relation(
            RelationDefinition(
                id=self._new_id(),
                type=owner.type.inverse,
                property_name=_free_name(wanted[: names.MAX_NAME], taken),
                source=owner.target,
                target=owner.source,
                mapped_by=owner.id,
                metadata={"adopted": True},
            )
        )

    def _ends(self, table: PhysicalTable) -> tuple[PhysicalReference, PhysicalReference] | None:
        """Give the two foreign keys of a table that does nothing but join two others."""
        single = [one for one in table.references if len(one.columns) == 1]
        if len(single) != 2 or table.view:
            return None
        columns = {one.columns[0] for one in single}
        if set(table.primary) != columns or len(columns) != 2:
            return None
        extra = [one for one in table.columns if one.name not in columns and not one.generated]
        return (single[0], single[1]) if not extra else None

    def _to_many(
        self,
        junction: PhysicalTable,
        ends: tuple[PhysicalReference, PhysicalReference],
        by_physical: Mapping[str, int],
    ) -> None:
        source, target = (by_physical.get(end.target) for end in ends)
        known = any(one.junction_table_name == junction.name for one in self.catalog.relations())
        if source is None or target is None or known:
            return
        taken = _field_names(self.catalog[source])
        owner = RelationDefinition(
            id=self._new_id(),
            type=RelationKind.MANY_TO_MANY,
            property_name=_free_name(_plural(self.catalog[target].name), taken),
            source=source,
            target=target,
            junction_table_name=junction.name,
            junction_source_column=ends[0].columns[0],
            junction_target_column=ends[1].columns[0],
            metadata={"adopted": True},
        )
        self._add_with_inverse(owner, self.catalog[source].name)


def _groups(
    table: PhysicalTable, by_physical: Mapping[str, str], *, unique: bool
) -> Iterable[tuple[str, ...]]:
    for index in table.indexes:
        if index.unique is unique and all(column in by_physical for column in index.columns):
            yield tuple(by_physical[column] for column in index.columns)


def _field_name(physical: str) -> str:
    name = _NOT_IN_NAME.sub("_", physical).strip("_")
    if not name or not name[0].isalpha():
        name = f"c_{name}"
    return name[: names.MAX_NAME]


def _relation_name(column: str, target: str) -> str:
    bare = _KEY_SUFFIX.sub("", column)
    if not bare or bare == column:
        # The column is called what the relation should be called, or nothing helps.
        bare = column if bare else target
    return bare[0].lower() + bare[1:]


def _plural(name: str) -> str:
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def _free_name(wanted: str, taken: set[str]) -> str:
    """Give a name that is not taken yet, case aside, and take it."""
    name, number = wanted, 1
    while name.lower() in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name.lower())
    return name


def _field_names(table: TableDefinition) -> set[str]:
    return {column.name.lower() for column in table.columns} | {
        relation.property_name.lower() for relation in table.relations
    }


def _renamed(
    groups: Sequence[tuple[str, ...]], renames: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(renames.get(name, name) for name in group) for group in groups)
