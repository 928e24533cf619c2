"""The part of a query that shapes an answer: without the condition that chose the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgspec

from .ast import Compare, Deep, Filter, Keyset, Operator, Query, Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """A query for records by their keys, as another query shows them.

    Attributes:
        shape: Finds records by the key, or the keys, in slot 0.
        values: Those of the other slots.
    """

    shape: Shape
    values: tuple[Any, ...]


def answer_by_key(query: Query, key: str, operator: Operator = Operator.EQ) -> Answer:
    """Make the query for records by their key that shows what another one shows.

    Example:
        >>> from .parse import parse
        >>> query = parse({"filter": {"title": "x"}, "deep": {"tags": {"limit": 3}}})
        >>> answer = answer_by_key(query, "id")
        >>> answer.shape.deep[0].limit, answer.values
        (1, (3,))
    """
    shape = query.shape
    where = Compare(key, operator, 0)
    if not query.values:
        return Answer(Shape(fields=shape.fields, deep=shape.deep, where=where), ())
    used = slots_of(shape.where)
    deep = tuple(cast("Deep", moved(one, 1 - used)) for one in shape.deep)
    rest = query.values[used : used + sum(map(slots_of, shape.deep))]
    return Answer(Shape(fields=shape.fields, deep=deep, where=where), rest)


def condition_of(query: Query) -> tuple[Filter | None, tuple[Any, ...]]:
    """Give the condition of a query, and the values of its slots, which are the first ones."""
    return query.shape.where, query.values[: slots_of(query.shape.where)]


def slots_of(node: Any) -> int:
    """Count the slots of a part of a tree."""
    if node is None:
        return 0
    found = 0
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if name in _SLOTS and value is not None:
            found += 1
        elif isinstance(node, Keyset):
            found += sum(slot is not None for slot in node.slots)
        elif isinstance(value, tuple):
            parts = cast("tuple[Any, ...]", value)
            found += sum(slots_of(part) for part in parts if isinstance(part, msgspec.Struct))
        elif isinstance(value, msgspec.Struct):
            found += slots_of(value)
    return found


def moved(node: Any, by: int) -> Any:
    """Give a part of a tree with its slots moved on."""
    if isinstance(node, tuple):
        return tuple(moved(part, by) for part in cast("tuple[Any, ...]", node))
    if not isinstance(node, msgspec.Struct):
        return node
    changes: dict[str, Any] = {}
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if name in _SLOTS:
            changes[name] = None if value is None else value + by
        else:
            changes[name] = moved(value, by)
    return type(node)(**changes)


# The fields of the tree that hold the number of a slot.
_SLOTS = frozenset({"slot", "limit", "offset"})
