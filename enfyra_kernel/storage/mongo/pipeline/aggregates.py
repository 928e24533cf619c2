"""The counts and figures beside a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....query.measures import Aggregated
from ....query.plan import Measure, Plan
from .conditions import add_measure, where
from .figures import ZERO, collected, figure_column
from .scope import Document, Scope, Stage
from .selections import value_of

_COUNT = "n"
_TOGETHER = "all"


class Beside:
    """What is asked for beside a page: one pipeline for all of it but the total.

    Attributes:
        pipeline: Gives one document, of a list for each branch.
    """

    def __init__(self, plan: Plan, values: Sequence[Any]) -> None:
        self._plan = plan
        scope = Scope(values)
        together: Document = {_COUNT: {"$sum": 1}}
        figures: Document = {_COUNT: 1}
        branches: dict[str, list[Stage]] = {}
        for number, one in enumerate(plan.aggregates):
            label = f"a{number}"
            if isinstance(one.measure, Measure) and one.measure.where is None:
                parts, figures[label] = collected(one.measure, label)
                together |= parts
            else:
                branches[label] = _branch(scope, plan, one, label)
        branches[_TOGETHER] = [{"$group": {"_id": None, **together}}, {"$project": figures}]
        self.pipeline = [*where(scope, plan.where, plan.table), {"$facet": branches}]

    def filter_count(self, found: Mapping[str, Any]) -> int:
        """Give how many records meet the filter."""
        return _only(found, _TOGETHER).get(_COUNT, 0)

    def figures(self, found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Give the figures under the names that they have in the answer."""
        named: dict[str, dict[str, Any]] = {}
        for number, one in enumerate(self._plan.aggregates):
            label = f"a{number}"
            measure = one.measure if isinstance(one.measure, Measure) else one.measure.measure
            branch = label if label in found else _TOGETHER
            value = value_of(label, figure_column(measure))(_only(found, branch))
            nothing = ZERO.get(measure.function)
            named.setdefault(one.field, {})[one.operation] = nothing if value is None else value
        return named


def _branch(scope: Scope, plan: Plan, one: Aggregated, label: str) -> list[Stage]:
    if isinstance(one.measure, Measure):
        parts, figure = collected(one.measure, label)
        stages = where(scope, one.measure.where, plan.table)
        stages.append({"$group": {"_id": None, **parts}})
        return [*stages, {"$project": {label: figure}}]
    stages: list[Stage] = []
    field = add_measure(scope, one.measure, plan.table, stages)
    return [*stages, {"$group": {"_id": None, label: {"$sum": f"${field}"}}}]


def _only(found: Mapping[str, Any], branch: str) -> Document:
    return found[branch][0] if found[branch] else {}
