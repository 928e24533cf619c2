"""Tables as requests use them: every relation resolved from both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec.structs

from ..errors import EnfyraError
from . import names
from .definitions import ColumnDefinition, RelationDefinition, TableDefinition
from .types import ColumnType, OnDelete, RelationKind


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column as the database has it.

    Attributes:
        options: As defined: a decimal's scale, an enum's values.
        native: The database's own type, where an adopted table has one we would not have chosen.
        encrypted: The column's definition, where the database has ciphertext, which is a text.
    """

    name: str
    type: ColumnType
    options: Any = field(default=None, compare=False)
    native: str | None = None
    encrypted: ColumnDefinition | None = field(default=None, compare=False)

    @property
    def plain(self) -> StoredColumn:
        """The column as everybody above the database knows it."""
        if self.encrypted is None:
            return self
        return StoredColumn(self.name, self.encrypted.type, self.encrypted.options)


def stored(column: ColumnDefinition) -> StoredColumn:
    """Give a column as the database has it."""
    if column.is_encrypted:
        return StoredColumn(column.physical, ColumnType.TEXT, encrypted=column)
    return StoredColumn(column.physical, column.type, column.options, column.physical_type)


@dataclass(frozen=True, slots=True)
class Junction:
    """The physical table behind a many-to-many relation, seen from one of its sides."""

    table: str
    source_column: str
    target_column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A relation as a property of one table.

    Attributes:
        source: Name of the table that has the property.
        target: Name of the table referred to.
        foreign_key: The column that holds the reference: in `source` when this side owns the
            relation, in `target` otherwise; None for many-to-many.
        referenced: The column that the foreign key points at.
        junction: Where a many-to-many relation is stored.
        inverse: The property on `target`, if there is one.
        read_only: Why nobody can set it, as a phrase that follows its name; None where one can.
    """

    id: int
    name: str
    kind: RelationKind
    source: str
    target: str
    owning: bool
    nullable: bool
    on_delete: OnDelete
    published: bool
    updatable: bool
    foreign_key: str | None
    referenced: str
    junction: Junction | None
    inverse: str | None
    definition: RelationDefinition = field(repr=False, compare=False)
    read_only: str | None = None

    @property
    def holds_key(self) -> bool:
        """Whether the foreign key is a column of the table that has the property."""
        return self.owning and self.foreign_key is not None


@dataclass(frozen=True)
class Table:
    """A table with everything that a request needs to know about it.

    Attributes:
        definition: What was defined, as stored.
        columns: By name, in the order defined.
        relations: By property name.
    """

    definition: TableDefinition = field(repr=False)
    name: str
    columns: Mapping[str, ColumnDefinition] = field(repr=False)
    relations: Mapping[str, Relation] = field(repr=False)
    primary: ColumnDefinition = field(repr=False)

    @property
    def id(self) -> int:
        """The id of the table's definition."""
        return self.definition.id

    @cached_property
    def timestamps(self) -> tuple[str, ...]:
        """Those of `createdAt` and `updatedAt` that the server keeps here."""
        return tuple(
            name
            for name in names.TIMESTAMPS
            if (column := self.columns.get(name)) is not None and column.is_system
        )

    @cached_property
    def made_uuids(self) -> tuple[str, ...]:
        """The stored columns that the server makes a UUID for when it is not given."""
        return tuple(
            column.physical
            for column in self.columns.values()
            if column.type is ColumnType.UUID and (column.is_primary or column.is_generated)
        )

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """All names that a query may use: columns, then relations."""
        return (*self.columns, *self.relations)

    @cached_property
    def key(self) -> StoredColumn:
        """The primary column as the database has it."""
        return stored(self.primary)

    @property
    def addressable(self) -> bool:
        """Whether the primary column alone tells records apart."""
        return self.definition.key_fields is None

    @cached_property
    def keys(self) -> tuple[ColumnDefinition, ...]:
        """The columns that together tell records apart: mostly the primary column alone."""
        named = self.definition.key_fields or ()
        return tuple(self.columns[one] for one in named if one in self.columns) or (self.primary,)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def why_not_written(table: Table, method: str) -> str | None:
    """Say why a method that writes makes no sense for an adopted table's records, or None."""
    definition = table.definition
    if method in definition.methods:
        return None
    if definition.read_only is not None:
        return f"'{table.name}' can only be read: {definition.read_only}"
    listed = ", ".join(column.name for column in table.keys)
    return (
        f"The records of '{table.name}' have no key of one field ({listed} is their key), so that "
        "they cannot be changed one by one"
    )


def refuse_write(table: Table, method: str) -> None:
    """Refuse a method that makes no sense for an adopted table's records.

    Raises:
        EnfyraError: METHOD_NOT_ALLOWED.
    """
    reason = why_not_written(table, method)
    if reason is not None:
        raise EnfyraError(
            "METHOD_NOT_ALLOWED", reason, details={"allowed": list(table.definition.methods)}
        )


def key_of(relation: Relation, target: Table) -> StoredColumn:
    """Give the foreign key that an owning to-one relation is stored in.

    Its type is that of the column it refers to.
    """
    referenced = next(
        (one for one in target.definition.columns if one.physical == relation.referenced),
        target.primary,
    )
    if relation.foreign_key is None:
        raise ValueError(f"relation '{relation.name}' has no foreign key")
    return StoredColumn(
        relation.foreign_key, referenced.type, referenced.options, referenced.physical_type
    )


def junction_as_table(junction: Junction, source: StoredColumn, target: StoredColumn) -> Table:
    """Give the table behind a many-to-many relation, to be read and written like any other.

    Its columns go by `sourceId` and `targetId`, seen from the side that the junction was taken of.
    """
    columns = tuple(
        ColumnDefinition(
            name=name,
            type=end.type,
            options=end.options,
            is_nullable=False,
            is_primary=name == "sourceId",
            physical_name=physical,
        )
        for name, physical, end in (
            ("sourceId", junction.source_column, source),
            ("targetId", junction.target_column, target),
        )
    )
    definition = TableDefinition(name=junction.table, columns=columns)
    return Table(
        definition=definition,
        name=junction.table,
        columns={column.name: column for column in columns},
        relations={},
        primary=columns[0],
    )


def resolve(
    definition: TableDefinition,
    table_of: Callable[[int], TableDefinition],
    relation_of: Callable[[int], RelationDefinition],
    inverses: Mapping[int, RelationDefinition],
) -> Table:
    """Make a table of its definition.

    Args:
        definition: The table.
        table_of: Finds a table's definition by id.
        relation_of: Finds a relation's definition by id.
        inverses: The inverse side's definition, by the owning side's id.
    """
    relations = {
        one.property_name: _resolve_relation(one, definition, table_of, relation_of, inverses)
        for one in definition.relations
    }
    return Table(
        definition=definition,
        name=definition.name,
        columns={column.name: column for column in definition.columns},
        relations=relations,
        primary=definition.primary,
    )


def _resolve_relation(
    one: RelationDefinition,
    source: TableDefinition,
    table_of: Callable[[int], TableDefinition],
    relation_of: Callable[[int], RelationDefinition],
    inverses: Mapping[int, RelationDefinition],
) -> Relation:
    target = table_of(one.target)
    owner = one if one.mapped_by is None else relation_of(one.mapped_by)
    other = inverses.get(one.id) if one.owning else owner
    referenced = target if one.owning else source
    return Relation(
        id=one.id,
        name=one.property_name,
        kind=one.type,
        source=source.name,
        target=target.name,
        owning=one.owning,
        nullable=one.is_nullable,
        on_delete=owner.effective_on_delete,
        published=one.is_published,
        updatable=one.is_updatable,
        foreign_key=owner.foreign_key_column,
        referenced=owner.referenced_column or referenced.primary.physical,
        junction=_junction(one, owner),
        inverse=other.property_name if other is not None else None,
        definition=one,
        read_only=_why_not_set(one, owner, table_of),
    )


def _why_not_set(
    one: RelationDefinition,
    owner: RelationDefinition,
    table_of: Callable[[int], TableDefinition],
) -> str | None:
    """Say why a relation of adopted tables cannot be set: who is to have the value of its key?"""
    if owner.type is RelationKind.MANY_TO_MANY:
        return None
    holder = table_of(owner.source)
    column = next((o for o in holder.columns if o.physical == owner.foreign_key_column), None)
    if one.owning:
        return None if column is None else f"is read only: it follows from '{column.name}'"
    if column is not None or holder.read_only is not None or holder.key_fields is not None:
        return f"is read only: it follows from the records of '{holder.name}'"
    return None


def _junction(one: RelationDefinition, owner: RelationDefinition) -> Junction | None:
    if one.type is not RelationKind.MANY_TO_MANY:
        return None
    source, target = owner.junction_source_column, owner.junction_target_column
    if owner.junction_table_name is None or source is None or target is None:
        raise ValueError(f"relation '{one.property_name}' has no junction")
    if not one.owning:
        source, target = target, source
    return Junction(owner.junction_table_name, source, target)


def with_physical_names(
    relation: RelationDefinition, source: str, target: str
) -> RelationDefinition:
    """Give an owning relation the names of its foreign key or junction, where it has none yet."""
    if not relation.owning:
        return relation
    if relation.type is RelationKind.MANY_TO_MANY:
        return msgspec.structs.replace(
            relation,
            junction_table_name=relation.junction_table_name
            or names.junction_table(source, relation.property_name, target),
            junction_source_column=relation.junction_source_column or "sourceId",
            junction_target_column=relation.junction_target_column or "targetId",
        )
    column = relation.foreign_key_column or names.foreign_key_column(relation.property_name)
    return msgspec.structs.replace(
        relation,
        foreign_key_column=column,
        constraint_name=relation.constraint_name or names.foreign_key_constraint(source, column),
    )
