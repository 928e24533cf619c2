"""A result to scroll, sort, filter and change, page by page from the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import traitlets

from ..client import ApiError
from ..schema import EMPTY, Schema, TableInfo
from . import cells
from .columns import KINDS, Column, columns_of
from .filtering import condition
from .order import DEEP, Order
from .part import Part, action

if TYPE_CHECKING:
    from ..frames import ResultFrame

# So many cells travel at once, in rows of at least MIN and at most MAX.
_CELLS = 4_000
_MIN, _MAX = 20, 100
_TRIES = 3


class Grid(Part):
    """The rows of a result as a table; what is seen of it is fetched when it comes into sight.

    Attributes:
        columns: What each column holds.
        size: How many rows a page has.
        sort: By what it is sorted, as in `["-views", "title"]`.
        filters: What is typed above the columns, by their names.
        top: The first row that is seen.
        left: How far it is scrolled to the side, in pixels.
        widths: Of columns that have been given another one, in pixels.

    Example:
        >>> frame.grid()  # doctest: +SKIP
    """

    face: ClassVar[str] = "grid"
    faces: ClassVar[tuple[str, ...]] = ("grid_pages", "grid_view", "grid_editor")
    keeps: ClassVar[tuple[str, ...]] = ("sort", "filters", "top", "left", "widths")

    columns = traitlets.List().tag(sync=True)
    size = traitlets.Int(_MAX).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    sort = traitlets.List(traitlets.Unicode()).tag(sync=True)
    filters = traitlets.Dict().tag(sync=True)
    filterable = traitlets.Bool(True).tag(sync=True)
    top = traitlets.Int().tag(sync=True)
    left = traitlets.Int().tag(sync=True)
    widths = traitlets.Dict().tag(sync=True)

    def __init__(self, frame: ResultFrame) -> None:
        table, schema = _table_of(frame)
        self._frame = frame
        self._key = _key_of(table)
        self._order: Order | None = None
        methods = _methods(table, frame.path)
        writable = "PATCH" in methods and table is not None and not table.facts["readOnly"]
        found = columns_of(frame.shape(), table, schema, writable=writable)
        self._columns = {column.name: column for column in found}
        super().__init__(
            name=frame.path.strip("/"),
            columns=[column.facts() for column in found],
            size=max(_MIN, min(_MAX, _CELLS // max(len(found), 1))),
            sort=_names(frame.query.get("sort")),
            # A filter is for records; groups have none.
            filterable=not frame.grouped,
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
        row, _ = self._record(key)
        return cells.whole(self._columns[name].value_in(row))

    @action
    def change(self, key: str, name: str, text: str | None, base: str | None) -> dict[str, Any]:
        """Set a field of a record, if its value is still what the change began from.

        Other fields of the record may have been changed meanwhile; this one's change is told as
        `conflict`, with the value that is `theirs`.
        """
        column = self._columns[name]
        body = {column.sets or name: cells.read(column, text)}
        for _ in range(_TRIES):
            record, tag = self._record(key)
            theirs = cells.whole(column.value_in(record))
            if theirs != base:
                return {"conflict": True, "theirs": theirs}
            try:
                row = self._patched(key, body, tag)
            except ApiError as error:
                if error.code != "PRECONDITION_FAILED":
                    raise
                continue
            return {**self._row(row), "value": cells.whole(column.value_in(row))}
        raise ApiError(
            "PRECONDITION_FAILED", "Others change this record all the time", hint="Try again"
        )

    def _record(self, key: str) -> tuple[dict[str, Any], str | None]:
        """Give a record as it is now, and the ETag that stands for that."""
        assert self._key is not None  # noqa: S101 - only rows with keys can be changed
        wanted = {self._key.name: {"_eq": cells.read(self._key, key)}}
        record, tag = self._frame.client.record(self._frame.path, filter=wanted)
        if record is None:
            raise ApiError("RESOURCE_NOT_FOUND", "The row is not there any more", hint="Refresh")
        return record, tag

    def _patched(self, key: str, body: Mapping[str, Any], tag: str | None) -> dict[str, Any]:
        shape = {
            name: value
            for name in ("fields", "include", "deep")
            if (value := self._frame.query.get(name))
        }
        answer = self._frame.client.send(
            "PATCH",
            f"{self._frame.path}/{quote(key, safe='')}",
            body=body,
            params=shape,
            headers={"if-match": tag} if tag else {},
        )
        return answer["data"][0]

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
