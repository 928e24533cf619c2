"""Names in a query that stand for values, instead of the values being written into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..errors import did_you_mean

_NAME = re.compile(r":([A-Za-z_]\w*)")
_SPELLED = re.compile(r"::?[A-Za-z_]\w*")


class ParameterError(ValueError):
    """What is wrong with the values of a query; the message names the nearest one.

    Attributes:
        missing: The name that there is no value for, if that is what is wrong.
    """

    def __init__(self, message: str, *, missing: str | None = None) -> None:
        super().__init__(message)
        self.missing = missing


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
        named = cast("Mapping[str, Any]", query)
        return {name: placed(one, values, used) for name, one in named.items()}
    if isinstance(query, list):
        return [placed(one, values, used) for one in cast("list[Any]", query)]
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
            f"There is no value for '{query}'.{did_you_mean(name, values)}", missing=name
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
        named = cast("Mapping[str, Any]", query)
        return {name: spelled(one) for name, one in named.items()}
    if isinstance(query, list):
        return [spelled(one) for one in cast("list[Any]", query)]
    return f":{query}" if isinstance(query, str) and _SPELLED.fullmatch(query) else query


def names_in(query: Any) -> Iterator[str]:
    """Give the names that stand for values.

    Example:
        >>> list(names_in({"views": {"_gt": ":least"}, "at": "::now"}))
        ['least']
    """
    if isinstance(query, Mapping):
        for one in cast("Mapping[str, Any]", query).values():
            yield from names_in(one)
    elif isinstance(query, list):
        for one in cast("list[Any]", query):
            yield from names_in(one)
    elif isinstance(query, str):
        found = _NAME.fullmatch(query)
        if found is not None:
            yield found[1]


def refuse_unused(values: Mapping[str, Any], used: set[str]) -> None:
    """Refuse values that nothing stands for.

    Raises:
        ParameterError: With the nearest name.

    Example:
        >>> refuse_unused({"leats": 5}, {"least"})
        Traceback (most recent call last):
        enfyra_kernel.query.placeholders.ParameterError: The query has no ':leats'. ...
    """
    for name in values:
        if name not in used:
            raise ParameterError(f"The query has no ':{name}'.{did_you_mean(name, used)}")
