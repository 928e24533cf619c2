"""The definitions, as they are stored: tables, columns, relations, routes.

They are the rows of the system tables as frozen values. What requests work with, both sides of
each relation resolved, is made of them in `tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from .names import TIMESTAMPS
from .types import ColumnType, OnDelete, RelationKind

Group = tuple[str, ...]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class RuleDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule that the values of a column, or the records of a relation, have to meet.

    Attributes:
        id: The row's id; negative while the definition has not been written yet.
        rule_type: The kind of rule, a `RuleType` unless it was stored before rules were checked.
        value: `{"v": 5}`; for a pattern, `{"v": "^[a-z]+$", "flags": "i"}`.
        message: What people are told instead of our own words.
    """

    id: int = -1
    rule_type: str
    value: Any = None
    message: str | None = None
    is_enabled: bool = True
    description: str | None = None


class ColumnDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A column of a table.

    Attributes:
        id: The row's id; negative while the definition has not been written yet.
        options: What the type asks for: a varchar's `length`, an enum's values, a decimal's
            `precision` and `scale`.
        is_published: Whether anybody but an administrator may see it.
        is_generated: Whether the database or the server makes the value.
        is_encrypted: Whether values are stored encrypted; it never changes.
        is_secret: Whether not even an administrator may see it. Declared in code only.
        physical_name: The column's name in the database, where an adopted table has another one.
        physical_type: The database's own type, where an adopted table has one that we would not
            have chosen.
        rules: What values have to meet beside the type.
        read_only: Why nobody can write the column of an adopted table; None where one can.
    """

    id: int = -1
    name: str
    type: ColumnType
    is_primary: bool = False
    is_generated: bool = False
    is_nullable: bool = True
    is_system: bool = False
    default_value: Any = None
    options: Any = None
    is_updatable: bool = True
    is_published: bool = True
    is_encrypted: bool = False
    is_secret: bool = False
    description: str | None = None
    placeholder: str | None = None
    metadata: Any = None
    physical_name: str | None = None
    physical_type: str | None = None
    rules: tuple[RuleDefinition, ...] = ()
    read_only: str | None = None

    @property
    def physical(self) -> str:
        """The column's name in the database."""
        return self.physical_name or self.name


class RelationDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One side of a relation.

    Attributes:
        source: The id of the table that has the property.
        target: The id of the table that it refers to.
        mapped_by: The id of the owning side's definition; None on the owning side itself.
        rules: How many records a relation to many may have.
    """

    id: int = -1
    type: RelationKind
    property_name: str
    source: int
    target: int
    mapped_by: int | None = None
    is_nullable: bool = True
    on_delete: OnDelete | None = None
    is_system: bool = False
    is_published: bool = True
    is_updatable: bool = True
    description: str | None = None
    metadata: Any = None
    foreign_key_column: str | None = None
    referenced_column: str | None = None
    constraint_name: str | None = None
    junction_table_name: str | None = None
    junction_source_column: str | None = None
    junction_target_column: str | None = None
    rules: tuple[RuleDefinition, ...] = ()

    @property
    def owning(self) -> bool:
        """Whether this side holds the foreign key or the junction."""
        return self.mapped_by is None

    @property
    def effective_on_delete(self) -> OnDelete:
        """What happens on delete when nothing was said."""
        if self.on_delete is not None:
            return self.on_delete
        return OnDelete.SET_NULL if self.is_nullable else OnDelete.RESTRICT


class TableDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A table with its columns and the relations whose property it has.

    Attributes:
        uniques: Groups of column and relation names whose values no two records may share.
        indexes: Groups of names to index.
        is_adopted: Whether the physical table was there before; it is never dropped.
        physical_name: The table's name in the database, where an adopted one cannot be ours.
        read_only: Why nobody can write the records of an adopted table; None where one can.
        key_fields: The columns that only together tell the records of an adopted table apart; None
            where the primary column does that alone, as in every table of ours.
    """

    id: int = -1
    name: str
    alias: str | None = None
    is_system: bool = False
    is_single_record: bool = False
    is_adopted: bool = False
    uniques: tuple[Group, ...] = ()
    indexes: tuple[Group, ...] = ()
    description: str | None = None
    metadata: Any = None
    validate_body: bool = True
    physical_name: str | None = None
    read_only: str | None = None
    key_fields: Group | None = None
    columns: tuple[ColumnDefinition, ...] = ()
    relations: tuple[RelationDefinition, ...] = ()

    @property
    def physical(self) -> str:
        """The table's name in the database."""
        return self.physical_name or self.name

    def column(self, name: str) -> ColumnDefinition | None:
        """Give the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def relation(self, property_name: str) -> RelationDefinition | None:
        """Give the relation of that property, or None."""
        return next((one for one in self.relations if one.property_name == property_name), None)

    @property
    def primary(self) -> ColumnDefinition:
        """The primary column."""
        return next(column for column in self.columns if column.is_primary)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that make sense for its records; all but for some adopted tables."""
        if self.read_only is not None:
            return METHODS[:1]
        return METHODS if self.key_fields is None else METHODS[:2]


def has_encrypted(table: TableDefinition) -> bool:
    """Say whether a table has an encrypted column."""
    return any(column.is_encrypted for column in table.columns)


class RouteDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A path and the methods it answers.

    Attributes:
        main_table: The id of the table that default CRUD works on.
        available: Methods that exist at the path.
        public: Methods open to everybody.
        skip_role_guard: Methods open to everybody who has logged in.
    """

    id: int
    path: str
    is_enabled: bool = True
    is_system: bool = False
    main_table: int | None = None
    available: frozenset[str] = frozenset()
    public: frozenset[str] = frozenset()
    skip_role_guard: frozenset[str] = frozenset()
    icon: str | None = None
    description: str | None = None


def timestamp_columns(next_id: Callable[[], int]) -> list[ColumnDefinition]:
    """Make the `createdAt` and `updatedAt` that every table of ours has."""
    return [
        ColumnDefinition(
            id=next_id(),
            name=name,
            type=ColumnType.DATETIME,
            is_system=True,
            is_generated=True,
            is_nullable=False,
            is_updatable=False,
        )
        for name in TIMESTAMPS
    ]
