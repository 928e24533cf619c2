"""A field compared with a value: three-valued, as SQL does it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from ....metadata.types import ColumnType
from ....metadata.values import precision_of
from ....query.ast import SEARCHES, Operator
from ....query.folding import fold
from ..values import FOLDED, encoded, on_grid
from .scope import NEVER, Document

_ORDERED = {
    Operator.GT: "$gt",
    Operator.GTE: "$gte",
    Operator.LT: "$lt",
    Operator.LTE: "$lte",
}
# On which side of a number that is no number of the column those of the column lie.
_BESIDE = {
    Operator.GT: "$gt",
    Operator.GTE: "$gt",
    Operator.LT: "$lte",
    Operator.LTE: "$lte",
}


def compare(
    field: str, type_: ColumnType, options: Any, operator: Operator, value: Any
) -> Document:
    """Give the condition that a field compares so with a canonical value. Nulls never do."""
    if operator in SEARCHES:
        return _search(field, type_, operator, fold(str(value)))
    if operator is Operator.BETWEEN:
        low, high = value
        return {
            "$and": [
                compare(field, type_, options, Operator.GTE, low),
                compare(field, type_, options, Operator.LTE, high),
            ]
        }
    if operator is Operator.IN:
        return {field: {"$in": _listed(value, type_, options)}}
    if operator is Operator.NOT_IN:
        return {field: {"$nin": [*_listed(value, type_, options), None]}}
    if operator is Operator.EQ:
        listed = _listed([value], type_, options)
        return {field: {"$eq": listed[0]}} if listed else NEVER
    if operator is Operator.NEQ:
        return {field: {"$nin": [*_listed([value], type_, options), None]}}
    if type_ is ColumnType.DECIMAL:
        _, scale = precision_of(options)
        number, exact = on_grid(Decimal(value), scale)
        return {field: {(_ORDERED if exact else _BESIDE)[operator]: number}}
    return {field: {_ORDERED[operator]: encoded(value, type_)}}


def empty(field: str, *, is_empty: bool) -> Document:
    """Give the condition that a field is null, or is not."""
    return {field: None} if is_empty else {field: {"$ne": None}}


def _listed(values: Sequence[Any], type_: ColumnType, options: Any) -> list[Any]:
    """Give the values as they are kept, without those that no field can hold."""
    if type_ is not ColumnType.DECIMAL:
        return [encoded(value, type_) for value in values if value is not None]
    _, scale = precision_of(options)
    numbers = [on_grid(Decimal(value), scale) for value in values if value is not None]
    return [number for number, exact in numbers if exact]


# -- searches -------------------------------------------------------------------------------------


def _search(field: str, type_: ColumnType, operator: Operator, text: str) -> Document:
    """Search in a text, or in the texts of a list; `text` is folded already."""
    kept = f"${FOLDED}.{field}"
    if type_ is ColumnType.ARRAY_SELECT:
        items: Document = {"$ifNull": [kept, {"$ifNull": [f"${field}", []]}]}
        found = _found({"$toLower": "$$item"}, operator, text)
        return {
            "$expr": {"$anyElementTrue": [{"$map": {"input": items, "as": "item", "in": found}}]}
        }
    value = {"$ifNull": [kept, {"$toLower": f"${field}"}]}
    return {"$and": [{field: {"$ne": None}}, {"$expr": _found(value, operator, text)}]}


def _found(value: Any, operator: Operator, text: str) -> Document:
    needle = {"$literal": text}
    if operator is Operator.CONTAINS:
        return {"$gte": [{"$indexOfCP": [value, needle]}, 0]}
    if operator is Operator.STARTS_WITH:
        return {"$eq": [{"$indexOfCP": [value, needle]}, 0]}
    length = {"$strLenCP": needle}
    start = {"$max": [0, {"$subtract": [{"$strLenCP": "$$text"}, length]}]}
    end = {"$eq": [{"$substrCP": ["$$text", start, length]}, needle]}
    return {"$let": {"vars": {"text": value}, "in": end}}
