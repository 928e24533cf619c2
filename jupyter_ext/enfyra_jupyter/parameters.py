"""Values of a notebook that a query is given under names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from enfyra_kernel.query.placeholders import ParameterError


def plain(value: Any) -> Any:
    """Give a value of a notebook as JSON has it; a column of a data frame is a list.

    Raises:
        ParameterError: If it is nothing that JSON has.

    Example:
        >>> from datetime import date
        >>> plain([1, date(2024, 2, 1), float("nan")])
        [1, '2024-02-01', None]
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        # NaT is a datetime, too.
        return None if value != value else value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(one) for one in value]
    return _of_libraries(value)


def _of_libraries(value: Any) -> Any:
    columns = getattr(value, "columns", None)
    if columns is not None and hasattr(value, "shape"):
        if len(columns) != 1:
            raise ParameterError(f"a data frame of {len(columns)} columns is no list of values")
        # pandas and Polars both give a column by its name.
        return plain(value[next(iter(columns))])
    for name in ("tolist", "to_list", "to_pylist"):
        listed = getattr(value, name, None)
        if listed is not None:
            found = listed()
            # A number of numpy gives a number.
            return plain(found) if type(found) is not type(value) else str(found)
    if hasattr(value, "item"):
        return plain(value.item())
    if str(value) == "<NA>":
        return None
    raise ParameterError(f"a {type(value).__name__} is no value that can be sent")
