"""Record batches with encrypted fields in them: decrypted batch by batch."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import pyarrow as pa

from ...metadata.arrow import document_field
from ...metadata.tables import stored
from ...metadata.types import ColumnType
from ...metadata.values import reader
from .answers import Sealed
from .values import Secret


async def opened_batches(
    batches: AsyncGenerator[Any, None], sealed: Sealed
) -> AsyncGenerator[Any, None]:
    """Decrypt the encrypted fields of record batches, a batch at a time."""
    target = None
    async with aclosing(batches):
        async for batch in batches:
            if target is None:
                target = pa.schema([_field_of(sealed, field) for field in batch.schema])
            yield await asyncio.to_thread(_opened, batch, target, sealed)


def _opened(batch: Any, target: Any, sealed: Sealed) -> Any:
    columns = [
        _array_of(sealed, field.name, column)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=target)


def _field_of(sealed: Sealed, field: Any) -> Any:
    secret = _secret(sealed, field.name)
    if secret is not None:
        return document_field(field.name, stored(secret.column).plain)
    inner = _inner(sealed, field.name)
    return field if inner is None else field.with_type(_type_of(inner, field.type))


def _type_of(sealed: Sealed, type_: Any) -> Any:
    if pa.types.is_list(type_):
        return pa.list_(type_.value_field.with_type(_type_of(sealed, type_.value_type)))
    return pa.struct([_field_of(sealed, type_.field(at)) for at in range(type_.num_fields)])


def _array_of(sealed: Sealed, name: str, array: Any) -> Any:
    secret = _secret(sealed, name)
    if secret is not None:
        return _decrypted(secret, array)
    inner = _inner(sealed, name)
    return array if inner is None else _nested(inner, array)


def _nested(sealed: Sealed, array: Any) -> Any:
    type_ = array.type
    if pa.types.is_list(type_):
        items = _nested(sealed, array.flatten())
        target = pa.list_(type_.value_field.with_type(items.type))
        return pa.ListArray.from_arrays(_offsets(array), items, type=target, mask=array.is_null())
    fields = [type_.field(at) for at in range(type_.num_fields)]
    columns = [_array_of(sealed, field.name, array.field(at)) for at, field in enumerate(fields)]
    return pa.StructArray.from_arrays(
        columns, fields=[_field_of(sealed, field) for field in fields], mask=array.is_null()
    )


def _offsets(array: Any) -> Any:
    """Give where each list begins in the flat items, of which null lists have none."""
    ends = [0]
    for length in array.value_lengths().to_pylist():
        ends.append(ends[-1] + (length or 0))
    return pa.array(ends, pa.int32())


def _decrypted(secret: Secret, array: Any) -> Any:
    column = secret.column
    field = document_field(column.name, stored(column).plain)
    texts: Sequence[str | None] = array.to_pylist()
    opened_texts = [None if text is None else secret.decrypt(text) for text in texts]
    if column.type is ColumnType.SIMPLE_JSON:
        # A document travels as its JSON text.
        return pa.array([None if one is None else one.decode() for one in opened_texts], field.type)
    read: Callable[[Any], Any] = reader(column.type, column.options)
    values = [None if one is None else read(msgspec.json.decode(one)) for one in opened_texts]
    return pa.array(values, field.type)


def _secret(sealed: Sealed, name: str) -> Secret | None:
    return next((secret for field, secret in sealed.fields if field == name), None)


def _inner(sealed: Sealed, name: str) -> Sealed | None:
    return next((inner for field, _, inner in sealed.below if field == name), None)
