"""Record batches: what the columns of an answer are in Arrow, and batches that are made of records.

What a database gives as `Database.batches` are pyarrow's record batches, nested as an answer is: a
related record is a struct, related records are a list of structs, a document is a text whose field
says so in its metadata.
"""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from ..metadata.arrow import MAX_DIGITS, arrow_type, document_field
from ..metadata.tables import StoredColumn, stored
from ..metadata.types import DATES, INSTANTS, ColumnType
from ..metadata.values import precision_of
from ..query.measures import GroupMeasure, Groups
from ..query.plan import Plan
from ..query.selection import SelectedColumn, SelectedMany, Selection

# So many records are in memory at a time.
BATCH = 8192

Array = Any
Record = Mapping[str, Any]


# -- what there is in an answer -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value:
    """A value, of a column or like that of one."""

    name: str
    column: StoredColumn

    @property
    def field(self) -> Any:
        """The Arrow field."""
        return document_field(self.name, self.column)

    def array(self, values: list[Any]) -> Array:
        """Give values, as JSON has them, in the Arrow type."""
        if self.column.type is ColumnType.SIMPLE_JSON:
            texts = [None if value is None else encode_json(value).decode() for value in values]
            return pa.array(texts, pa.string())
        return array_of(values, self.column)


@dataclass(frozen=True)
class One:
    """A related record, or null."""

    name: str
    parts: Parts

    @cached_property
    def type(self) -> Any:
        """The Arrow type of a record."""
        return pa.struct([part.field for part in self.parts])

    @cached_property
    def field(self) -> Any:
        """The Arrow field."""
        return pa.field(self.name, self.type)

    def array(self, values: list[Any]) -> Array:
        """Give records, as JSON has them, in the Arrow type."""
        arrays = [
            part.array([None if value is None else value[part.name] for value in values])
            for part in self.parts
        ]
        absent = pa.array([value is None for value in values], pa.bool_())
        return pa.StructArray.from_arrays(arrays, fields=list(self.type), mask=absent)


@dataclass(frozen=True)
class Many(One):
    """A list of related records."""

    @cached_property
    def field(self) -> Any:
        """The Arrow field."""
        return pa.field(self.name, pa.list_(self.type))

    def array(self, values: list[Any]) -> Array:
        """Give lists of records, as JSON has them, in the Arrow type."""
        offsets = [0]
        for listed in values:
            offsets.append(offsets[-1] + len(listed or ()))
        records = super().array([record for listed in values for record in listed or ()])
        absent = pa.array([listed is None for listed in values], pa.bool_())
        places = pa.array(offsets, pa.int32())
        return pa.ListArray.from_arrays(
            places, records, type=pa.list_(self.type), mask=absent if values else None
        )


Part = Value | One | Many
Parts = tuple[Part, ...]


def parts_of(plan: Plan) -> Parts:
    """Give what the records of an answer hold, or its groups."""
    return _selected(plan.selection) if plan.groups is None else _grouped(plan.groups)


def _selected(selection: Selection) -> Parts:
    parts: list[Part] = []
    for one in selection:
        if isinstance(one, SelectedColumn):
            parts.append(Value(one.name, stored(one.column)))
        elif isinstance(one, SelectedMany):
            parts.append(Many(one.name, _selected(one.selection)))
        else:
            parts.append(One(one.name, _selected(one.selection)))
    return tuple(parts)


def _grouped(groups: Groups) -> Parts:
    return (
        *(Value(one.name, one.column) for one in groups.dimensions),
        *(Value(one.name, _column_of(one)) for one in groups.measures),
    )


def _column_of(one: GroupMeasure) -> StoredColumn:
    """Give what a figure is like; a sum has more digits than what it sums."""
    column, type_ = one.measure.column, one.measure.type
    options = column.options if column is not None else None
    if type_ is ColumnType.DECIMAL:
        options = {"precision": MAX_DIGITS, "scale": precision_of(options)[1]}
    return StoredColumn("", type_, options)


def schema_of(plan: Plan) -> Any:
    """Give the Arrow schema of an answer."""
    return pa.schema([part.field for part in parts_of(plan)])


def is_flat(plan: Plan) -> bool:
    """Say whether an answer is records of columns and of single related records."""
    return plan.groups is None and _is_flat(plan.selection)


def _is_flat(selection: Selection) -> bool:
    return all(
        isinstance(one, SelectedColumn)
        or (not isinstance(one, SelectedMany) and _is_flat(one.selection))
        for one in selection
    )


# -- batches of records ---------------------------------------------------------------------------


async def batches_of_lines(
    plan: Plan, lines: AsyncGenerator[bytes, None]
) -> AsyncGenerator[Any, None]:
    """Give record batches of lines of JSON, which any database has.

    Slower than what a database can do that hands out columns, and always right.
    """
    parts = parts_of(plan)
    yield _batch(parts, ())
    # A reader that goes away gives the connection back at once.
    async with aclosing(lines):
        async for piece in lines:
            yield await asyncio.to_thread(_batch_of_lines, parts, piece)


async def batches_of(
    plan: Plan, records: AsyncIterator[Sequence[Record]]
) -> AsyncGenerator[Any, None]:
    """Give record batches of records as answers have them: with JSON's values, and nested.

    It is all that a database needs which hands out records rather than columns. The first batch is
    there even if there are no records, since it says what the columns are.
    """
    parts = parts_of(plan)
    yield _batch(parts, ())
    async for some in records:
        yield await asyncio.to_thread(_batch, parts, some)


def _batch_of_lines(parts: Parts, piece: bytes) -> Any:
    return _batch(parts, [decode_json(line) for line in piece.splitlines()])


def _batch(parts: Parts, records: Sequence[Record]) -> Any:
    schema = pa.schema([part.field for part in parts])
    try:
        arrays = [part.array([record[part.name] for record in records]) for part in parts]
    except (pa.ArrowInvalid, OverflowError) as error:
        raise EnfyraError(
            "NOT_ACCEPTABLE",
            f"A figure is too large for this format: {str(error).partition(chr(10))[0]}",
            hint="Ask for format=ndjson, whose numbers have no limits",
        ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def array_of(values: Iterable[Any], column: StoredColumn) -> Array:
    """Give a column's values, as a driver or an answer has them, in the column's Arrow type."""
    type_ = arrow_type(column.type, column.options)
    listed = list(values)
    first = next((value for value in listed if value is not None), None)
    if column.type is ColumnType.BOOLEAN:
        return pa.array([None if v is None else bool(v) for v in listed], type_)
    if column.type is ColumnType.ARRAY_SELECT:
        return pa.array([_list(value) for value in listed], type_)
    if isinstance(first, str) and column.type in DATES | {ColumnType.DECIMAL}:
        return pa.array(listed, pa.string()).cast(type_)
    if column.type in INSTANTS and first is not None and first.tzinfo is None:
        return pa.array(listed, pa.timestamp("us")).cast(type_)
    return pa.array(listed, type_)


def _list(value: Any) -> Any:
    return value if value is None or isinstance(value, list) else decode_json(value)
