"""What the server fills in: keys, UUIDs, times and defaults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.encoding import format_instant
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.arrow import load
from tests.databases import settings

pytestmark = pytest.mark.asyncio

KEY = {"name": "id", "type": "uuid", "isPrimary": True}
TOKEN = {"name": "token", "type": "uuid", "isGenerated": True, "isNullable": False}
GIVEN = "0190b5a4-6d3e-7c1e-8a5b-0123456789ab"


class StandingClock(SystemClock):
    """Tells the time it is told."""

    def __init__(self) -> None:
        # Tokens are checked against the real one.
        self.time = datetime.now(UTC).replace(microsecond=123456) - timedelta(minutes=1)

    def now(self) -> datetime:
        return self.time


async def test_uuids_are_made_in_order_wherever_records_come_from(api: Api) -> None:
    await api.define("note", KEY, TOKEN, "no int")
    await api.create("/note", {"no": 0})
    await api.create("/note", [{"no": 1}, {"no": 2}])
    assert (await load(api, "/note", {"no": [3, 4]})).status == 201
    rows = await api.rows("/note", sort="no")
    assert len({row["token"] for row in rows} | {row["id"] for row in rows}) == 10
    for name in ("id", "token"):
        made = [row[name] for row in rows]
        assert made == sorted(made)
        assert {text[14] for text in made} == {"7"}


async def test_a_uuid_that_is_given_is_taken(sqlite_api: Api) -> None:
    await sqlite_api.define("note", KEY, TOKEN)
    created = await sqlite_api.create("/note", {"id": GIVEN, "token": GIVEN.upper()})
    assert (created["id"], created["token"]) == (GIVEN, GIVEN)
    again = await sqlite_api.post("/note", {"id": GIVEN})
    assert again.code == "DUPLICATE_RESOURCE"


@pytest.mark.parametrize("type_", ["int", "varchar", "datetime"])
async def test_only_uuids_can_be_made_by_the_server(sqlite_api: Api, type_: str) -> None:
    column = {"name": "x", "type": type_, "isGenerated": True}
    answer = await sqlite_api.post("/table_definition", {"name": "note", "columns": [column]})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert "cannot be isGenerated" in answer.message


async def test_times_are_the_clocks_and_follow_changes(database_uri: str) -> None:
    clock = StandingClock()
    async with Kernel(settings(database_uri), clock=clock) as kernel:
        api = await Api(kernel).login()
        await api.define("tag", "name varchar")
        many = {"propertyName": "tags", "type": "many-to-many", "targetTable": "tag"}
        await api.define("note", "no int", relations=[many])
        tag = await api.create("/tag", {"name": "x"})
        created = await api.create("/note", {"no": 1, "createdAt": "1999-01-01T00:00:00Z"})
        then = format_instant(clock.time)
        assert (created["createdAt"], created["updatedAt"]) == (then, then)
        path = f"/note/{created['id']}"
        for body in ({"no": 2}, {"tags": [tag["id"]]}, {"tags": []}):
            clock.time += timedelta(seconds=1)
            changed = (await api.patch(path, body)).row
            assert changed["createdAt"] == then
            assert changed["updatedAt"] == format_instant(clock.time)
        clock.time += timedelta(seconds=1)
        assert (await api.patch(path, {})).row["updatedAt"] == changed["updatedAt"]
        assert (await api.put(path, {"no": 3})).row["updatedAt"] > changed["updatedAt"]


async def test_defaults_fill_what_is_left_out_and_no_null(api: Api) -> None:
    def column(name: str, type_: str, default: Any, **facts: Any) -> dict[str, Any]:
        return {"name": name, "type": type_, "defaultValue": default, **facts}

    await api.define(
        "note",
        "no int",
        column("stock", "int", 5, isNullable=False),
        column("facts", "simple-json", {"a": [1]}),
        column("price", "decimal", "1.50"),
        column("tags", "array-select", ["x"]),
        column("at", "datetime", "now"),
    )
    expected = {"stock": 5, "facts": {"a": [1]}, "price": "1.50", "tags": ["x"]}
    one = await api.create("/note", {"no": 1})
    (two,) = await api.create("/note", [{"no": 2}])
    assert (await load(api, "/note", {"no": [3]})).status == 201
    for row in (one, two, (await api.rows("/note", filter={"no": 3}))[0]):
        assert {name: row[name] for name in expected} == expected
        assert row["at"] == row["createdAt"]
    empty = await api.create("/note", {"no": 4, "price": None})
    assert empty["price"] is None
    assert (await api.post("/note", {"no": 5, "stock": None})).status == 400
    replaced = (await api.put(f"/note/{empty['id']}", {"no": 4})).row
    assert {name: replaced[name] for name in expected} == expected
