"""Values of cells as texts that can be looked at and changed, and back."""

from __future__ import annotations

import json
import math
from typing import Any

from ..client import ApiError
from ..display import text_of
from .columns import Column

# More than this of a text is not sent before it is asked for.
MOST = 300
_INTEGERS = 4_300


def whole(value: Any) -> str | None:
    """Give a value as a text, whatever its length.

    Numbers travel as texts, since JavaScript's own are not exact.

    Example:
        >>> whole(None), whole(""), whole(2**60), whole({"n": [1]})
        (None, '', '1152921504606846976', '{"n": [1]}')
    """
    return None if value is None else text_of(value)


def shown(value: Any) -> Any:
    """Give a value for a face: as a text, null, or the beginning of a text that is long.

    Example:
        >>> shown(None), shown(True), shown("x" * 999)["length"]
        (None, 'true', 999)
    """
    text = whole(value)
    if text is None or len(text) <= MOST:
        return text
    return {"beginning": text[:MOST], "length": len(text)}


def read(column: Column, text: str | None) -> Any:
    """Give the value that a text stands for; what is none of its type is for the server to refuse.

    Raises:
        ApiError: The text of a JSON field is no JSON.

    Example:
        >>> read(Column("n", "integer"), "12"), read(Column("n", "integer"), "many")
        (12, 'many')
        >>> read(Column("title", "text"), ""), read(Column("title", "text"), None)
        ('', None)
    """
    if text is None:
        return None
    if column.kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if column.kind == "integer":
        return _integer(text)
    if column.kind in {"json", "list"}:
        return _json(column, text)
    # Decimals are texts to the API, too: floats would round them.
    return _number(text) if column.kind == "number" else text


def _integer(text: str) -> Any:
    stripped = text.strip()
    digits = stripped.removeprefix("-")
    # Python reads no longer ones.
    plain = digits.isascii() and digits.isdigit() and len(digits) < _INTEGERS
    return int(stripped) if plain else text


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _json(column: Column, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ApiError(
            "INVALID_BODY",
            f"{column.name} must be JSON: {error}",
            hint='A text is in quotes, as in "Ann"',
            details={"field": column.name},
        ) from None
