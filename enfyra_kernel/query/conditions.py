"""Filters resolved: which columns they compare, across which relations, and as what type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.tables import Relation, Table, key_of, stored
from ..metadata.types import DOCUMENTS, TEXTS, ColumnType
from ..metadata.values import text_reader
from .ast import (
    ORDERINGS,
    SEARCHES,
    Compare,
    Every,
    Filter,
    IsNull,
    Measured,
    MeasuredNull,
    Negate,
    Operator,
    Related,
)
from .measures import measure_of
from .predicates import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Predicate,
    RelatedMeasure,
    both,
)
from .slots import Slot, Slots
from .visibility import Names

# The longest text to search for; what databases make of it grows with it.
MAX_SEARCH = 500


@dataclass(frozen=True, slots=True)
class Conditions:
    """Resolves filters.

    Attributes:
        parameter: The parameter of the query that the filter is in, for messages.
    """

    names: Names
    slots: Slots
    parameter: str = "filter"

    def resolve(self, node: Filter, table: Table, path: tuple[str, ...] = ()) -> Predicate:
        """Resolve a filter on the records of a table.

        Args:
            path: The relations that lead to the table, for messages.
        """
        match node:
            case Compare():
                return self._comparison(node, table, path)
            case IsNull():
                return self._emptiness(node, table, path)
            case Related():
                return self._related(node, table, path)
            case Measured() | MeasuredNull():
                return self._measured(node, table, path)
            case Negate(part):
                return Not(self.resolve(part, table, path))
            case _:
                parts = tuple(self.resolve(part, table, path) for part in node.parts)
                return All(parts) if isinstance(node, Every) else Any_(parts)

    def _place(self, place: str) -> str:
        return f"{self.parameter}.{place}"

    def _comparison(self, node: Compare, table: Table, path: tuple[str, ...]) -> Predicate:
        place = ".".join((*path, node.field))
        relation = table.relations.get(node.field)
        if relation is not None:
            return self._key_comparison(node, table, relation, path)
        column = self.names.column(table, node.field, self._place(place))
        self._check_operator(column, node.operator, place)
        self._add_slot(node, column, place)
        return Comparison(stored(column), node.operator, node.slot)

    def _key_comparison(
        self, node: Compare, table: Table, relation: Relation, path: tuple[str, ...]
    ) -> Predicate:
        """`author: {_eq: 5}` compares the related record's primary key."""
        place = ".".join((*path, relation.name))
        self.names.permit(table, relation.name, relation, self._place(place))
        target = self.names.target(relation)
        self._check_operator(target.primary, node.operator, place)
        hint = (
            f"'{relation.name}' is compared by the key of the '{target.name}'; "
            f'other fields are compared as in {{"{relation.name}": {{"FIELD": ...}}}}'
        )
        self._add_slot(node, target.primary, place, hint)
        policy = self.names.rows(target)
        if key_is_here(relation, target) and policy is None:
            return Comparison(key_of(relation, target), node.operator, node.slot)
        where = both(Comparison(target.key, node.operator, node.slot), policy)
        return Existence(relation, target, where)

    def _check_operator(self, column: ColumnDefinition, operator: Operator, place: str) -> None:
        problem = _unfit(column, operator)
        if problem is not None:
            raise EnfyraError("INVALID_QUERY", f"{self._place(place)}: {problem}")

    def _add_slot(
        self, node: Compare, column: ColumnDefinition, place: str, hint: str | None = None
    ) -> None:
        read = (
            _read_search if node.operator in SEARCHES else text_reader(column.type, column.options)
        )
        slot = Slot(place, column.type, node.operator, read, self.parameter, hint)
        self.slots.add(node.slot, slot)

    def _emptiness(self, node: IsNull, table: Table, path: tuple[str, ...]) -> Predicate:
        place = self._place(".".join((*path, node.field)))
        relation = table.relations.get(node.field)
        if relation is None:
            column = self.names.column(table, node.field, place)
            return Emptiness(stored(column), node.empty)
        self.names.permit(table, relation.name, relation, place)
        target = self.names.target(relation)
        policy = self.names.rows(target)
        if relation.holds_key and policy is None:
            return Emptiness(key_of(relation, target), node.empty)
        exists = Existence(relation, target, policy)
        return Not(exists) if node.empty else exists

    def _related(self, node: Related, table: Table, path: tuple[str, ...]) -> Predicate:
        place = (*path, node.relation)
        relation = self.names.relation(table, node.relation, self._place(".".join(place)))
        target = self.names.target(relation)
        where = self.resolve(node.where, target, place)
        policy = self.names.rows(target)
        here = _key_only(relation, target, where) if policy is None else None
        return here or Existence(relation, target, both(where, policy))

    def _measured(
        self, node: Measured | MeasuredNull, table: Table, path: tuple[str, ...]
    ) -> Predicate:
        figure = node.figure
        named = (f"_{figure.function.value}", *([figure.field] if figure.field else []))
        place = ".".join((*path, node.relation, *named))
        relation = self.names.to_many(table, node.relation, self._place(place))
        target = self.names.target(relation)
        measure = measure_of(
            figure, target, self.names, self._place(place), self.names.rows(target)
        )
        related = RelatedMeasure(relation, target, measure)
        if isinstance(node, MeasuredNull):
            return MeasureEmptiness(related, node.empty)
        if node.operator in SEARCHES:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{self._place(place)}: {node.operator.value} searches in texts, not in figures",
            )
        options = measure.column.options if measure.column is not None else None
        read = text_reader(measure.type, options)
        self.slots.add(node.slot, Slot(place, measure.type, node.operator, read, self.parameter))
        return MeasureComparison(related, node.operator, node.slot)


def _unfit(column: ColumnDefinition, operator: Operator) -> str | None:
    """Say why an operator does not go with a column, if it does not."""
    kind = column.type
    if operator in SEARCHES and kind not in TEXTS | {ColumnType.ARRAY_SELECT}:
        return f"{operator.value} searches in texts, '{column.name}' is of type {kind.value}"
    if kind is ColumnType.ARRAY_SELECT and operator in SEARCHES - {Operator.CONTAINS}:
        return f"an {kind.value} field knows _contains, not {operator.value}"
    if operator in ORDERINGS and kind in DOCUMENTS | {ColumnType.BOOLEAN}:
        return f"{operator.value} needs an order, '{column.name}' is of type {kind.value}"
    if kind in DOCUMENTS and operator not in SEARCHES:
        return f"a {kind.value} field cannot be compared as a whole"
    return None


def _read_search(value: Any) -> str:
    text = text_reader(ColumnType.TEXT)(value)
    if len(text) > MAX_SEARCH:
        raise ValueError(f"must be at most {MAX_SEARCH} characters long, not {len(text)}")
    return text


def key_is_here(relation: Relation, target: Table) -> bool:
    """Say whether a record holds its related record's primary key."""
    return relation.holds_key and relation.referenced == target.primary.physical


def _key_only(relation: Relation, target: Table, where: Predicate) -> Predicate | None:
    """`author: {id: {_eq: 5}}` needs no look at the author: the key is here."""
    if (
        key_is_here(relation, target)
        and isinstance(where, Comparison)
        and where.column.name == target.primary.physical
    ):
        return Comparison(key_of(relation, target), where.operator, where.slot)
    return None
