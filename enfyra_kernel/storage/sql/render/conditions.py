"""Predicates of a Plan as conditions in SQL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from ....metadata.tables import Table
from ....metadata.types import ColumnType
from ....query.ast import LISTS, SEARCHES, Operator
from ....query.plan import All, Any_, Comparison, Emptiness, Existence, Not, Predicate
from ..dialect import WHOLE, Encoder, Expression
from ..statement import Source
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
        case Comparison():
            return _comparison(scope, node, base)
        case Emptiness(column, empty):
            value = base.c[column.name]
            return value.is_(None) if empty else value.is_not(None)
        case Existence():
            return _existence(scope, node, base, table)
        case Not(part):
            return sa.not_(scope.dialect.holds(condition(scope, part, base, table)))
        case All(parts):
            return sa.and_(sa.true(), *(condition(scope, one, base, table) for one in parts))
        case Any_(parts):
            return sa.or_(sa.false(), *(condition(scope, one, base, table) for one in parts))


def _comparison(scope: Scope, node: Comparison, base: From) -> Expression:
    column, operator, slot = node.column, node.operator, node.slot + scope.first_slot
    value = base.c[column.name]
    encode = scope.dialect.encoder(column)
    name = f"v{slot}"
    if operator in SEARCHES:
        scope.source(name, Source(slot, partial(scope.dialect.search_text, operator)))
        if column.type is not ColumnType.ARRAY_SELECT:
            return scope.dialect.search(value, operator, name)
        rows, text = scope.dialect.items(value)
        found = scope.dialect.search(text, operator, name)
        return sa.select(text).select_from(rows).where(found).exists()
    value = scope.dialect.compared(value, column)
    if operator in LISTS:
        return _in_list(scope, value, node, name, slot, encode)
    type_ = scope.dialect.parameter_type(column)
    if operator is Operator.BETWEEN:
        low = scope.bound(f"{name}_0", Source(slot, item(0, encode)), type_)
        high = scope.bound(f"{name}_1", Source(slot, item(1, encode)), type_)
        return sa.and_(value >= low, value <= high)
    return _COMPARISONS[operator](value, scope.bound(name, Source(slot, encode), type_))


def _in_list(
    scope: Scope,
    value: Expression,
    node: Comparison,
    name: str,
    slot: int,
    encode: Encoder | None,
) -> Expression:
    size = scope.sizes[node.slot] if scope.dialect.expands_lists else WHOLE
    if size != WHOLE:
        for number in range(size):
            scope.source(f"{name}_{number}", Source(slot, item(number, encode)))
    else:
        scope.source(name, Source(slot, partial(scope.dialect.list_value, encode)))
    listed = scope.dialect.in_list(value, node.column, name, size)
    if node.operator is Operator.IN:
        return listed
    return sa.and_(value.is_not(None), sa.not_(listed))


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
