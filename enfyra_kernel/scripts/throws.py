"""What a script can throw on purpose: by its status, or by a name that says what is the matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Throw:
    """One way to throw.

    Attributes:
        code: A code of the catalogue.
        message: What is said when the script gives no message.
    """

    code: str
    status: int
    message: str


STATUSES: Mapping[int, Throw] = {
    throw.status: throw
    for throw in (
        Throw("BAD_REQUEST", 400, "Bad request"),
        Throw("AUTHENTICATION_ERROR", 401, "Unauthorized"),
        Throw("AUTHORIZATION_ERROR", 403, "Forbidden"),
        Throw("RESOURCE_NOT_FOUND", 404, "Not found"),
        Throw("CONFLICT", 409, "Conflict"),
        Throw("VALIDATION_ERROR", 422, "Validation failed"),
        Throw("RATE_LIMIT_EXCEEDED", 429, "Rate limit exceeded"),
        Throw("INTERNAL_SERVER_ERROR", 500, "Internal server error"),
        Throw("SERVICE_UNAVAILABLE", 503, "Service unavailable"),
    )
}

# By the names of JavaScript; Python writes them with underscores. `notFound` and `duplicate` take
# parts of their message: see `not_found_message` and `duplicate_message`.
NAMED: Mapping[str, Throw] = {
    "businessLogic": Throw("BUSINESS_LOGIC_ERROR", 400, "That is not possible"),
    "validation": Throw("VALIDATION_ERROR", 422, "Validation failed"),
    "notFound": Throw("RESOURCE_NOT_FOUND", 404, "Not found"),
    "duplicate": Throw("DUPLICATE_RESOURCE", 409, "A record with that value exists already"),
    "unauthorized": Throw("AUTHENTICATION_ERROR", 401, "Unauthorized"),
    "forbidden": Throw("AUTHORIZATION_ERROR", 403, "Forbidden"),
    "tokenExpired": Throw("TOKEN_EXPIRED", 401, "The token has expired"),
    "invalidToken": Throw("INVALID_TOKEN", 401, "The token is not valid"),
    "database": Throw("DATABASE_ERROR", 500, "The database reported an error"),
    "dbQuery": Throw("DATABASE_QUERY_ERROR", 400, "The database refused the query"),
    "externalService": Throw("EXTERNAL_SERVICE_ERROR", 502, "Another service failed"),
    "serviceUnavailable": Throw("SERVICE_UNAVAILABLE", 503, "Service unavailable"),
    "rateLimit": Throw("RATE_LIMIT_EXCEEDED", 429, "Rate limit exceeded"),
    "scriptError": Throw("SCRIPT_EXECUTION_ERROR", 500, "The script failed"),
    "scriptTimeout": Throw("SCRIPT_TIMEOUT_ERROR", 504, "The script took too long"),
    "schema": Throw("SCHEMA_ERROR", 400, "The schema does not allow that"),
    "config": Throw("CONFIGURATION_ERROR", 500, "The settings are not valid"),
    "fileUpload": Throw("FILE_UPLOAD_ERROR", 400, "The file could not be stored"),
    "fileNotFound": Throw("FILE_NOT_FOUND", 404, "There is no such file"),
    "fileSizeExceeded": Throw("FILE_SIZE_EXCEEDED", 413, "The file is too large"),
}


def by_status(status: int) -> Throw:
    """Give how an error status is thrown that need not have a macro of its own.

    Raises:
        ValueError: It is not the status of an error.

    Example:
        >>> by_status(418)
        Throw(code='BAD_REQUEST', status=418, message='Bad request')
    """
    if not 400 <= status <= 599:
        raise ValueError(f"{status} is not the status of an error: these are 400 to 599")
    known = STATUSES.get(status)
    if known is not None:
        return known
    like = STATUSES[400 if status < 500 else 500]
    return Throw(like.code, status, like.message)


def not_found_message(resource: str, identifier: object = None) -> str:
    """Give the message of `notFound`.

    Example:
        >>> not_found_message("Project", "p1")
        "Project with identifier 'p1' not found"
    """
    if identifier is None:
        return f"{resource} not found"
    return f"{resource} with identifier '{identifier}' not found"


def duplicate_message(resource: str, field: str | None = None, value: object = None) -> str:
    """Give the message of `duplicate`.

    Example:
        >>> duplicate_message("Project", "slug", "demo")
        "Project with slug 'demo' already exists"
    """
    if field is None:
        return f"{resource} already exists"
    return f"{resource} with {field} '{value}' already exists"
