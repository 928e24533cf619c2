"""Parameters of a query that are names, numbers or JSON."""

from __future__ import annotations

from typing import Any, cast

from ..encoding import decode_json
from ..errors import EnfyraError

MAX_NUMBER = 2**31 - 1


def structured(place: str, value: Any) -> Any:
    """Give a parameter that may be JSON text as what the JSON says."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return decode_json(value)
    except EnfyraError as error:
        raise EnfyraError("INVALID_QUERY", f"{place}: {error.message}") from None


def mapping(place: str, value: Any, what: str) -> dict[str, Any]:
    """Give a parameter that is an object; nothing is an empty one.

    Args:
        what: What it is an object of, for messages.
    """
    if value is None or value is True:
        return {}
    if not isinstance(value, dict):
        raise EnfyraError("INVALID_QUERY", f"{place} must be an object{what}")
    return cast("dict[str, Any]", value)


def listed(place: str, value: Any) -> list[str] | None:
    """Give a parameter that is names, separated by commas or as a list.

    Example:
        >>> listed("fields", "id, title")
        ['id', 'title']
    """
    if value is None:
        return None
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = structured(place, value)
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise EnfyraError("INVALID_QUERY", f"{place} must be names, separated by commas")
    return [part.strip() for item in items for part in item.split(",") if part.strip()]


def number(place: str, value: Any, low: int, high: int = MAX_NUMBER) -> int | None:
    """Give a parameter that is a whole number.

    Example:
        >>> number("limit", "20", 0)
        20
    """
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 12):
        raise EnfyraError("INVALID_QUERY", f"{place} must be a whole number from {low}")
    found = int(text)
    if not low <= found <= high:
        raise EnfyraError("INVALID_QUERY", f"{place} must be between {low} and {high}")
    return found


def flag(place: str, value: Any) -> bool:
    """Give a parameter that is true or false; named without a value, it is true."""
    text = str(value).lower()
    if value is None or text in {"false", "0"}:
        return False
    if text in {"true", "1", ""}:
        return True
    raise EnfyraError("INVALID_QUERY", f"{place} must be true or false")
