"""Saved queries: what people have given a name, to be asked again by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ..errors import EnfyraError, did_you_mean
from .rows import Ref
from .system.queries import FILTER, SQL


class SavedQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A row of `query_definition`.

    Attributes:
        language: `filter`, or `sql`.
        table: Whose records it finds, in the language of filters.
        query: What it asks for in that language; texts such as `:least` stand for values.
        sql: The statement, in the other one.
        parameters: What its names stand for where nobody says it.
    """

    id: int
    name: str
    language: str = FILTER
    table: Ref | None = None
    query: dict[str, Any] | None = None
    sql: str | None = None
    parameters: dict[str, Any] | None = None


class SavedQueries:
    """All saved queries, by name; one such object knows the same ones for ever.

    Example:
        >>> saved = SavedQueries([SavedQuery(id=1, name="late", table=Ref(7), query={"limit": 5})])
        >>> saved.of_table("late", 7).query
        {'limit': 5}
        >>> saved.of_table("alte", 7)
        Traceback (most recent call last):
        enfyra_kernel.errors.EnfyraError: There is no saved query 'alte' of this table. ...
    """

    def __init__(self, rows: Iterable[SavedQuery] = ()) -> None:
        self.by_name: Mapping[str, SavedQuery] = MappingProxyType({one.name: one for one in rows})

    def find(self, name: str, table: int | None) -> SavedQuery | None:
        """Find one that is about a table."""
        found = self.by_name.get(name)
        about = found.table.id if found is not None and found.table is not None else None
        return found if about is not None and about == table else None

    def of_table(self, name: str, table: int | None) -> SavedQuery:
        """Find one that is about a table.

        Raises:
            EnfyraError: INVALID_QUERY, with the nearest name.
        """
        found = self.find(name, table)
        if found is None:
            own = [one for one in self.by_name if self.find(one, table) is not None]
            raise EnfyraError(
                "INVALID_QUERY",
                f"There is no saved query '{name[:80]}' of this table.{did_you_mean(name, own)}",
                details={"parameter": "saved"},
            )
        return found

    def of_sql(self, name: str) -> SavedQuery:
        """Find one that is written in SQL.

        Raises:
            EnfyraError: INVALID_QUERY, with the nearest name.
        """
        found = self.by_name.get(name)
        if found is None or found.language != SQL:
            own = [one.name for one in self.by_name.values() if one.language == SQL]
            what = "is a filter, and no SQL" if found is not None else "is not there"
            raise EnfyraError(
                "INVALID_QUERY",
                f"The saved query '{name[:80]}' {what}.{did_you_mean(name, own)}",
            )
        return found
