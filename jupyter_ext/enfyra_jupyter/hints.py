"""What to do about an error, in the words of a notebook: the server's own hints are about HTTP."""

from __future__ import annotations

from enfyra_kernel.errors import CATALOGUE

_LOG_IN = "%enfyra connect URL --email ADDRESS logs in"
_HINTS = {
    "AUTHENTICATION_ERROR": _LOG_IN,
    "INVALID_TOKEN": _LOG_IN,
    "TOKEN_EXPIRED": _LOG_IN,
    "UNKNOWN_FIELD": "%enfyra describe TABLE lists the fields of a table",
    "INVALID_QUERY": "%enfyra help query tells what a query can say",
    "SCRIPT_SYNTAX_ERROR": None,
}


def hint_for(code: str, given: str | None) -> str | None:
    """Give the hint of an error: that of the server, unless it is what every such error has.

    Example:
        >>> hint_for("UNKNOWN_FIELD", "GET /metadata/<table> lists the fields of a table")
        '%enfyra describe TABLE lists the fields of a table'
        >>> hint_for("UNKNOWN_FIELD", "Use the relation 'author'")
        "Use the relation 'author'"
    """
    kind = CATALOGUE.get(code)
    if code in _HINTS and kind is not None and given == kind.hint:
        return _HINTS[code]
    return given
