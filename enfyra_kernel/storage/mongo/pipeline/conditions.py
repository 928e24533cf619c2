"""Predicates of a Plan as conditions of `$match`.

What looks at related records is looked up into a field of its own first.
"""

from __future__ import annotations

from ....metadata.tables import Table
from ....query.plan import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Predicate,
    RelatedMeasure,
)
from ..values import field_of
from .comparisons import compare, empty
from .figures import ZERO, collected, figure_column
from .lookups import links, lookup
from .scope import NEVER, Document, Scope, Stage

_VALUE = "v"


def where(scope: Scope, node: Predicate | None, table: Table) -> list[Stage]:
    """Give the stages that leave the records of a table that meet a predicate.

    What needs no look at other records comes first: it can use an index, and leaves less to do.
    """
    if node is None:
        return []
    parts = node.parts if isinstance(node, All) else (node,)
    here = [condition(scope, part, table, []) for part in parts if is_local(part)]
    stages: list[Stage] = [{"$match": conjunction(here)}] if here else []
    for part in parts:
        if not is_local(part):
            match = condition(scope, part, table, stages)
            stages.append({"$match": match})
    return stages


def is_local(node: Predicate) -> bool:
    """Say whether a predicate looks at the record alone."""
    match node:
        case Comparison() | Emptiness():
            return True
        case Not(part):
            return is_local(part)
        case All(parts) | Any_(parts):
            return all(is_local(part) for part in parts)
        case Existence(relation, _, inner):
            return relation.holds_key and inner is None
        case _:
            return False


def condition(scope: Scope, node: Predicate, table: Table, stages: list[Stage]) -> Document:
    """Give the condition for a predicate, and add the stages that have to come before it."""
    match node:
        case Comparison(column, operator, slot):
            value = scope.value(slot)
            return compare(field_of(column.name), column.type, column.options, operator, value)
        case Emptiness(column, is_empty):
            return empty(field_of(column.name), is_empty=is_empty)
        case Existence():
            return _existence(scope, node, table, stages)
        case MeasureComparison(related, operator, slot):
            field = add_measure(scope, related, table, stages)
            figure = figure_column(related.measure)
            return compare(field, figure.type, figure.options, operator, scope.value(slot))
        case MeasureEmptiness(related, is_empty):
            field = add_measure(scope, related, table, stages)
            return empty(field, is_empty=is_empty)
        case Not(part):
            return {"$nor": [condition(scope, part, table, stages)]}
        case All(parts):
            return conjunction([condition(scope, part, table, stages) for part in parts])
        case Any_(parts):
            listed = [condition(scope, part, table, stages) for part in parts]
            return {"$or": listed} if listed else NEVER


def conjunction(parts: list[Document]) -> Document:
    """Give the condition that all of some conditions hold."""
    if len(parts) == 1:
        return parts[0]
    return {"$and": parts} if parts else {}


def _existence(scope: Scope, node: Existence, table: Table, stages: list[Stage]) -> Document:
    relation = node.relation
    if node.where is None and relation.holds_key and relation.foreign_key is not None:
        return empty(field_of(relation.foreign_key), is_empty=False)
    field = scope.field()
    first: list[Stage] = [{"$limit": 1}, {"$project": {"_id": 1}}]
    if node.where is None and relation.junction is not None:
        stages.append(links(relation, table, field, first))
    else:
        which = where(scope, node.where, node.target)
        stages.append(lookup(relation, node.target, table, field, which, first))
    return {field: {"$ne": []}}


def add_measure(scope: Scope, related: RelatedMeasure, table: Table, stages: list[Stage]) -> str:
    """Add the stages that put a figure over related records into a field; give the field."""
    field, measure = scope.field(), related.measure
    parts, figure = collected(measure, _VALUE)
    then: list[Stage] = [
        {"$group": {"_id": None, **parts}},
        {"$project": {"_id": 0, _VALUE: figure}},
    ]
    relation = related.relation
    if measure.where is None and measure.column is None and relation.junction is not None:
        stages.append(links(relation, table, field, then))
    else:
        which = where(scope, measure.where, related.target)
        stages.append(lookup(relation, related.target, table, field, which, then))
    nothing = ZERO.get(measure.function)
    stages.append({"$set": {field: {"$ifNull": [{"$first": f"${field}.{_VALUE}"}, nothing]}}})
    return field
