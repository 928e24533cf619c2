"""What may be written by whom: fields by permissions, records by policies, however it is sent."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.engines import two_engines  # noqa: F401

from ...api import Api
from .desk import Desk, open_desk, own_tickets, refused

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(api: Api) -> Desk:
    return await open_desk(api)


@pytest_asyncio.fixture
async def own(desk: Desk) -> Desk:
    return await own_tickets(desk)


async def test_what_is_written_but_not_seen_is_answered_by_its_key(desk: Desk) -> None:
    await desk.policy("ticket", "read", role={"id": desk.ids["agent"]})
    answer = await desk.ann.post("/ticket", {"subject": "key"})
    assert answer.status == 201
    assert list(answer.row) == ["id"]
    assert "ETag" not in answer.headers
    answer = await desk.ann.post("/ticket", [{"subject": "a"}, {"subject": "b"}])
    assert [list(one) for one in answer.data] == [["id"], ["id"]]
    refused(await desk.ann.patch(f"/ticket/{answer.row['id']}", {"status": "x"}), 404,
            "RESOURCE_NOT_FOUND")  # fmt: skip


async def test_nested_and_related_records_are_within_reach_too(own: Desk) -> None:
    ids, ann = own.ids, own.ann
    mine, screen, printer = {"id": ids["user ann"]}, ids["screen"], ids["printer"]
    # To refer to one that is out of reach is to refer to nothing.
    refused(await ann.post("/note", {"text": "x", "ticket": screen}), 409, "RELATION_NOT_FOUND")
    assert (await ann.post("/note", {"text": "x", "ticket": printer})).status == 201
    # Nor can it be changed, made or taken over on the way.
    body = {"text": "x", "ticket": {"id": screen, "status": "done"}}
    refused(await ann.post("/note", body), 409, "RELATION_NOT_FOUND")
    body = {"text": "x", "ticket": {"subject": "new", "owner": {"id": ids["user ben"]}}}
    refused(await ann.post("/note", body), 403, "AUTHORIZATION_ERROR", "ticket")
    body = {"text": "x", "ticket": {"subject": "new", "owner": mine}}
    assert (await ann.post("/note", body)).status == 201
    teams = await own.root.rows("/team", sort="id")
    answer = await ann.patch(f"/team/{teams[1]['id']}", {"tickets": [screen]})
    refused(answer, 409, "RELATION_NOT_FOUND")
    # What is out of sight stays where it is.
    answer = await ann.patch(f"/team/{teams[0]['id']}", {"tickets": []})
    assert answer.status == 200, answer.body
    left = await own.root.rows("/ticket", filter={"team": teams[0]["id"]})
    assert [one["subject"] for one in left] == ["screen"]


async def test_upserts_and_loads(own: Desk) -> None:
    ids = own.ids
    mine = {"id": ids["user ann"]}
    table = own.root.kernel.registry.current.tables["ticket"].definition.id
    await own.root.patch(f"/table_definition/{table}", {"uniques": [["subject"]]})
    key = {"mode": "upsert", "key": "subject"}
    answer = await own.ann.post("/ticket", [{"subject": "printer", "owner": mine}], **key)
    assert answer.status == 200, answer.body
    theirs = [{"subject": "screen", "owner": mine}]
    refused(await own.ann.post("/ticket", theirs, **key), 404, "RESOURCE_NOT_FOUND")
    other = [{"subject": "lamp", "owner": {"id": ids["user ben"]}}]
    refused(await own.ann.post("/ticket", other, **key), 403, "AUTHORIZATION_ERROR")
    assert (
        await own.ann.post("/ticket", [{"subject": "lamp", "owner": mine}], **key)
    ).status == 201
    csv = {"content-type": "text/csv"}
    answer = await own.ann.send("POST", "/ticket", raw=b"subject\nx\n", headers=csv)
    refused(answer, 403, "AUTHORIZATION_ERROR", "load")
    assert (await own.agent.send("POST", "/ticket", raw=b"subject\nx\n", headers=csv)).status == 201
    await own.deny("ticket.price", "create", role={"id": ids["agent"]})
    answer = await own.agent.send("POST", "/ticket", raw=b"subject,price\nx,1\n", headers=csv)
    refused(answer, 403, "AUTHORIZATION_ERROR", "price")


async def test_fields_are_refused_by_name_wherever_they_stand(desk: Desk) -> None:
    about: dict[str, Any] = {"role": {"id": desk.ids["requester"]}}
    await desk.deny("ticket.price", "create", **about)
    await desk.deny("ticket.status", "update", **about)
    await desk.deny("note.ticket", "update", **about)
    ann, printer = desk.ann, desk.ids["printer"]
    refused(await ann.post("/ticket", {"subject": "x", "price": 1}), 403, "AUTHORIZATION_ERROR",
            "price")  # fmt: skip
    refused(await ann.post("/ticket", [{"subject": "x"}, {"subject": "y", "price": 1}]), 403,
            "AUTHORIZATION_ERROR", "[1].price")  # fmt: skip
    assert (await ann.patch(f"/ticket/{printer}", {"price": 1})).status == 200
    assert (await ann.post("/ticket", {"subject": "x", "status": "new"})).status == 201
    for method, path, body, query in (
        ("PATCH", f"/ticket/{printer}", {"status": "x"}, {}),
        ("PUT", f"/ticket/{printer}", {"subject": "x", "status": "x"}, {}),
        ("PATCH", "/ticket", [{"id": printer, "status": "x"}], {}),
        ("PATCH", "/ticket", {"status": "x"}, {"filter": {"price": 1}}),
        ("POST", "/note", {"text": "x", "ticket": {"id": printer, "status": "x"}}, {}),
        ("PATCH", f"/ticket/{printer}", {"notes": [1]}, {}),
    ):
        answer = await ann.send(method, path, body, **query)
        refused(answer, 403, "AUTHORIZATION_ERROR")
    # What may not be set stays as it is when the rest is replaced.
    answer = await ann.put(f"/ticket/{printer}", {"subject": "fax"})
    assert (answer.row["subject"], answer.row["status"]) == ("fax", "open")
    assert (await desk.agent.patch(f"/ticket/{printer}", {"status": "x"})).status == 200


async def test_a_condition_of_a_field_looks_at_the_record(desk: Desk) -> None:
    ids = desk.ids
    await desk.deny("ticket.price", "update", condition={"status": "closed"})
    await desk.allow("ticket.status", "create", condition={"price": {"_lt": 10}})
    await desk.deny("ticket.status", "create")
    ann = desk.ann
    assert (await ann.patch(f"/ticket/{ids['printer']}", {"price": 1})).status == 200
    answer = await ann.patch(f"/ticket/{ids['mouse']}", {"price": 1})
    refused(answer, 403, "AUTHORIZATION_ERROR", "price")
    several = [{"id": ids["printer"], "price": 2}, {"id": ids["mouse"], "price": 2}]
    refused(await ann.patch("/ticket", several), 403, "AUTHORIZATION_ERROR", "[1]", "price")
    everyone = {"subject": {"_is_not_null": True}}
    refused(await ann.patch("/ticket", {"price": 3}, filter=everyone), 403, "AUTHORIZATION_ERROR")
    assert (await ann.rows("/ticket", filter={"subject": "printer"}))[0]["price"] == 1
    # A condition for new records looks at what they become.
    body = {"subject": "x", "status": "new", "price": 5}
    assert (await ann.post("/ticket", body)).status == 201
    refused(await ann.post("/ticket", body | {"price": 50}), 403, "AUTHORIZATION_ERROR", "status")
    assert (await ann.post("/ticket", {"subject": "x", "price": 50})).status == 201
