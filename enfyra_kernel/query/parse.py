"""Request parameters into a Query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..encoding import decode_json
from ..errors import EnfyraError, did_you_mean
from .ast import Deep, Query, Shape, SortKey
from .brackets import parse_query_string
from .filters import FilterParser

PARAMETERS = ("filter", "sort", "fields", "include", "deep", "meta", "limit", "page")
_COUNTS = {"filterCount": "filter_count", "totalCount": "total_count"}
_DEEP_KEYS = ("fields", "deep")
MAX_DEEP = 7
MAX_LIMIT = 2**31 - 1


def parse_string(text: str) -> Query:
    """Read the query string of a request; see `parse`."""
    return parse(parse_query_string(text)) if text else Query()


def parse(parameters: Mapping[str, Any]) -> Query:
    """Read named parameters, as text or already structured.

    Raises:
        EnfyraError: INVALID_QUERY naming the parameter, with the nearest one if it is unknown.

    Example:
        >>> parse({"sort": "-views", "limit": "5"}).shape.sort
        (SortKey(path=('views',), descending=True),)
    """
    for name in parameters:
        if name not in PARAMETERS:
            raise EnfyraError(
                "INVALID_QUERY",
                f"There is no query parameter '{name}'.{did_you_mean(name, PARAMETERS)}",
                details={"parameter": name, "supportedParameters": list(PARAMETERS)},
            )
    parser = FilterParser()
    where = parser.parse(_structured("filter", parameters.get("filter")))
    limit = _number("limit", parameters.get("limit"), 0, MAX_LIMIT)
    page = _number("page", parameters.get("page"), 1, MAX_LIMIT)
    shape = Shape(
        where=where,
        sort=_sort(parameters.get("sort")),
        fields=_fields(parameters.get("fields"), parameters.get("include")),
        deep=_deep(_structured("deep", parameters.get("deep")), ("deep",)),
        **_meta(parameters.get("meta")),
    )
    return Query(shape=shape, values=tuple(parser.values), limit=limit, page=page or 1)


def _structured(name: str, value: Any) -> Any:
    """Give a parameter that may be JSON text as what the JSON says."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return decode_json(value)
    except EnfyraError as error:
        raise EnfyraError("INVALID_QUERY", f"{name}: {error.message}") from None


def _names(name: str, value: Any) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _structured(name, value)
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise EnfyraError("INVALID_QUERY", f"{name} must be names, separated by commas")
    return [part.strip() for item in items for part in item.split(",") if part.strip()]


def _fields(fields: Any, include: Any) -> tuple[str, ...] | None:
    named = _names("fields", fields)
    included = _names("include", include)
    if included is None:
        return None if named is None else tuple(named)
    return (*(named if named is not None else ["*"]), *(f"{relation}.*" for relation in included))


def _sort(value: Any) -> tuple[SortKey, ...]:
    value = _structured("sort", value) if isinstance(value, str) and value[:1] in "{[" else value
    if isinstance(value, dict):
        return tuple(
            SortKey(tuple(field.split(".")), _descending(field, direction))
            for field, direction in cast("dict[str, Any]", value).items()
        )
    return tuple(
        SortKey(tuple(name.removeprefix("-").split(".")), name.startswith("-"))
        for name in _names("sort", value) or []
    )


def _descending(field: str, direction: Any) -> bool:
    text = str(direction).lower()
    if text not in {"asc", "desc"}:
        raise EnfyraError("INVALID_QUERY", f"sort[{field}] must be asc or desc")
    return text == "desc"


def _meta(value: Any) -> dict[str, bool]:
    flags: dict[str, bool] = {}
    for name in _names("meta", value) or []:
        if name == "*":
            flags |= dict.fromkeys(_COUNTS.values(), True)
        elif name in _COUNTS:
            flags[_COUNTS[name]] = True
        else:
            raise EnfyraError(
                "INVALID_QUERY",
                f"meta knows {', '.join(_COUNTS)} and *, not '{name}'."
                f"{did_you_mean(name, _COUNTS)}",
            )
    return flags


def _deep(value: Any, path: tuple[str, ...]) -> tuple[Deep, ...]:
    if value is None:
        return ()
    if len(path) > MAX_DEEP:
        raise EnfyraError("INVALID_QUERY", f"deep is nested more than {MAX_DEEP} levels deep")
    if not isinstance(value, dict):
        raise EnfyraError("INVALID_QUERY", f"{'.'.join(path)} must be an object of relations")
    return tuple(
        _deep_entry(relation, asked, (*path, relation))
        for relation, asked in cast("dict[str, Any]", value).items()
    )


def _deep_entry(relation: str, asked: Any, path: tuple[str, ...]) -> Deep:
    place = ".".join(path)
    if asked is None or asked is True:
        asked = {}
    if not isinstance(asked, dict):
        raise EnfyraError("INVALID_QUERY", f"{place} must be an object")
    options = cast("dict[str, Any]", asked)
    for key in options:
        if key not in _DEEP_KEYS:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place} knows {', '.join(_DEEP_KEYS)}, not '{key}'."
                f"{did_you_mean(key, _DEEP_KEYS)}",
            )
    fields = _names(f"{place}.fields", options.get("fields"))
    return Deep(
        relation,
        None if fields is None else tuple(fields),
        _deep(_structured("deep", options.get("deep")), path),
    )


def _number(name: str, value: Any, low: int, high: int) -> int | None:
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 12):
        raise EnfyraError("INVALID_QUERY", f"{name} must be a whole number from {low}")
    number = int(text)
    if not low <= number <= high:
        raise EnfyraError("INVALID_QUERY", f"{name} must be between {low} and {high}")
    return number
