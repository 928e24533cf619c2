"""The grid of a result of SQL: fetched once, sorted and filtered where it is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from enfyra_jupyter.client import ApiError
from enfyra_jupyter.schema import EMPTY
from enfyra_jupyter.sqlframes import SqlFrame
from enfyra_jupyter.widgets import sql_grid
from enfyra_jupyter.widgets.columns import columns_of
from enfyra_jupyter.widgets.fetched import FetchedRows

TABLE = pa.table({
    "n": pa.array([3, 1, None, 2**60, 1]),
    "title": ["b", "A", "", None, "<b>ab</b>"],
    "price": pa.array([Decimal("1.50"), None, Decimal("2.00"), Decimal(-1), Decimal(0)]),
    "share": [0.5, 1.5, None, 2.5, 3.5],
    "open": [True, False, None, True, False],
    "day": [date(2024, 1, 2), date(2024, 5, 17), None, date(2023, 1, 1), date(2025, 1, 1)],
    "at": pa.array([datetime(2024, 5, 17, 12, tzinfo=UTC)] * 4 + [None], pa.timestamp("us", "UTC")),
    "made": pa.array([datetime(2024, 5, 17, 12)] * 4 + [None], pa.timestamp("us")),
    "data": [b"\x00\xff", None, b"", b"a", b"b"],
    "nothing": pa.nulls(5),
})  # fmt: skip


@pytest.fixture
def rows() -> FetchedRows:
    columns = columns_of(TABLE.schema, None, EMPTY, writable=False)
    return FetchedRows(TABLE, {one.name: one for one in columns})


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("n", "1", 2), ("n", ">1", 2), ("n", "1..3", 3), ("n", "null", 1), ("n", "!null", 4),
        ("n", "!=1", 2), ("n", f"={2**60}", 1), ("n", " ", 5),
        ("title", "B", 2), ("title", "=b", 1), ("title", "!=b", 3), ("title", "=", 1),
        ("price", "1.5", 1), ("price", "<0", 1), ("share", "1..3", 2),
        ("open", "yes", 2), ("open", "!=true", 2),
        ("day", "2024", 2), ("day", "2024-05", 1), ("day", "2024-05-17", 1), ("day", ">2024", 0),
        ("at", "2024-05-17", 4), ("at", "<2024-05-17T12:00:00Z", 0), ("made", "2024", 4),
        ("made", "=2024-05-17T14:00:00+02:00", 4),
        ("data", "YQ", 1), ("nothing", "x", 0), ("nothing", "null", 5),
    ],
)  # fmt: skip
def test_it_filters_by_what_is_typed(rows: FetchedRows, name: str, text: str, found: int) -> None:
    if text == ">2024":
        # A year is no day; that is said, and where.
        with pytest.raises(ApiError, match="day cannot be compared with '2024'") as raised:
            rows.count([], {name: text})
        assert raised.value.details == {"field": "day"}
        return
    assert rows.count([], {name: text}) == found


def test_it_sorts_as_the_databases_do(rows: FetchedRows) -> None:
    def sorted_by(*sort: str, **filters: str) -> list[Any]:
        return [row["n"] for row in rows.page(0, 9, sort, filters)]

    assert sorted_by() == [3, 1, None, 2**60, 1]
    assert sorted_by("n") == [None, 1, 1, 3, 2**60]
    assert sorted_by("-n") == [2**60, 3, 1, 1, None]
    assert [row["title"] for row in rows.page(1, 2, ["n", "-title"], {})] == ["A", "<b>ab</b>"]
    assert sorted_by("-day", open="true") == [3, 2**60]
    assert sorted_by("nothing", "gone") == sorted_by()
    assert rows.page(4, 9, [], {"gone": "x"})[0]["data"] == "Yg=="


@pytest.fixture
def frame(shell: Any, client: Any) -> SqlFrame:
    client.post("/table_definition", {
        "name": "post",
        "columns": [{"name": "title", "type": "varchar"}, {"name": "views", "type": "int"}],
    })  # fmt: skip
    client.post("/post", [{"title": f"<b>{n}</b>", "views": n} for n in range(1, 46)])
    return shell.run("%%enfyra sql\nSELECT id, title, views FROM post ORDER BY id")


def ask(grid: Any, **asked: Any) -> Any:
    given = {"number": 0, "sort": [], "filters": {}, "count": True, **asked}
    answer = grid.answered({"id": 1, "action": "page", "given": given})
    json.dumps(answer)
    return answer["value"]


def test_a_result_of_sql_has_a_grid(frame: SqlFrame, client: Any, monkeypatch: Any) -> None:
    grid = frame.grid()
    assert [one["kind"] for one in grid.columns] == ["integer", "text", "integer"]
    assert not any(one["editable"] or one["insertable"] for one in grid.columns)
    assert (grid.creatable, grid.deletable, grid.note) == (False, False, "")
    found = ask(grid, sort=["-views"], filters={"title": "4"})
    assert found["total"] == 10
    assert found["rows"][0] == {"key": None, "cells": ["45", "<b>45</b>", "45"]}
    # It is fetched once, until somebody asks for it anew.
    client.post("/post", {"title": "late", "views": 1})
    assert ask(grid)["total"] == 45
    assert "error" not in grid.answered({"id": 1, "action": "again", "given": {}})
    assert ask(grid)["total"] == 46
    assert "&lt;b&gt;1" in grid._repr_mimebundle_()["text/html"]
    monkeypatch.setattr(sql_grid, "MOST", 40)
    grid = frame.grid()
    assert (ask(grid)["total"], grid.note) == (40, "of the first 40")
