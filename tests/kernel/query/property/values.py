"""Values for the property test: few of each type, so that they meet, and the corners among them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

from enfyra_kernel.metadata.tables import StoredColumn
from enfyra_kernel.metadata.types import INSTANTS, INTEGERS, TEXTS, ColumnType
from enfyra_kernel.metadata.values import enum_values, precision_of
from hypothesis import strategies as st

TEXTS_POOL = [
    "", "a", "A", "ab", "á", "a\u0301", "Ä", "z", " a", "a ", "B",
    "Crème Brûlée", "CREME", "Straße", "STRASSE", "ﬁn", "fin", "İstanbul", "ıstanbul", "istanbul",
    "ΣΊΣΥΦΟΣ", "σίσυφος", "Ёлка", "елка", "й", "и", "ø", "o", "Ö", "Đ", "đ", "d", "Việt", "VIET",
    "가", "각", "\u1100\u1161", "か", "が", "か\u3099", "漢字", "ＡＢ", "①",
    "😀", "😀😁", "👩\u200d👩\u200d👧", "\uffee", "𐀀", "𐐀", "𐐨",
    "%", "_", "a_b", "a%b", "\\", "\\%", "'", '"', "--", ".", "a.b", "a*b", "[a]", "(a)", "$", "^a",
    "a|b", "a\nb", "\t", "{a}", "x'; DROP TABLE alpha; --", "null", "true", "1", "!", "a!%",
]  # fmt: skip
_UUIDS = [
    str(uuid.UUID(int=number))
    for number in (0, 1, 0xFF, 1 << 127, (1 << 128) - 1, 0xABCDEF << 96, 0x9 << 124)
]
_INSTANTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1582, 10, 10, 12, tzinfo=UTC),
    datetime(1969, 7, 20, 20, 17, 40, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 500000, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, 0, 100000, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]
_DATES = [date(1, 1, 1), date(1582, 10, 10), date(1969, 7, 20), date(2024, 2, 29),
          date(2026, 1, 1), date(9999, 12, 31)]  # fmt: skip
_POOLS: dict[ColumnType, list[Any]] = {
    ColumnType.INT: [0, 1, 2, 3, -1, 7, 2**31 - 1, -(2**31)],
    ColumnType.BIGINT: [0, 1, -1, 5, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)],
    ColumnType.BOOLEAN: [False, True],
    ColumnType.UUID: _UUIDS,
    ColumnType.DATE: _DATES,
    ColumnType.DATETIME: _INSTANTS,
    ColumnType.TIMESTAMP: _INSTANTS,
    ColumnType.SIMPLE_JSON: [
        {}, [], "x", "", 0, 1.5, True, False, {"a": [1, None, {"ü": "😀"}]}, [[]], "a\"b\\c",
        {"": {"'": 2**53 + 1}}, [1e308, 5e-324, -1], "\u0001\u2028", 9007199254740993,
    ],
}  # fmt: skip
# Any sum of these is the same in any order.
_TAME = [0.0, 0.5, 1.0, -1.0, 0.125, 2.75, 1024.0, -3.5, 123456.0625]
_WILD = [
    0.0, -0.0, 0.1, 0.2, 0.30000000000000004, 1.0, -1.5, 5e-324, 2.2250738585072014e-308, 1e-7,
    123456789.125, 1e15, 1e16, 1e17, 1.2345678901234567e22, 1e308, -1e308, 1.7976931348623157e308,
    3.141592653589793, 9007199254740993.0,
]  # fmt: skip
_DECIMALS = ["0", "1", "-1", "1.1", "0.01", "-0.01", "2.5", "10", "0.1", "0.2", "0.3"]


def pool(column: StoredColumn) -> list[Any]:
    """Give canonical values of a column."""
    if column.type is ColumnType.FLOAT:
        return _TAME if column.name == "tame" else _WILD
    if column.type is ColumnType.DECIMAL:
        precision, scale = precision_of(column.options)
        unit = Decimal(1).scaleb(-scale)
        most = Decimal(10) ** (precision - scale) - unit
        return [Decimal(text).quantize(unit) for text in _DECIMALS] + [most, -most]
    if column.type is ColumnType.ENUM:
        return list(enum_values(column.options))
    if column.type in TEXTS:
        return TEXTS_POOL
    return _POOLS[column.type]


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)


# Making strategies takes longer than drawing from them.
@cache
def canonical(column: StoredColumn, nullable: bool) -> st.SearchStrategy[Any]:
    """Draw a value that a column holds."""
    nulls = [None, None] if nullable else []
    if column.type is ColumnType.ARRAY_SELECT:
        lists = st.lists(st.sampled_from(enum_values(column.options)), max_size=3)
        return st.one_of(st.none(), lists) if nullable else lists
    values = st.sampled_from(nulls + pool(column))
    if column.type in TEXTS - {ColumnType.ENUM}:
        return st.one_of(values, values, _TEXT)
    return values


@cache
def written(column: StoredColumn) -> st.SearchStrategy[Any]:
    """Draw a value to compare a column with, as a client may write it."""
    values = st.sampled_from(pool(column))
    if column.type in TEXTS:
        return st.one_of(values, values, _TEXT)
    ways = [one for value in pool(column) for one in spellings(column.type, value)]
    return st.sampled_from(ways)


def spellings(type_: ColumnType, value: Any) -> list[Any]:
    """Give the ways in which a client may write a value."""
    if type_ in INSTANTS:
        return [value.isoformat(), *(_in_a_zone(value, hours) for hours in (-3, 2, 14))]
    if type_ is ColumnType.DATE:
        return [value.isoformat()]
    if type_ is ColumnType.DECIMAL:
        return [str(value), f"{value.normalize():f}", f"{value + Decimal('0.00001')}"]
    if type_ is ColumnType.UUID:
        return [value, value.upper()]
    if type_ in INTEGERS:
        return [value, str(value)]
    return [value]


def _in_a_zone(instant: datetime, hours: int) -> str:
    try:
        shown = instant.astimezone(timezone(timedelta(hours=hours, minutes=30 * (hours % 2))))
    except OverflowError:
        shown = instant
    return shown.isoformat()


def _pieces() -> list[str]:
    cut = {
        text[start:end] for text in TEXTS_POOL for start, end in ((0, 1), (0, 3), (1, 4), (0, 9))
    }
    return sorted({piece for text in cut for piece in (text, text.upper(), text.lower())})


# What to search for: often a piece of a text that is there.
NEEDLES = st.one_of(st.sampled_from(_pieces()), _TEXT)
