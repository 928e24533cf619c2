"""Statements that only read, in MariaDB and MySQL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asyncmy.cursors import SSCursor

from ..driver import Row
from ..faults import explained
from .faults import explain_mysql_statement
from .found import Found, FoundColumn

# The protocol's numbers for types; those of texts and of bytes are the same.
_KINDS: Mapping[int, str] = {
    0: "decimal", 246: "decimal", 1: "int", 2: "int", 3: "int", 8: "int", 9: "int", 13: "int",
    4: "float", 5: "float", 10: "date", 7: "timestamp", 12: "timestamp", 245: "json", 247: "text",
}  # fmt: skip


@asynccontextmanager
async def opened(
    connection: Any, text: str, arguments: Sequence[Any], seconds: float, *, mariadb: bool
) -> AsyncGenerator[Found, None]:
    """Open a statement in a transaction that cannot write.

    The connection is not the same afterwards: it has to be closed.
    """
    limit = f"max_statement_time = {seconds:.3f}"
    if not mariadb:
        limit = f"max_execution_time = {max(int(seconds * 1000), 1)}"
    with explained(explain_mysql_statement):
        async with connection.cursor() as cursor:
            await cursor.execute(f"SET SESSION {limit}")
            await cursor.execute("START TRANSACTION READ ONLY")
        cursor = connection.cursor(SSCursor)
        await cursor.execute(text, tuple(arguments))
        columns = tuple(FoundColumn(one[0], _KINDS.get(one[1])) for one in cursor.description or ())

        async def fetch(count: int) -> Sequence[Row]:
            return await cursor.fetchmany(count)

        yield Found(columns, fetch)
