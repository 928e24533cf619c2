"""The error catalogue: every code, its HTTP status, its default message and hint.

Errors are raised anywhere as `EnfyraError(code, message, details=..., hint=...)`. What a client
sees is rendered in one place, [`error_body`][enfyra_kernel.errors.error_body], for every transport.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One line of the catalogue: what a code means and how it is answered over HTTP."""

    code: str
    status: int
    message: str
    hint: str = ""


_KINDS = (
    # The request itself
    ErrorKind("BAD_REQUEST", 400, "The request is malformed"),
    ErrorKind("INVALID_JSON", 400, "The body is not valid JSON", "Send UTF-8 encoded JSON"),
    ErrorKind(
        "INVALID_QUERY",
        400,
        "The query parameters are not valid",
        "See the query language in the documentation",
    ),
    ErrorKind(
        "INVALID_CURSOR",
        400,
        "The cursor is not valid",
        "Begin with an empty cursor: ?cursor=",
    ),
    ErrorKind(
        "UNKNOWN_FIELD",
        400,
        "A field of that name does not exist",
        "GET /metadata/<table> lists the fields of a table",
    ),
    ErrorKind("UNKNOWN_OPERATOR", 400, "An operator of that name does not exist"),
    ErrorKind("INVALID_VALUE", 400, "A value does not fit the field's type"),
    ErrorKind("INVALID_BODY", 400, "The body does not fit the table's definition"),
    ErrorKind("SQL_SYNTAX_ERROR", 400, "The statement is not valid SQL"),
    ErrorKind(
        "SQL_REFUSED",
        400,
        "The statement is not one that is let through",
        "SQL reads the tables that are defined, in one statement; see docs/sql.md",
    ),
    ErrorKind("AUTHENTICATION_ERROR", 401, "Log in first", "POST /auth/login gives a bearer token"),
    ErrorKind("INVALID_CREDENTIALS", 401, "Invalid email or password"),
    ErrorKind("INVALID_TOKEN", 401, "The token is not valid", "Log in again"),
    ErrorKind(
        "TOKEN_REUSED",
        401,
        "The refresh token has been used already, so that it may have been stolen; the login has "
        "ended",
        "Log in again",
    ),
    ErrorKind("ACCOUNT_DISABLED", 401, "The account is disabled", "Ask an administrator"),
    ErrorKind("OAUTH_FAILED", 401, "The login at the provider could not be completed", "Try again"),
    ErrorKind(
        "OAUTH_STATE_INVALID",
        400,
        "The login was begun in another browser, or too long ago",
        "Begin again at /auth/<provider>",
    ),
    ErrorKind(
        "INVALID_REDIRECT",
        400,
        "Browsers are not sent there after a login",
        "cors_origin_definition lists the origins of apps",
    ),
    ErrorKind("TOKEN_EXPIRED", 401, "The token has expired", "POST /auth/refresh-token renews it"),
    ErrorKind("AUTHORIZATION_ERROR", 403, "You are not allowed to do that"),
    ErrorKind("IP_NOT_ALLOWED", 403, "Requests from your address are not let in"),
    ErrorKind("IP_BLOCKED", 403, "Requests from your address are kept out"),
    ErrorKind(
        "CROSS_SITE_REQUEST",
        403,
        "A page of another site has sent this with the cookies of its visitor",
        "Send a bearer token, or let cors_origin_definition name the page's origin",
    ),
    ErrorKind("ROUTE_NOT_FOUND", 404, "There is nothing at this path"),
    ErrorKind("RESOURCE_NOT_FOUND", 404, "There is no such record"),
    ErrorKind("METHOD_NOT_ALLOWED", 405, "The path exists, but not for this method"),
    ErrorKind("NOT_ACCEPTABLE", 406, "The answer cannot be given in the format asked for"),
    ErrorKind("REQUEST_TIMEOUT", 408, "The rest of the body did not come", "Send it again"),
    ErrorKind("PAYLOAD_TOO_LARGE", 413, "The body is too large"),
    ErrorKind("URI_TOO_LONG", 414, "The address with its query is too long"),
    ErrorKind("UNSUPPORTED_MEDIA_TYPE", 415, "The body's content type is not understood"),
    # Data
    ErrorKind("DUPLICATE_RESOURCE", 409, "A record with that value exists already"),
    ErrorKind("RELATION_NOT_FOUND", 409, "A related record does not exist"),
    ErrorKind("RELATION_IN_USE", 409, "Other records still refer to this one"),
    ErrorKind("CONSTRAINT_VIOLATION", 409, "The database refused the value"),
    ErrorKind(
        "PATCH_CONFLICT",
        409,
        "The JSON Patch does not go with the record, which stays as it is",
    ),
    ErrorKind("TOO_MANY_RECORDS", 409, "More records meet the filter than may be written"),
    ErrorKind(
        "PRECONDITION_FAILED",
        412,
        "The record has changed since its ETag was given",
        "Read the record again and decide anew; error.details.etag is that of its present state",
    ),
    ErrorKind(
        "IDEMPOTENCY_IN_PROGRESS",
        409,
        "A request with this Idempotency-Key is still running",
        "Try again shortly",
    ),
    ErrorKind(
        "IDEMPOTENCY_MISMATCH",
        422,
        "This Idempotency-Key was used for another request",
        "Take a new key for each request that is not a repetition",
    ),
    # Definitions
    ErrorKind("VALIDATION_ERROR", 422, "The definition is not valid"),
    ErrorKind("TABLE_EXISTS", 409, "A table of that name exists already"),
    ErrorKind(
        "SCHEMA_CONFIRMATION_REQUIRED",
        409,
        "The change can lose data and was not applied",
        "Repeat the request with ?schemaConfirmHash=<requiredConfirmHash> to apply it",
    ),
    ErrorKind(
        "SCHEMA_CONFIRMATION_MISMATCH",
        409,
        "The definition has changed since it was previewed; nothing was applied",
        "Look at the new preview and confirm that one",
    ),
    ErrorKind(
        "SCHEMA_LOCKED", 423, "The schema is being changed by somebody else", "Try again shortly"
    ),
    ErrorKind("SCHEMA_INDEX_OVER_UNIQUE_FIELD", 422, "An index repeats a field of a unique group"),
    ErrorKind("CONVERSION_FAILED", 422, "Existing values cannot be converted to the new type"),
    # What scripts ask for
    ErrorKind(
        "FETCH_FORBIDDEN",
        403,
        "Scripts may not fetch from there",
        "ENFYRA_FETCH_ALLOW lists the hosts of private networks that scripts may fetch from",
    ),
    ErrorKind("FETCH_FAILED", 502, "Another server did not answer as expected"),
    ErrorKind("FETCH_TIMEOUT", 504, "Another server took too long to answer"),
    ErrorKind("CACHE_UNAVAILABLE", 503, "The cache cannot be reached", "Try again shortly"),
    ErrorKind("QUEUE_UNAVAILABLE", 503, "The queue cannot be reached", "Try again shortly"),
    ErrorKind("EXECUTOR_UNAVAILABLE", 503, "What runs the step cannot be reached"),
    ErrorKind("LOCK_HELD", 423, "Somebody else is doing this", "Try again shortly"),
    ErrorKind("LOCK_LOST", 409, "Somebody else may be doing this by now", "Look, and try again"),
    ErrorKind("LOCKS_UNAVAILABLE", 503, "The locks cannot be reached", "Try again shortly"),
    ErrorKind("BUDGET_EXCEEDED", 500, "The scripts of one request have asked for too much"),
    # The server and its services
    ErrorKind("DATABASE_ERROR", 500, "The database reported an error"),
    ErrorKind("DATABASE_CONNECTION_ERROR", 503, "The database cannot be reached"),
    ErrorKind("DATABASE_BUSY", 503, "The database is busy", "Try again shortly"),
    ErrorKind("DATABASE_TIMEOUT", 504, "The database took too long to answer"),
    ErrorKind(
        "DECRYPTION_FAILED",
        500,
        "A stored value cannot be decrypted",
        "ENFYRA_ENCRYPTION_KEYS has to hold every key that values were encrypted with",
    ),
    # Scripts
    ErrorKind("INVALID_ARGUMENT", 400, "A script has asked for something that there is not"),
    ErrorKind("TRANSACTION_ENDED", 400, "A script has used a transaction that has ended"),
    ErrorKind("TOO_MANY_TRANSACTIONS", 400, "A script has too many transactions open at once"),
    ErrorKind("HTTP_ERROR", 400, "A script has refused the request"),
    ErrorKind(
        "SCRIPT_SYNTAX_ERROR",
        422,
        "The script is not valid",
        "error.details names line and column; POST /admin/script/validate checks without saving",
    ),
    ErrorKind(
        "SCRIPT_EXECUTION_ERROR",
        500,
        "A script of this route has failed",
        "Administrators see the place; the log has it under the correlationId",
    ),
    ErrorKind("SCRIPT_TIMEOUT_ERROR", 504, "A script of this route took too long"),
    ErrorKind("FLOW_TIMEOUT", 504, "A step or a run of a flow took too long"),
    ErrorKind("SCRIPT_UNAVAILABLE", 503, "Scripts cannot be run at the moment", "Try again"),
    ErrorKind("DATABASE_FULL", 507, "The database's disk is full; nothing was changed"),
    ErrorKind("SERVICE_UNAVAILABLE", 503, "The server is not ready yet", "Try again shortly"),
    ErrorKind("UPSTREAM_ERROR", 502, "The central Enfyra server cannot be reached"),
    ErrorKind("CONFIGURATION_ERROR", 500, "The settings are not valid"),
    ErrorKind(
        "INTERNAL_SERVER_ERROR",
        500,
        "Something went wrong on the server",
        "The log holds the reason under the correlationId",
    ),
    # What scripts throw, and end with
    ErrorKind("BUSINESS_LOGIC_ERROR", 400, "That is not possible"),
    ErrorKind("CONFLICT", 409, "The request does not go with the present state"),
    ErrorKind("RATE_LIMIT_EXCEEDED", 429, "There have been too many requests", "Try again later"),
    ErrorKind("DATABASE_QUERY_ERROR", 400, "The database refused the query"),
    ErrorKind("EXTERNAL_SERVICE_ERROR", 502, "Another service failed"),
    ErrorKind("SCHEMA_ERROR", 400, "The schema does not allow that"),
    ErrorKind("FILE_UPLOAD_ERROR", 400, "The file could not be stored"),
    ErrorKind("FILE_NOT_FOUND", 404, "There is no such file"),
    ErrorKind("FILE_SIZE_EXCEEDED", 413, "The file is too large"),
)

CATALOGUE: Mapping[str, ErrorKind] = {kind.code: kind for kind in _KINDS}


class EnfyraError(Exception):
    """An error that a person can act on.

    Args:
        code: A code of `CATALOGUE`; anything else is a `KeyError` at once.
        message: What happened, naming the field or value. Defaults to the catalogue's.
        details: Structured data for programs, shown to the client as is: never a secret.
        hint: What to do about it. Defaults to the catalogue's.
        problems: Several messages at once (a body's violations); shown as a list.

    Example:
        >>> error = EnfyraError("RESOURCE_NOT_FOUND", "post 7 does not exist")
        >>> error.status, str(error)
        (404, 'post 7 does not exist')
    """

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        details: Any = None,
        hint: str | None = None,
        problems: Iterable[str] | None = None,
        status: int | None = None,
    ) -> None:
        self.kind = CATALOGUE[code]
        self.status = self.kind.status if status is None else status
        self.problems = tuple(problems) if problems is not None else None
        if message is None:
            message = "; ".join(self.problems) if self.problems else self.kind.message
        super().__init__(message)
        self.message = message
        self.details = details
        self.hint = self.kind.hint if hint is None else hint

    @property
    def code(self) -> str:
        """The stable code, such as `UNKNOWN_FIELD`."""
        return self.kind.code

    def __repr__(self) -> str:
        return f"EnfyraError({self.code!r}, {self.message!r})"


class StaleDefinitionError(Exception):
    """The database does not know a name that the Snapshot has: somebody is changing it.

    The request is repeated on a fresh Snapshot; see `lifecycle`.
    """


class DeadlockError(EnfyraError):
    """The database gave a transaction up so that another one could go on.

    Nothing of it was done; the request is repeated; see `lifecycle`.
    """

    def __init__(self) -> None:
        super().__init__("DATABASE_BUSY")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Give the candidate most like a mistyped name, or None.

    Example:
        >>> nearest("titel", ["id", "title", "views"])
        'title'
    """
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Give ` Did you mean 'x'?` for the nearest candidate, or nothing.

    Example:
        >>> did_you_mean("titel", ["id", "title"])
        " Did you mean 'title'?"
    """
    match = nearest(name, candidates)
    return f" Did you mean '{match}'?" if match is not None else ""


def error_body(
    error: EnfyraError, *, path: str, method: str, correlation_id: str
) -> dict[str, Any]:
    """Render the body that every transport answers for an error."""
    problems = error.problems
    return {
        "success": False,
        "statusCode": error.status,
        "message": list(problems) if problems is not None else error.message,
        "error": {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "hint": error.hint or None,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "path": path,
            "method": method,
            "correlationId": correlation_id,
        },
    }
