"""The result of SQL to scroll, sort and filter: fetched once, and looked at here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from IPython.core.error import UsageError

from ..schema import EMPTY
from . import cells
from .columns import Column, columns_of
from .fetched import FetchedRows
from .grid_part import GridPart, rows_of_a_page
from .part import action

if TYPE_CHECKING:
    from ..sqlframes import SqlFrame

# So many rows are fetched; of more, the first ones.
MOST = 1_000_000


class SqlGrid(GridPart):
    """The rows of a statement as a table to look at.

    The statement is run once. Rows are sorted and filtered here: a database asked to sort what
    somebody's own statement finds would have to run that anew for each page.

    Example:
        >>> frame.grid()  # doctest: +SKIP
    """

    def __init__(self, frame: SqlFrame) -> None:
        self._frame = frame
        self._columns: dict[str, Column] = {}
        note = self._fetch()
        super().__init__(
            name="SQL",
            columns=[column.facts() for column in self._columns.values()],
            size=rows_of_a_page(len(self._columns)),
            note=note,
            fetched=True,
        )

    def _fetch(self) -> str:
        """Run the statement; say what there is to say about how many rows it has found."""
        table, more = _fetched(self._frame)
        found = columns_of(table.schema, None, EMPTY, writable=False)
        if self._columns and [one.name for one in found] != list(self._columns):
            raise UsageError("The columns are others now. Run the cell again")
        self._columns = {column.name: column for column in found}
        self._rows = FetchedRows(table, self._columns)
        return f"of the first {MOST:,}" if more else ""

    @action
    def again(self) -> None:
        """Run the statement again."""
        self.note = self._fetch()

    @action
    def page(
        self, number: int, sort: Sequence[str], filters: Mapping[str, str], count: bool
    ) -> dict[str, Any]:
        """Give the rows of a page, from 0, and how many rows there are if that is asked for."""
        first = number * self.size
        rows = self._rows.page(first, self.size, sort, filters)
        return {
            "rows": [self._row(first + n, row) for n, row in enumerate(rows)],
            "total": self._rows.count(sort, filters) if count else None,
        }

    def _row(self, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = [cells.shown(_plain(row[name])) for name in self._columns]
        return {"key": None, "cells": shown}

    def text(self) -> str:
        """Give the first page as plain text."""
        return repr(self._frame)

    def html(self) -> str:
        """Give the first page as a table."""
        return self._frame.html()


def _fetched(frame: SqlFrame) -> tuple[pa.Table, bool]:
    """Give the rows, and whether there are more than are kept."""
    batches: list[pa.RecordBatch] = []
    count = 0
    with frame.reader() as reader:
        schema = reader.schema
        for batch in reader:
            batches.append(batch)
            count += batch.num_rows
            if count > MOST:
                break
    return pa.Table.from_batches(batches, schema).slice(0, MOST), count > MOST


def _plain(value: Any) -> Any:
    """Give what JSON has no word for as the server would."""
    return value.isoformat() if isinstance(value, date | datetime) else value
