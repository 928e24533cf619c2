"""What drivers' errors mean."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ...errors import DeadlockError, EnfyraError, StaleDefinitionError
from ...logs import get_logger
from ..database import ConstraintViolation

_log = get_logger("database")

# Whether a server is only asked how it is, again and again: whoever asks notes what changes.
checking: ContextVar[bool] = ContextVar("checking", default=False)

Explain = Callable[[Exception], Exception | None]


@contextmanager
def explained(explain: Explain) -> Generator[None, None, None]:
    """Turn a driver's errors into ours in a block; errors of other kinds pass."""
    try:
        yield
    except Exception as error:
        known = explanation(error, explain)
        if known is error:
            raise
        raise known from error


def explanation(error: Exception, explain: Explain) -> Exception:
    """Give our error for a driver's, or the error itself if it is none of a driver."""
    if isinstance(error, EnfyraError | StaleDefinitionError | ConstraintViolation):
        return error
    cause: Exception = getattr(error, "orig", None) or error
    if cause is not error and isinstance(cause.__cause__, Exception):
        # SQLAlchemy's adapters of asynchronous drivers wrap the driver's error once more.
        cause = cause.__cause__
    known = explain(cause)
    if known is not None:
        return known
    return unreachable(cause) if isinstance(cause, OSError | TimeoutError) else error


def _not_understood(error: Exception) -> EnfyraError:
    _log.error("database error", exc_info=error)
    return EnfyraError("DATABASE_ERROR")


def unreachable(cause: Exception) -> EnfyraError:
    """Make the error for a database that does not answer."""
    level = logging.DEBUG if checking.get() else logging.WARNING
    reason = f"{type(cause).__name__}: {cause}"
    _log.log(level, "database cannot be reached", extra={"reason": reason})
    return EnfyraError("DATABASE_CONNECTION_ERROR")


# -- SQLite ---------------------------------------------------------------------------------------

_SQLITE_COLUMNS = re.compile(r"constraint failed: (.+)$")


def explain_sqlite(error: Exception) -> Exception | None:
    """Explain an error of sqlite3."""
    if isinstance(error, OverflowError):
        return EnfyraError("INVALID_VALUE", "A number does not fit into 64 bits")
    if not isinstance(error, sqlite3.Error):
        return None
    name = getattr(error, "sqlite_errorname", "") or ""
    text = str(error)
    if name.startswith("SQLITE_CONSTRAINT"):
        return _sqlite_constraint(name, text)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return EnfyraError("DATABASE_BUSY")
    if name == "SQLITE_FULL" or "disk is full" in text:
        return EnfyraError("DATABASE_FULL")
    if name == "SQLITE_INTERRUPT":
        return EnfyraError("DATABASE_TIMEOUT")
    if text == "parser stack overflow":
        return EnfyraError(
            "INVALID_QUERY",
            "The conditions are nested too deeply for SQLite",
            hint="Ask in two steps: first for the related records, then for those of their keys",
        )
    if text == "user-defined function raised exception":
        # The only one that does is `enfyra_overflow`.
        return ConstraintViolation("range")
    if text.startswith(("no such table", "no such column")) or "has no column named" in text:
        return StaleDefinitionError(text)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_NOTADB")):
        return unreachable(error)
    return _not_understood(error)


def _sqlite_constraint(name: str, text: str) -> ConstraintViolation:
    found = _SQLITE_COLUMNS.search(text)
    listed = found[1] if found else ""
    if name.endswith(("_UNIQUE", "_PRIMARYKEY", "_ROWID")):
        if listed.startswith("index "):
            return ConstraintViolation("unique", (), listed[6:].strip("'"))
        columns = tuple(part.strip().partition(".")[2] for part in listed.split(","))
        return ConstraintViolation("unique", columns)
    if name.endswith("_NOTNULL"):
        return ConstraintViolation("missing", (listed.partition(".")[2],))
    if name.endswith("_FOREIGNKEY"):
        return ConstraintViolation("reference")
    return ConstraintViolation("check", (), listed or None)


# -- PostgreSQL -----------------------------------------------------------------------------------

_PG_KEY = re.compile(r"Key \((.+?)\)=\((.*)\)", re.DOTALL)
_PG_KINDS = {
    "23505": "unique",
    "23503": "reference",
    "23502": "missing",
    "23514": "check",
    # Of tables that somebody else made: exclusions, triggers, keys that nobody may give.
    "23P01": "check",
    "P0001": "check",
    "428C9": "check",
    "22001": "range",
    "22003": "range",
    "22008": "range",
}
_PG_ERRORS = {
    "57014": "DATABASE_TIMEOUT",
    "53100": "DATABASE_FULL",
    "55P03": "DATABASE_BUSY",
}
_PG_DEADLOCKS = {"40001", "40P01"}
_PG_STALE = {"42703", "42P01", "42883"}
_PG_UNREACHABLE = ("08", "57P0", "53300")


def explain_postgresql(error: Exception) -> Exception | None:
    """Explain an error of asyncpg."""
    import asyncpg

    if isinstance(error, asyncpg.exceptions.PostgresError):
        return _postgres_error(error)
    if isinstance(error, asyncpg.exceptions.DataError):
        return EnfyraError("INVALID_VALUE", "A value does not fit the database's type")
    # The second comes of a server that died while the connection was idle.
    if isinstance(
        error, asyncpg.exceptions.InterfaceError | asyncpg.exceptions.InternalClientError
    ):
        return unreachable(error)
    return None


def _postgres_error(error: Any) -> Exception:
    state: str = error.sqlstate or ""
    if state in _PG_KINDS:
        found = _PG_KEY.search(error.detail or "")
        columns = tuple(part.strip().strip('"') for part in found[1].split(",")) if found else ()
        if not columns and error.column_name:
            columns = (error.column_name,)
        value = found[2] if found else None
        return ConstraintViolation(_PG_KINDS[state], columns, error.constraint_name, value)
    if state in _PG_DEADLOCKS:
        return DeadlockError()
    if state in _PG_ERRORS:
        return EnfyraError(_PG_ERRORS[state])
    if state in _PG_STALE:
        return StaleDefinitionError(str(error))
    if state.startswith(_PG_UNREACHABLE):
        return unreachable(error)
    return _not_understood(error)


# -- MariaDB and MySQL ----------------------------------------------------------------------------

_MYSQL_KEY = re.compile(r"for key '(?:[^'.]*\.)?([^']+)'")
_MYSQL_VALUE = re.compile(r"Duplicate entry '(.*)' for key", re.DOTALL)
_MYSQL_COLUMN = re.compile(r"[Cc]olumn '([^']+)'|Field '([^']+)'")
_MYSQL_REFERENCE = re.compile(r"FOREIGN KEY \(`([^`]+)`\)")
_MYSQL_CHECK = re.compile(r"(?:CONSTRAINT|constraint) [`']([^`']+)[`']")
_MYSQL_KINDS = {
    1062: "unique", 1169: "unique", 1365: "unique", 1451: "reference", 1452: "reference",
    1216: "reference", 1217: "reference", 1048: "missing", 1364: "missing", 4025: "check",
    3819: "check", 1644: "check", 1265: "range",
    1264: "range", 1690: "range", 1406: "range", 1292: "range", 1366: "range",
}  # fmt: skip
_MYSQL_ERRORS = {
    1205: "DATABASE_BUSY", 1969: "DATABASE_TIMEOUT",
    3024: "DATABASE_TIMEOUT", 1317: "DATABASE_TIMEOUT", 1114: "DATABASE_FULL",
    1021: "DATABASE_FULL", 1040: "DATABASE_BUSY",
}  # fmt: skip
_MYSQL_DEADLOCK = 1213
_MYSQL_ROW_TOO_LONG = 1118
_MYSQL_STALE = {1054, 1146}
_MYSQL_UNREACHABLE = {2002, 2003, 2005, 2006, 2013, 1045, 1049, 1053, 1927, 1080}


def explain_mysql(error: Exception) -> Exception | None:
    """Explain an error of asyncmy."""
    from asyncmy.errors import Error  # pyright: ignore[reportMissingTypeStubs]

    if not isinstance(error, Error) or not error.args:
        return None
    first: Any = error.args[0]
    number = first if isinstance(first, int) else 0
    text = " ".join(str(part) for part in error.args[1:]) or str(error)
    if number in _MYSQL_KINDS:
        return _mysql_constraint(_MYSQL_KINDS[number], text)
    if number == _MYSQL_DEADLOCK:
        return DeadlockError()
    if number in _MYSQL_ERRORS:
        return EnfyraError(_MYSQL_ERRORS[number])
    if number in _MYSQL_STALE:
        return StaleDefinitionError(text)
    if number == _MYSQL_ROW_TOO_LONG:
        return EnfyraError(
            "VALIDATION_ERROR",
            "The columns together are longer than a row of this database may be",
            hint="Make some of them a text, or give them shorter lengths: options: {length: 40}",
        )
    if number in _MYSQL_UNREACHABLE or not number:
        return unreachable(error)
    return _not_understood(error)


def _mysql_constraint(kind: str, text: str) -> ConstraintViolation:
    if kind == "unique":
        found = _MYSQL_KEY.search(text)
        value = _MYSQL_VALUE.search(text)
        name = found[1] if found else None
        return ConstraintViolation(kind, (), name, value[1] if value else None)
    if kind == "reference":
        found = _MYSQL_REFERENCE.search(text)
        return ConstraintViolation(kind, (found[1],) if found else ())
    if kind == "check":
        found = _MYSQL_CHECK.search(text)
        return ConstraintViolation(kind, (), found[1] if found else None)
    found = _MYSQL_COLUMN.search(text)
    return ConstraintViolation(kind, ((found[1] or found[2]),) if found else ())
