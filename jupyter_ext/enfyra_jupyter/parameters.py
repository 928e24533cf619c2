"""Values that a query is given under names, instead of being written into it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from enfyra_kernel.errors import did_you_mean

_NAME = re.compile(r":([A-Za-z_]\w*)")
_SPELLED = re.compile(r"::?[A-Za-z_]\w*")


class ParameterError(ValueError):
    """What is wrong with parameters; the message names the nearest one."""


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


def placed(query: Any, values: Mapping[str, Any], used: set[str]) -> Any:
    """Give a query with values in the place of their names.

    A text that is a colon and a name, and nothing else, stands for a value; with two colons it
    means itself. Other colons mean nothing.

    Args:
        used: Gets the names that are found.

    Raises:
        ParameterError: For a name without a value.

    Example:
        >>> placed({"views": {"_gt": ":least"}, "at": "10:30", "x": "::y"}, {"least": 5}, set())
        {'views': {'_gt': 5}, 'at': '10:30', 'x': ':y'}
    """
    if isinstance(query, Mapping):
        return {name: placed(one, values, used) for name, one in query.items()}
    if isinstance(query, list):
        return [placed(one, values, used) for one in query]
    if not isinstance(query, str):
        return query
    if query.startswith("::") and _NAME.fullmatch(query[1:]):
        return query[1:]
    found = _NAME.fullmatch(query)
    if found is None:
        return query
    name = found[1]
    if name not in values:
        raise ParameterError(
            f"There is no value for '{query}'.{did_you_mean(name, values)} "
            f"--param {name}=VALUE gives one; the text '{query}' itself is written '::{name}'"
        )
    used.add(name)
    return values[name]


def spelled(query: Any) -> Any:
    """Have texts mean themselves that would stand for a value: what `placed` takes back.

    Example:
        >>> spelled({"title": ":name", "at": "10:30"})
        {'title': '::name', 'at': '10:30'}
    """
    if isinstance(query, Mapping):
        return {name: spelled(one) for name, one in query.items()}
    if isinstance(query, list):
        return [spelled(one) for one in query]
    return f":{query}" if isinstance(query, str) and _SPELLED.fullmatch(query) else query


def refuse_unused(values: Mapping[str, Any], used: set[str]) -> None:
    """Refuse values that nothing stands for.

    Raises:
        ParameterError: With the nearest name.
    """
    for name in values:
        if name not in used:
            raise ParameterError(f"The query has no ':{name}'.{did_you_mean(name, used)}")
