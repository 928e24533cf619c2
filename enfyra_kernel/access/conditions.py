"""Conditions of permissions and policies: read once, for whoever they turn out to be about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from ..errors import EnfyraError
from ..query.answers import moved
from ..query.ast import Every, Filter, Negate, Some
from ..query.filters import FilterParser
from ..query.visibility import Condition, UserValue

ALWAYS: Filter = Every(())
NEVER: Filter = Some(())
_USER = re.compile(r"@USER((?:\.[A-Za-z_][A-Za-z0-9_]*)*)")


@dataclass(frozen=True, slots=True)
class Clause:
    """A filter with its own values, numbered from 0.

    Example:
        >>> clause = read_clause({"owner": {"_eq": "@USER.id"}, "status": "open"}, "a policy")
        >>> clause.values
        (UserValue(path=('id',)), 'open')
    """

    where: Filter
    values: tuple[Any, ...] = ()

    @property
    def paths(self) -> Iterator[tuple[str, ...]]:
        """Give what the values say of the caller."""
        for value in _flat(self.values):
            if isinstance(value, UserValue):
                yield value.path

    def negated(self) -> Clause:
        """Give the clause that holds where this one does not."""
        return Clause(Negate(self.where), self.values)

    def named(self, place: str) -> Condition:
        """Give it as a condition, with what to call it in messages."""
        return Condition(self.where, self.values, place)


def read_clause(source: Any, place: str) -> Clause:
    """Read a filter; `@USER.id` and the like stand for the caller's own values.

    Raises:
        EnfyraError: as for filters of requests, naming the place.
    """
    parser = FilterParser()
    where = parser.parse(source, (place,))
    values = tuple(_value(value, place) for value in parser.values)
    return Clause(where if where is not None else ALWAYS, values)


def every(clauses: Iterable[Clause]) -> Clause:
    """Give the clause that all of some hold."""
    return _joined(Every, ALWAYS, clauses)


def some(clauses: Iterable[Clause]) -> Clause:
    """Give the clause that at least one of some holds."""
    return _joined(Some, NEVER, clauses)


def _joined(kind: type[Every] | type[Some], nothing: Filter, clauses: Iterable[Clause]) -> Clause:
    parts: list[Filter] = []
    values: list[Any] = []
    for clause in clauses:
        parts.append(cast("Filter", moved(clause.where, len(values))))
        values += clause.values
    if not parts:
        return Clause(nothing)
    return Clause(parts[0] if len(parts) == 1 else kind(tuple(parts)), tuple(values))


def _value(value: Any, place: str) -> Any:
    if isinstance(value, list):
        return [_value(item, place) for item in cast("list[Any]", value)]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    found = _USER.fullmatch(value)
    if found is None:
        raise EnfyraError(
            "INVALID_QUERY",
            f"{place}: '{value[:60]}' is no value that is known here",
            hint="@USER.id, @USER.email or @USER.role.name stand for the caller's own",
        )
    return UserValue(tuple(found[1].split(".")[1:]) or ("id",))


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(cast("list[Any]", value))
        else:
            yield value
