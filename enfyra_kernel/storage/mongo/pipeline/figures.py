"""Figures over records: what a `$group` collects, and what is made of it."""

from __future__ import annotations

from typing import Any

from ....metadata.tables import StoredColumn
from ....metadata.types import INTEGERS
from ....query.ast import Function
from ....query.plan import Measure
from ..values import field_of
from .scope import Document

ZERO: dict[Function, Any] = {Function.COUNT: 0}
"""What a figure is over no records at all, if not null."""


def collected(measure: Measure, name: str) -> tuple[Document, Any]:
    """Give the accumulators of a figure, and the expression that makes it of them."""
    column = measure.column
    if column is None:
        return {name: {"$sum": 1}}, f"${name}"
    value = f"${field_of(column.name)}"
    counted = {"$sum": {"$cond": [{"$gt": [value, None]}, 1, 0]}}
    match measure.function:
        case Function.COUNT:
            return {name: counted}, f"${name}"
        case Function.MIN:
            return {name: {"$min": value}}, {"$ifNull": [f"${name}", None]}
        case Function.MAX:
            return {name: {"$max": value}}, {"$ifNull": [f"${name}", None]}
        case _:
            count = f"{name}n"
            number = {"$toDecimal": value} if column.type in INTEGERS else value
            parts: Document = {name: {"$sum": number}, count: counted}
            return parts, _of_values(measure.function, f"${name}", f"${count}")


def _of_values(function: Function, total: str, count: str) -> Document:
    """Give a sum or an average, which no values at all have not."""
    figure: Any = total
    if function is Function.AVG:
        figure = {"$divide": [{"$toDouble": total}, count]}
    return {"$cond": [{"$gt": [count, 0]}, figure, None]}


def figure_column(measure: Measure) -> StoredColumn:
    """Give a figure as a column: what type it is, and with which options."""
    options = measure.column.options if measure.column is not None else None
    return StoredColumn("", measure.type, options)
