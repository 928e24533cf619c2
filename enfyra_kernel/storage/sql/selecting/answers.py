"""Rows that a statement has found, as JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import msgspec

from ....encoding import encode_json, format_instant
from ..driver import Row
from .found import FoundColumn, distinct


def rows_as_json(columns: Sequence[FoundColumn], rows: Sequence[Row]) -> bytes:
    """Give rows as a JSON array of objects.

    Example:
        >>> from decimal import Decimal
        >>> rows_as_json([FoundColumn("id"), FoundColumn("price")], [(1, Decimal("1.50"))])
        b'[{"id":1,"price":1.50}]'
    """
    names = distinct([one.name for one in columns])
    documents = [one.kind == "json" for one in columns]
    return encode_json(
        [
            {
                name: _document(value) if document else plain(value)
                for name, value, document in zip(names, row, documents, strict=True)
            }
            for row in rows
        ]
    )


def plain(value: Any) -> Any:
    """Give a value of a driver as JSON has it: numbers keep their digits, bytes are base64."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return msgspec.Raw(f"{value:f}".encode()) if value.is_finite() else None
        case datetime():
            return format_instant(value) if value.tzinfo is not None else value.isoformat()
        case date() | time():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes() | bytearray():
            return b64encode(value).decode()
        case list():
            return [plain(one) for one in cast("list[Any]", value)]
        case Mapping():
            return {str(key): plain(one) for key, one in cast("Mapping[Any, Any]", value).items()}
        case _:
            # Intervals, ranges, addresses and the like.
            return str(value)


def _document(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else plain(value)
