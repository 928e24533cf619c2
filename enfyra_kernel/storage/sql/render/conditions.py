"""Predicates and measures of a Plan in SQL: conditions hold measures, and measures conditions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from ....metadata.tables import StoredColumn, Table
from ....metadata.types import ColumnType
from ....query.ast import LISTS, SEARCHES, Function, Operator
from ....query.predicates import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    Measure,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Predicate,
    RelatedMeasure,
)
from ..dialect import WHOLE, Expression, number_literal
from ..statement import Source
from .links import link, parent_key
from .scope import From, Scope, item

_COMPARISONS: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: lambda column, value: column == value,
    Operator.NEQ: lambda column, value: column != value,
    Operator.GT: lambda column, value: column > value,
    Operator.GTE: lambda column, value: column >= value,
    Operator.LT: lambda column, value: column < value,
    Operator.LTE: lambda column, value: column <= value,
}


def condition(scope: Scope, node: Predicate, base: From, table: Table) -> Expression:
    """Render a predicate.

    Args:
        base: The table, or an alias of it, whose rows are looked at.
        table: What it holds.
    """
    match node:
        case Comparison(column, operator, slot):
            return _comparison(scope, base.c[column.name], column, operator, slot)
        case Emptiness(column, empty):
            value = base.c[column.name]
            return value.is_(None) if empty else value.is_not(None)
        case MeasureComparison(related, operator, slot):
            figure = related_measure(scope, related, base, table)
            column = scope.dialect.figure_column(related.measure)
            return _comparison(scope, figure, column, operator, slot)
        case MeasureEmptiness(related, empty):
            value = related_measure(scope, related, base, table)
            return value.is_(None) if empty else value.is_not(None)
        case Existence():
            return _existence(scope, node, base, table)
        case Not(part):
            return sa.not_(scope.dialect.holds(condition(scope, part, base, table)))
        case All(parts):
            return sa.and_(sa.true(), *(condition(scope, one, base, table) for one in parts))
        case Any_(parts):
            return sa.or_(sa.false(), *(condition(scope, one, base, table) for one in parts))


def _comparison(
    scope: Scope, value: Expression, column: StoredColumn, operator: Operator, slot: int
) -> Expression:
    number = slot + scope.first_slot
    encode = scope.dialect.encoder(column)
    name = f"v{number}"
    if operator in SEARCHES:
        scope.source(name, Source(number, partial(scope.dialect.search_text, operator)))
        if column.type is not ColumnType.ARRAY_SELECT:
            return scope.dialect.search(value, operator, name)
        rows, text = scope.dialect.items(value)
        found = scope.dialect.search(text, operator, name)
        return sa.select(text).select_from(rows).where(found).exists()
    value = scope.dialect.compared(value, column)
    if operator in LISTS:
        return _in_list(scope, value, column, operator, slot)
    type_ = scope.dialect.parameter_type(column)
    if operator is Operator.BETWEEN:
        low = scope.bound(f"{name}_0", Source(number, item(0, encode)), type_)
        high = scope.bound(f"{name}_1", Source(number, item(1, encode)), type_)
        return sa.and_(value >= low, value <= high)
    return _COMPARISONS[operator](value, scope.bound(name, Source(number, encode), type_))


def _in_list(
    scope: Scope, value: Expression, column: StoredColumn, operator: Operator, slot: int
) -> Expression:
    listed = in_list(scope, value, column, slot)
    if operator is Operator.IN:
        return listed
    return sa.and_(value.is_not(None), sa.not_(listed))


def in_list(scope: Scope, value: Expression, column: StoredColumn, slot: int) -> Expression:
    """Compare with the list in a slot."""
    number = slot + scope.first_slot
    name = f"v{number}"
    encode = scope.dialect.encoder(column)
    size = scope.sizes[slot] if scope.dialect.expands_lists else WHOLE
    if size != WHOLE:
        for position in range(size):
            scope.source(f"{name}_{position}", Source(number, item(position, encode)))
    else:
        scope.source(name, Source(number, partial(scope.dialect.list_value, encode)))
    return scope.dialect.in_list(value, column, name, size)


def _existence(scope: Scope, node: Existence, base: From, table: Table) -> Expression:
    relation = node.relation
    target = scope.alias(node.target)
    where = None
    if node.where is not None:
        where = condition(scope, node.where, target, node.target)
    if relation.junction is not None:
        return _linked(scope, node, base, table, target, where)
    if relation.foreign_key is None:
        raise ValueError(f"'{relation.name}' is stored nowhere")
    if relation.holds_key:
        keys = sa.select(target.c[relation.referenced])
        value = base.c[relation.foreign_key]
    else:
        key = target.c[relation.foreign_key]
        keys = sa.select(key).where(key.is_not(None))
        value = base.c[relation.referenced]
    return value.in_(keys if where is None else keys.where(where))


def _linked(
    scope: Scope,
    node: Existence,
    base: From,
    table: Table,
    target: From,
    where: Expression | None,
) -> Expression:
    junction = node.relation.junction
    if junction is None:
        raise ValueError(f"'{node.relation.name}' has no junction")
    link = scope.junction(junction.table, junction.source_column, junction.target_column)
    keys = sa.select(link.c[junction.source_column])
    if where is not None:
        key = target.c[node.target.primary.physical]
        keys = keys.join(target, key == link.c[junction.target_column]).where(where)
    return base.c[table.primary.physical].in_(keys)


# -- measures ------------------------------------------------------------------------------------


def measured(scope: Scope, measure: Measure, base: From, table: Table) -> Expression:
    """Give a figure over the rows of a table, or of an alias of it."""
    dialect = scope.dialect
    value: Expression | None = None
    if measure.column is not None:
        value = dialect.compared(base.c[measure.column.name], measure.column)
    if measure.where is not None:
        holds = condition(scope, measure.where, base, table)
        value = sa.case((holds, number_literal(1) if value is None else value))
    if measure.column is None or measure.function is Function.COUNT:
        return sa.func.count() if value is None else sa.func.count(value)
    if value is None:
        raise ValueError(f"{measure.function.value} of nothing")
    return dialect.figure(measure.function, value, measure.column)


def related_measure(scope: Scope, related: RelatedMeasure, base: From, table: Table) -> Expression:
    """Give a figure over the records that a row of a table is related to."""
    found = link(scope, related.relation, related.target)
    key = base.c[parent_key(related.relation, table, related.target).name]
    where = related.measure.where
    bare = Measure(related.measure.function, related.measure.column)
    figure = measured(scope, bare, found.target, related.target)
    statement: sa.Select[Any] = sa.select(figure).select_from(found.source)
    statement = statement.where(found.column == key)
    if where is not None:
        statement = statement.where(condition(scope, where, found.target, related.target))
    return statement.correlate(base).scalar_subquery()
