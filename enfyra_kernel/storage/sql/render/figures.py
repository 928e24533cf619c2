"""Figures over records: counts, sums, averages, least and greatest values."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ....metadata.tables import StoredColumn, Table
from ....query.measures import Aggregated, GroupOrdering, Groups
from ....query.plan import Plan
from ....query.predicates import Measure, RelatedMeasure
from ..dialect import Expression, number_literal
from .conditions import condition, measured, related_measure
from .flat_rows import FlatRows
from .layout import Layout, Leaf
from .scope import From, Scope


def groups(scope: Scope, plan: Plan, found: Groups) -> tuple[sa.Select[Any], Layout]:
    """Select one row for each group of records, from the first to the last."""
    base = scope.alias(plan.table)
    rows = FlatRows(scope, base, plan.table, ())
    dimensions = {
        one.name: scope.dialect.compared(rows.value(one.joins, one.targets, one.column), one.column)
        for one in found.dimensions
    }
    measures = {one.name: measured(scope, one.measure, base, plan.table) for one in found.measures}
    columns = [
        *((one.name, one.column) for one in found.dimensions),
        *((one.name, scope.dialect.figure_column(one.measure)) for one in found.measures),
    ]
    layout = tuple(
        Leaf(name, f"c{number}", column) for number, (name, column) in enumerate(columns)
    )
    values = {**dimensions, **measures}
    statement = rows.select_from(
        [values[leaf.name].label(leaf.label) for leaf in layout],
        order=[_ordered(scope, values, dict(columns), one) for one in found.order],
    )
    if plan.where is not None:
        statement = statement.where(condition(scope, plan.where, base, plan.table))
    # Without dimensions there is one group, of all records there are.
    return statement.group_by(*dimensions.values()) if dimensions else statement, layout


def _ordered(
    scope: Scope,
    values: dict[str, Expression],
    columns: dict[str, StoredColumn],
    one: GroupOrdering,
) -> Expression:
    value = scope.dialect.compared(values[one.name], columns[one.name])
    return scope.dialect.ordered(value, nullable=True, descending=one.descending)


def aggregates(scope: Scope, plan: Plan) -> tuple[sa.Select[Any], Layout]:
    """Select one row of the figures beside a page."""
    base = scope.alias(plan.table)
    layout = tuple(
        Leaf(one.operation, f"a{number}", _column(scope, one))
        for number, one in enumerate(plan.aggregates)
    )
    columns = [
        _figure(scope, one, base, plan.table).label(leaf.label)
        for one, leaf in zip(plan.aggregates, layout, strict=True)
    ]
    statement = sa.select(*columns).select_from(base)
    if plan.where is not None:
        statement = statement.where(condition(scope, plan.where, base, plan.table))
    return statement, layout


def _figure(scope: Scope, one: Aggregated, base: From, table: Table) -> Expression:
    if isinstance(one.measure, Measure):
        return measured(scope, one.measure, base, table)
    counted = related_measure(scope, one.measure, base, table)
    return sa.func.coalesce(sa.func.sum(counted), number_literal(0))


def _column(scope: Scope, one: Aggregated) -> StoredColumn:
    measure = one.measure.measure if isinstance(one.measure, RelatedMeasure) else one.measure
    return scope.dialect.figure_column(measure)


def by_field(plan: Plan, values: list[Any]) -> dict[str, dict[str, Any]]:
    """Put values of the figures beside a page under the names that they have in the answer."""
    named: dict[str, dict[str, Any]] = {}
    for one, value in zip(plan.aggregates, values, strict=True):
        named.setdefault(one.field, {})[one.operation] = value
    return named
