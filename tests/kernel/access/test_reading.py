"""What is shown to whom: fields by permissions, records by policies, wherever they turn up."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.engines import two_engines  # noqa: F401

from ...api import Api
from .desk import Desk, open_desk

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(api: Api) -> Desk:
    return await open_desk(api)


async def subjects(who: Api, **query: Any) -> list[str]:
    query.setdefault("sort", "id")
    return [one["subject"] for one in await who.rows("/ticket", **query)]


async def test_a_row_policy_holds_wherever_records_turn_up(desk: Desk) -> None:
    ids = desk.ids
    await desk.policy("ticket", role={"id": ids["agent"]})
    await desk.policy("ticket", role={"id": ids["requester"]}, filter={"owner": "@USER.id"})
    ann, root = desk.ann, desk.root
    assert await subjects(ann) == ["printer", "mouse"]
    assert await subjects(desk.ben) == ["screen"]
    assert await subjects(desk.agent) == await subjects(root) == ["printer", "mouse", "screen"]
    # Filters, counts and figures.
    assert await subjects(ann, filter={"status": "open"}) == ["printer"]
    answer = await ann.get(
        "/ticket", meta="*", filter={"status": "open"},
        aggregate={"price": {"sum": True}, "notes": {"countRecords": True}},
    )  # fmt: skip
    assert answer.body["meta"]["totalCount"] == 2
    assert answer.body["meta"]["filterCount"] == 1
    assert answer.body["meta"]["aggregate"]["price"] == {"sum": 7}
    assert answer.body["meta"]["aggregate"]["notes"] == {"countRecords": 2}
    groups = await ann.rows("/ticket", dimensions="status", measures="count", sort="status")
    assert [one["count"] for one in groups] == [1, 1]
    assert (await ann.rows("/ticket", measures="count"))[0]["count"] == 2
    # Related records: to one, to many, as keys, in filters, figures and orders.
    notes = await ann.rows("/note", fields="text,ticket.subject", sort="id")
    assert [one["ticket"] and one["ticket"]["subject"] for one in notes] == [
        "printer", "printer", None,
    ]  # fmt: skip
    notes = await ann.rows("/note", sort="id")
    assert [one["ticket"] is None for one in notes] == [False, False, True]
    teams = await ann.rows("/team", fields="name,tickets.subject", sort="id")
    assert [[one["subject"] for one in team["tickets"]] for team in teams] == [
        ["printer"], ["mouse"],
    ]  # fmt: skip
    screen = ids["screen"]
    for condition in (
        {"ticket": screen},
        {"ticket": {"id": {"_eq": screen}}},
        {"ticket": {"subject": "screen"}},
    ):
        assert await ann.rows("/note", filter=condition) == []
        assert len(await desk.agent.rows("/note", filter=condition)) == 1
    assert len(await ann.rows("/note", filter={"ticket": None})) == 1
    assert await desk.agent.rows("/note", filter={"ticket": None}) == []
    figure = {"tickets": {"_count": {"_gt": 1}}}
    assert await ann.rows("/team", filter=figure) == []
    assert len(await desk.agent.rows("/team", filter=figure)) == 1
    assert len(await ann.rows("/team", sort="-_count(tickets)")) == 2
    refused = await ann.get("/note", sort="ticket.subject")
    assert (refused.status, refused.code) == (403, "AUTHORIZATION_ERROR")
    refused = await ann.get("/note", dimensions="ticket.subject", measures="count")
    assert refused.status == 403
    deep = {"tickets": {"fields": "subject", "filter": {"status": "open"}, "sort": "-subject"}}
    teams = await desk.ben.rows("/team", deep=deep, sort="id")
    assert [[one["subject"] for one in team["tickets"]] for team in teams] == [["screen"], []]
    # Pages by cursor, and streams.
    page = await ann.get("/ticket", limit=1, cursor="", sort="id")
    again = await ann.get("/ticket", limit=1, cursor=page.body["meta"]["cursor"], sort="id")
    assert [page.row["subject"], again.row["subject"]] == ["printer", "mouse"]
    assert again.body["meta"]["cursor"] is None
    lines = await ann.get("/ticket", format="ndjson")
    assert lines.body.count(b"\n") == 2
    csv = await ann.get("/ticket", format="csv", fields="subject")
    assert b"screen" not in csv.body


async def test_a_policy_is_live_at_once_and_goes_with_its_row(desk: Desk) -> None:
    id_ = await desk.policy("ticket", "read", filter={"status": "open"})
    assert await subjects(desk.ann) == ["printer", "screen"]
    await desk.root.patch(f"/row_policy_definition/{id_}", {"filter": {"status": "closed"}})
    assert await subjects(desk.ann) == ["mouse"]
    await desk.root.patch(f"/row_policy_definition/{id_}", {"isEnabled": False})
    assert len(await subjects(desk.ann)) == 3


async def test_policies_add_up_and_name_users(desk: Desk) -> None:
    ids = desk.ids
    await desk.policy("ticket", "read", filter={"owner": {"email": "@USER.email"}})
    await desk.policy(
        "ticket", "read", filter={"team": {"name": "south"}}, name="south",
        allowedUsers=[{"id": ids["user ben"]}],
    )  # fmt: skip
    assert await subjects(desk.ann) == ["printer", "mouse"]
    assert await subjects(desk.ben) == ["mouse", "screen"]
    assert await subjects(desk.agent) == []


async def test_a_field_denied_is_left_out_and_refused_where_it_is_named(desk: Desk) -> None:
    ids = desk.ids
    await desk.deny("ticket.internalNote", role={"id": ids["requester"]})
    row = (await desk.ann.rows("/ticket", sort="id"))[0]
    assert "internalNote" not in row
    assert "internalNote" in (await desk.agent.rows("/ticket"))[0]
    below = await desk.ann.rows("/note", fields="ticket.*", sort="id")
    assert "internalNote" not in below[0]["ticket"]
    for query in (
        {"fields": "internalNote"},
        {"filter": {"internalNote": {"_contains": "a"}}},
        {"sort": "internalNote"},
        {"aggregate": {"internalNote": {"max": True}}},
        {"dimensions": "internalNote"},
        {"measures": "max(internalNote)"},
        {"deep": {"notes": {"filter": {"ticket": {"internalNote": "x"}}}}},
    ):
        answer = await desk.ann.get("/ticket", **query)
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR"), query
        assert "internalNote" in answer.message
    answer = await desk.ann.get("/note", fields="ticket.internalNote")
    assert answer.status == 403
    csv = await desk.ann.get("/ticket", format="csv")
    assert b"about" not in csv.body


async def test_an_unpublished_field_can_be_allowed(desk: Desk) -> None:
    (column,) = await desk.root.rows("/column_definition", filter={"name": "internalNote"})
    await desk.root.patch(f"/column_definition/{column['id']}", {"isPublished": False})
    assert "internalNote" not in (await desk.agent.rows("/ticket"))[0]
    await desk.allow("ticket.internalNote", role={"id": desk.ids["agent"]})
    assert "internalNote" in (await desk.agent.rows("/ticket"))[0]
    assert "internalNote" not in (await desk.ann.rows("/ticket"))[0]
    assert len(await desk.agent.rows("/ticket", filter={"internalNote": "about mouse"})) == 1


async def test_a_condition_shows_a_field_of_some_records_only(desk: Desk) -> None:
    await desk.deny("ticket.price", condition={"owner": {"_neq": "@USER.id"}})
    await desk.deny("ticket.team", condition={"team": {"name": "south"}})
    rows = await desk.ann.rows("/ticket", sort="id", fields="*,team.name")
    assert [one["price"] for one in rows] == [7, 5, None]
    assert [one["team"] and one["team"]["name"] for one in rows] == ["north", None, "north"]
    keys = await desk.ann.rows("/ticket", sort="id")
    assert [one["team"] is None for one in keys] == [False, True, False]
    notes = await desk.ann.rows("/note", sort="id", fields="ticket.price")
    assert [one["ticket"]["price"] for one in notes] == [7, 7, None]
    below = await desk.ann.rows("/team", sort="id", fields="tickets.price,tickets.id")
    assert sorted(str(one["price"]) for one in below[0]["tickets"]) == ["7", "None"]
    for query in ({"filter": {"price": 6}}, {"sort": "price"}, {"measures": "sum(price)"}):
        answer = await desk.ann.get("/ticket", **query)
        assert answer.status == 403, query
        assert "some records only" in answer.message
    csv = await desk.ann.get("/ticket", format="csv", fields="subject,price", sort="id")
    assert csv.body.decode().split()[-1].endswith('"screen",')
    arrow = await desk.ann.get("/ticket", format="ndjson", fields="price", sort="id")
    assert arrow.body.count(b"null") == 1


@pytest.mark.parametrize("kind", ["role", "user"])
async def test_rules_of_a_user_come_before_those_of_a_role(desk: Desk, kind: str) -> None:
    ids = desk.ids
    about: dict[str, Any] = {"allowedUsers": [{"id": ids["user ann"]}]}
    other: dict[str, Any] = {"role": {"id": ids["requester"]}}
    if kind == "role":
        await desk.deny("ticket.price", **other)
        await desk.allow("ticket.price", **about)
    else:
        await desk.allow("ticket.price", **other)
        await desk.deny("ticket.price", **about)
    shown = "price" in (await desk.ann.rows("/ticket"))[0]
    assert shown is (kind == "role")
    assert ("price" in (await desk.ben.rows("/ticket"))[0]) is not shown


async def test_nobody_sees_secrets_and_administrators_see_everything_else(desk: Desk) -> None:
    await desk.deny("ticket.price")
    await desk.policy("ticket", filter={"subject": "none"})
    assert "price" in (await desk.root.rows("/ticket"))[0]
    table = desk.root.kernel.registry.current.tables["user_definition"]
    await desk.root.post(
        "/field_permission_definition",
        {"column": {"id": table.columns["password"].id}, "effect": "allow"},
    )
    for who in (desk.root, desk.ann):
        answer = await who.get("/me", fields="*")
        assert "password" not in answer.row
