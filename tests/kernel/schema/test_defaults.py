"""Defaults of new columns reach the records that are there, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio

DEFAULTS: list[tuple[str, Any, Any, Any]] = [
    ("int", None, -7, -7),
    ("bigint", None, "9007199254740993", 9007199254740993),
    ("float", None, 1e300, 1e300),
    ("decimal", None, "1.5", "1.50"),
    ("decimal", {"precision": 12, "scale": 0}, 3.0, "3"),
    ("boolean", None, False, False),
    ("varchar", None, "it's 100% new: \\ \"é\"", "it's 100% new: \\ \"é\""),
    ("text", None, "it's 100% new: \\ \"é\"", "it's 100% new: \\ \"é\""),
    ("code", None, "a\nb", "a\nb"),
    ("enum", ["a", "b:c"], "b:c", "b:c"),
    ("uuid", None, "{12345678-1234-5678-1234-56781234567A}",
     "12345678-1234-5678-1234-56781234567a"),
    ("date", None, "1582-10-10", "1582-10-10"),
    ("datetime", None, "2026-01-01T00:30:00.5+02:00", "2025-12-31T22:30:00.5+00:00"),
    ("timestamp", None, "1969-07-20", "1969-07-20T00:00:00+00:00"),
    ("simple-json", None, True, True),
    ("simple-json", None, 0, 0),
    ("simple-json", None, "it's \\ 100%: \"x\"", "it's \\ 100%: \"x\""),
    ("simple-json", None, {"a": [1, None]}, {"a": [1, None]}),
    ("array-select", None, ["a", "it's"], ["a", "it's"]),
]  # fmt: skip


async def test_a_new_required_column_fills_the_records_that_are_there(api: Api) -> None:
    await api.define("thing", "name varchar")
    await api.create("/thing", {"name": "old"})
    expected: dict[str, Any] = {"id": 1}
    for number, (type_, options, default, stored) in enumerate(DEFAULTS):
        column = {"name": f"c{number}", "type": type_, "options": options}
        facts = {"table": "thing", "isNullable": False, "defaultValue": default}
        answer = await api.post("/column_definition", column | facts)
        assert answer.status == 201, (type_, default, answer.body)
        expected[f"c{number}"] = stored
    fields = ",".join(expected)
    assert await api.rows("/thing", fields=fields) == [expected]
    created = (await api.post("/thing", {"name": "new"}, fields=fields)).row
    assert created == expected | {"id": 2}


async def test_now_fills_the_records_that_are_there(api: Api) -> None:
    await api.define("thing", "name varchar")
    await api.create("/thing", {"name": "old"})
    for type_ in ("date", "datetime", "timestamp"):
        facts = {"table": "thing", "name": f"{type_}At", "type": type_, "defaultValue": "now"}
        answer = await api.post("/column_definition", facts | {"isNullable": False})
        assert answer.status == 201, answer.body
    row = (await api.rows("/thing"))[0]
    now = datetime.now(UTC)
    assert timedelta(days=-1) < now.date() - datetime.fromisoformat(row["dateAt"]).date()
    for name in ("datetimeAt", "timestampAt"):
        assert timedelta(0) <= now - datetime.fromisoformat(row[name]) < timedelta(minutes=1)


async def test_a_date_that_may_be_empty_stays_empty_in_old_records(api: Api) -> None:
    await api.define("thing", "name varchar")
    await api.create("/thing", {"name": "old"})
    facts = {"table": "thing", "name": "day", "type": "date", "defaultValue": "now"}
    assert (await api.post("/column_definition", facts)).status == 201
    assert (await api.rows("/thing", fields="day"))[0]["day"] is None
