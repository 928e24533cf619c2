"""Query strings that differ in numbers only, parsed once for all of them.

Programs ask the same again and again with another id, another limit, another page. The text around
the numbers is a form; it is parsed with two sets of made-up numbers, and where both times nothing
but the numbers themselves differs, real ones are put into their places without parsing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec

from ..errors import EnfyraError
from .ast import EVERYTHING, Query
from .parse import parse_string

# Parsing the longest query strings over and over is cheaper than keeping them.
MOST_KEPT = 1024
MOST_FORMS = 2048
# A whole number behind one of `=:,[` and before one of `&,]}`, which may be encoded (%3A and so
# on). What else looks like one is found out by trying. None is so large that it is out of range.
_NUMBER = re.compile(r"([1-9](?<=[=:,\[ABCabc].)[0-9]{0,8}(?=[&,\]}%]|$))")
# Each cursor is another text, and full of what looks like numbers.
_CURSOR = "cursor="
# Places beside the numbers of values.
_LIMIT, _PAGE = -1, -2


class _Place(NamedTuple):
    """Where a number of the text went.

    Attributes:
        of: The number of a value, or `_LIMIT`, `_PAGE`.
        item: Which one of the value's items, if it is a list.
        text: Whether the number stays a text there.
    """

    of: int
    item: int | None = None
    text: bool = False


class _Form(NamedTuple):
    """A Query with made-up numbers, and the place of each."""

    query: Query
    places: tuple[_Place, ...]


# None where a form has been seen only once, False where numbers do more than stand somewhere.
_forms: dict[tuple[str, ...], _Form | bool | None] = {}


def parse_text(text: str) -> Query:
    """Read the query string of a request, as `parse.parse_string` does.

    Raises:
        EnfyraError: INVALID_QUERY and others, as there.

    Example:
        >>> parse_text('limit=5&filter={"views":{"_gt":3}}').values
        (3,)
    """
    if not text:
        return EVERYTHING
    if len(text) > MOST_KEPT or _CURSOR in text:
        return parse_string(text)
    return _parsed(text)


@lru_cache(2048)
def _parsed(text: str) -> Query:
    parts = _NUMBER.split(text)
    if len(parts) == 1:
        return parse_string(text)
    literals = tuple(parts[::2])
    form = _forms.get(literals)
    if form:
        return _filled(cast("_Form", form), parts[1::2])
    if form is None:
        _learn(literals)
    return parse_string(text)


def _learn(literals: tuple[str, ...]) -> None:
    """Find out about a form when it is met for the second time."""
    if literals in _forms:
        _forms[literals] = _form(literals) or False
        return
    if len(_forms) >= MOST_FORMS:
        _forms.clear()
    _forms[literals] = None


def _filled(form: _Form, numbers: Sequence[str]) -> Query:
    """Put numbers in their places."""
    query, places = form
    values: list[Any] = list(query.values)
    limit, page = query.limit, query.page
    for (of, item, text), number in zip(places, numbers, strict=True):
        value = number if text else int(number)
        if of == _LIMIT:
            limit = int(value)
        elif of == _PAGE:
            page = int(value)
        elif item is None:
            values[of] = value
        else:
            listed = values[of] = list(values[of])
            listed[item] = value
    return msgspec.structs.replace(query, values=tuple(values), limit=limit, page=page)


def _form(literals: tuple[str, ...]) -> _Form | None:
    """Find out where the numbers between pieces of text go; None if they do more than that."""
    count = range(len(literals) - 1)
    ones = [str(100_000_007 + 13 * number) for number in count]
    others = [str(200_000_033 + 17 * number) for number in count]
    try:
        one, other = (parse_string(_joined(literals, numbers)) for numbers in (ones, others))
    except EnfyraError:
        return None
    places: list[_Place] = []
    for first, second in zip(ones, others, strict=True):
        found = _places(one, first) & _places(other, second)
        if len(found) != 1:
            return None
        places += found
    form = _Form(one, tuple(places))
    return form if _filled(form, others) == other else None


def _joined(literals: Sequence[str], numbers: Sequence[str]) -> str:
    pieces = [literals[0]]
    for number, literal in zip(numbers, literals[1:], strict=True):
        pieces += (number, literal)
    return "".join(pieces)


def _places(query: Query, number: str) -> set[_Place]:
    """Find all places where a Query holds a number."""
    places: set[_Place] = set()
    for name, value in ((_LIMIT, query.limit), (_PAGE, query.page)):
        if value == int(number):
            places.add(_Place(name))
    for of, value in enumerate(query.values):
        if isinstance(value, list):
            for item, one in enumerate(cast("list[Any]", value)):
                if _is_number(one, number):
                    places.add(_Place(of, item, isinstance(one, str)))
        elif _is_number(value, number):
            places.add(_Place(of, None, isinstance(value, str)))
    return places


def _is_number(value: Any, number: str) -> bool:
    return value == number or (type(value) is int and value == int(number))
