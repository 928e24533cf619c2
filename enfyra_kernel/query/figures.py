"""The parameters `aggregate`, `dimensions` and `measures`: figures in the place of records."""

from __future__ import annotations

import re
from typing import Any

from ..errors import EnfyraError, did_you_mean
from .ast import Aggregate, Figure, Function, Grouping, Measure
from .filters import FilterParser
from .measures import COUNT_RECORDS
from .names import listed, mapping, structured

MAX_FIGURES = 64

_FUNCTIONS = {one.value: one for one in Function}
_CALL = re.compile(r"([a-z]+)\(([^()]*)\)")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


def parse_aggregates(value: Any, parser: FilterParser) -> tuple[Aggregate, ...]:
    """Read figures over all records: `{"views": {"sum": true}, "posts": {"countRecords": true}}`.

    In the place of `true` may stand conditions: on the field's values, or on the related records.

    Raises:
        EnfyraError: INVALID_QUERY naming the place.
    """
    fields = mapping("aggregate", structured("aggregate", value), " of fields")
    found: list[Aggregate] = []
    for field, asked in fields.items():
        operations = mapping(f"aggregate.{field}", asked, " of figures")
        if not operations:
            raise _problem(f"aggregate.{field}", "names no figure")
        for name, condition in operations.items():
            found.append(_aggregate(field, name, condition, parser))
    if len(found) > MAX_FIGURES:
        raise _problem("aggregate", f"can hold {MAX_FIGURES} figures at most")
    return tuple(found)


def _aggregate(field: str, name: str, condition: Any, parser: FilterParser) -> Aggregate:
    place = ("aggregate", field, name)
    if name != COUNT_RECORDS and name not in _FUNCTIONS:
        known = [*_FUNCTIONS, COUNT_RECORDS]
        raise _problem(
            f"aggregate.{field}",
            f"knows {', '.join(known)}, not '{name}'.{did_you_mean(name, known)}",
        )
    if condition is not True and condition != "true" and not isinstance(condition, dict):
        raise _problem(".".join(place), "must be true or an object of conditions")
    where = None
    if isinstance(condition, dict):
        where = (
            parser.parse(condition, place)
            if name == COUNT_RECORDS
            else parser.parse_field(field, condition, place)
        )
    return Aggregate(field, _FUNCTIONS.get(name), where)


def parse_grouping(dimensions: Any, measures: Any) -> Grouping | None:
    """Read what to group by and what to measure: `status,author.name` and `count,sum(views)`.

    `measures` may also give names: `{"total": {"sum": "views"}}`.

    Raises:
        EnfyraError: INVALID_QUERY naming the place.

    Example:
        >>> parse_grouping("status", "count,sum(views)").measures[1].name
        'sum_views'
    """
    if dimensions is None and measures is None:
        return None
    paths = tuple(tuple(name.split(".")) for name in listed("dimensions", dimensions) or [])
    found = _measures(measures)
    if not paths and not found:
        raise _problem("dimensions", "and measures are both empty")
    if len(found) > MAX_FIGURES:
        raise _problem("measures", f"can be {MAX_FIGURES} at most")
    return Grouping(tuple(dict.fromkeys(paths)), found)


def _measures(value: Any) -> tuple[Measure, ...]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = structured("measures", value)
    if isinstance(value, dict):
        named = mapping("measures", value, "")
        return tuple(_named(name, asked) for name, asked in named.items())
    return tuple(_called(text) for text in listed("measures", value) or [])


def _named(name: str, asked: Any) -> Measure:
    if not _NAME.fullmatch(name):
        raise _problem("measures", f"'{name[:60]}' is no name: a letter, then letters and digits")
    if asked in ({"count": True}, "count"):
        return Measure(name, Figure(Function.COUNT))
    if isinstance(asked, str):
        return Measure(name, _called(asked).figure)
    options = mapping(f"measures.{name}", asked, ', as in {"sum": "views"}')
    if len(options) != 1:
        raise _problem(f"measures.{name}", 'must be one figure, as in {"sum": "views"}')
    function, field = next(iter(options.items()))
    if not isinstance(field, str):
        raise _problem(f"measures.{name}", "must name a field")
    return Measure(name, Figure(_function(function), field))


def _called(text: str) -> Measure:
    if text == Function.COUNT.value:
        return Measure(text, Figure(Function.COUNT))
    found = _CALL.fullmatch(text)
    if found is None:
        raise _problem("measures", f"'{text[:60]}' is no figure; write count or sum(field)")
    function, field = _function(found[1]), found[2].strip()
    if field in {"", "*"} and function is Function.COUNT:
        return Measure(function.value, Figure(function))
    return Measure(f"{function.value}_{field}", Figure(function, field))


def _function(name: str) -> Function:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise _problem(
            "measures",
            f"knows {', '.join(_FUNCTIONS)}, not '{name}'.{did_you_mean(name, _FUNCTIONS)}",
        )
    return function


def _problem(place: str, problem: str) -> EnfyraError:
    return EnfyraError("INVALID_QUERY", f"{place} {problem}", details={"path": place})
