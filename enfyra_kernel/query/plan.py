"""The Plan: a Query with every name resolved against a Snapshot, ready to be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from .ast import Filter, Shape
from .conditions import Conditions
from .measures import Aggregated, Groups, resolve_aggregate, resolve_groups
from .orderings import add_keyset, resolve_order
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
from .selection import Limits, Selected, SelectedMany, Selection, Selector
from .slots import Slot, Slots, bound
from .visibility import ADMINISTRATOR, INTERNAL, PUBLISHED, Access, Names, unknown_field

# The field of a row that holds its place in the order; no field of a table begins like that.
PLACE = "_place"
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to select, filter and order, and how to bind the values.

    Attributes:
        selection: The answer's fields, in order.
        where: The condition on records, or None.
        order: Always ends with the primary key, so that pages are stable.
        slots: One for each value of the query.
        aggregates: Figures over all records that meet the condition.
        groups: What to give in the place of records; selection and order are empty then.
        keyed: Whether each row has a field `PLACE` with its values of the order.
        locked: Whether nobody else can change the records until the transaction ends.
        after: Where to begin: for each key of the order the slot of its value, None for null.
    """

    table: Table
    selection: Selection
    where: Predicate | None
    order: tuple[Ordering, ...]
    slots: tuple[Slot, ...]
    filter_count: bool = False
    total_count: bool = False
    aggregates: tuple[Aggregated, ...] = ()
    groups: Groups | None = None
    keyed: bool = False
    after: tuple[int | None, ...] | None = None
    locked: bool = False

    def bind(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Give the canonical values to bind for a query's values."""
        return bound(self.slots, values)


def plan(
    shape: Shape, table: Table, snapshot: Snapshot, access: Access, *, limits: Limits = _LIMITS
) -> Plan:
    """Resolve a query's names.

    How deep relations may be followed is the setting `maxQueryDepth`.

    Raises:
        EnfyraError: UNKNOWN_FIELD with the nearest name, INVALID_QUERY for what a field cannot
            do, AUTHORIZATION_ERROR for a field that the caller may not use.
    """
    names, slots = Names(snapshot, access), Slots()
    conditions = Conditions(names, slots)
    where = conditions.resolve(shape.where, table) if shape.where is not None else None

    def resolve(node: Filter, target: Table, place: str) -> Predicate:
        return replace(conditions, parameter=place).resolve(node, target)

    aggregates = tuple(resolve_aggregate(one, table, names, resolve) for one in shape.aggregates)
    if shape.grouping is not None:
        return Plan(
            table,
            (),
            where,
            (),
            slots.all(),
            filter_count=shape.filter_count,
            total_count=shape.total_count,
            aggregates=aggregates,
            groups=resolve_groups(shape.grouping, shape.sort, table, names),
        )
    depth = int(snapshot.settings.get("maxQueryDepth") or limits.depth)
    selector = Selector(names, slots, replace(limits, depth=depth))
    selection = selector.resolve(shape.fields, shape.deep, table)
    order = resolve_order(shape.sort, table, names)
    after = add_keyset(shape.after, order, slots) if shape.after is not None else None
    return Plan(
        table,
        selection,
        where,
        order,
        slots.all(),
        filter_count=shape.filter_count,
        total_count=shape.total_count,
        aggregates=aggregates,
        keyed=shape.keyed,
        after=after,
    )


__all__ = [
    "ADMINISTRATOR", "INTERNAL", "PLACE", "PUBLISHED", "Access", "Aggregated", "All", "Any_",
    "Comparison", "Emptiness", "Existence", "Groups", "Limits", "Measure",
    "MeasureComparison", "MeasureEmptiness", "Not", "Ordering", "Plan", "Predicate",
    "RelatedMeasure", "Selected", "SelectedMany", "Selection", "Slot", "plan", "unknown_field",
]  # fmt: skip
