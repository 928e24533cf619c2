"""Request parameters into a Query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import EnfyraError, did_you_mean
from .ast import Every, Filter, Keyset, Query, Shape, SortKey
from .brackets import parse_query_string
from .cursors import decode_cursor
from .deep import parse_deep
from .figures import parse_aggregates, parse_grouping
from .filters import FilterParser
from .names import flag, listed, number, structured
from .sorting import parse_sort

PARAMETERS = (
    "filter", "sort", "fields", "include", "deep", "aggregate", "dimensions", "measures", "meta",
    "limit", "page", "cursor", "where", "select", "direction", "explain",
)  # fmt: skip
_COUNTS = {"filterCount": "filter_count", "totalCount": "total_count"}
_NOT_OF_GROUPS = ("fields", "select", "include", "deep", "cursor")


def parse_string(text: str) -> Query:
    """Read the query string of a request; see `parse`."""
    return parse(parse_query_string(text)) if text else Query()


def parse(parameters: Mapping[str, Any]) -> Query:
    """Read named parameters, as text or already structured.

    Raises:
        EnfyraError: INVALID_QUERY naming the parameter, with the nearest one if it is unknown.

    Example:
        >>> parse({"sort": "-views", "limit": "5"}).shape.sort
        (SortKey(path=('views',), descending=True, figure=None),)
    """
    _check_names(parameters)
    parser = FilterParser()
    where = _where(parameters, parser)
    sort = parse_sort(parameters.get("sort"), parameters.get("direction"))
    grouping = parse_grouping(parameters.get("dimensions"), parameters.get("measures"))
    if grouping is not None:
        _refuse(parameters, _NOT_OF_GROUPS, "does not go with groups of records")
    shape = Shape(
        where=where,
        sort=sort,
        fields=_fields(parameters),
        deep=parse_deep(parameters.get("deep"), parser),
        aggregates=parse_aggregates(parameters.get("aggregate"), parser),
        grouping=grouping,
        keyed="cursor" in parameters,
        after=_after(parameters, sort, parser),
        **_meta(parameters.get("meta")),
    )
    limit = number("limit", parameters.get("limit"), 0)
    page = number("page", parameters.get("page"), 1)
    return Query(
        shape=shape,
        values=tuple(parser.values),
        limit=limit,
        page=page or 1,
        explain=flag("explain", parameters.get("explain")),
    )


def _check_names(parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        if name not in PARAMETERS:
            raise EnfyraError(
                "INVALID_QUERY",
                f"There is no query parameter '{name}'.{did_you_mean(name, PARAMETERS)}",
                details={"parameter": name, "supportedParameters": list(PARAMETERS)},
            )


def _refuse(parameters: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if name in parameters:
            raise EnfyraError("INVALID_QUERY", f"{name} {why}", details={"parameter": name})


def _where(parameters: Mapping[str, Any], parser: FilterParser) -> Filter | None:
    """Read `filter`, and `where[field]=value`, which is the same for equal values."""
    found = parser.parse(structured("filter", parameters.get("filter")))
    flat = structured("where", parameters.get("where"))
    if flat is None:
        return found
    more = parser.parse(flat, ("where",))
    if found is None or more is None:
        return found or more
    return Every((found, more))


def _fields(parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "select" in parameters:
        _refuse(parameters, ("fields",), "and select say the same; give one of them")
    named = listed("fields", parameters.get("fields", parameters.get("select")))
    included = listed("include", parameters.get("include"))
    if included is None:
        return None if named is None else tuple(named)
    return (*(named if named is not None else ["*"]), *(f"{relation}.*" for relation in included))


def _meta(value: Any) -> dict[str, bool]:
    flags: dict[str, bool] = {}
    for name in listed("meta", value) or []:
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


def _after(
    parameters: Mapping[str, Any], sort: tuple[SortKey, ...], parser: FilterParser
) -> Keyset | None:
    cursor = parameters.get("cursor")
    if cursor is None:
        return None
    _refuse(parameters, ("page",), "and cursor exclude each other; a cursor says where to begin")
    if not isinstance(cursor, str):
        raise EnfyraError("INVALID_CURSOR", "cursor must be a text; empty for the first page")
    if not cursor:
        return None
    place = decode_cursor(cursor, sort)
    return Keyset(tuple(None if value is None else parser.slot(value) for value in place))
