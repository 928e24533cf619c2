"""What drivers' errors mean where somebody has written the statement: mostly, that it is wrong."""

from __future__ import annotations

import sqlite3
from typing import Any

from ....errors import EnfyraError
from ..faults import explain_mysql, explain_postgresql, explain_sqlite

# Classes of SQLSTATE that tell of the statement and its values; the rest tells of the server.
_OF_STATEMENTS = (
    "0A", "20", "21", "22", "23", "25", "26", "2F", "34", "38", "39", "42", "54",
)  # fmt: skip
_OF_SQLITE_ITSELF = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_INTERRUPT", "SQLITE_CANTOPEN",
    "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_NOMEM",
)  # fmt: skip
_SERVER_ERRORS_OF_MYSQL = frozenset({1040, 1041, 1045, 1049, 1053, 1021, 1114, 1205, 1213, 1927})
_OUT_OF_TIME_OF_MYSQL = frozenset({1317, 1969, 3024})


def _refused(text: str) -> EnfyraError:
    return EnfyraError("DATABASE_QUERY_ERROR", f"The database says: {text.strip()[:1000]}", hint="")


def explain_sqlite_statement(error: Exception) -> Exception | None:
    """Explain an error of sqlite3."""
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_AUTH") or str(error) == "not authorized":
            return EnfyraError("SQL_REFUSED", f"The database refused it: {error}")
        if not name.startswith(_OF_SQLITE_ITSELF):
            return _refused(str(error))
    return explain_sqlite(error)


def explain_postgresql_statement(error: Exception) -> Exception | None:
    """Explain an error of asyncpg."""
    import asyncpg

    if isinstance(error, asyncpg.exceptions.PostgresError):
        known: Any = error
        if str(known.sqlstate or "").startswith(_OF_STATEMENTS):
            return _refused(str(error))
    return explain_postgresql(error)


def explain_mysql_statement(error: Exception) -> Exception | None:
    """Explain an error of asyncmy."""
    from asyncmy.errors import Error  # pyright: ignore[reportMissingTypeStubs]

    if isinstance(error, Error) and error.args:
        first: Any = error.args[0]
        number = first if isinstance(first, int) else 0
        of_server = _SERVER_ERRORS_OF_MYSQL | _OUT_OF_TIME_OF_MYSQL
        if 1000 <= number < 2000 and number not in of_server:
            return _refused(" ".join(str(part) for part in error.args[1:]))
    return explain_mysql(error)
