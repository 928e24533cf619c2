"""Canonical values as the JSON of an answer has them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from ...encoding import format_instant
from ...metadata.types import INSTANTS, ColumnType
from ...metadata.values import MAX_DIGITS, precision_of

ToJson = Callable[[Any], Any]

_EXACT = Context(prec=2 * MAX_DIGITS + 2)


def json_writer(type_: ColumnType, options: Any = None) -> ToJson:
    """Give the function from a value of a type to what its JSON says.

    Example:
        >>> json_writer(ColumnType.DECIMAL, {"scale": 3})(Decimal("1.5"))
        '1.500'
    """
    if type_ is ColumnType.DECIMAL:
        _, scale = precision_of(options)
        unit = Decimal(1).scaleb(-scale)

        # Adding nothing takes the sign off a zero.
        def written(value: Any) -> Any:
            return f"{_EXACT.add(value.quantize(unit, context=_EXACT), Decimal(0)):f}"

        return _unless_null(written)
    if type_ is ColumnType.DATE:
        return _unless_null(lambda value: value.isoformat())
    if type_ in INSTANTS:
        return _unless_null(format_instant)
    return lambda value: value


def _unless_null(write: ToJson) -> ToJson:
    return lambda value: None if value is None else write(value)
