"""Rules that could not hold are refused when they are saved."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from ...api import Api
from .desk import Desk, open_desk

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(sqlite_api: Api) -> Desk:
    return await open_desk(sqlite_api)


POLICIES: list[tuple[Any, str]] = [
    ({"ownr": "@USER.id"}, "no field 'ownr'. Did you mean 'owner'?"),
    ({"price": {"_gtt": 1}}, "_gt"),
    ({"price": "many"}, "price"),
    ({"owner": "@USER.tenat"}, "no @USER.tenat"),
    ({"owner": {"email": "@USER.emial"}}, "Did you mean 'email'?"),
    ({"owner": "@ME"}, "'@ME' is no value"),
    ({"owner": {"email": "@USER.password"}}, "secret"),
    ({"owner": {"password": "x"}}, "password"),
    ([1], "object"),
    ("text", "object"),
]


async def test_filters(desk: Desk) -> None:
    for source, words in POLICIES:
        body = {"name": "p", "table": "ticket", "filter": source}
        answer = await desk.root.post("/row_policy_definition", body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), (source, answer.body)
        assert words in answer.message, (source, answer.message)
        assert answer.message.startswith("filter")
    assert await desk.root.rows("/row_policy_definition") == []
    body = {"name": "p", "table": "table_definition", "filter": {"name": "ticket"}}
    answer = await desk.root.post("/row_policy_definition", body)
    assert answer.status == 400
    assert "as a whole" in answer.message
    # What depends on the caller is known when there is one.
    await desk.policy("ticket", filter={"price": {"_in": ["@USER.id", "x"]}})


async def test_permissions(desk: Desk) -> None:
    for body, words in (
        ({"action": "read"}, "column or relation is required"),
        ({"column": "ticket.price", "relation": "ticket.owner", "effect": "deny"}, "one of them"),
        ({"column": "user_definition.password"}, "secret"),
        ({"column": "table_definition.name", "effect": "deny", "action": "update"}, "as a whole"),
        ({"column": "ticket.id", "effect": "deny"}, "primary key"),
        ({"column": "ticket.price"}, "everybody may read it anyway"),
        ({"relation": "ticket.notes", "effect": "deny", "condition": {"price": 1}}, "holds many"),
        ({"column": "ticket.price", "effect": "deny", "condition": {"prize": 1}}, "'price'"),
    ):
        answer = await desk.root.post("/field_permission_definition", body)
        assert (answer.status, answer.code) == (400, "INVALID_BODY"), answer.body
        assert words in answer.message
    made = {"column": "ticket.price", "effect": "deny", "condition": {"price": {"_gt": 1}}}
    id_ = (await desk.root.create("/field_permission_definition", made))["id"]
    answer = await desk.root.patch(
        f"/field_permission_definition/{id_}", {"condition": {"prise": 1}}
    )
    assert answer.status == 400


async def test_a_value_of_the_caller_that_does_not_fit_lets_in_nobody(desk: Desk) -> None:
    await desk.policy("ticket", filter={"price": "@USER.email"})
    answer = await desk.ann.get("/ticket")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")


async def test_a_field_that_goes_takes_nothing_into_sight(desk: Desk) -> None:
    """A policy whose field has been dropped lets nobody in, and says so."""
    await desk.policy("ticket", filter={"status": "open"})
    column = desk.root.kernel.registry.current.tables["ticket"].columns["status"].id
    path = f"/column_definition/{column}"
    preview = (await desk.root.delete(path, preview="true")).row
    (warning,) = preview["warnings"]
    assert (warning["section"], warning["name"]) == ("rowPolicies", "ticket all ticket")
    assert warning["message"] == (
        "the row policy 'all ticket' of 'ticket' fits no longer, and whom it is about is refused "
        "until it is changed: filter.status: 'ticket' has no field 'status'."
    )
    answer = await desk.root.delete(path, schemaConfirmHash=preview["requiredConfirmHash"])
    assert answer.status == 200, answer.body
    assert answer.body["meta"]["warnings"] == preview["warnings"]
    answer = await desk.ann.get("/ticket")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert "does not fit its definition" in answer.message
    assert (await desk.root.get("/ticket")).status == 200


async def test_rules_that_a_change_leaves_behind_are_told(desk: Desk) -> None:
    await desk.deny("ticket.internalNote", condition={"owner": {"id": "@USER.id"}, "price": 1})
    await desk.allow("ticket.internalNote", "update", condition={"team": {"name": "north"}})
    await desk.policy("ticket", "read", filter={"team": {"name": {"_eq": "north"}}})
    await desk.policy("ticket", "delete", filter={"subject": "printer"})
    await desk.policy("note", "read")
    tables = desk.root.kernel.registry.current.tables

    async def told(kind: str, id_: int, change: Any = None) -> set[str]:
        path = f"/{kind}_definition/{id_}"
        if change is None:
            answer = await desk.root.delete(path, preview="true")
        else:
            answer = await desk.root.patch(path, change, preview="true")
        assert answer.status == 200, answer.body
        return {one["name"] for one in answer.row["warnings"]}

    ticket, team = tables["ticket"], tables["team"]
    of_team = {"update ticket.internalNote", "ticket read ticket"}
    assert await told("column", ticket.columns["price"].id) == {"read ticket.internalNote"}
    assert await told("column", team.columns["name"].id, {"name": "called"}) == of_team
    assert await told("relation", ticket.relations["team"].id) == of_team
    assert await told("table", team.definition.id, {"name": "crew"}) == set()
    # What goes with its table, or with its field, leaves nothing behind.
    assert await told("table", ticket.definition.id) == set()
    gone = await told("column", ticket.columns["internalNote"].id)
    assert gone == set()


async def test_a_value_that_the_caller_does_not_have_meets_nothing(desk: Desk) -> None:
    await desk.policy("ticket", filter={"_not": {"status": {"_eq": "@USER.role.name"}}})
    assert len(await desk.ann.rows("/ticket")) == 3
    body = {"email": "new@example.com", "password": "secret-word-1"}
    await desk.root.create("/user_definition", body)
    new = await Api(desk.root.kernel).login("new@example.com", "secret-word-1")
    assert await new.rows("/ticket") == []


async def test_secure_repositories_of_scripts_keep_to_the_rules(desk: Desk) -> None:
    await desk.policy("ticket", filter={"owner": "@USER.id"})
    await desk.deny("ticket.internalNote")
    source = (
        "mine = await ctx.repos.secure.ticket.find(sort='id')\n"
        "all = await ctx.repos.ticket.find()\n"
        "return [[t.subject for t in mine.data], len(all.data), 'internalNote' in mine.data[0]]"
    )
    route = (await desk.root.get("/route_definition", filter={"path": "/ticket"})).row
    answer = await desk.root.post(
        "/route_handler_definition",
        {"route": {"id": route["id"]}, "method": "GET", "sourceCode": source,
         "scriptLanguage": "python"},
    )  # fmt: skip
    assert answer.status == 201, answer.body
    answer = await desk.ann.get("/ticket")
    assert answer.body == [["printer", "mouse"], 3, False], answer.body


async def test_an_account_of_ones_own_is_always_there(desk: Desk) -> None:
    await desk.policy("user_definition", filter={"email": "nobody@example.com"})
    await desk.deny("user_definition.createdAt")
    (me,) = await desk.ann.rows("/me")
    assert me["email"] == "ann@example.com"
    assert "createdAt" not in me
    assert (await desk.ann.patch("/me", {"password": "another-word-1"})).status == 200
    notes = await desk.ann.rows("/ticket", fields="owner.email")
    assert [one["owner"] for one in notes] == [None, None, None]
