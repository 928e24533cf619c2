"""Predicates compiled to functions on a record."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Sequence
from typing import Any

from ...metadata.tables import Table
from ...metadata.types import ColumnType
from ..ast import SEARCHES, Operator
from ..folding import fold
from ..predicates import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Predicate,
)
from .figures import related_figure
from .rows import RelatedRows, Row

Holds = Callable[[Row], bool]
Test = Callable[[Any], bool]

_COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: python.eq,
    Operator.NEQ: python.ne,
    Operator.GT: python.gt,
    Operator.GTE: python.ge,
    Operator.LT: python.lt,
    Operator.LTE: python.le,
}
_SEARCHES: dict[Operator, Callable[[str, str], bool]] = {
    Operator.CONTAINS: python.contains,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
}


def condition(
    predicate: Predicate, table: Table, values: Sequence[Any], related: RelatedRows
) -> Holds:
    """Compile a predicate once to a function that says whether it holds for a record.

    What is unknown in SQL, because a value is null, does not hold here. Nothing tells the two
    apart: `Not` is the complement of what holds.

    Args:
        table: The table whose records are asked about.
        values: What the slots refer to, as `Plan.bind` gives it.
        related: Where the records are that relations lead to.

    Example:
        >>> from enfyra_kernel.metadata.tables import StoredColumn
        >>> views = StoredColumn("views", ColumnType.INT)
        >>> holds = condition(Comparison(views, Operator.GT, 0), None, [5], None)
        >>> holds({"views": 7}), holds({"views": None})
        (True, False)
    """

    def compiled(node: Predicate, of: Table) -> Holds:
        return condition(node, of, values, related)

    match predicate:
        case Comparison(column, operator, slot):
            name, test = column.name, _test(column.type, operator, values[slot])
            return lambda row: test(row[name])
        case Emptiness(column, empty):
            name = column.name
            return lambda row: (row[name] is None) is empty
        case MeasureComparison(measure, operator, slot):
            figure = related_figure(measure, table, related, compiled)
            test = _test(measure.measure.type, operator, values[slot])
            return lambda row: test(figure(row))
        case MeasureEmptiness(measure, empty):
            figure = related_figure(measure, table, related, compiled)
            return lambda row: (figure(row) is None) is empty
        case Existence():
            return _existence(predicate, table, related, compiled)
        case Not(part):
            inner = compiled(part, table)
            return lambda row: not inner(row)
        case All(parts):
            every = [compiled(part, table) for part in parts]
            return lambda row: all(holds(row) for holds in every)
        case Any_(parts):
            some = [compiled(part, table) for part in parts]
            return lambda row: any(holds(row) for holds in some)


def _existence(
    node: Existence,
    table: Table,
    related: RelatedRows,
    compiled: Callable[[Predicate, Table], Holds],
) -> Holds:
    relation, target = node.relation, node.target
    if node.where is None:
        return lambda row: any(True for _ in related.related(row, table, relation, target))
    meets = compiled(node.where, target)
    return lambda row: any(meets(one) for one in related.related(row, table, relation, target))


def _test(type_: ColumnType, operator: Operator, operand: Any) -> Test:
    """Compile a comparison with a value; a null meets none."""
    if operator in SEARCHES:
        return _search(type_, operator, fold(operand))
    if operator is Operator.IN:
        listed = frozenset(operand)
        return lambda value: value is not None and value in listed
    if operator is Operator.NOT_IN:
        listed = frozenset(operand)
        return lambda value: value is not None and value not in listed
    if operator is Operator.BETWEEN:
        low, high = operand
        return lambda value: value is not None and low <= value <= high
    compare = _COMPARISONS[operator]
    return lambda value: value is not None and compare(value, operand)


def _search(type_: ColumnType, operator: Operator, needle: str) -> Test:
    finds = _SEARCHES[operator]
    if type_ is ColumnType.ARRAY_SELECT:
        return lambda value: value is not None and any(finds(fold(one), needle) for one in value)
    return lambda value: value is not None and finds(fold(value), needle)
