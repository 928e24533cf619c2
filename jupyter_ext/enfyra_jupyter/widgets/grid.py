"""A result to scroll, sort, filter and change, page by page from the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..client import ApiError
from ..schema import EMPTY, Schema, TableInfo
from . import cells
from .candidates import Candidates
from .columns import KINDS, Column, columns_of
from .filtering import condition
from .grid_part import GridPart, rows_of_a_page
from .order import DEEP, Order
from .part import action
from .records import Records, problems_by_column

if TYPE_CHECKING:
    from ..frames import ResultFrame


class Grid(GridPart):
    """The rows of a result as a table; what is seen of it is fetched when it comes into sight.

    Example:
        >>> frame.grid()  # doctest: +SKIP
    """

    def __init__(self, frame: ResultFrame) -> None:
        table, schema = _table_of(frame)
        self._frame = frame
        self._table, self._schema = table, schema
        self._candidates: dict[str, Candidates] = {}
        self._key = _key_of(table)
        self._order: Order | None = None
        methods = _methods(table, frame.path)
        fixed = table is None or self._key is None or table.facts["readOnly"]
        changes = () if fixed else methods
        found = columns_of(
            frame.shape(), table, schema, writable="PATCH" in changes, creatable="POST" in changes
        )
        self._columns = {column.name: column for column in found}
        self._records = Records(frame.client, frame.path, self._key or _NO_KEY, _shape(frame.query))
        super().__init__(
            name=frame.path.strip("/"),
            columns=[column.facts() for column in found],
            size=rows_of_a_page(len(found)),
            sort=_names(frame.query.get("sort")),
            # A filter is for records; groups have none.
            filterable=not frame.grouped,
            creatable=any(column.insertable for column in found),
            deletable="DELETE" in changes,
        )

    # -- looking --------------------------------------------------------------------------------

    @action
    def page(
        self, number: int, sort: Sequence[str], filters: Mapping[str, str], count: bool
    ) -> dict[str, Any]:
        """Give the rows of a page, from 0, and how many rows there are if that is asked for."""
        query = self._query(sort, filters)
        if count and self.filterable:
            query["meta"] = "filterCount"
        most = self._frame.limit
        left = max(most - number * self.size, 0) if most else self.size
        if number * self.size >= DEEP and query.get("sort") and not count and self._key:
            rows = self._sorted(query, self._key.name).rows(number * self.size, self.size)
            return {"rows": [self._row(row) for row in rows[:left]], "total": None}
        answer = self._frame.client.get(self._frame.path, **query, limit=self.size, page=number + 1)
        total = None
        if count:
            # The rows are looked at anew.
            self._order = None
            found = int(answer["meta"]["filterCount"]) if self.filterable else len(self._frame)
            total = min(found, most) if most else found
        return {"rows": [self._row(row) for row in answer["data"][:left]], "total": total}

    def _sorted(self, query: Mapping[str, Any], key: str) -> Order:
        if self._order is None or self._order.query != query:
            self._order = Order(self._frame.client, self._frame.path, query, key)
        return self._order

    def _query(self, sort: Sequence[str], filters: Mapping[str, str]) -> dict[str, Any]:
        query = {
            name: value
            for name, value in self._frame.query.items()
            if name not in {"aggregate", "limit"}
        }
        wanted = [name for name in sort if name.removeprefix("-") in self._columns]
        if wanted:
            query["sort"] = wanted
        conditions = [
            asked
            for name, text in filters.items()
            if name in self._columns and (asked := condition(self._columns[name], text))
        ]
        if conditions:
            own = query.get("filter")
            query["filter"] = {"_and": [*([own] if own else []), *conditions]}
        return query

    def _row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        key = self._key.value_in(row) if self._key is not None else None
        return {
            "key": None if key is None else str(key),
            "cells": [cells.shown(one.value_in(row)) for one in self._columns.values()],
        }

    # -- changing -------------------------------------------------------------------------------

    @action
    def value(self, key: str, name: str) -> str | None:
        """Give the whole of a value, of which only the beginning was sent."""
        record, _ = self._records.read(key)
        return cells.whole(self._columns[name].value_in(record))

    @action
    def candidates(self, name: str, text: str, after: str | None = None) -> dict[str, Any]:
        """Give a page of the records that a relation may be set to, which a text may mean."""
        known = self._candidates.get(name)
        if known is None:
            target = self._schema.follow(self._table, self._columns[name].path[:-1])
            if target is None:
                raise ApiError("RESOURCE_NOT_FOUND", f"{name} leads to no table that can be seen")
            known = self._candidates[name] = Candidates(self._frame.client, target)
        return known.search(text, after)

    @action
    def change(self, key: str, name: str, text: str | None, base: str | None) -> dict[str, Any]:
        """Set a field of a record, if its value is still what the change began from.

        Other fields of the record may have been changed meanwhile; this one's change is told as
        `conflict`, with the value that is `theirs`.
        """
        column = self._columns[name]
        record, done = self._records.change(key, column, text, base)
        value = cells.whole(column.value_in(record))
        if not done:
            return {"conflict": True, "theirs": value}
        return {**self._row(record), "value": value}

    @action
    def create(self, given: Mapping[str, str | None]) -> dict[str, Any]:
        """Make a record; what the server says against it is told as `problems`, by column."""
        known = {name: text for name, text in given.items() if name in self._columns}
        try:
            return self._row(self._records.create(self._columns, known))
        except ApiError as error:
            problems = problems_by_column(error, self._columns)
            return {"problems": problems, "code": error.code, "hint": error.hint}

    @action
    def delete(self, key: str, base: Mapping[str, Any]) -> dict[str, Any]:
        """Delete a record, if it is still what was seen of it; else give it as it is now."""
        if self._records.delete(key, self._columns.values(), base).done:
            return {"gone": True}
        return {"changed": self._row(self._records.row(key))["cells"]}

    # -- as text --------------------------------------------------------------------------------

    def text(self) -> str:
        """Give the first page as plain text."""
        return repr(self._frame)

    def html(self) -> str:
        """Give the first page as a table."""
        return self._frame.html()


def _table_of(frame: ResultFrame) -> tuple[TableInfo | None, Schema]:
    """Give the table that the rows are from; None for groups, and where it is not to be known."""
    if frame.grouped:
        return None, EMPTY
    try:
        schema = Schema.of(frame.client.get("/metadata")["data"])
    except ApiError as error:
        if error.status not in {401, 403}:
            raise
        return None, EMPTY
    for table in schema.tables.values():
        if any(route["path"] == frame.path for route in table.facts.get("routes", ())):
            return table, schema
    return None, schema


# Of rows without keys, nothing is asked by key.
_NO_KEY = Column("", "text")


def _shape(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: query[name] for name in ("fields", "include", "deep") if query.get(name)}


def _key_of(table: TableInfo | None) -> Column | None:
    primary = table.facts["primary"] if table is not None else None
    if table is None or primary is None:
        return None
    return Column(primary, KINDS.get(table.columns[primary]["type"], "text"))


def _methods(table: TableInfo | None, path: str) -> Sequence[str]:
    routes = table.facts.get("routes", ()) if table is not None else ()
    return next((route["methods"] for route in routes if route["path"] == path), ())


def _names(sort: Any) -> list[str]:
    if isinstance(sort, str):
        return [name.strip() for name in sort.split(",") if name.strip()]
    return list(sort or ())
