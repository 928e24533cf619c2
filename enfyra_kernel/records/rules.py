"""Rules of fields, where the values of bodies are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..metadata.definitions import ColumnDefinition
from ..metadata.rules import Violation, checks_of
from ..metadata.tables import Relation
from ..metadata.types import TEXTS
from ..metadata.values import Reader


class Violations(ValueError):
    """All that is wrong with one value."""

    def __init__(self, found: Sequence[Violation]) -> None:
        super().__init__("; ".join(one.text for one in found))
        self.found = tuple(found)


def lines_of(field: str, error: Exception) -> list[str]:
    """Give the line, or lines, for what is wrong with a field's value.

    Example:
        >>> lines_of("age", ValueError("must be an integer"))
        ['age must be an integer']
    """
    if isinstance(error, Violations):
        return [one.of(field) for one in error.found]
    return [f"{field} {error}"]


def with_rules(read: Reader, column: ColumnDefinition) -> Reader:
    """Give a reader of a column's values that checks its rules, too.

    It raises `Violations` with all that is wrong.
    """
    checks = checks_of(column)
    if checks is None:
        return read
    texts = column.type in TEXTS

    def read_checked(value: Any) -> Any:
        try:
            result = read(value)
        except ValueError as error:
            # A text that is too long may break rules beside that.
            more = checks(value) if texts and isinstance(value, str) else []
            raise Violations([Violation(str(error)), *more]) from None
        found = checks(result)
        if found:
            raise Violations(found)
        return result

    return read_checked


def items_broken(items: Sequence[Any], relation: Relation | None) -> Violations | None:
    """Say which rules the records of a relation to many break, if they break any."""
    checks = None if relation is None else checks_of(relation.definition)
    found = () if checks is None else tuple(checks(items))
    return Violations(found) if found else None


def wrong_without(relation: Relation) -> tuple[Violation, ...]:
    """Give what is wrong with a record that has no records in a relation to many."""
    checks = None if relation.kind.to_one else checks_of(relation.definition)
    return () if checks is None else tuple(checks([]))
