"""One column of a batch, read into canonical values."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ...encoding import decode_json
from ...errors import EnfyraError
from ...metadata.arrow import arrow_type
from ...metadata.rules import Checks
from ...metadata.tables import StoredColumn
from ...metadata.types import INSTANTS, INTEGERS, TEXTS, ColumnType
from ...metadata.values import Reader, length_of, reader, text_reader
from .bodies.batch import invalid

# The texts that are surely numbers of a type; others are looked at one by one.
_INTEGER = r"^-?[0-9]{1,18}$"
_NUMBERS = {
    ColumnType.INT: _INTEGER,
    ColumnType.BIGINT: _INTEGER,
    ColumnType.FLOAT: r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$",
}
# Stands for a date that Arrow can hold and Python cannot.
_OUTSIDE = object()


def read_values(
    values: Any,
    store: StoredColumn,
    name: str,
    *,
    nullable: bool,
    rows: Sequence[int],
    is_text: bool = False,
) -> list[Any]:
    """Give a column's canonical values.

    Args:
        values: An Arrow array, or a list of JSON's values.
        rows: The number of each row, for messages.
        is_text: Whether the values are texts whatever they stand for, as in CSV.

    Raises:
        EnfyraError: INVALID_BODY, naming the row and the field.
    """
    if not isinstance(values, list):
        whole = _read_whole(store, values, is_text=is_text)
        if whole is not None and (nullable or not whole.null_count):
            try:
                return whole.to_pylist()
            except (ValueError, OverflowError):
                pass  # A date outside of Python's years: find it below.
        values = _plain(values, ColumnType.TEXT if is_text else store.type)
    if not nullable and None in values:
        raise invalid(rows[values.index(None)], "must not be null", name)
    read = _text_reader(store) if is_text else reader(store.type, store.options)
    result: list[Any] = []
    for row, value in zip(rows, values, strict=True):
        try:
            if value is _OUTSIDE:
                raise ValueError("must lie between the years 1 and 9999")
            result.append(None if value is None else read(value))
        except ValueError as error:
            raise invalid(row, str(error), name) from None
    return result


def check_values(values: list[Any], checks: Checks, name: str, *, rows: Sequence[int]) -> None:
    """Check a column's values against the field's rules.

    Raises:
        EnfyraError: INVALID_BODY, naming the first row that breaks any, and the field.
    """
    for row, value in zip(rows, values, strict=True):
        found = [] if value is None else checks(value)
        if found:
            raise EnfyraError(
                "INVALID_BODY",
                problems=[f"row {row}: {one.of(name)}" for one in found],
                details={"row": row, "field": name},
            )


def unnested(name: str, values: Any, key: str) -> list[tuple[str, Any]]:
    """Give a column of related records as columns: of their keys, or of their fields by a path.

    Example:
        >>> unnested("author", [{"id": 1, "name": "Ann"}, None, 3], "id")
        [('author', [1, None, 3])]
    """
    if isinstance(values, list):
        keys = [value.get(key, value) if isinstance(value, dict) else value for value in values]
        return [(name, keys)]
    if not pa.types.is_struct(values.type):
        return [(name, values)]
    # What is below a null is null.
    fields = dict(zip((field.name for field in values.type), values.flatten(), strict=True))
    if key in fields:
        return [(name, fields[key])]
    return [(f"{name}.{field}", array) for field, array in fields.items()]


def _text_reader(store: StoredColumn) -> Reader:
    """Give the function that reads a value written as text."""
    read = reader(store.type, store.options)
    match store.type:
        case ColumnType.BOOLEAN | ColumnType.FLOAT:
            return text_reader(store.type)
        case ColumnType.SIMPLE_JSON | ColumnType.ARRAY_SELECT:

            def read_document(text: str) -> Any:
                try:
                    return read(decode_json(text))
                except EnfyraError as error:
                    raise ValueError(f"must be JSON: {error.message}") from None

            return read_document
        case _:
            return read


def _read_whole(store: StoredColumn, array: Any, *, is_text: bool) -> Any:
    """Check a column in one go where its Arrow type says all; None if it must be read by value."""
    kind, type_ = array.type, store.type
    target = arrow_type(type_, store.options)
    try:
        if is_text and type_ in _NUMBERS:
            # Arrow reads more than that: nan, and 0x1F.
            if pc.all(pc.match_substring_regex(array, _NUMBERS[type_])).as_py() is False:
                return None
            array = array.cast(target)
            kind = array.type
        if type_ in INTEGERS and pa.types.is_integer(kind):
            return array.cast(target)
        if type_ is ColumnType.FLOAT and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            cast = array.cast(target)
            return cast if pc.all(pc.is_finite(cast)).as_py() is not False else None
        if type_ in INSTANTS and _says_when(kind):
            # What is finer than a microsecond is cut off.
            return array.cast(target, safe=getattr(kind, "unit", "") != "ns")
    except pa.ArrowInvalid:
        return None
    if type_ is ColumnType.BOOLEAN and pa.types.is_boolean(kind):
        return array
    if type_ in TEXTS - {ColumnType.ENUM} and _is_text(kind):
        fits = type_ is not ColumnType.VARCHAR or (
            (pc.max(pc.utf8_length(array)).as_py() or 0) <= length_of(store.options)
        )
        clean = pc.any(pc.match_substring(array, "\x00")).as_py() is not True
        return array if fits and clean else None
    return None


def _says_when(kind: Any) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_string(kind)


def _is_text(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _plain(array: Any, type_: ColumnType) -> list[Any]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        # Python's datetime ends at microseconds, which is also what is stored.
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    if type_ is ColumnType.SIMPLE_JSON and _is_text(array.type):
        return [_document(value) for value in array.to_pylist()]
    try:
        return array.to_pylist()
    except (ValueError, OverflowError):
        return [_one(value) for value in array]


def _one(value: Any) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return _OUTSIDE


def _document(value: Any) -> Any:
    """Read a JSON column that travels as text; a plain text is a document, too."""
    if value is None:
        return None
    try:
        return decode_json(value)
    except EnfyraError:
        return value
