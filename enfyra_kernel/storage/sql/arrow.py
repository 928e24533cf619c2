"""Answers as Arrow IPC streams: a few thousand rows in memory at a time, however many there are."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import pyarrow as pa
import pyarrow.csv  # pyright: ignore[reportUnusedImport] - it is used as pa.csv

from ...encoding import decode_json
from ...metadata.arrow import arrow_type, document_field
from ...metadata.tables import StoredColumn
from ...metadata.types import DATES, INSTANTS, ColumnType
from ...query.plan import Plan
from .dialect import Dialect
from .driver import Driver, Row
from .render.layout import Layout, Leaf, leaves
from .render.renderer import Renderer

BATCH = 8192

Column = Any


class ArrowStream:
    """Runs a Plan and gives its records as an Arrow IPC stream."""

    def __init__(self, dialect: Dialect, driver: Driver, renderer: Renderer) -> None:
        self._dialect = dialect
        self._driver = driver
        self._renderer = renderer

    async def chunks(
        self, plan: Plan, values: Sequence[Any], sizes: tuple[int, ...], limit: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Give the stream piece by piece."""
        statement, layout = self._renderer.stream(plan, sizes, limited=limit is not None)
        writer = _Writer(layout)
        yield writer.begin()
        arguments = statement.arguments(values, limit)
        copy = getattr(self._driver, "copy", None)
        source = (
            self._from_csv(copy(statement.text, arguments), layout)
            if copy is not None
            else self._from_rows(statement.text, arguments, layout)
        )
        # A reader that goes away gives the connection back at once.
        async with aclosing(source) as batches:
            async for columns in batches:
                yield await asyncio.to_thread(writer.write, columns)
        yield writer.end()

    async def _from_csv(
        self, source: AsyncGenerator[bytes, None], layout: Layout
    ) -> AsyncGenerator[list[Column], None]:
        """PostgreSQL writes CSV faster than anything makes Python objects of its rows."""
        options = _csv_options(layout)
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                yield await asyncio.to_thread(_read_csv, chunk, options, list(leaves(layout)))

    async def _from_rows(
        self, text: str, arguments: Sequence[Any], layout: Layout
    ) -> AsyncGenerator[list[Column], None]:
        columns = [leaf.column for leaf in leaves(layout)]
        async with aclosing(self._driver.stream(text, arguments, BATCH)) as batches:
            async for rows in batches:
                yield await asyncio.to_thread(_columns_of, rows, columns)


class _Writer:
    """Writes flat columns as record batches, nested as the answer is."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._positions = {leaf.label: number for number, leaf in enumerate(leaves(layout))}
        self.schema = pa.schema([_field(part) for part in layout])
        self._sink = io.BytesIO()
        self._writer: Any = None

    def begin(self) -> bytes:
        self._writer = pa.ipc.new_stream(self._sink, self.schema)
        return self._taken()

    def write(self, columns: list[Column]) -> bytes:
        arrays = [self._array(part, columns) for part in self._layout]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        data = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return data

    def _array(self, part: Any, columns: list[Column]) -> Column:
        if isinstance(part, Leaf):
            return columns[self._positions[part.label]]
        presence = columns[self._positions[part.presence]]
        return pa.StructArray.from_arrays(
            [self._array(inner, columns) for inner in part.parts],
            fields=[_field(inner) for inner in part.parts],
            mask=presence.is_null(),
        )


def _field(part: Any) -> Any:
    if isinstance(part, Leaf):
        return document_field(part.name, part.column)
    return pa.field(part.name, pa.struct([_field(inner) for inner in part.parts]))


# -- from rows ------------------------------------------------------------------------------------


def _columns_of(rows: Sequence[Row], columns: Sequence[StoredColumn]) -> list[Column]:
    return [
        _array(values, column)
        for values, column in zip(zip(*rows, strict=True), columns, strict=True)
    ]


def _array(values: Iterable[Any], column: StoredColumn) -> Column:
    type_ = arrow_type(column.type, column.options)
    listed = list(values)
    first = next((value for value in listed if value is not None), None)
    if column.type is ColumnType.BOOLEAN:
        return pa.array([None if v is None else bool(v) for v in listed], type_)
    if column.type is ColumnType.ARRAY_SELECT:
        return pa.array([None if v is None else decode_json(v) for v in listed], type_)
    if isinstance(first, str) and column.type in DATES | {ColumnType.DECIMAL}:
        return pa.array(listed, pa.string()).cast(type_)
    if column.type in INSTANTS and first is not None and first.tzinfo is None:
        return pa.array(listed, pa.timestamp("us")).cast(type_)
    return pa.array(listed, type_)


# -- from CSV -------------------------------------------------------------------------------------


def _csv_options(layout: Layout) -> dict[str, Any]:
    columns = list(leaves(layout))
    types = {
        leaf.label: pa.string()
        if leaf.column.type is ColumnType.ARRAY_SELECT
        else arrow_type(leaf.column.type, leaf.column.options)
        for leaf in columns
    }
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


def _read_csv(chunk: bytes, options: dict[str, Any], columns: list[Leaf]) -> list[Column]:
    table = pa.csv.read_csv(pa.BufferReader(chunk), **options)
    return [_whole(table.column(leaf.label), leaf.column) for leaf in columns]


def _whole(column: Any, stored: StoredColumn) -> Column:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if stored.type is ColumnType.ARRAY_SELECT:
        return _array(array.to_pylist(), stored)
    return array
