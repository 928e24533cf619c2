"""Answers as record batches: a few thousand rows in memory at a time, however many there are."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import pyarrow as pa
import pyarrow.csv  # pyright: ignore[reportUnusedImport] - it is used as pa.csv

from ...metadata.arrow import arrow_type
from ...metadata.tables import StoredColumn
from ...query.plan import Plan
from ..batches import BATCH, Array, array_of, schema_of
from .driver import Driver, Row
from .render.layout import Branch, Layout, Leaf, Part, leaves
from .statement import Statement


async def batches(
    driver: Driver, plan: Plan, statement: Statement, arguments: Sequence[Any], layout: Layout
) -> AsyncGenerator[Any, None]:
    """Run a statement that gives the flat rows of a Plan; give them as record batches that nest.

    The first batch is empty: it says what the columns are before the database is asked.
    """
    shape = _Shape(schema_of(plan), layout)
    yield shape.batch(_columns_of((), layout))
    copy = getattr(driver, "copy", None)
    source = (
        _from_csv(copy(statement.text, arguments), layout)
        if copy is not None
        else _from_rows(driver, statement.text, arguments, layout)
    )
    # A reader that goes away gives the connection back at once.
    async with aclosing(source) as flat:
        async for columns in flat:
            yield await asyncio.to_thread(shape.batch, columns)


class _Shape:
    """Nests flat columns as the answer is."""

    def __init__(self, schema: Any, layout: Layout) -> None:
        self._schema = schema
        self._layout = layout
        self._positions = {leaf.label: number for number, leaf in enumerate(leaves(layout))}

    def batch(self, columns: list[Array]) -> Any:
        return pa.RecordBatch.from_arrays(
            self._arrays(self._layout, self._schema, columns), schema=self._schema
        )

    def _arrays(self, layout: Layout, fields: Iterable[Any], columns: list[Array]) -> list[Array]:
        return [
            self._array(part, field.type, columns)
            for part, field in zip(layout, fields, strict=True)
        ]

    def _array(self, part: Part, type_: Any, columns: list[Array]) -> Array:
        match part:
            case Leaf(label=label):
                return columns[self._positions[label]]
            case Branch(presence=presence, parts=parts):
                return pa.StructArray.from_arrays(
                    self._arrays(parts, type_, columns),
                    fields=list(type_),
                    mask=columns[self._positions[presence]].is_null(),
                )
            case _:
                raise TypeError(f"'{part.name}' has rows of its own")


# -- from rows ------------------------------------------------------------------------------------


async def _from_rows(
    driver: Driver, text: str, arguments: Sequence[Any], layout: Layout
) -> AsyncGenerator[list[Array], None]:
    async with aclosing(driver.stream(text, arguments, BATCH)) as some:
        async for rows in some:
            yield await asyncio.to_thread(_columns_of, rows, layout)


def _columns_of(rows: Sequence[Row], layout: Layout) -> list[Array]:
    columns = [leaf.column for leaf in leaves(layout)]
    if not rows:
        return [array_of((), column) for column in columns]
    return [
        array_of(values, column)
        for values, column in zip(zip(*rows, strict=True), columns, strict=True)
    ]


# -- from CSV -------------------------------------------------------------------------------------


async def _from_csv(
    source: AsyncGenerator[bytes, None], layout: Layout
) -> AsyncGenerator[list[Array], None]:
    """PostgreSQL writes CSV faster than anything makes Python objects of its rows."""
    options = _csv_options(layout)
    async with aclosing(source) as chunks:
        async for chunk in chunks:
            yield await asyncio.to_thread(_read_csv, chunk, options, list(leaves(layout)))


def _csv_options(layout: Layout) -> dict[str, Any]:
    columns = list(leaves(layout))
    types = {leaf.label: _csv_type(leaf.column) for leaf in columns}
    return {
        "read_options": pa.csv.ReadOptions(
            column_names=[leaf.label for leaf in columns], block_size=1 << 30, use_threads=False
        ),
        "parse_options": pa.csv.ParseOptions(newlines_in_values=True),
        "convert_options": pa.csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
            timestamp_parsers=[pa.csv.ISO8601],
        ),
    }


def _read_csv(chunk: bytes, options: dict[str, Any], columns: list[Leaf]) -> list[Array]:
    table = pa.csv.read_csv(pa.BufferReader(chunk), **options)
    return [_whole(table.column(leaf.label), leaf.column) for leaf in columns]


def _csv_type(column: StoredColumn) -> Any:
    """Give the type that a column is read from CSV in; what the reader does not know is a text."""
    type_ = arrow_type(column.type, column.options)
    return pa.string() if pa.types.is_list(type_) or pa.types.is_decimal256(type_) else type_


def _whole(column: Any, stored: StoredColumn) -> Array:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if array.type == arrow_type(stored.type, stored.options):
        return array
    return array_of(array.to_pylist(), stored)
