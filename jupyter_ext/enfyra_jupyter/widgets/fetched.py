"""Rows that have been fetched once, sorted and filtered where they are."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..client import ApiError
from .columns import Column
from .filtering import operators

_COMPARISONS = {
    "_eq": pc.equal, "_neq": pc.not_equal, "_gt": pc.greater, "_gte": pc.greater_equal,
    "_lt": pc.less, "_lte": pc.less_equal,
}  # fmt: skip


class FetchedRows:
    """The rows of an Arrow table, in the order and by the filters that are asked for.

    The last order is kept, so that pages of it cost nothing.

    Example:
        >>> rows = FetchedRows(pa.table({"n": [3, 1, 2]}), {"n": Column("n", "integer")})
        >>> rows.page(0, 2, ["-n"], {"n": ">1"}), rows.count(["-n"], {"n": ">1"})
        ([{'n': 3}, {'n': 2}], 2)
    """

    def __init__(self, table: pa.Table, columns: Mapping[str, Column]) -> None:
        self._table = pa.table(
            {name: _comparable(table.column(name)) for name in table.column_names}
        )
        self._columns = columns
        self._asked: object = None
        self._places = pa.array([], pa.int64())

    def page(
        self, first: int, size: int, sort: Sequence[str], filters: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Give rows by their places.

        Raises:
            ApiError: INVALID_QUERY for a filter that means nothing, with its `field`.
        """
        places = self._found(sort, filters).slice(first, size)
        return self._table.take(places).to_pylist()

    def count(self, sort: Sequence[str], filters: Mapping[str, str]) -> int:
        """Give how many rows meet the filters."""
        return len(self._found(sort, filters))

    def _found(self, sort: Sequence[str], filters: Mapping[str, str]) -> Any:
        asked = (tuple(sort), tuple(sorted(filters.items())))
        if asked != self._asked:
            self._places = self._ordered(self._meeting(filters), sort)
            self._asked = asked
        return self._places

    def _meeting(self, filters: Mapping[str, str]) -> Any:
        places = pa.array(range(self._table.num_rows), pa.int64())
        for name, text in filters.items():
            if name not in self._columns or not text.strip():
                continue
            values = self._table.column(name).take(places)
            mask = _meets(self._columns[name], values, text.strip())
            places = places.filter(mask, null_selection_behavior="drop")
        return places

    def _ordered(self, places: Any, sort: Sequence[str]) -> Any:
        keys = [
            (name.removeprefix("-"), "descending" if name.startswith("-") else "ascending")
            for name in sort
            if name.removeprefix("-") in self._columns
        ]
        if not keys:
            return places
        # As on every database: rows without a value first, and last when descending.
        by: dict[str, Any] = {}
        orders: list[tuple[str, str]] = []
        for number, (name, order) in enumerate(keys):
            values = self._table.column(name).take(places)
            by |= {f"{number} there": pc.is_valid(values), f"{number}": values}
            orders += [(f"{number} there", order), (f"{number}", order)]
        return places.take(pc.sort_indices(pa.table(by), sort_keys=orders))


def _meets(column: Column, values: Any, text: str) -> Any:
    """Say of each value whether it meets what is typed above its column."""
    found: Any = None
    for operator, wanted in operators(column, text).items():
        if operator == "_is_null":
            mask = pc.is_null(values) if wanted else pc.is_valid(values)
        elif operator == "_contains":
            mask = pc.match_substring(values, wanted, ignore_case=True)
        else:
            mask = _COMPARISONS[operator](values, _scalar(column, values.type, wanted))
        # Arrow is combined in one piece, or piece by piece, and never mixed.
        mask = mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
        found = mask if found is None else pc.and_kleene(found, mask)
    return found


def _scalar(column: Column, type_: pa.DataType, wanted: Any) -> pa.Scalar:
    value = wanted
    try:
        if column.kind == "date":
            value = date.fromisoformat(str(wanted))
        elif column.kind == "instant":
            value = datetime.fromisoformat(str(wanted))
            zone = value.tzinfo or UTC
            value = value.replace(tzinfo=zone).astimezone(UTC)
            if type_.tz is None:
                value = value.replace(tzinfo=None)
        elif pa.types.is_floating(type_):
            value = float(wanted)
        return pa.scalar(value, type_)
    except (ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ApiError(
            "INVALID_QUERY",
            f"{column.name} cannot be compared with '{wanted}': it holds {type_}",
            details={"field": column.name},
        ) from error


def _comparable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give values that can be sorted and searched, whatever the database made of them."""
    type_ = values.type
    if pa.types.is_null(type_):
        return values.cast(pa.string())
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        texts = [
            None if one is None else base64.b64encode(one).decode() for one in values.to_pylist()
        ]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_decimal(type_):
        return values.cast(pa.float64())
    return values
