"""The answer to a Plan, made of records in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...metadata.tables import StoredColumn, Table, key_of, stored
from ..measures import Aggregated, Groups
from ..plan import PLACE, Plan
from ..predicates import Measure, Predicate
from ..selection import DEFAULT_LIMIT, Selected, SelectedColumn, SelectedMany, Selection
from .conditions import Holds, condition
from .figures import figure_over, related_figure
from .json_values import json_writer
from .orders import Order, sort_key, value_at
from .rows import Row, Rows

_Value = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a Plan gives.

    Attributes:
        rows: The records or groups of the page, as their JSON says.
        filter_count: How many records meet the condition, if asked.
        total_count: How many records there are, if asked.
        aggregates: Figures by the field's name and the operation's.
    """

    rows: list[dict[str, Any]]
    filter_count: int | None = None
    total_count: int | None = None
    aggregates: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def evaluate(
    plan: Plan, rows: Rows, values: Sequence[Any], limit: int = -1, offset: int = 0
) -> Answer:
    """Give the answer to a Plan.

    Args:
        values: What the slots refer to, as `Plan.bind` gives it.
        limit: The most records of the page; a negative one means all.
    """
    return _Evaluation(rows, values).answer(plan, limit, offset)


class _Evaluation:
    """One evaluation: the records and the bound values."""

    def __init__(self, rows: Rows, values: Sequence[Any]) -> None:
        self._rows = rows
        self._values = values

    def answer(self, plan: Plan, limit: int, offset: int) -> Answer:
        everything = self._rows.of(plan.table.definition.physical)
        found = everything
        if plan.where is not None:
            holds = self._compiled(plan.where, plan.table)
            found = [row for row in everything if holds(row)]
        page = (
            self._records(plan, found)
            if plan.groups is None
            else self._groups(plan.groups, plan.table, found)
        )
        return Answer(
            _window(page, limit, offset),
            len(found) if plan.filter_count else None,
            self._count(plan, everything) if plan.total_count else None,
            self._aggregates(plan, found),
        )

    def _count(self, plan: Plan, everything: Sequence[Row]) -> int:
        if plan.scope is None:
            return len(everything)
        return sum(map(self._compiled(plan.scope, plan.table), everything))

    def _compiled(self, predicate: Predicate, table: Table) -> Holds:
        return condition(predicate, table, self._values, self._rows)

    def _order(self, orderings: Any, table: Table) -> Order:
        return Order(orderings, table, self._rows, self._compiled)

    # -- records --------------------------------------------------------------------------------

    def _records(self, plan: Plan, found: Sequence[Row]) -> list[dict[str, Any]]:
        order = self._order(plan.order, plan.table)
        if plan.after is not None:
            place = [None if slot is None else self._values[slot] for slot in plan.after]
            found = [row for row in found if order.is_behind(row, place)]
        picked = self._selection(plan.selection, plan.table)
        if plan.keyed:
            picked.append((PLACE, order.place))
        return [{name: value(row) for name, value in picked} for row in order.sorted(found)]

    def _selection(self, selection: Selection, table: Table) -> list[tuple[str, _Value]]:
        return [(one.name, self._selected(one, table)) for one in selection]

    def _selected(self, one: Selected, table: Table) -> _Value:
        if isinstance(one, SelectedColumn):
            return self._shown(_written(stored(one.column)), one.visible, table)
        if isinstance(one, SelectedMany):
            return self._many(one, table)
        relation, target = one.relation, one.target
        if one.key_only:
            name, key = one.selection[0].name, _written(key_of(relation, target))

            def keyed(row: Row) -> Any:
                return None if (value := key(row)) is None else {name: value}

            return self._shown(keyed, one.visible, table)
        inner = self._selection(one.selection, target)
        meets = self._compiled(one.where, target) if one.where is not None else None

        def related(row: Row) -> Any:
            found = next(iter(self._rows.related(row, table, relation, target)), None)
            if found is None or (meets is not None and not meets(found)):
                return None
            return {name: value(found) for name, value in inner}

        return self._shown(related, one.visible, table)

    def _shown(self, value: _Value, visible: Predicate | None, table: Table) -> _Value:
        """Give a value where a condition on the record holds, otherwise null."""
        if visible is None:
            return value
        holds = self._compiled(visible, table)
        return lambda row: value(row) if holds(row) else None

    def _many(self, one: SelectedMany, table: Table) -> _Value:
        inner = self._selection(one.selection, one.target)
        order = self._order(one.order, one.target)
        meets = self._compiled(one.where, one.target) if one.where is not None else None
        limit = DEFAULT_LIMIT if one.limit is None else self._values[one.limit]
        offset = 0 if one.offset is None else self._values[one.offset]

        def related(row: Row) -> Any:
            found = self._rows.related(row, table, one.relation, one.target)
            met = [other for other in found if meets is None or meets(other)]
            page = _window(order.sorted(met), limit, offset)
            return [{name: value(other) for name, value in inner} for other in page]

        return related

    # -- figures --------------------------------------------------------------------------------

    def _groups(self, groups: Groups, table: Table, found: Sequence[Row]) -> list[dict[str, Any]]:
        dimensions = [
            (one.name, value_at(one.joins, one.targets, one.column, table, self._rows))
            for one in groups.dimensions
        ]
        members: dict[tuple[Any, ...], list[Row]] = {} if dimensions else {(): []}
        for row in found:
            members.setdefault(tuple(value(row) for _, value in dimensions), []).append(row)
        measures = [
            (one.name, figure_over(one.measure, table, self._compiled)) for one in groups.measures
        ]
        made = [
            dict(zip((name for name, _ in dimensions), shared, strict=True))
            | {name: figure(rows) for name, figure in measures}
            for shared, rows in members.items()
        ]
        for one in reversed(groups.order):
            made.sort(key=lambda row, name=one.name: sort_key(row[name]), reverse=one.descending)
        writers = {one.name: _writer(one.column) for one in groups.dimensions}
        writers |= {one.name: _figure_writer(one.measure) for one in groups.measures}
        return [{name: writers[name](value) for name, value in row.items()} for row in made]

    def _aggregates(self, plan: Plan, found: Sequence[Row]) -> dict[str, dict[str, Any]]:
        named: dict[str, dict[str, Any]] = {}
        for one in plan.aggregates:
            named.setdefault(one.field, {})[one.operation] = self._aggregate(one, plan, found)
        return named

    def _aggregate(self, one: Aggregated, plan: Plan, found: Sequence[Row]) -> Any:
        if isinstance(one.measure, Measure):
            figure = figure_over(one.measure, plan.table, self._compiled)
            return _figure_writer(one.measure)(figure(found))
        count = related_figure(one.measure, plan.table, self._rows, self._compiled)
        return sum(count(row) for row in found)


def _written(column: StoredColumn) -> _Value:
    name, write = column.name, _writer(column)
    return lambda row: write(row[name])


def _writer(column: StoredColumn) -> Callable[[Any], Any]:
    return json_writer(column.type, column.options)


def _figure_writer(measure: Measure) -> Callable[[Any], Any]:
    options = measure.column.options if measure.column is not None else None
    return json_writer(measure.type, options)


def _window(rows: list[Any], limit: int, offset: int) -> list[Any]:
    return rows[offset:] if limit < 0 else rows[offset : offset + limit]
