"""How a column's values take another type: through canonical text, value by value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bson import Decimal128, ObjectId

from ...encoding import decode_json, encode_json
from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, INTEGERS, NUMBERS, TEXTS, ColumnType
from ...metadata.values import precision_of, reader, text_reader
from ..physical import PhysicalColumn
from .values import JSON_TEXT, Convert, decoder, encode_rows, encoded

_KINDS: dict[ColumnType, type] = {
    ColumnType.FLOAT: float,
    ColumnType.DECIMAL: Decimal128,
    ColumnType.BOOLEAN: bool,
    ColumnType.ARRAY_SELECT: list,
    ColumnType.OBJECT_ID: ObjectId,
}


def text_of(value: Any, column: PhysicalColumn) -> str:
    """Give a value that is kept as canonical text."""
    type_ = column.type
    if type_ is ColumnType.BOOLEAN:
        return "true" if value else "false"
    if type_ in DOCUMENTS:
        decode = decoder(StoredColumn("", type_)) if type_ is not None else None
        return encode_rows(value if decode is None else decode(value)).decode()
    if type_ is ColumnType.DECIMAL:
        return format(_decimal(value), "f")
    if type_ is ColumnType.FLOAT:
        return encode_json(float(value)).decode().removesuffix(".0")
    return str(value)


def converter(old: PhysicalColumn, new: PhysicalColumn) -> Convert:
    """Give the function from what is kept to what is kept in the new type."""
    if old.type in NUMBERS and new.type in NUMBERS:
        return _to_number(new)
    if old.type is ColumnType.BOOLEAN and new.type in INTEGERS:
        return int
    if old.type in INTEGERS and new.type is ColumnType.BOOLEAN:
        return bool
    read = _from_text(new)
    if old.type in INSTANTS and new.type is ColumnType.DATE:
        return lambda value: read(text_of(value, old)[:10])
    return lambda value: read(text_of(value, old))


def is_kept_as(value: Any, type_: ColumnType | None) -> bool:
    """Say whether a value has the form that a type is kept in."""
    if type_ in INTEGERS:
        return isinstance(value, int) and not isinstance(value, bool)
    if type_ is ColumnType.SIMPLE_JSON or type_ is None:
        return True
    return isinstance(value, _KINDS.get(type_, str))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    return Decimal(repr(value) if isinstance(value, float) else str(value))


def _to_number(new: PhysicalColumn) -> Convert:
    if new.type in INTEGERS:
        return lambda value: int(_decimal(value))
    if new.type is ColumnType.FLOAT:
        return lambda value: float(_decimal(value))
    _, scale = precision_of(new.options)
    unit = Decimal(1).scaleb(-scale)
    return lambda value: Decimal128(_decimal(value).quantize(unit))


def _from_text(new: PhysicalColumn) -> Callable[[str], Any]:
    """Give the function from canonical text, checked before, to what is kept."""
    type_ = new.type
    if type_ is None or type_ in TEXTS:
        return str
    if type_ in DOCUMENTS:
        return _json_of
    if type_ in NUMBERS:
        number = text_reader(ColumnType.DECIMAL)
        convert = _to_number(new)
        return lambda text: convert(Decimal128(number(text)))
    read = text_reader(type_) if type_ is ColumnType.BOOLEAN else reader(type_, new.options)
    return lambda text: encoded(read(text), type_)


def _json_of(text: str) -> Any:
    value = decode_json(text)
    # A text that is JSON could be taken for one that still has to be converted.
    return {JSON_TEXT: text} if isinstance(value, str) else encoded(value, ColumnType.SIMPLE_JSON)
