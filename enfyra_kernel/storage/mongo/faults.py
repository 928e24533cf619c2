"""What the driver's errors mean."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from ...errors import DeadlockError, EnfyraError, StaleDefinitionError
from ...logs import get_logger
from ..database import ConstraintViolation
from .values import column_of

_log = get_logger("database")

_DUPLICATE = {11000, 11001, 12582}
# Write conflicts, and collections that were changed while a transaction went on.
_CONFLICTS = {24, 112, 225, 239, 246, 251, 263}
_TIMEOUTS = {50, 262, 290}
_FULL = {14031}
_UNREACHABLE = {13, 18, 91, 189, 10107, 11600, 11602, 13435, 13436}
_TOO_LARGE = {10334, 17280, 17419, 17420}
_TOO_MUCH = {388}
_INDEX = re.compile(r"index: (\S+) dup key")
_TOO_LARGE_TEXT = re.compile(r"BSONObj(ect)?.*(too large|size)|exceed.*16777216|maximum.*16793600")


@contextmanager
def explained() -> Generator[None, None, None]:
    """Turn the driver's errors into ours in a block; errors of other kinds pass."""
    try:
        yield
    except (PyMongoError, BSONError, OverflowError) as error:
        raise explanation(error) from error


def explanation(error: Exception) -> Exception:
    """Give our error for one of the driver's."""
    if isinstance(error, OverflowError):
        return EnfyraError("INVALID_VALUE", "A number does not fit into 64 bits")
    if isinstance(error, DocumentTooLarge):
        return _too_large()
    if isinstance(error, WaitQueueTimeoutError):
        return EnfyraError("DATABASE_BUSY")
    if isinstance(error, ExecutionTimeout | NetworkTimeout):
        return EnfyraError("DATABASE_TIMEOUT")
    if isinstance(error, ConfigurationError):
        return EnfyraError("CONFIGURATION_ERROR", f"DB_URI: {error}")
    if isinstance(error, ConnectionFailure | InvalidOperation):
        return unreachable(error)
    if isinstance(error, OperationFailure):
        return _of_server(error)
    return _not_understood(error)


def _of_server(error: OperationFailure) -> Exception:
    details: Any = error.details or {}
    code = error.code or 0
    if isinstance(error, BulkWriteError):
        failed = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        details = failed[0] if failed else details
        code = details.get("code", code)
    text = str(details.get("errmsg", error))
    if code in _DUPLICATE:
        return _duplicate(details, text)
    if code in _TOO_MUCH:
        return _too_much()
    if code in _CONFLICTS or error.has_error_label("TransientTransactionError"):
        return DeadlockError()
    if code in _TIMEOUTS or error.timeout:
        return EnfyraError("DATABASE_TIMEOUT")
    if code in _FULL or "No space left" in text:
        return EnfyraError("DATABASE_FULL")
    if code in _UNREACHABLE:
        return unreachable(error)
    if code in _TOO_LARGE or _TOO_LARGE_TEXT.search(text):
        return _too_large()
    return _not_understood(error)


def _duplicate(details: Any, text: str) -> ConstraintViolation:
    pattern: dict[str, Any] = details.get("keyPattern") or {}
    found = _INDEX.search(text)
    columns = tuple(column_of(field) for field in pattern)
    given: dict[str, Any] = details.get("keyValue") or {}
    value = ", ".join(map(str, given.values())) or None
    return ConstraintViolation("unique", columns, found[1] if found else None, value)


def _too_large() -> EnfyraError:
    return EnfyraError(
        "INVALID_VALUE",
        "A record, with what is related to it, is larger than the 16 MB that MongoDB can hold",
        hint="Ask for fewer related records, or store large contents as files",
    )


def _too_much() -> EnfyraError:
    return EnfyraError(
        "PAYLOAD_TOO_LARGE",
        "So much cannot be written at once: a transaction has to fit into MongoDB's cache",
        hint="Write it in several requests, or give mongod a larger --wiredTigerCacheSizeGB",
    )


def unreachable(cause: Exception) -> EnfyraError:
    """Make the error for a database that does not answer."""
    # The message of a failed selection names all servers and is pages long.
    reason = f"{type(cause).__name__}: {str(cause)[:200]}"
    _log.warning("database cannot be reached", extra={"reason": reason})
    return EnfyraError("DATABASE_CONNECTION_ERROR")


def _not_understood(error: Exception) -> Exception:
    if isinstance(error, StaleDefinitionError):
        return error
    _log.error("database error", exc_info=error)
    return EnfyraError("DATABASE_ERROR")
