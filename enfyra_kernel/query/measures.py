"""Figures over records resolved: beside a page of records, or one for each group of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.tables import Relation, StoredColumn, Table, stored
from ..metadata.types import DOCUMENTS, NUMBERS, ColumnType
from . import ast
from .ast import Aggregate, Figure, Filter, Function
from .predicates import Measure, Predicate, RelatedMeasure, both
from .visibility import Names

MAX_DIMENSIONS = 16
COUNT_RECORDS = "countRecords"

# Resolves a filter on the records of a table, for messages at a place.
Resolve = Callable[[Filter, Table, str], Predicate]


@dataclass(frozen=True, slots=True)
class Aggregated:
    """A figure over all records that meet the filter.

    Attributes:
        field: Under which name it stands in the answer, and `operation` under that.
    """

    field: str
    operation: str
    measure: Measure | RelatedMeasure


@dataclass(frozen=True, slots=True)
class Dimension:
    """A value that the records of a group share; its name is the path as given."""

    name: str
    joins: tuple[Relation, ...]
    targets: tuple[Table, ...]
    column: StoredColumn


@dataclass(frozen=True, slots=True)
class GroupMeasure:
    """A figure over each group."""

    name: str
    measure: Measure


@dataclass(frozen=True, slots=True)
class GroupOrdering:
    """A dimension or a measure to order groups by: nulls first, or last when descending."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of records: one row for each, of its dimensions and measures.

    Attributes:
        order: Ends with all dimensions, so that pages are stable.
    """

    dimensions: tuple[Dimension, ...]
    measures: tuple[GroupMeasure, ...]
    order: tuple[GroupOrdering, ...]


def measure_of(
    figure: Figure, table: Table, names: Names, place: str, where: Predicate | None = None
) -> Measure:
    """Resolve a figure over the records of a table."""
    if figure.field is None:
        return Measure(figure.function, None, where)
    column = names.column(table, figure.field, place)
    _check_function(figure.function, column, place)
    return Measure(figure.function, stored(column), where)


def _check_function(function: Function, column: ColumnDefinition, place: str) -> None:
    if function in {Function.SUM, Function.AVG} and column.type not in NUMBERS:
        raise EnfyraError(
            "INVALID_QUERY",
            f"{place}: {function.value} needs numbers, "
            f"'{column.name}' is of type {column.type.value}",
        )
    if function in {Function.MIN, Function.MAX} and (
        column.type in DOCUMENTS | {ColumnType.BOOLEAN}
    ):
        raise EnfyraError(
            "INVALID_QUERY",
            f"{place}: {function.value} needs an order, "
            f"'{column.name}' is of type {column.type.value}",
        )


def resolve_aggregate(one: Aggregate, table: Table, names: Names, resolve: Resolve) -> Aggregated:
    """Resolve one figure of the parameter `aggregate`."""
    if one.function is None:
        place = f"aggregate.{one.field}.{COUNT_RECORDS}"
        relation = names.relation(table, one.field, place)
        target = names.target(relation)
        where = resolve(one.where, target, place) if one.where is not None else None
        where = both(where, names.rows(target))
        counted = RelatedMeasure(relation, target, Measure(Function.COUNT, None, where))
        return Aggregated(one.field, COUNT_RECORDS, counted)
    place = f"aggregate.{one.field}.{one.function.value}"
    if one.field in table.relations:
        raise EnfyraError(
            "INVALID_QUERY", f"{place}: '{one.field}' is a relation, which knows {COUNT_RECORDS}"
        )
    where = resolve(one.where, table, place) if one.where is not None else None
    measure = measure_of(Figure(one.function, one.field), table, names, place, where)
    return Aggregated(one.field, one.function.value, measure)


def resolve_groups(
    grouping: ast.Grouping, sort: tuple[ast.SortKey, ...], table: Table, names: Names
) -> Groups:
    """Resolve what to group by, what to measure, and the order of the groups."""
    if len(grouping.dimensions) > MAX_DIMENSIONS:
        raise EnfyraError("INVALID_QUERY", f"dimensions can be {MAX_DIMENSIONS} at most")
    dimensions = tuple(_dimension(path, table, names) for path in grouping.dimensions)
    measures = tuple(
        GroupMeasure(one.name, measure_of(one.figure, table, names, f"measures.{one.name}"))
        for one in grouping.measures
    )
    known = [one.name for one in (*dimensions, *measures)]
    for name in known:
        if known.count(name) > 1:
            raise EnfyraError("INVALID_QUERY", f"measures: the name '{name}' is there twice")
    return Groups(dimensions, measures, _group_order(sort, dimensions, known))


def _dimension(path: tuple[str, ...], table: Table, names: Names) -> Dimension:
    joins, targets, last = walk(path, table, names, "dimensions")
    name = ".".join(path)
    column = names.column(last, path[-1], f"dimensions.{name}")
    if column.type in DOCUMENTS:
        raise EnfyraError(
            "INVALID_QUERY",
            f"dimensions.{name}: a {column.type.value} field cannot be grouped by",
        )
    return Dimension(name, joins, targets, stored(column))


def _group_order(
    sort: tuple[ast.SortKey, ...], dimensions: tuple[Dimension, ...], known: list[str]
) -> tuple[GroupOrdering, ...]:
    order: dict[str, GroupOrdering] = {}
    for key in sort:
        name = ".".join(key.path)
        if key.figure is not None or name not in known:
            raise EnfyraError(
                "INVALID_QUERY",
                f"sort.{name}: groups are sorted by their dimensions and measures: "
                f"{', '.join(known)}",
            )
        order.setdefault(name, GroupOrdering(name, key.descending))
    for one in dimensions:
        order.setdefault(one.name, GroupOrdering(one.name, descending=False))
    return tuple(order.values())


def walk(
    path: tuple[str, ...], table: Table, names: Names, parameter: str
) -> tuple[tuple[Relation, ...], tuple[Table, ...], Table]:
    """Follow a path's to-one relations; give them, their tables, and the table of its last name."""
    joins: list[Relation] = []
    targets: list[Table] = []
    current = table
    place = f"{parameter}.{'.'.join(path)}"
    for name in path[:-1]:
        relation = names.relation(current, name, place)
        if not relation.kind.to_one:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place}: '{name}' holds many records; a path goes through to-one relations",
            )
        joins.append(relation)
        current = names.target(relation)
        names.whole(current, place)
        targets.append(current)
    return tuple(joins), tuple(targets), current
