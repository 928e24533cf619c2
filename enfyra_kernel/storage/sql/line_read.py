"""A Plan made ready for a database that makes the JSON of each record, one a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..database import Page, Values
from .driver import Runner
from .statement import Statement


class LineRead:
    """One statement, whose rows are records.

    Putting them together is work for the database, too: in PostgreSQL a third of all for a thousand
    records, because a list that grows is copied again and again.
    """

    def __init__(self, statement: Statement) -> None:
        self._statement = statement

    async def page(self, runner: Runner, values: Values, limit: Any, offset: int) -> Page:
        """Give a page of records."""
        statement = self._statement
        rows = await runner.fetch_rows(statement.text, statement.arguments(values, limit, offset))
        if not rows:
            return Page(b"[]")
        # The brackets first: of a long list, each copy costs as much as a short one.
        texts: list[str] = [row[0] for row in rows]
        texts[0] = "[" + texts[0]
        texts[-1] += "]"
        return Page(",".join(texts).encode())

    def asked(self, values: Values, limit: Any, offset: int) -> list[tuple[str, Sequence[Any]]]:
        """Give the statement with its arguments."""
        statement = self._statement
        return [(statement.text, statement.arguments(values, limit, offset))]
