"""Values that are added to what is there: `{"_inc": 3}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..metadata.values import Reader
from .related import Invalid

INCREMENT, DECREMENT = "_inc", "_dec"


def is_increment(value: Any) -> bool:
    """Say whether a value says what to add or to take away."""
    return isinstance(value, Mapping) and (INCREMENT in value or DECREMENT in value)


def read_increment(value: Any, read: Reader) -> Any:
    """Give the number to add.

    Args:
        read: Reads a value of the column.

    Example:
        >>> read_increment({"_dec": 3}, int)
        -3
    """
    named = cast("Mapping[str, Any]", value)
    if len(named) != 1:
        raise Invalid(f"must hold {INCREMENT} or {DECREMENT} and nothing else")
    ((name, amount),) = named.items()
    if amount is None:
        raise Invalid(f"{name} must be a number")
    try:
        number = read(amount)
        return number if name == INCREMENT else read(-number)
    except ValueError as error:
        raise Invalid(f"{name} {error}") from None
