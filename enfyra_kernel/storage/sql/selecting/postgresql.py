"""Statements that only read, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from ....errors import EnfyraError
from ..faults import explained
from .faults import explain_postgresql_statement
from .found import Found, FoundColumn

_KINDS: Mapping[str, str] = {
    "int2": "int", "int4": "int", "int8": "int", "oid": "int", "float4": "float",
    "float8": "float", "numeric": "decimal", "bool": "bool", "date": "date",
    "timestamp": "timestamp", "timestamptz": "timestamp", "json": "json", "jsonb": "json",
    "text": "text", "varchar": "text", "bpchar": "text", "uuid": "text", "name": "text",
    "unknown": "text", "bytea": "bytes",
}  # fmt: skip


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


# Texts where the database wants something else, which has no form of its own in JSON.
_READERS: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "timestamp": lambda text: datetime.fromisoformat(text).replace(tzinfo=None),
    "timestamptz": _instant,
    "time": time.fromisoformat,
    "numeric": Decimal,
}
_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "bool"})


@asynccontextmanager
async def opened(
    connection: Any, text: str, arguments: Sequence[Any], seconds: float
) -> AsyncGenerator[Found, None]:
    """Open a statement in a transaction that cannot write."""
    with explained(explain_postgresql_statement):
        async with connection.transaction(readonly=True):
            await connection.execute(
                f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)};"
                "SET LOCAL standard_conforming_strings = on"
            )
            statement = await connection.prepare(text)
            types = [one.name for one in statement.get_parameters()]
            values = [_bound(value, type_) for value, type_ in zip(arguments, types, strict=True)]
            cursor = await statement.cursor(*values)
            columns = tuple(
                FoundColumn(one.name, _KINDS.get(one.type.name, "other"))
                for one in statement.get_attributes()
            )
            yield Found(columns, cursor.fetch)


def _bound(value: Any, type_: str) -> Any:
    if not isinstance(value, str):
        return value
    read = _READERS.get(type_)
    if read is None and type_ not in _NUMBERS:
        return value
    try:
        if read is not None:
            return read(value)
    except (ValueError, ArithmeticError):
        pass
    raise EnfyraError("INVALID_VALUE", f"The value '{value[:60]}' is no {type_}") from None
