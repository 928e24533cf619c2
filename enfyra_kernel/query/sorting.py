"""The parameter `sort`: fields, paths, and figures of relations."""

from __future__ import annotations

import re
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from .ast import Figure, Function, SortKey
from .names import listed, structured

_FIGURE = re.compile(r"_([a-z]+)\(([^()]*)\)")
_FUNCTIONS = {one.value: one for one in (Function.COUNT, Function.MIN, Function.MAX)}


def parse_sort(value: Any, direction: Any = None, place: str = "sort") -> tuple[SortKey, ...]:
    """Read sort keys: `-views,title`, `author.name`, `_count(posts)`, or `{"views": "desc"}`.

    Args:
        direction: For all keys that have none of their own.

    Raises:
        EnfyraError: INVALID_QUERY.

    Example:
        >>> parse_sort("-_max(posts.views)")[0].figure
        Figure(function=<Function.MAX: 'max'>, field='views')
    """
    if isinstance(value, str) and value[:1] in {"{", "["}:
        value = structured(place, value)
    if isinstance(value, dict):
        return tuple(
            _key(field, _descending(f"{place}[{field}]", given), place)
            for field, given in cast("dict[str, Any]", value).items()
        )
    down = direction is not None and _descending("direction", direction)
    return tuple(
        _key(name.removeprefix("-"), name.startswith("-") or down, place)
        for name in listed(place, value) or []
    )


def _key(name: str, descending: bool, place: str) -> SortKey:
    if "(" not in name:
        return SortKey(tuple(name.split(".")), descending)
    found = _FIGURE.fullmatch(name)
    function = _FUNCTIONS.get(found[1]) if found is not None else None
    if found is None or function is None:
        known = [f"_{one}" for one in _FUNCTIONS]
        hint = did_you_mean(name.partition("(")[0], known)
        raise EnfyraError(
            "INVALID_QUERY",
            f"{place}: '{name[:60]}' is no figure; there are _count(relation), "
            f"_min(relation.field) and _max(relation.field).{hint}",
        )
    path = tuple(part.strip() for part in found[2].split("."))
    if function is Function.COUNT:
        return SortKey(path, descending, Figure(function))
    if len(path) < 2:
        raise EnfyraError(
            "INVALID_QUERY", f"{place}: '{name}' must name a relation and a field of it"
        )
    return SortKey(path[:-1], descending, Figure(function, path[-1]))


def _descending(place: str, direction: Any) -> bool:
    text = str(direction).lower()
    if text not in {"asc", "desc"}:
        raise EnfyraError("INVALID_QUERY", f"{place} must be asc or desc")
    return text == "desc"
