"""What is typed above a column, as a condition of our filter language."""

from __future__ import annotations

import re
from typing import Any

from ..client import ApiError
from .columns import Column

_SIGNS = {"=": "_eq", "!=": "_neq", ">": "_gt", ">=": "_gte", "<": "_lt", "<=": "_lte"}
_SIGN = re.compile(r"(!=|>=|<=|=|>|<)\s*(.*)", re.DOTALL)
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_DAY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def condition(column: Column, text: str) -> dict[str, Any] | None:
    """Give what a row must meet; None for a text that asks for nothing.

    Raises:
        ApiError: Naming the column, and what can be written.

    Example:
        >>> condition(Column("title", "text"), "hello"), condition(Column("n", "integer"), ">= 5")
        ({'title': {'_contains': 'hello'}}, {'n': {'_gte': 5}})
        >>> condition(Column("author.name", "text"), "Ann")
        {'author': {'name': {'_contains': 'Ann'}}}
    """
    text = text.strip()
    if not text:
        return None
    *relations, last = column.path
    asked = {last: operators(column, text)}
    for name in reversed(relations):
        asked = {name: asked}
        if text == "null":
            # A record that is missing has no value there, either.
            asked = {"_or": [{name: {"_is_null": True}}, asked]}
    return asked


def operators(column: Column, text: str) -> dict[str, Any]:
    """Give what the value of a column must meet, by operators.

    Raises:
        ApiError: Naming the column, and what can be written.

    Example:
        >>> operators(Column("n", "integer"), "1..9")
        {'_gte': 1, '_lte': 9}
    """
    if text in {"null", "!null"}:
        return {"_is_null": text == "null"}
    if column.kind == "json":
        raise _refused(column, text, "null or !null")
    if column.kind == "list":
        return {"_contains": text}
    sign = _SIGN.fullmatch(text)
    if sign is not None:
        return {_SIGNS[sign[1]]: _value(column, sign[2])}
    if column.kind == "text":
        return {"_contains": text}
    first, dots, last = text.partition("..")
    if dots:
        return _between(column, first.strip(), last.strip())
    if column.kind in {"instant", "date"}:
        return _within(column, text)
    return {"_eq": _value(column, text)}


def _between(column: Column, first: str, last: str) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if first:
        asked["_gte"] = _value(column, first)
    if last:
        asked["_lte"] = _value(column, last)
    if not asked:
        raise _refused(column, "..", "1..9, 1.. or ..9")
    return asked


def _within(column: Column, text: str) -> dict[str, Any]:
    """Read a year, a month or a day as all that is within it."""
    found = _DAY.fullmatch(text)
    if found is None or (column.kind == "date" and found[3]):
        return {"_eq": text}
    year, month, day = (int(part) if part else None for part in found.groups())
    assert year is not None  # noqa: S101 - the pattern has it
    if day is not None:
        return {"_gte": text, "_lte": f"{text}T23:59:59.999999Z"}
    if month is None:
        return {"_gte": f"{year:04}-01-01", "_lt": f"{year + 1:04}-01-01"}
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return {"_gte": f"{year:04}-{month:02}-01", "_lt": "{:04}-{:02}-01".format(*following)}


def _value(column: Column, text: str) -> Any:
    if column.kind == "integer":
        if _INTEGER.fullmatch(text) is None:
            raise _refused(column, text, "a whole number, >1, 1..9, null or !null")
        return int(text)
    if column.kind in {"number", "decimal"}:
        if _NUMBER.fullmatch(text) is None:
            raise _refused(column, text, "a number, >1.5, 1..9, null or !null")
        return text
    if column.kind == "boolean":
        value = _BOOLEANS.get(text.lower())
        if value is None:
            raise _refused(column, text, "true, false, null or !null")
        return value
    return text


def _refused(column: Column, text: str, known: str) -> ApiError:
    return ApiError(
        "INVALID_QUERY",
        f"{column.name} cannot be filtered by '{text}'",
        hint=f"Write {known}",
        details={"field": column.name},
    )
