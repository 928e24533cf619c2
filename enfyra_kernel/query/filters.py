"""Filters: from the JSON form to the tree, with the values put aside."""

from __future__ import annotations

from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from .ast import (
    LISTS,
    Compare,
    Every,
    Figure,
    Filter,
    Function,
    IsNull,
    Measured,
    MeasuredNull,
    Negate,
    Operator,
    Related,
    Some,
)

MAX_DEPTH = 20
MAX_CONDITIONS = 500
MAX_LIST = 10_000

_OPERATORS = {one.value: one for one in Operator} | {"_nin": Operator.NOT_IN}
_LOGIC = ("_and", "_or", "_not")
_NULLS = {"_is_null": True, "_is_not_null": False}
_FUNCTIONS = {f"_{one.value}": one for one in Function}
OPERATOR_NAMES = (*(one.value for one in Operator), *_NULLS, *_LOGIC, *_FUNCTIONS)
_TRUTH = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}


class FilterParser:
    """Reads the filters of one query; `values` then holds what their slots refer to.

    Example:
        >>> parser = FilterParser()
        >>> parser.parse({"status": "draft", "views": {"_gt": 5}}).parts[1]
        Compare(field='views', operator=<Operator.GT: '_gt'>, slot=1)
        >>> parser.values
        ['draft', 5]
    """

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._conditions = 0

    def parse(self, source: Any, place: tuple[str, ...] = ("filter",)) -> Filter | None:
        """Read a filter object; None or an empty object is no filter.

        Raises:
            EnfyraError: INVALID_QUERY or UNKNOWN_OPERATOR, naming the place.
        """
        if source is None or source == {}:
            return None
        return self._object(source, place)

    def parse_field(self, field: str, source: Any, place: tuple[str, ...]) -> Filter:
        """Read the conditions on one field."""
        return self._field(field, source, place)

    def slot(self, value: Any) -> int:
        """Put a value aside that is none of a filter."""
        self.values.append(value)
        return len(self.values) - 1

    def _object(self, source: Any, path: tuple[str, ...]) -> Filter:
        if not isinstance(source, dict):
            raise _invalid(path, "must be an object")
        _check_depth(path)
        parts = [
            self._entry(key, value, path) for key, value in cast("dict[Any, Any]", source).items()
        ]
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _entry(self, key: Any, value: Any, path: tuple[str, ...]) -> Filter:
        self._count()
        if not isinstance(key, str):
            raise _invalid(path, "must have texts as keys")
        place = (*path, key)
        if key in {"_and", "_or"}:
            parts = tuple(self._list(value, place))
            return Every(parts) if key == "_and" else Some(parts)
        if key == "_not":
            return Negate(self._object(value, place))
        if key.startswith("_"):
            if key in _OPERATORS or key in _NULLS:
                raise _invalid(place, "stands where a field's name is expected")
            raise _unknown_operator(key, path)
        return self._field(key, value, place)

    def _count(self) -> None:
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise _invalid(("filter",), f"has more than {MAX_CONDITIONS} conditions")

    def _list(self, value: Any, place: tuple[str, ...]) -> list[Filter]:
        if isinstance(value, dict):
            return [
                self._object({key: item}, place)
                for key, item in cast("dict[Any, Any]", value).items()
            ]
        if not isinstance(value, list):
            raise _invalid(place, "must be a list of objects")
        return [
            self._object(item, (*place, str(number)))
            for number, item in enumerate(cast("list[Any]", value))
        ]

    def _field(self, field: str, value: Any, place: tuple[str, ...]) -> Filter:
        # A field stands one level below the object that it is in.
        _check_depth(place[1:])
        if value is None:
            return IsNull(field, empty=True)
        if isinstance(value, list):
            return self._compare(field, Operator.IN, cast("list[Any]", value), place)
        if not isinstance(value, dict):
            return self._compare(field, Operator.EQ, value, place)
        conditions = cast("dict[Any, Any]", value)
        if not conditions:
            raise _invalid(place, "names no operator")
        parts = [
            self._operation(field, operator, operand, place)
            for operator, operand in conditions.items()
            if _is_operator(operator)
        ]
        nested = {key: item for key, item in conditions.items() if not _is_operator(key)}
        if nested:
            parts.append(Related(field, self._object(nested, place)))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _operation(self, field: str, name: str, value: Any, place: tuple[str, ...]) -> Filter:
        self._count()
        here = (*place, name)
        if name in _NULLS:
            return IsNull(field, empty=_truth(value, here) == _NULLS[name])
        if name in _FUNCTIONS:
            return self._measured(field, _FUNCTIONS[name], value, here)
        if name == "_not":
            return Negate(self._field(field, value, here))
        operator = _OPERATORS.get(name)
        if operator is None:
            raise _unknown_operator(name, place)
        if value is None:
            if operator in {Operator.EQ, Operator.NEQ}:
                return IsNull(field, empty=operator is Operator.EQ)
            raise _invalid(here, "must not be null; use _is_null")
        return self._compare(field, operator, value, here)

    def _measured(
        self, relation: str, function: Function, value: Any, place: tuple[str, ...]
    ) -> Filter:
        """`posts: {_count: {_gt: 5}}`, `posts: {_sum: {views: {_gt: 100}}}`."""
        if function is Function.COUNT:
            return _figures(self._field("", value, place), relation, Figure(function), place)
        if not isinstance(value, dict) or not value:
            raise _invalid(place, 'must name a field, as in {"views": {"_gt": 100}}')
        parts: list[Filter] = []
        for field, conditions in cast("dict[Any, Any]", value).items():
            if not isinstance(field, str) or field.startswith("_"):
                raise _invalid((*place, str(field)), "stands where a field's name is expected")
            here = (*place, field)
            conditions = self._field("", conditions, here)
            parts.append(_figures(conditions, relation, Figure(function, field), here))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _compare(
        self, field: str, operator: Operator, value: Any, place: tuple[str, ...]
    ) -> Filter:
        if operator in LISTS:
            value = _listed(value, place)
        elif operator is Operator.BETWEEN:
            value = _listed(value, place)
            if len(value) != 2:
                raise _invalid(place, "must be a list of two values")
        elif isinstance(value, list | dict):
            raise _invalid(place, "must be one value")
        self.values.append(value)
        return Compare(field, operator, len(self.values) - 1)


def _figures(node: Filter, relation: str, figure: Figure, place: tuple[str, ...]) -> Filter:
    """Make conditions on a value those on a figure over related records."""
    match node:
        case Compare():
            return Measured(relation, figure, node.operator, node.slot)
        case IsNull():
            return MeasuredNull(relation, figure, node.empty)
        case Negate(part):
            return Negate(_figures(part, relation, figure, place))
        case Every(parts):
            return Every(tuple(_figures(part, relation, figure, place) for part in parts))
        case _:
            raise _invalid(place, "must be compared with values")


def _check_depth(path: tuple[str, ...]) -> None:
    if len(path) > MAX_DEPTH:
        raise _invalid(path[:3], f"is nested more than {MAX_DEPTH} levels deep")


def _truth(value: Any, place: tuple[str, ...]) -> bool:
    truth = _TRUTH.get(value) if isinstance(value, bool | str) else None
    if truth is None:
        raise _invalid(place, "must be true or false")
    return truth


def _is_operator(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("_") and key not in {"_and", "_or"}


def _listed(value: Any, place: tuple[str, ...]) -> list[Any]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value else []
    if not isinstance(value, list):
        raise _invalid(place, "must be a list")
    items = cast("list[Any]", value)
    if len(items) > MAX_LIST:
        raise _invalid(place, f"must hold at most {MAX_LIST} values, not {len(items)}")
    if any(item is None or isinstance(item, list | dict) for item in items):
        raise _invalid(place, "must hold plain values; use _is_null for null")
    return items


def _invalid(path: tuple[str, ...], problem: str) -> EnfyraError:
    place = ".".join(path)
    return EnfyraError("INVALID_QUERY", f"{place} {problem}", details={"path": place})


def _unknown_operator(name: str, path: tuple[str, ...]) -> EnfyraError:
    return EnfyraError(
        "UNKNOWN_OPERATOR",
        f"{'.'.join(path)}: there is no operator '{name}'.{did_you_mean(name, OPERATOR_NAMES)}",
        details={"path": ".".join((*path, name)), "supportedOperators": list(OPERATOR_NAMES)},
    )
