"""What a value of each column type is, and how it is read from JSON and from text.

The canonical Python values are: `int`, `float`, `Decimal`, `bool`, `str` (texts and UUIDs),
`date`, aware `datetime` in UTC, any JSON value, and `list[str]`. Every database is handed these
and gives these back.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any, cast

from .types import INSTANTS, INTEGERS, TEXTS, ColumnType

Reader = Callable[[Any], Any]

_INT_RANGES = {
    ColumnType.INT: (-(2**31), 2**31 - 1),
    ColumnType.BIGINT: (-(2**63), 2**63 - 1),
}
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_DATE_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT_TEXT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"( ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
)
_BOOLEAN_TEXT = {"true": True, "false": False, "1": True, "0": False}

DEFAULT_VARCHAR_LENGTH = 255
DEFAULT_PRECISION = 12
DEFAULT_SCALE = 2
MAX_DIGITS = 400
# Decimal's own context rounds to 28 digits.
_EXACT = Context(prec=2 * MAX_DIGITS + 2)


def reader(type_: ColumnType, options: Any = None) -> Reader:
    """Give the function that reads one value of a body.

    It returns the canonical value, or raises ValueError with the problem as a phrase that
    follows the field's name ("must be an integer"). None is not passed to it.

    Example:
        >>> reader(ColumnType.DATE)("1969-07-20")
        datetime.date(1969, 7, 20)
        >>> reader(ColumnType.INT)("x")
        Traceback (most recent call last):
        ...
        ValueError: must be an integer
    """
    if type_ is ColumnType.VARCHAR:
        return _varchar_reader(length_of(options))
    if type_ is ColumnType.ENUM:
        return _enum_reader(enum_values(options))
    if type_ is ColumnType.DECIMAL:
        return _decimal_reader(*precision_of(options))
    if type_ is ColumnType.ARRAY_SELECT:
        return _array_reader(enum_values(options))
    if type_ in INTEGERS:
        return _integer_reader(type_)
    if type_ in INSTANTS:
        return _read_instant
    return _READERS[type_]


def text_reader(type_: ColumnType, options: Any = None) -> Reader:
    """Give the function that reads a value of a query: text is taken for what it says.

    An unknown enum value or a text too long is fine in a filter: it matches nothing.

    Example:
        >>> text_reader(ColumnType.BOOLEAN)("true")
        True
    """
    if type_ is ColumnType.BOOLEAN:
        return _lenient_boolean
    if type_ in INTEGERS:
        return _lenient_integer
    if type_ is ColumnType.FLOAT:
        return _lenient_float
    if type_ is ColumnType.DECIMAL:
        return _read_decimal
    if type_ in TEXTS:
        return _lenient_text
    if type_ is ColumnType.ARRAY_SELECT:
        return _read_json
    return reader(type_, options)


def length_of(options: Any) -> int:
    """Give a varchar's length from its options, or the default."""
    value = (
        cast("Mapping[str, Any]", options).get("length") if isinstance(options, Mapping) else None
    )
    return int(value) if value is not None else DEFAULT_VARCHAR_LENGTH


def precision_of(options: Any) -> tuple[int, int]:
    """Give a decimal's (precision, scale) from its options, or the defaults."""
    if not isinstance(options, Mapping):
        return DEFAULT_PRECISION, DEFAULT_SCALE
    named = cast("Mapping[str, Any]", options)
    return int(named.get("precision", DEFAULT_PRECISION)), int(named.get("scale", DEFAULT_SCALE))


def listed_options(options: Any) -> list[Any]:
    """Give the options of a column in the order in which definitions write them.

    Databases keep the keys of a document in an order of their own, and a decimal that says one of
    its two sizes only has the other by default.

    Example:
        >>> listed_options({"scale": 2, "precision": 10}), listed_options({"scale": 3})
        ([10, 2], [12, 3])
    """
    if not isinstance(options, Mapping):
        return list(options or ())
    named = cast("Mapping[str, Any]", options)
    if "precision" in named or "scale" in named:
        return list(precision_of(named))
    return list(named.get("values", named.values()))


def enum_values(options: Any) -> tuple[str, ...]:
    """Give the values that an enum or array-select column allows, as listed in its options."""
    values: Any = options
    if isinstance(values, Mapping):
        values = cast("Mapping[str, Any]", values).get("values")
    if isinstance(values, Sequence) and not isinstance(values, str):
        return tuple(str(value) for value in cast("Sequence[Any]", values))
    return ()


def check_text(value: Any) -> str:
    """Check that a value is text that every database can store."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if "\x00" in value:
        raise ValueError("must not contain the character NUL (U+0000)")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("must not contain half a surrogate pair") from None
    return value


def _varchar_reader(length: int) -> Reader:
    def read(value: Any) -> str:
        text = check_text(value)
        if len(text) > length:
            raise ValueError(f"must be at most {length} characters long, not {len(text)}")
        return text

    return read


def _enum_reader(values: tuple[str, ...]) -> Reader:
    allowed = frozenset(values)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"must be one of: {', '.join(values)}")
        return value

    return read


def _array_reader(values: tuple[str, ...]) -> Reader:
    allowed = frozenset(values)

    def read(value: Any) -> list[str]:
        if not isinstance(value, list):
            raise ValueError("must be a list of strings")
        items = [check_text(item) for item in cast("list[Any]", value)]
        if allowed and (strange := [item for item in items if item not in allowed]):
            raise ValueError(f"must hold only: {', '.join(values)} (not {strange[0]!r})")
        return items

    return read


def _integer_reader(type_: ColumnType) -> Reader:
    low, high = _INT_RANGES[type_]

    def read(value: Any) -> int:
        if type(value) is not int:
            value = _whole(value)
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return read


def _whole(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
        # JavaScript cannot write integers beyond 2**53 as numbers.
        return int(value)
    raise ValueError("must be an integer")


def _lenient_integer(value: Any) -> int:
    low, high = _INT_RANGES[ColumnType.BIGINT]
    number = value if type(value) is int else _whole(value)
    if not low <= number <= high:
        raise ValueError(f"must be between {low} and {high}")
    return number


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _read_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        return _finite(float(value))
    except OverflowError:
        raise ValueError("must be a number that fits 64-bit floating point") from None


def _lenient_float(value: Any) -> float:
    if isinstance(value, str) and _NUMBER_TEXT.fullmatch(value.strip()):
        return _finite(float(value))
    return _read_float(value)


def _read_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("must be a number, or a string that holds one")
    text = repr(value) if isinstance(value, float) else str(value).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a number, or a string that holds one") from None
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if not -MAX_DIGITS <= int(number.as_tuple().exponent) <= number.adjusted() < MAX_DIGITS:
        # Written out, 1e-999999999 would have a gigabyte.
        raise ValueError(f"must have at most {MAX_DIGITS} digits before and after the point")
    return number


def _decimal_reader(precision: int, scale: int) -> Reader:
    unit = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)

    def read(value: Any) -> Decimal:
        number = _read_decimal(value)
        if number.copy_abs() >= limit:
            raise ValueError(f"must have at most {precision - scale} digits before the point")
        rounded = number.quantize(unit, context=_EXACT)
        if rounded != number:
            raise ValueError(f"must have at most {scale} digits after the point")
        return rounded

    return read


def _read_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _lenient_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEAN_TEXT.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def _lenient_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return check_text(value)


def _read_uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else str(value)))
    except ValueError:
        raise ValueError("must be a UUID") from None


def _read_date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DATE_TEXT.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"must be a date of the calendar ({error})") from None
    raise ValueError("must be a date like 2026-11-20")


def _read_instant(value: Any) -> datetime:
    """Read an instant; one without a zone is taken to be UTC."""
    if isinstance(value, str) and _INSTANT_TEXT.fullmatch(value):
        value = _parse_instant(value)
    if not isinstance(value, datetime):
        raise ValueError("must be a date and time like 2026-11-20T13:00:00Z")
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie between the years 1 and 9999 in UTC") from None


def _parse_instant(text: str) -> datetime:
    if len(text) > 19 and text[19] == ".":
        end = 20
        while end < len(text) and text[end].isdigit():
            end += 1
        # fromisoformat takes at most six digits; finer than a microsecond is cut off.
        text = text[: min(end, 26)] + text[end:]
    try:
        return datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    except ValueError as error:
        raise ValueError(f"must be a date and time of the calendar ({error})") from None


def _read_json(value: Any) -> Any:
    check_document(value)
    return value


def check_document(value: Any) -> None:
    """Check that every text in a JSON value can be stored everywhere."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            check_text(key)
            check_document(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            check_document(item)
    elif isinstance(value, float):
        _finite(value)


def _read_object_id(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{24}", value):
        return value.lower()
    raise ValueError("must be 24 hexadecimal digits")


_READERS: dict[ColumnType, Reader] = {
    ColumnType.FLOAT: _read_float,
    ColumnType.BOOLEAN: _read_boolean,
    ColumnType.TEXT: check_text,
    ColumnType.CODE: check_text,
    ColumnType.RICHTEXT: check_text,
    ColumnType.UUID: _read_uuid,
    ColumnType.DATE: _read_date,
    ColumnType.SIMPLE_JSON: _read_json,
    ColumnType.OBJECT_ID: _read_object_id,
}
