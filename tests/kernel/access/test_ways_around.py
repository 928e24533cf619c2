"""Ways around policies and permissions: each test is named for one, which leads nowhere."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from ...api import Api
from ...databases import settings
from .desk import Desk, open_desk, own_tickets, ticket_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(sqlite_api: Api) -> Desk:
    return await open_desk(sqlite_api)


async def test_upsert_sets_a_field_denied_for_updates(desk: Desk) -> None:
    table = desk.root.kernel.registry.current.tables["ticket"].definition.id
    await desk.root.patch(f"/table_definition/{table}", {"uniques": [["subject"]]})
    await desk.deny("ticket.status", "update", role={"id": desk.ids["requester"]})
    key = {"mode": "upsert", "key": "subject"}
    answer = await desk.ann.post("/ticket", {"subject": "screen", "status": "hacked"}, **key)
    assert (await ticket_of(desk, "screen"))["status"] == "open", answer.body


async def test_upsert_sets_a_field_denied_for_updates_by_a_condition(desk: Desk) -> None:
    table = desk.root.kernel.registry.current.tables["ticket"].definition.id
    await desk.root.patch(f"/table_definition/{table}", {"uniques": [["subject"]]})
    await desk.deny("ticket.price", "update", condition={"status": "closed"})
    key = {"mode": "upsert", "key": "subject"}
    answer = await desk.ann.post("/ticket", {"subject": "mouse", "price": 99}, **key)
    assert (await ticket_of(desk, "mouse"))["price"] == 5, answer.body


async def test_conditions_without_values_and_statements_that_give_back(desk: Desk) -> None:
    await desk.deny("ticket.price", condition={"status": None})
    for answer in (
        await desk.ann.post("/ticket", {"subject": "x", "price": 3}),
        await desk.ann.post("/ticket", [{"subject": "y", "price": 3}, {"subject": "z"}]),
    ):
        assert answer.status == 201, answer.body
        assert answer.row.get("price") is None, answer.body
    id_ = answer.row["id"]
    answer = await desk.ann.patch(f"/ticket/{id_}", {"price": 4})
    assert answer.status == 200, answer.body
    assert answer.row["price"] is None, answer.body
    answer = await desk.ann.patch(f"/ticket/{id_}", {"status": "s"})
    assert answer.row["price"] == 4


async def test_loads_need_what_they_do(desk: Desk) -> None:
    """`mode=replace` deletes, and `mode=upsert` changes, by the permission to create."""
    root = desk.root
    await root.define("stock", "code varchar!", uniques=[["code"]])
    await root.create("/stock", [{"code": "a"}, {"code": "b"}])
    await root.post(
        "/route_permission_definition",
        {"route": "/stock", "role": "requester", "methods": ["POST"]},
    )
    csv = {"content-type": "text/csv"}
    answer = await desk.ann.delete("/stock/1")
    assert answer.status == 403
    answer = await desk.ann.send("POST", "/stock", raw=b"code\nx\n", headers=csv, mode="replace")
    assert len(await root.rows("/stock")) >= 2, answer.body


async def test_upserts_need_what_they_do(desk: Desk) -> None:
    root = desk.root
    await root.define("stock", "code varchar!", "count int", uniques=[["code"]])
    await root.create("/stock", [{"code": "a", "count": 1}])
    await root.post(
        "/route_permission_definition",
        {"route": "/stock", "role": "requester", "methods": ["POST"]},
    )
    answer = await desk.ann.patch("/stock/1", {"count": 2})
    assert answer.status == 403
    answer = await desk.ann.post("/stock", {"code": "a", "count": 3}, mode="upsert", key="code")
    assert (await root.rows("/stock"))[0]["count"] == 1, answer.body


async def test_an_answer_to_a_new_record_shows_a_default_hidden_by_a_condition(desk: Desk) -> None:
    await desk.root.define(
        "task",
        "name varchar",
        "stage varchar",
        {"name": "key", "type": "varchar", "defaultValue": "hidden-default"},
    )
    every = [{"id": one["id"]} for one in (await desk.root.get("/method_definition", limit=0)).data]
    route = (await desk.root.get("/route_definition", filter={"path": "/task"})).row
    await desk.root.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": every})
    await desk.deny("task.key", condition={"stage": None})
    answer = await desk.ann.post("/task", {"name": "x"})
    assert (await desk.ann.rows("/task"))[0]["key"] is None
    assert "hidden-default" not in json.dumps(answer.body), answer.body


async def test_upsert_takes_over_what_came_in_between(desk: Desk) -> None:
    """Another request makes the record between the look and the write."""
    from unittest.mock import patch as patched

    from enfyra_kernel.records.links import Links

    table = desk.root.kernel.registry.current.tables["ticket"].definition.id
    await desk.root.patch(f"/table_definition/{table}", {"uniques": [["subject"]]})
    await own_tickets(desk)
    real = Links.holders

    async def late(self: Links, *args: Any, locked: bool = False) -> Any:
        # As if the record of the other were committed only after the first look.
        return await real(self, *args, locked=locked) if locked else {}

    mine = {"id": desk.ids["user ann"]}
    with patched.object(Links, "holders", late):
        answer = await desk.ann.post(
            "/ticket", {"subject": "screen", "owner": mine}, mode="upsert", key="subject"
        )
    row = await ticket_of(desk, "screen")
    assert row["owner"] == {"id": desk.ids["user ben"]}, answer.body


async def test_a_cursor_holds_a_denied_part_of_a_key(sqlite_uri: str) -> None:

    with sqlite3.connect(sqlite_uri.split("///", 1)[1]) as connection:
        connection.execute(
            "create table visit (place varchar(20), secret varchar(20), n int,"
            " primary key (place, secret))"
        )
        connection.execute("insert into visit values ('a', 'hush-1', 1), ('a', 'hush-2', 2)")
    async with Kernel(settings(sqlite_uri)) as kernel:
        root = await Api(kernel).login()
        answer = await root.post("/table_definition", {"name": "visit", "adopt": True})
        assert answer.status == 201, answer.body
        await root.publish("/visit", "GET")
        denied = await root.post(
            "/field_permission_definition",
            {"column": "visit.secret", "action": "read", "effect": "deny"},
        )
        assert denied.status == 201
        got = await root.anonymous.get("/visit", limit=1, cursor="")
        assert (got.status, got.code) == (403, "AUTHORIZATION_ERROR")


async def test_a_rule_that_does_not_fit_any_more_tells_nothing(desk: Desk) -> None:
    (column,) = await desk.root.rows("/column_definition", filter={"name": "internalNote"})
    await desk.root.patch(f"/column_definition/{column['id']}", {"isPublished": False})
    await desk.policy("ticket", filter={"internalNote": "about screen", "price": 1})
    (price,) = await desk.root.rows("/column_definition", filter={"name": "price"})
    path = f"/column_definition/{price['id']}"
    asked = await desk.root.delete(path)
    hash_ = asked.body["error"]["details"]["requiredConfirmHash"]
    assert (await desk.root.delete(path, schemaConfirmHash=hash_)).status == 200
    answer = await desk.ann.get("/ticket")
    assert answer.status == 403
    assert "price" not in json.dumps(answer.body), answer.body
