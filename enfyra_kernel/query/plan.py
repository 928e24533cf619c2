"""The Plan: a Query with every name resolved against a Snapshot, ready to be rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import EnfyraError
from ..metadata.permissions import Action
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from .answers import slots_of
from .ast import Filter, Shape
from .conditions import Conditions
from .measures import Aggregated, Groups, resolve_aggregate, resolve_groups
from .orderings import add_keyset, resolve_order
from .policies import Policies
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
    both,
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
        scope: The condition that all records have to meet for the caller to see them, which is
            part of `where`, too.
        extra: The values that come from rules, behind those of the query.
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
    scope: Predicate | None = None
    extra: tuple[Any, ...] = ()

    def bind(self, values: Sequence[Any], access: Access = INTERNAL) -> tuple[Any, ...]:
        """Give the canonical values to bind for a query's values, and for those of rules.

        Raises:
            EnfyraError: INVALID_VALUE for a value of the query; AUTHORIZATION_ERROR where a rule
                compares a field with something of the caller that it cannot be compared with.
        """
        if not self.extra:
            return bound(self.slots, values)
        own = len(self.slots) - len(self.extra)
        try:
            ruled = bound(self.slots[own:], list(access.resolved(self.extra)))
        except EnfyraError as error:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", f"A rule cannot be applied: {error.message}"
            ) from None
        return (*bound(self.slots[:own], values), *ruled)


class Demand(NamedTuple):
    """What a caller must be allowed to do with records.

    Attributes:
        fields: The names of fields that must be allowed for the record.
        seen: Whether the caller must be allowed to see the records, too.
    """

    action: Action
    fields: tuple[str, ...] = ()
    seen: bool = True


READ = Demand("read")


def plan(
    shape: Shape,
    table: Table,
    snapshot: Snapshot,
    access: Access,
    *,
    limits: Limits = _LIMITS,
    demand: Demand = READ,
) -> Plan:
    """Resolve a query's names, for the records that the caller may see.

    How deep relations may be followed is the setting `maxQueryDepth`.

    Args:
        demand: What else the caller must be allowed to do with the records.

    Raises:
        EnfyraError: UNKNOWN_FIELD with the nearest name, INVALID_QUERY for what a field cannot
            do, AUTHORIZATION_ERROR for a field that the caller may not use.
    """
    slots = Slots()
    policies = None
    if access.rules is not None:
        policies = Policies(snapshot, access, slots, slots_of(shape))
    names = Names(snapshot, access, policies)
    conditions = Conditions(names, slots)
    asked = conditions.resolve(shape.where, table) if shape.where is not None else None
    scope = _scope(policies, table, demand)
    where = both(asked, scope)

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
            scope=scope,
            extra=tuple(policies.values) if policies is not None else (),
        )
    depth = int(snapshot.settings.get("maxQueryDepth") or limits.depth)
    selector = Selector(names, slots, replace(limits, depth=depth))
    selection = selector.resolve(shape.fields, shape.deep, table)
    order = resolve_order(shape.sort, table, names)
    if shape.keyed:
        # The place in the order that a cursor holds can be read out of it.
        for one in table.keys:
            if one is not table.primary:
                names.permit(table, one.name, one, "cursor")
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
        scope=scope,
        extra=tuple(policies.values) if policies is not None else (),
    )


def _scope(policies: Policies | None, table: Table, demand: Demand) -> Predicate | None:
    """Give the condition for a caller to do with records what is to be done."""
    if policies is None:
        return None
    scope = policies.rows(table, "read") if demand.seen else None
    if demand.action != "read":
        scope = both(scope, policies.rows(table, demand.action))
    for name in demand.fields:
        field = table.columns.get(name) or table.relations[name]
        use = "create" if demand.action == "create" else "update"
        scope = both(scope, policies.of_field(table, field, use))
    return scope


__all__ = [
    "ADMINISTRATOR", "INTERNAL", "PLACE", "PUBLISHED", "Access", "Aggregated", "All", "Any_",
    "Comparison", "Demand", "Emptiness", "Existence", "Groups", "Limits", "Measure",
    "MeasureComparison", "MeasureEmptiness", "Not", "Ordering", "Plan", "Predicate", "READ",
    "RelatedMeasure", "Selected", "SelectedMany", "Selection", "Slot", "plan", "unknown_field",
]  # fmt: skip
