"""The parameter `deep`: what to load of each relation."""

from __future__ import annotations

from typing import Any

from ..errors import EnfyraError, did_you_mean
from .ast import Deep
from .filters import FilterParser
from .names import listed, mapping, number, structured
from .sorting import parse_sort

MAX_DEPTH = 7
_KEYS = ("fields", "filter", "sort", "limit", "page", "deep")


def parse_deep(
    value: Any, parser: FilterParser, path: tuple[str, ...] = ("deep",)
) -> tuple[Deep, ...]:
    """Read the relations to load; the values of their filters go to the parser.

    Raises:
        EnfyraError: INVALID_QUERY naming the place.
    """
    if len(path) > MAX_DEPTH:
        raise EnfyraError("INVALID_QUERY", f"deep is nested more than {MAX_DEPTH} levels deep")
    place = ".".join(path)
    if value is True:
        raise EnfyraError("INVALID_QUERY", f"{place} must be an object of relations")
    relations = mapping(place, structured(place, value), " of relations")
    return tuple(
        _entry(relation, asked, parser, (*path, relation)) for relation, asked in relations.items()
    )


def _entry(relation: str, asked: Any, parser: FilterParser, path: tuple[str, ...]) -> Deep:
    place = ".".join(path)
    options = mapping(place, asked, "")
    for key in options:
        if key not in _KEYS:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place} knows {', '.join(_KEYS)}, not '{key}'.{did_you_mean(key, _KEYS)}",
            )
    fields = listed(f"{place}.fields", options.get("fields"))
    where = structured(f"{place}.filter", options.get("filter"))
    limit, offset = _window(options, parser, place)
    return Deep(
        relation,
        None if fields is None else tuple(fields),
        parse_deep(options.get("deep"), parser, path),
        parser.parse(where, (*path, "filter")),
        parse_sort(options.get("sort"), place=f"{place}.sort"),
        limit,
        offset,
    )


def _window(
    options: dict[str, Any], parser: FilterParser, place: str
) -> tuple[int | None, int | None]:
    limit = number(f"{place}.limit", options.get("limit"), 0)
    page = number(f"{place}.page", options.get("page"), 1)
    if page is not None and not limit:
        raise EnfyraError("INVALID_QUERY", f"{place}.page needs a limit")
    if limit is None:
        return None, None
    offset = None if page is None else parser.slot((page - 1) * limit)
    return parser.slot(limit), offset
