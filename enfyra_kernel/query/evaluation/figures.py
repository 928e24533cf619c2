"""Figures over records: counts, exact sums, averages, least and greatest values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import Any

from ...metadata.tables import Table
from ...metadata.types import ColumnType
from ...metadata.values import MAX_DIGITS
from ..ast import Function
from ..predicates import Measure, Predicate, RelatedMeasure
from .rows import RelatedRows, Row

Figure = Callable[[Iterable[Row]], Any]
Compiled = Callable[[Predicate, Table], Callable[[Row], bool]]

# Wide enough for the sum of any number of decimals that columns hold.
_EXACT = Context(prec=2 * MAX_DIGITS + 2)


def figure_over(measure: Measure, table: Table, compiled: Compiled) -> Figure:
    """Compile a figure over records of a table.

    Args:
        compiled: Makes a function of a predicate on a table's records.
    """
    meets = compiled(measure.where, table) if measure.where is not None else None
    column, function = measure.column, measure.function

    def figure(rows: Iterable[Row]) -> Any:
        taken = rows if meets is None else [row for row in rows if meets(row)]
        if column is None:
            return sum(1 for _ in taken)
        name = column.name
        values = [row[name] for row in taken if row[name] is not None]
        return figure_of(function, column.type, values)

    return figure


def figure_of(function: Function, type_: ColumnType, values: list[Any]) -> Any:
    """Make a figure of values, none of which is null; of no values it is null, but for a count.

    Example:
        >>> figure_of(Function.AVG, ColumnType.INT, [1, 2])
        1.5
    """
    if function is Function.COUNT:
        return len(values)
    if not values:
        return None
    if function is Function.MIN:
        return min(values)
    if function is Function.MAX:
        return max(values)
    total = _total(type_, values)
    return total if function is Function.SUM else float(total) / float(len(values))


def _total(type_: ColumnType, values: list[Any]) -> Any:
    if type_ is ColumnType.FLOAT:
        return math.fsum(values)
    if type_ is not ColumnType.DECIMAL:
        return sum(values)
    total = Decimal(0)
    for value in values:
        total = _EXACT.add(total, value)
    return total


def related_figure(
    one: RelatedMeasure, table: Table, related: RelatedRows, compiled: Compiled
) -> Callable[[Row], Any]:
    """Compile a figure over the records that a record of a table is related to."""
    figure = figure_over(one.measure, one.target, compiled)
    relation, target = one.relation, one.target
    return lambda row: figure(related.related(row, table, relation, target))
