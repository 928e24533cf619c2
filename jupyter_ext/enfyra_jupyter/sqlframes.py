"""Answers to SQL: the first rows to look at, and all of them when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from .client import ApiError, Client
from .explanation import Explanation
from .frames import PAGE, LastPageError, ResultFrame

if TYPE_CHECKING:
    import httpx

    from .widgets.shelf import Shelf
    from .widgets.sql_grid import SqlGrid

PATH = "/admin/sql"


class SqlFrame(ResultFrame):
    """The rows that a statement of SQL finds; used like the result of a query.

    How many rows there are is known only when somebody asks, by `len(frame)` or `frame.total`: the
    server counts them then.

    Args:
        client: The connection.
        sql: One statement that reads, with `:name` for values.
        parameters: The values.
        limit: The most rows; 0 for all.
        page: Which page is shown, from 1.
        parts: The names of saved statements that this one reads from.
        shelf: Gives where its widgets stand.

    Raises:
        ApiError: What the server says is wrong with the statement.

    Example:
        >>> frame = SqlFrame(client, "SELECT * FROM post WHERE views > :n", {"n": 5})
        ... # doctest: +SKIP
        >>> frame.DataFrame().head()  # doctest: +SKIP
    """

    def __init__(
        self,
        client: Client,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        limit: int = 0,
        page: int = 1,
        parts: Sequence[str] = (),
        shelf: Callable[[], Shelf] | None = None,
    ) -> None:
        self._shelf = shelf
        self.sql = sql
        self.parts = list(parts)
        self.parameters = dict(parameters or {})
        self.page = page
        self.limit = limit
        self.path = PATH
        self.query = {}
        self.aggregate = {}
        self.progress = None
        self.client = client
        self._names: list[str] = []
        self._total: int | None = None
        self._begin()

    def _begin(self) -> None:
        begin = time.perf_counter()
        wanted = self.page * PAGE
        answer = self._asked(min(wanted, self.limit) if self.limit else wanted)
        self.milliseconds = (time.perf_counter() - begin) * 1000
        self._names = [one["name"] for one in answer["meta"]["columns"]]
        found = len(answer["data"])
        self._more = answer["meta"]["more"] and not 0 < self.limit <= found
        self._total = None if self._more else found
        self.rows = answer["data"][(self.page - 1) * PAGE :]

    def _asked(self, limit: int, sql: str | None = None) -> Any:
        return self.client.post(PATH, {**self._body(sql), "limit": limit})

    def _body(self, sql: str | None = None) -> dict[str, Any]:
        body: dict[str, Any] = {"sql": sql or self.sql, "parameters": self.parameters}
        if self.parts:
            body["with"] = self.parts
        return body

    @property
    def total(self) -> int:
        """How many rows there are; counted by the server if there are more than are shown."""
        if self._total is None:
            self._total = self._counted()
        return self._total

    def _counted(self) -> int:
        # A comment at its end must not hide the bracket.
        inner = f"(\n{self.sql.strip().rstrip(';')}\n)"
        try:
            answer = self._asked(1, f"SELECT count(*) AS n FROM {inner} AS counted")  # noqa: S608
        except ApiError as error:
            if error.code not in {"SQL_SYNTAX_ERROR", "SQL_REFUSED", "DATABASE_QUERY_ERROR"}:
                raise
            # Two columns of one name, for example, cannot be in brackets everywhere.
            return self.arrow().num_rows
        found = int(answer["data"][0]["n"])
        return min(found, self.limit) if self.limit else found

    # -- looking at it --------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._names)

    def _cells(self) -> list[list[Any]]:
        return [[row.get(name) for name in self._names] for row in self.rows]

    def _summary(self) -> str:
        first = (self.page - 1) * PAGE
        known = self._total
        rows = f"more than {first + len(self.rows):,} rows" if known is None else _rows(known)
        if known is None or len(self.rows) < known:
            rows += f", {first + 1:,} to {first + len(self.rows):,} shown"
        return " · ".join([rows, f"{self.milliseconds:.0f} ms", "SQL", *filter(None, [self.note])])

    @property
    def url(self) -> str:
        """Where the statement is sent to by POST."""
        return f"{self.client.url}{PATH}"

    def next(self) -> SqlFrame:
        """Give the same result with the next page shown.

        Raises:
            LastPageError: After the last page; it is a StopIteration.
        """
        if not self._more:
            raise LastPageError("This is the last page")
        following = SqlFrame(
            self.client,
            self.sql,
            self.parameters,
            limit=self.limit,
            page=self.page + 1,
            parts=self.parts,
            shelf=self._shelf,
        )
        following.progress = self.progress
        return following

    def grid(self) -> SqlGrid:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give the rows as a table to scroll, sort and filter; they cannot be changed.

        All rows are fetched, up to a million; sorting and filtering ask nobody.

        Raises:
            ApiError: What the server says.
        """
        from .widgets.sql_grid import SqlGrid

        grid = SqlGrid(self)
        return self._shelf().put(grid, self.sql) if self._shelf is not None else grid

    def explain(self) -> Explanation:
        """Say how the database would answer; the statement is not run.

        Raises:
            ApiError: What the server says is wrong with the statement.
        """
        told = self.client.post(PATH, {**self._body(), "explain": True})
        return Explanation.of(told["data"][0])

    # -- getting it -----------------------------------------------------------------------------

    def _stream(self, limit: int) -> AbstractContextManager[httpx.Response]:
        body = self._body()
        return self.client.stream(PATH, {}, body={**body, "limit": limit} if limit else body)

    def _known_total(self) -> int | None:
        return self._total


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"
