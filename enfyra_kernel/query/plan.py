"""The Plan: a Query with every name resolved against a Snapshot, ready to be rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import EnfyraError, did_you_mean
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ..metadata.types import DOCUMENTS, TEXTS, ColumnType
from ..metadata.values import text_reader
from .ast import (
    LISTS,
    ORDERINGS,
    SEARCHES,
    Compare,
    Deep,
    Every,
    Filter,
    IsNull,
    Negate,
    Operator,
    Related,
    Shape,
    SortKey,
)
from .selection import MAX_DEPTH, Selected, Selection, select_fields

# -- predicates: a Filter with its names resolved -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column of the table at hand compared with the value in a slot."""

    column: StoredColumn
    operator: Operator
    slot: int


@dataclass(frozen=True, slots=True)
class Emptiness:
    """Whether a column of the table at hand is null."""

    column: StoredColumn
    empty: bool


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a related record exists, meeting a condition if there is one."""

    relation: Relation
    target: Table
    where: Predicate | None


@dataclass(frozen=True, slots=True)
class All:
    """All parts hold."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - the logical word
    """At least one part holds."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; what is unknown does not hold."""

    part: Predicate


Predicate = Comparison | Emptiness | Existence | All | Any_ | Not


@dataclass(frozen=True, slots=True)
class Ordering:
    """A column to order by, with the to-one relations on the way to it and their tables."""

    joins: tuple[Relation, ...]
    targets: tuple[Table, ...]
    column: StoredColumn
    nullable: bool
    descending: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """How a value of the query becomes the value that is bound.

    Attributes:
        place: What to call it in messages.
        read: Makes the canonical value or raises ValueError.
    """

    place: str
    type: ColumnType
    operator: Operator
    read: Callable[[Any], Any] = field(compare=False)

    def bind(self, value: Any) -> Any:
        """Give the canonical value for what the client sent."""
        try:
            if self.operator in LISTS or self.operator is Operator.BETWEEN:
                return [self.read(item) for item in value]
            return self.read(value)
        except ValueError as error:
            raise EnfyraError(
                "INVALID_VALUE",
                f"filter.{self.place}: {error}",
                details={"field": self.place, "operator": self.operator.value},
            ) from None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to select, filter and order, and how to bind the values.

    Attributes:
        selection: The answer's fields, in order.
        where: The condition on records, or None.
        order: Always ends with the primary key, so that pages are stable.
        slots: One for each value of the query.
    """

    table: Table
    selection: Selection
    where: Predicate | None
    order: tuple[Ordering, ...]
    slots: tuple[Slot, ...]
    filter_count: bool = False
    total_count: bool = False

    def bind(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Give the canonical values to bind for a query's values."""
        return tuple(slot.bind(value) for slot, value in zip(self.slots, values, strict=True))


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may see; callers with equal access share plans.

    Attributes:
        unpublished: Whether fields that are not published may be seen and used.
        secrets: Whether even password hashes and the like may; never for a caller, only for the
            server's own work.
    """

    unpublished: bool = False
    secrets: bool = False

    def sees(self, field: ColumnDefinition | Relation) -> bool:
        """Say whether a field may be shown."""
        if isinstance(field, Relation):
            return field.published or self.unpublished
        if field.is_secret:
            return self.secrets
        return field.is_published or self.unpublished

    def names(self, table: Table) -> list[str]:
        """Give the names of a table that may be shown: columns, then relations."""
        return [
            name
            for fields in (table.columns, table.relations)
            for name, field in fields.items()
            if self.sees(field)
        ]


PUBLISHED = Access()
ADMINISTRATOR = Access(unpublished=True)
INTERNAL = Access(unpublished=True, secrets=True)


def plan(shape: Shape, table: Table, snapshot: Snapshot, access: Access) -> Plan:
    """Resolve a query's names.

    How deep relations may be followed is the setting `maxQueryDepth`.

    Raises:
        EnfyraError: UNKNOWN_FIELD with the nearest name, INVALID_QUERY for what a field cannot
            do, AUTHORIZATION_ERROR for a field that the caller may not use.
    """
    planner = _Planner(snapshot, access)
    where = planner.predicate(shape.where, table, ()) if shape.where is not None else None
    return Plan(
        table=table,
        selection=planner.selection(shape.fields, shape.deep, table),
        where=where,
        order=planner.order(shape.sort, table),
        slots=tuple(planner.slots[number] for number in range(len(planner.slots))),
        filter_count=shape.filter_count,
        total_count=shape.total_count,
    )


class _Planner:
    def __init__(self, snapshot: Snapshot, access: Access) -> None:
        self._snapshot = snapshot
        self._access = access
        self.slots: dict[int, Slot] = {}

    # -- names ----------------------------------------------------------------------------------

    def _column(self, table: Table, name: str, place: str) -> ColumnDefinition:
        column = table.columns.get(name)
        if column is None:
            raise unknown_field(table, name, place, self._access)
        if column.is_encrypted:
            raise EnfyraError("INVALID_QUERY", f"{place}: encrypted fields cannot be used here")
        self._permit(table, name, column)
        return column

    def _relation(self, table: Table, name: str, place: str) -> Relation:
        relation = table.relations.get(name)
        if relation is None:
            if name in table.columns:
                raise EnfyraError("INVALID_QUERY", f"{place}: '{name}' is a column, not a relation")
            raise unknown_field(table, name, place, self._access)
        self._permit(table, name, relation)
        return relation

    def _permit(self, table: Table, name: str, field: ColumnDefinition | Relation) -> None:
        if not self._access.sees(field):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"You are not allowed to use the field '{name}' of '{table.name}'",
            )

    # -- filter ---------------------------------------------------------------------------------

    def predicate(self, node: Filter, table: Table, path: tuple[str, ...]) -> Predicate:
        if isinstance(node, Compare):
            return self._comparison(node, table, path)
        if isinstance(node, IsNull):
            return self._emptiness(node, table, path)
        if isinstance(node, Related):
            return self._related(node, table, path)
        if isinstance(node, Negate):
            return Not(self.predicate(node.part, table, path))
        parts = tuple(self.predicate(part, table, path) for part in node.parts)
        return All(parts) if isinstance(node, Every) else Any_(parts)

    def _comparison(self, node: Compare, table: Table, path: tuple[str, ...]) -> Predicate:
        place = ".".join((*path, node.field))
        relation = table.relations.get(node.field)
        if relation is not None:
            return self._key_comparison(node, table, relation, path)
        column = self._column(table, node.field, f"filter.{place}")
        self._check_operator(column, node.operator, place)
        self._add_slot(node, column, place)
        return Comparison(stored(column), node.operator, node.slot)

    def _key_comparison(
        self, node: Compare, table: Table, relation: Relation, path: tuple[str, ...]
    ) -> Predicate:
        """`author: {_eq: 5}` compares the related record's primary key."""
        self._permit(table, relation.name, relation)
        target = self._snapshot.tables[relation.target]
        place = ".".join((*path, relation.name))
        self._check_operator(target.primary, node.operator, place)
        self._add_slot(node, target.primary, place)
        if _key_is_here(relation, target):
            return Comparison(key_of(relation, target), node.operator, node.slot)
        return Existence(relation, target, Comparison(target.key, node.operator, node.slot))

    def _check_operator(self, column: ColumnDefinition, operator: Operator, place: str) -> None:
        if operator in SEARCHES and column.type not in TEXTS | {ColumnType.ARRAY_SELECT}:
            raise EnfyraError(
                "INVALID_QUERY",
                f"filter.{place}: {operator.value} searches in texts, "
                f"'{column.name}' is of type {column.type.value}",
            )
        if column.type is ColumnType.ARRAY_SELECT and operator in SEARCHES - {Operator.CONTAINS}:
            raise EnfyraError(
                "INVALID_QUERY",
                f"filter.{place}: an {column.type.value} field knows _contains, "
                f"not {operator.value}",
            )
        if operator in ORDERINGS and column.type in DOCUMENTS | {ColumnType.BOOLEAN}:
            raise EnfyraError(
                "INVALID_QUERY",
                f"filter.{place}: {operator.value} needs an order, "
                f"'{column.name}' is of type {column.type.value}",
            )
        if column.type in DOCUMENTS and operator not in SEARCHES:
            raise EnfyraError(
                "INVALID_QUERY",
                f"filter.{place}: a {column.type.value} field cannot be compared as a whole",
            )

    def _add_slot(self, node: Compare, column: ColumnDefinition, place: str) -> None:
        read = (
            _read_search if node.operator in SEARCHES else text_reader(column.type, column.options)
        )
        self.slots[node.slot] = Slot(place, column.type, node.operator, read)

    def _emptiness(self, node: IsNull, table: Table, path: tuple[str, ...]) -> Predicate:
        place = ".".join((*path, node.field))
        relation = table.relations.get(node.field)
        if relation is None:
            column = self._column(table, node.field, f"filter.{place}")
            return Emptiness(stored(column), node.empty)
        self._permit(table, relation.name, relation)
        target = self._snapshot.tables[relation.target]
        if relation.holds_key:
            return Emptiness(key_of(relation, target), node.empty)
        exists = Existence(relation, target, None)
        return Not(exists) if node.empty else exists

    def _related(self, node: Related, table: Table, path: tuple[str, ...]) -> Predicate:
        place = (*path, node.relation)
        relation = self._relation(table, node.relation, f"filter.{'.'.join(place)}")
        target = self._snapshot.tables[relation.target]
        where = self.predicate(node.where, target, place)
        return _key_only(relation, target, where) or Existence(relation, target, where)

    # -- order ----------------------------------------------------------------------------------

    def order(self, keys: Sequence[SortKey], table: Table) -> tuple[Ordering, ...]:
        orderings = [self._ordering(key, table) for key in keys]
        key = table.key
        if not any(not one.joins and one.column.name == key.name for one in orderings):
            # In the direction of the last key, so that an index serves the whole order.
            descending = bool(orderings) and orderings[-1].descending
            orderings.append(Ordering((), (), key, nullable=False, descending=descending))
        return tuple(orderings)

    def _ordering(self, key: SortKey, table: Table) -> Ordering:
        joins: list[Relation] = []
        targets: list[Table] = []
        current = table
        place = ".".join(key.path)
        for name in key.path[:-1]:
            relation = self._relation(current, name, f"sort.{place}")
            if not relation.kind.to_one:
                raise EnfyraError(
                    "INVALID_QUERY",
                    f"sort.{place}: '{name}' holds many records; sorting needs a to-one relation",
                )
            joins.append(relation)
            current = self._snapshot.tables[relation.target]
            targets.append(current)
        name = key.path[-1]
        if name in current.relations and name not in current.columns:
            raise EnfyraError(
                "INVALID_QUERY",
                f"sort.{place}: '{name}' is a relation; sort by one of its fields, "
                f"such as {place}.{current.primary.name}",
            )
        column = self._column(current, name, f"sort.{place}")
        if column.type in DOCUMENTS:
            raise EnfyraError(
                "INVALID_QUERY", f"sort.{place}: a {column.type.value} field has no order"
            )
        nullable = bool(joins) or (column.is_nullable and not column.is_primary)
        return Ordering(tuple(joins), tuple(targets), stored(column), nullable, key.descending)

    # -- selection ------------------------------------------------------------------------------

    def selection(
        self, fields: tuple[str, ...] | None, deep: tuple[Deep, ...], table: Table
    ) -> Selection:
        most = int(self._snapshot.settings.get("maxQueryDepth") or MAX_DEPTH)
        return select_fields(
            fields,
            deep,
            table,
            self._snapshot,
            self._access.sees,
            partial(unknown_field, access=self._access),
            most,
        )


def _read_search(value: Any) -> str:
    return text_reader(ColumnType.TEXT)(value)


def _key_is_here(relation: Relation, target: Table) -> bool:
    return relation.holds_key and relation.referenced == target.primary.physical


def _key_only(relation: Relation, target: Table, where: Predicate) -> Predicate | None:
    """`author: {id: {_eq: 5}}` needs no look at the author: the key is here."""
    if (
        _key_is_here(relation, target)
        and isinstance(where, Comparison)
        and where.column.name == target.primary.physical
    ):
        return Comparison(key_of(relation, target), where.operator, where.slot)
    return None


def unknown_field(table: Table, name: str, place: str, access: Access) -> EnfyraError:
    """Make the error for a name that a table does not have; names only what the caller sees."""
    for relation in table.relations.values():
        stands_for = name in {relation.foreign_key, f"{relation.name}_id"} and relation.holds_key
        if stands_for and access.sees(relation):
            return EnfyraError(
                "UNKNOWN_FIELD",
                f"{place}: '{table.name}' has no field '{name}'. "
                f"Use the relation '{relation.name}'",
                details={"field": name, "table": table.name},
                hint=f'Relations go by their name, as in {{"{relation.name}": {{"id": ...}}}}',
            )
    return EnfyraError(
        "UNKNOWN_FIELD",
        f"{place}: '{table.name}' has no field '{name}'.{did_you_mean(name, access.names(table))}",
        details={"field": name, "table": table.name},
    )


__all__ = [
    "ADMINISTRATOR", "PUBLISHED", "Access", "All", "Any_", "Comparison", "Emptiness", "Existence",
    "Not", "Ordering", "Plan", "Predicate", "Selected", "Selection", "Slot", "plan",
    "unknown_field",
]  # fmt: skip
