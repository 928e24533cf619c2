"""Pages of records, or of groups of them, as pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....query.measures import Groups
from ....query.plan import PLACE, Plan
from ..values import field_of
from .conditions import where
from .figures import ZERO, collected, figure_column
from .orders import SortField, add_path, behind, sort, sort_fields
from .scope import Document, Scope, Stage
from .selections import Shape, shape, value_of, window

_GROUP = "_id"
COUNT = "n"


@dataclass(frozen=True, slots=True)
class Reading:
    """A pipeline, and how rows are made of its documents.

    Attributes:
        nothing: What a row says of no records at all, if there is one even then.
    """

    pipeline: list[Stage]
    shape: Shape
    nothing: Document | None = None


def page(plan: Plan, values: Sequence[Any], limit: int, offset: int) -> Reading:
    """Give the pipeline of a page; a negative limit means all."""
    scope = Scope(values)
    if plan.groups is not None:
        return _groups(scope, plan, plan.groups, limit, offset)
    stages = where(scope, plan.where, plan.table)
    fields = sort_fields(scope, plan.order, plan.table, stages)
    if plan.after is not None:
        stages.append({"$match": behind(scope, fields, plan.after)})
    stages += [*sort(fields), *window(limit, offset)]
    made = shape(scope, plan.selection, plan.table)
    if plan.keyed:
        _keep_place(made, fields)
    return Reading([*stages, *made.project], made)


def total(plan: Plan, values: Sequence[Any]) -> list[Stage]:
    """Give the pipeline that counts all records that may be seen, into the field `COUNT`."""
    which = where(Scope(values), plan.scope, plan.table)
    return [*which, {"$group": {"_id": 1, COUNT: {"$sum": 1}}}]


def _keep_place(made: Shape, fields: Sequence[SortField]) -> None:
    takes = [value_of(one.name, one.column) for one in fields]
    for one in fields:
        made.projection[one.name] = 1
    made.steps.append((PLACE, lambda document: [take(document) for take in takes]))


def _groups(scope: Scope, plan: Plan, groups: Groups, limit: int, offset: int) -> Reading:
    stages = where(scope, plan.where, plan.table)
    made = Shape()
    labels: dict[str, str] = {}
    key: Document = {}
    for number, one in enumerate(groups.dimensions):
        value = field_of(one.column.name)
        if one.joins:
            value = add_path(scope, one.joins, one.targets, one.column, plan.table, stages)
        label = labels[one.name] = f"d{number}"
        key[label] = {"$ifNull": [f"${value}", None]}
        made.steps.append((one.name, value_of(label, one.column)))
    collecting: Document = {}
    figures: Document = {label: f"${_GROUP}.{label}" for label in key}
    for number, one in enumerate(groups.measures):
        label = labels[one.name] = f"m{number}"
        parts, figures[label] = collected(one.measure, label)
        collecting |= parts
        made.steps.append((one.name, value_of(label, figure_column(one.measure))))
    stages.append({"$group": {_GROUP: key or None, **collecting}})
    stages.append({"$project": {_GROUP: 0, **figures}} if figures else {"$project": {_GROUP: 0}})
    order = {labels[one.name]: -1 if one.descending else 1 for one in groups.order}
    stages += [{"$sort": order}] if order else []
    stages += window(limit, offset)
    if key or limit == 0 or offset:
        return Reading(stages, made)
    counts = {one.name: ZERO.get(one.measure.function) for one in groups.measures}
    return Reading(stages, made, counts)


def rows_of(reading: Reading, documents: Sequence[Document]) -> list[dict[str, Any]]:
    """Make the rows of a page of its documents."""
    if reading.nothing is not None and not documents:
        # Of no records at all there is still the one group without dimensions.
        return [{**reading.shape.row({}), **reading.nothing}]
    return [reading.shape.row(document) for document in documents]
