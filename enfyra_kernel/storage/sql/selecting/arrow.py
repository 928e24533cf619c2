"""Rows that a statement has found, as record batches."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from ....encoding import encode_json
from ....errors import EnfyraError
from ....metadata.arrow import TYPE_KEY
from ..driver import Row
from .answers import plain
from .found import Found, FoundColumn, distinct

BATCH = 8192
_TYPES: Mapping[str, Any] = {
    "int": pa.int64(),
    "float": pa.float64(),
    # How many digits the next rows have nobody knows.
    "decimal": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "text": pa.string(),
    "json": pa.string(),
    "bytes": pa.binary(),
    "other": pa.string(),
}
_DOCUMENT = {TYPE_KEY: b"simple-json"}


async def batches(found: Found, limit: int | None) -> AsyncGenerator[Any, None]:
    """Give rows as record batches; the first is empty and says what the columns are.

    Where the database does not say of what type a column is, its first rows do.
    """
    left = limit
    rows = await found.fetch(BATCH if left is None else min(BATCH, left))
    shape = await asyncio.to_thread(_Shape, found.columns, rows)
    yield shape.empty
    while rows:
        yield await asyncio.to_thread(shape.batch, rows)
        left = None if left is None else left - len(rows)
        if left == 0:
            return
        rows = await found.fetch(BATCH if left is None else min(BATCH, left))


class _Shape:
    def __init__(self, columns: Sequence[FoundColumn], rows: Sequence[Row]) -> None:
        names = distinct([one.name for one in columns])
        values = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
        self._kinds = [_kind(column, some) for column, some in zip(columns, values, strict=True)]
        self._schema = pa.schema(
            [
                pa.field(name, type_, metadata=_DOCUMENT if kind == "json" else None)
                for name, kind, some in zip(names, self._kinds, values, strict=True)
                if (type_ := _type(kind, some)) is not None
            ]
        )

    @property
    def empty(self) -> Any:
        """A batch without rows."""
        return pa.RecordBatch.from_pylist([], schema=self._schema)

    def batch(self, rows: Sequence[Row]) -> Any:
        """Give rows as a batch."""
        arrays = [
            self._array(values, field, kind)
            for values, field, kind in zip(
                zip(*rows, strict=True), self._schema, self._kinds, strict=True
            )
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _array(self, values: Sequence[Any], field: Any, kind: str) -> Any:
        made = _MAKERS.get(kind)
        try:
            return pa.array(values if made is None else list(map(made, values)), field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
            raise EnfyraError(
                "NOT_ACCEPTABLE",
                f"Not all values of the column '{field.name}' are of the type {field.type}",
                hint="CAST the column to one type, as in CAST(x AS TEXT)",
            ) from None


def _type(kind: str, values: Sequence[Any]) -> Any:
    aware = kind == "timestamp" and any(one is not None and one.tzinfo for one in values)
    return pa.timestamp("us", "UTC") if aware else _TYPES[kind]


def _kind(column: FoundColumn, values: Sequence[Any]) -> str:
    if column.kind is not None:
        return column.kind
    there = {type(one) for one in values if one is not None}
    for kind, types in _OF_VALUES:
        if there and there <= types:
            return kind
    return "other"


_OF_VALUES: tuple[tuple[str, set[type]], ...] = (
    ("bool", {bool}),
    ("int", {int}),
    ("float", {int, float}),
    ("decimal", {int, float, Decimal}),
    ("text", {str}),
    ("bytes", {bytes}),
    ("timestamp", {datetime}),
    ("date", {date}),
)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: Any) -> str | None:
    made = plain(value)
    return made if made is None or isinstance(made, str) else encode_json(made).decode()


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "float": _number,
    "decimal": _number,
    "other": _text,
    "json": _text,
}
