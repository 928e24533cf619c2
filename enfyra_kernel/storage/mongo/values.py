"""How values are kept in MongoDB's documents, and how they come back.

Integers, floats, booleans, texts and lists are kept as BSON has them, UUIDs and dates as text,
instants as text in the form of `format_instant` (a BSON date would lose the microseconds), decimals
as Decimal128. Any JSON is kept as BSON where that holds all of it, and as text inside of a
document `{"enfyra:json": text}` where it does not. A null is kept as a field that is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, cast

import msgspec
from bson import Decimal128, Int64, ObjectId

from ...encoding import decode_json, encode_json, format_instant
from ...metadata.tables import StoredColumn
from ...metadata.types import INSTANTS, INTEGERS, TEXTS, ColumnType
from ...metadata.values import precision_of
from ...query.folding import fold
from ..database import ConstraintViolation

Convert = Callable[[Any], Any]

# Decimal128 has so many digits.
MAX_PRECISION = 34
# Documents nest 100 deep at most; some of that is ours.
MAX_NESTING = 80
FOLDED = "_fold"
"""The part of a record that holds what text searches compare, where `$toLower` will not do."""
KEY = "_id"
JSON_TEXT = "enfyra:json"
EXACT = Context(prec=2000)
_INT64 = range(-(2**63), 2**63)


def field_of(column: str) -> str:
    """Give the field that a column is kept in: the primary key is MongoDB's own.

    Example:
        >>> field_of("id"), field_of("title")
        ('_id', 'title')
    """
    return KEY if column == "id" else column


def column_of(field: str) -> str:
    """Give the column that a field keeps."""
    return "id" if field == KEY else field


# -- into documents -------------------------------------------------------------------------------


def encoder(type_: ColumnType | None) -> Convert | None:
    """Give the function from a canonical value to what is kept; None where it is the same."""
    if type_ in INSTANTS:
        return format_instant
    return _ENCODERS.get(type_) if type_ is not None else None


def encoded(value: Any, type_: ColumnType | None) -> Any:
    """Give what is kept for a canonical value."""
    encode = encoder(type_)
    return value if encode is None or value is None else encode(value)


def encode_decimal(value: Any) -> Decimal128:
    """Give a decimal as it is kept; it has at most `MAX_PRECISION` digits."""
    return Decimal128(value if isinstance(value, Decimal) else Decimal(str(value)))


def _encode_json(value: Any) -> Any:
    if _fits(value, MAX_NESTING):
        return value
    return {JSON_TEXT: encode_json(value).decode()}


def _fits(value: Any, depth: int) -> bool:
    """Say whether BSON holds a JSON value as it is."""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        # A document that looks like our own would be taken for one.
        return depth > 0 and JSON_TEXT not in named and all(
            _fits(one, depth - 1) for one in named.values()
        )  # fmt: skip
    if isinstance(value, list):
        return depth > 0 and all(_fits(one, depth - 1) for one in cast("list[Any]", value))
    return not isinstance(value, int) or value in _INT64


def _isoformat(value: date) -> str:
    return value.isoformat()


_ENCODERS: dict[ColumnType, Convert] = {
    ColumnType.FLOAT: float,
    ColumnType.DECIMAL: encode_decimal,
    ColumnType.DATE: _isoformat,
    ColumnType.SIMPLE_JSON: _encode_json,
    ColumnType.OBJECT_ID: ObjectId,
}


def on_grid(value: Decimal, scale: int) -> tuple[Decimal128, bool]:
    """Give the largest number of a scale that is not larger, and whether it is the number itself.

    Whatever a filter compares with may have hundreds of digits, of which Decimal128 holds 34;
    numbers of the scale are on the same side of both.

    Example:
        >>> on_grid(Decimal("1.259"), 2)
        (Decimal128('1.25'), False)
    """
    beyond = Decimal(1).scaleb(MAX_PRECISION)
    if value >= beyond:
        return Decimal128(beyond), False
    if value < -beyond:
        return Decimal128(-beyond * 10), False
    floor = value.quantize(Decimal(1).scaleb(-scale), ROUND_FLOOR, EXACT)
    if len(floor.as_tuple().digits) > MAX_PRECISION:
        # More digits than the column has room for: only the side it is on matters.
        shorter = Context(prec=MAX_PRECISION, rounding=ROUND_FLOOR).plus(floor)
        return Decimal128(shorter), shorter == value
    return Decimal128(floor), floor == value


# -- what searches compare ------------------------------------------------------------------------


def folded(value: Any) -> Any:
    """Give what searches compare in the place of a text or a list of texts.

    None where `$toLower`, which knows the letters A to Z only, gives the same.

    Example:
        >>> folded("Crème"), folded("Creme"), folded(["Über"])
        ('creme', None, ['uber'])
    """
    if isinstance(value, list):
        texts = [fold(text) for text in cast("list[str]", value)]
        plain = all(folded(text) is None for text in cast("list[str]", value))
        return None if plain else texts
    if not isinstance(value, str) or value.isascii():
        return None
    text = fold(value)
    return None if text == value.encode().lower().decode() else text


def is_searched(type_: ColumnType | None) -> bool:
    """Say whether values of a type are searched in."""
    return type_ in TEXTS or type_ is ColumnType.ARRAY_SELECT


# -- out of documents -----------------------------------------------------------------------------


def _hook(value: Any) -> Any:
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        return format(value.to_decimal(), "f")
    if isinstance(value, ObjectId):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")


_encoder = msgspec.json.Encoder(enc_hook=_hook)

encode_rows = _encoder.encode
"""Encodes rows as JSON; 64-bit integers come out of pymongo as a type of their own."""

encode_lines = _encoder.encode_lines
"""Encodes rows as JSON, each with a line feed at its end."""


def decoder(column: StoredColumn) -> Convert | None:
    """Give the function from what is kept to what is encoded as JSON; None if it is the same."""
    if column.type is ColumnType.DECIMAL:
        _, scale = precision_of(column.options)
        unit = Decimal(1).scaleb(-scale)
        return lambda value: format(_number(value).quantize(unit, context=EXACT), "f")
    if column.type in INTEGERS:
        return _integer
    return _DECODERS.get(column.type)


def _number(value: Any) -> Decimal:
    return value.to_decimal() if isinstance(value, Decimal128) else Decimal(str(value))


def _integer(value: Any) -> int:
    # The sum of integers is made as a decimal, which is exact beyond 64 bits.
    return int(value.to_decimal()) if isinstance(value, Decimal128) else int(value)


def _decode_json(value: Any) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        text = named.get(JSON_TEXT)
        if text is not None:
            return decode_json(text)
        return {key: _decode_json(one) for key, one in named.items()}
    if isinstance(value, list):
        return [_decode_json(one) for one in cast("list[Any]", value)]
    return int(value) if isinstance(value, Int64) else value


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        # Only a sum comes to that.
        raise ConstraintViolation("range")
    return float(value)


_DECODERS: dict[ColumnType, Convert] = {
    ColumnType.FLOAT: _finite,
    ColumnType.SIMPLE_JSON: _decode_json,
    ColumnType.OBJECT_ID: str,
}
