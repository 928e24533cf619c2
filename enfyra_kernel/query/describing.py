"""Plans in words, for people who want to know what becomes of a query."""

from __future__ import annotations

from typing import Any

from ..metadata.tables import StoredColumn
from .plan import Plan
from .predicates import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    Measure,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Ordering,
    Predicate,
    RelatedMeasure,
)
from .selection import DEFAULT_LIMIT, SelectedColumn, SelectedOne, Selection


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Give a Plan as JSON; `$0` is the first of the query's values.

    Example:
        For `GET /post?filter={"views":{"_gt":5}}&sort=-views&fields=title`:
        `{"table": "post", "fields": ["id", "title"], "where": "views _gt $0",
        "order": ["-views", "-id"], "values": {"$0": "views"}}`.
    """
    described: dict[str, Any] = {"table": plan.table.name}
    if plan.groups is not None:
        described["groupBy"] = [one.name for one in plan.groups.dimensions]
        described["measures"] = {one.name: _measure(one.measure) for one in plan.groups.measures}
        described["order"] = [
            f"{'-' if one.descending else ''}{one.name}" for one in plan.groups.order
        ]
    else:
        described["fields"] = _fields(plan.selection)
        described["order"] = [_ordering(one) for one in plan.order]
    if plan.where is not None:
        described["where"] = describe_predicate(plan.where)
    if plan.aggregates:
        described["aggregate"] = {
            f"{one.field}.{one.operation}": _figure(one.measure) for one in plan.aggregates
        }
    if plan.after is not None:
        described["after"] = [_slot(slot) for slot in plan.after]
    described["values"] = {
        f"${number}": f"{slot.place} ({slot.type.value})" for number, slot in enumerate(plan.slots)
    }
    return described


def describe_predicate(node: Predicate) -> str:
    """Give a condition as text."""
    match node:
        case Comparison(column, operator, slot):
            return f"{column.name} {operator.value} ${slot}"
        case Emptiness(column, empty):
            return f"{column.name} {_null(empty)}"
        case Existence(relation, target, where):
            condition = f" where {describe_predicate(where)}" if where is not None else ""
            return f"exists {relation.name} in {target.name}{condition}"
        case MeasureComparison(related, operator, slot):
            return f"{_figure(related)} {operator.value} ${slot}"
        case MeasureEmptiness(related, empty):
            return f"{_figure(related)} {_null(empty)}"
        case Not(part):
            return f"not ({describe_predicate(part)})"
        case All(parts):
            return " and ".join(f"({describe_predicate(part)})" for part in parts) or "true"
        case Any_(parts):
            return " or ".join(f"({describe_predicate(part)})" for part in parts) or "false"


def _null(empty: bool) -> str:
    return "is null" if empty else "is not null"


def _slot(slot: int | None) -> str:
    return "null" if slot is None else f"${slot}"


def _measure(measure: Measure) -> str:
    of = measure.column.name if measure.column is not None else "*"
    where = f" where {describe_predicate(measure.where)}" if measure.where is not None else ""
    return f"{measure.function.value}({of}{where})"


def _figure(figure: Measure | RelatedMeasure) -> str:
    if isinstance(figure, Measure):
        return _measure(figure)
    return f"{_measure(figure.measure)} of {figure.relation.name}"


def _ordering(one: Ordering) -> str:
    by = one.by.name if isinstance(one.by, StoredColumn) else _figure(one.by)
    path = ".".join((*(relation.name for relation in one.joins), by))
    return f"-{path}" if one.descending else path


def _fields(selection: Selection) -> list[Any]:
    return [_field(one) for one in selection]


def _field(one: Any) -> Any:
    if isinstance(one, SelectedColumn):
        if one.visible is None:
            return one.name
        return {one.name: {"visible": describe_predicate(one.visible)}}
    described: dict[str, Any] = {"fields": _fields(one.selection)}
    if one.where is not None:
        described["where"] = describe_predicate(one.where)
    if not isinstance(one, SelectedOne):
        described["order"] = [_ordering(key) for key in one.order]
        described["limit"] = DEFAULT_LIMIT if one.limit is None else _slot(one.limit)
        if one.offset is not None:
            described["offset"] = _slot(one.offset)
    return {one.name: described}
