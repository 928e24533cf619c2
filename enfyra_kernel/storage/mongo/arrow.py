"""Records as Arrow IPC streams."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pyarrow as pa

from ...metadata.arrow import arrow_type, document_field
from ...metadata.tables import StoredColumn, key_of, stored
from ...metadata.types import DATES, ColumnType
from ...query.selection import Selected, SelectedColumn, SelectedMany, SelectedOne, Selection
from .pipeline.selections import Row
from .values import encode_rows

_AS_TEXT = DATES | {ColumnType.DECIMAL}


async def arrow_stream(
    selection: Selection, batches: AsyncGenerator[list[Row], None]
) -> AsyncGenerator[bytes, None]:
    """Give batches of rows as chunks of an Arrow IPC stream."""
    sink = io.BytesIO()
    schema = pa.schema([_field(one) for one in selection])
    writer = pa.ipc.new_stream(sink, schema)
    yield _taken(sink)
    async with aclosing(batches) as some:
        async for rows in some:
            await asyncio.to_thread(_write, writer, schema, selection, rows)
            yield _taken(sink)
    writer.close()
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


def _write(writer: Any, schema: Any, selection: Selection, rows: Sequence[Row]) -> None:
    arrays = [_array(one, [row[one.name] for row in rows]) for one in selection]
    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _field(one: Selected) -> Any:
    if isinstance(one, SelectedColumn):
        return document_field(one.name, stored(one.column))
    if isinstance(one, SelectedOne) and one.key_only:
        key = document_field(one.target.primary.name, key_of(one.relation, one.target))
        return pa.field(one.name, pa.struct([key]))
    struct = pa.struct([_field(inner) for inner in one.selection])
    return pa.field(one.name, pa.list_(struct) if isinstance(one, SelectedMany) else struct)


def _array(one: Selected, values: list[Any]) -> Any:
    if isinstance(one, SelectedColumn):
        return _column(stored(one.column), values)
    if isinstance(one, SelectedMany):
        offsets = [0]
        for listed in values:
            offsets.append(offsets[-1] + len(listed))
        flat = [row for listed in values for row in listed]
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), _struct(one, flat))
    return _struct(one, values)


def _struct(one: SelectedOne | SelectedMany, rows: Sequence[Row | None]) -> Any:
    arrays = [
        _array(inner, [None if row is None else row[inner.name] for row in rows])
        for inner in one.selection
    ]
    fields = [_field(inner) for inner in one.selection]
    absent = pa.array([row is None for row in rows], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=absent)


def _column(column: StoredColumn, values: list[Any]) -> Any:
    type_ = arrow_type(column.type, column.options)
    if column.type is ColumnType.SIMPLE_JSON:
        return pa.array([None if v is None else encode_rows(v).decode() for v in values], type_)
    if column.type in _AS_TEXT:
        return pa.array(values, pa.string()).cast(type_)
    return pa.array(values, type_)
