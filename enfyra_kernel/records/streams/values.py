"""Values of record batches, written as a JSON answer has them."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ...encoding import encode_json
from ...metadata.arrow import is_document

# From here on, small decimals would be written with an exponent.
_EXPONENTS = 7


def plain_texts(array: Any) -> Any:
    """Give a column as it is, unless it would be written in another way than in JSON.

    Example:
        >>> from datetime import UTC, datetime
        >>> instants = pa.array([datetime(2026, 11, 20, 13, tzinfo=UTC)], pa.timestamp("us", "UTC"))
        >>> plain_texts(instants).to_pylist()
        ['2026-11-20T13:00:00+00:00']
    """
    if pa.types.is_timestamp(array.type):
        # Without a zone: with one, Arrow wants a database of zones.
        text = array.cast(pa.timestamp("us")).cast(pa.string())
        short = pc.replace_substring_regex(text, r"\.?0*$", "")
        return pc.binary_join_element_wise(
            pc.replace_substring(short, " ", "T", max_replacements=1), "+00:00", ""
        )
    if pa.types.is_decimal(array.type) and array.type.scale >= _EXPONENTS:
        texts = [None if value is None else f"{value:f}" for value in array.to_pylist()]
        return pa.array(texts, pa.string())
    return array


def json_texts(field: Any, array: Any) -> Any:
    """Give a column of lists as JSON texts."""
    texts = [
        None if value is None else encode_json(value).decode()
        for value in json_values(field, array)
    ]
    return pa.array(texts, pa.string())


def json_values(field: Any, array: Any) -> list[Any]:
    """Give a column's values ready to be encoded as JSON."""
    if pa.types.is_list(field.type):
        return _lists(field.type.value_field, array)
    if pa.types.is_struct(field.type):
        return _objects(field.type, array)
    if is_document(field):
        return [None if text is None else msgspec.Raw(text.encode()) for text in array.to_pylist()]
    if pa.types.is_decimal(field.type):
        return [None if value is None else f"{value:f}" for value in array.to_pylist()]
    return plain_texts(array).to_pylist()


def _lists(item: Any, array: Any) -> list[Any]:
    values = json_values(item, array.flatten())
    found: list[Any] = []
    start = 0
    for length in pc.list_value_length(array).to_pylist():
        if length is None:
            found.append(None)
        else:
            found.append(values[start : start + length])
            start += length
    return found


def _objects(type_: Any, array: Any) -> list[Any]:
    names = [inner.name for inner in type_]
    columns = [
        json_values(inner, below) for inner, below in zip(type_, array.flatten(), strict=True)
    ]
    objects = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [one if valid else None for one, valid in zip(objects, array.is_valid(), strict=True)]
