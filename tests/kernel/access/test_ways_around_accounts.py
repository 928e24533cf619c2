"""Ways to more by accounts: over `/me`, roles, and rules that lose whom they are about."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from enfyra_kernel.query.plan import INTERNAL

from ...api import Api
from .desk import PASSWORD, Desk, open_desk, own_tickets, relate, ticket_of

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def desk(sqlite_api: Api) -> Desk:
    return await open_desk(sqlite_api)


async def _assigned(desk: Desk) -> None:
    await relate(desk.root, "ticket", "assignee", "user_definition", inversePropertyName="assigned")
    screen = desk.ids["screen"]
    body = {"assignee": {"id": desk.ids["user ann"]}}
    assert (await desk.root.patch(f"/ticket/{screen}", body)).status == 200
    await own_tickets(desk)


async def test_me_shows_related_records_out_of_reach(desk: Desk) -> None:
    await _assigned(desk)
    assert await desk.ann.rows("/ticket", filter={"subject": "screen"}) == []
    answer = await desk.ann.get("/me", fields="assigned.subject,assigned.internalNote")
    assert "screen" not in json.dumps(answer.body), answer.body


async def test_me_shows_everything_through_relations(desk: Desk) -> None:
    """From the caller to a related record, and from there to what is related to that."""
    await _assigned(desk)
    answer = await desk.ann.get("/me", fields="assigned.team.tickets.subject")
    assert "screen" not in json.dumps(answer.body), answer.body


async def test_me_changes_related_records_out_of_reach(desk: Desk) -> None:
    await _assigned(desk)
    body = {"assigned": [{"id": desk.ids["screen"], "status": "hacked"}]}
    answer = await desk.ann.patch("/me", body)
    assert (await ticket_of(desk, "screen"))["status"] == "open", answer.body


async def test_me_creates_records_out_of_reach(desk: Desk) -> None:
    await _assigned(desk)
    body = {"assigned": [{"subject": "forged", "owner": {"id": desk.ids["user ben"]}}]}
    answer = await desk.ann.patch("/me", body)
    assert await desk.root.rows("/ticket", filter={"subject": "forged"}) == [], answer.body


async def test_me_takes_related_records_out_of_reach(desk: Desk) -> None:
    await relate(desk.root, "ticket", "assignee", "user_definition", inversePropertyName="assigned")
    await own_tickets(desk)
    answer = await desk.ann.patch("/me", {"assigned": [desk.ids["screen"]]})
    assert (await ticket_of(desk, "screen"))["assignee"] is None, answer.body


async def test_me_takes_related_records_within_owner(desk: Desk) -> None:
    """The relation that the policy is about is set over its other side."""
    await relate(desk.root, "ticket", "agent", "user_definition", inversePropertyName="mine")
    await desk.policy("ticket", filter={"agent": "@USER.id"})
    answer = await desk.ann.patch("/me", {"mine": [desk.ids["screen"]]})
    assert await desk.ann.rows("/ticket") == [], answer.body


async def _open_users(desk: Desk) -> None:
    root = desk.root
    every = [{"id": one["id"]} for one in (await root.get("/method_definition", limit=0)).data]
    route = (await root.get("/route_definition", filter={"path": "/user_definition"})).row
    answer = await root.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": every})
    assert answer.status == 200, answer.body


async def test_an_administrators_account_out_of_reach_is_not_there(desk: Desk) -> None:
    await _open_users(desk)
    await desk.policy("user_definition", filter={"id": "@USER.id"})
    admin = (await desk.root.get("/me")).row["id"]
    one = await desk.ann.patch(f"/user_definition/{admin}", {"email": "x@example.com"})
    two = await desk.ann.delete(f"/user_definition/{admin}")
    assert (one.status, two.status) == (404, 404), (one.body, two.body)


async def test_who_may_delete_accounts_deletes_no_administrator(desk: Desk) -> None:
    await _open_users(desk)
    users = desk.root.kernel.records.of("user_definition")
    row = {"email": "second@example.com", "isRootAdmin": True}
    await users.create(row, access=INTERNAL)
    second = (await desk.root.get("/user_definition", filter={"email": row["email"]})).row["id"]
    answer = await desk.ann.delete(f"/user_definition/{second}")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert (await desk.root.kernel.users.owner()).email != row["email"]
    assert (await desk.root.delete(f"/user_definition/{second}")).status == 200


async def test_names_in_nested_bodies_tell_of_accounts_out_of_reach(desk: Desk) -> None:
    await relate(desk.root, "ticket", "assignee", "user_definition", inversePropertyName="assigned")
    await _open_users(desk)
    await desk.policy("user_definition", filter={"id": "@USER.id"})
    path = f"/user_definition/{desk.ids['user ann']}"
    assert len(await desk.ann.rows("/user_definition")) == 1
    body = {"assigned": [{"subject": "x", "owner": "bem@example.com"}]}
    answer = await desk.ann.patch(path, body)
    assert "ben@example.com" not in json.dumps(answer.body), answer.body
    answer = await desk.ann.post(
        "/user_definition", {"email": "x@example.com", "password": "xxxxxxx1", **body}
    )
    assert "ben@example.com" not in json.dumps(answer.body), answer.body


async def test_names_in_nested_bodies_tell_whether_accounts_exist(desk: Desk) -> None:
    await relate(desk.root, "ticket", "assignee", "user_definition", inversePropertyName="assigned")
    await _open_users(desk)
    await desk.policy("user_definition", filter={"id": "@USER.id"})
    path = f"/user_definition/{desk.ids['user ann']}"
    one, other = [
        await desk.ann.patch(path, {"assigned": [{"subject": "x", "owner": name}]})
        for name in ("ben@example.com", "qqqqqqqqqqqqqq@example.net")
    ]
    assert (one.status, one.code) == (other.status, other.code), (one.body, other.body)


async def test_me_writes_tables_whose_route_is_closed_to_the_caller(desk: Desk) -> None:
    one = {
        "propertyName": "account",
        "type": "one-to-one",
        "targetTable": "user_definition",
        "inversePropertyName": "employee",
    }
    await desk.root.define("employee", "name varchar", relations=[one])
    row = await desk.root.create("/employee", {"name": "boss"})
    assert (await desk.ann.patch(f"/employee/{row['id']}", {"name": "x"})).status == 403
    answer = await desk.ann.patch("/me", {"employee": {"id": row["id"], "name": "x"}})
    assert answer.status == 403
    answer = await desk.ann.patch("/me", {"employee": row["id"]})
    assert (await desk.root.rows("/employee"))[0]["account"] is None, answer.body


async def test_put_takes_away_the_callers_role(desk: Desk) -> None:
    await _open_users(desk)
    await desk.policy("user_definition", filter={"id": "@USER.id"})
    await desk.deny("ticket.internalNote", role={"id": desk.ids["requester"]})
    assert "internalNote" not in (await desk.ann.rows("/ticket"))[0]
    path = f"/user_definition/{desk.ids['user ann']}"
    assert (await desk.ann.patch(path, {"role": None})).status == 400
    answer = await desk.ann.put(path, {"email": "ann@example.com"})
    ann = await Api(desk.root.kernel).login("ann@example.com", PASSWORD)
    assert "internalNote" not in (await ann.rows("/ticket"))[0], answer.body


async def test_a_policy_of_an_account_keeps_the_account(desk: Desk) -> None:
    boss = await desk.root.post(
        "/user_definition", {"email": "boss@example.com", "password": PASSWORD}
    )
    await desk.policy("ticket", role={"id": desk.ids["requester"]}, filter={"owner": "@USER.id"})
    await desk.policy("ticket", name="all", allowedUsers=[{"id": boss.row["id"]}])
    assert len(await desk.ann.rows("/ticket")) == 2
    answer = await desk.root.delete(f"/user_definition/{boss.row['id']}")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")


async def test_a_permission_of_an_account_keeps_the_account(desk: Desk) -> None:
    boss = await desk.root.post(
        "/user_definition", {"email": "boss@example.com", "password": PASSWORD}
    )
    (column,) = await desk.root.rows("/column_definition", filter={"name": "internalNote"})
    await desk.root.patch(f"/column_definition/{column['id']}", {"isPublished": False})
    await desk.allow("ticket.internalNote", allowedUsers=[{"id": boss.row["id"]}])
    assert "internalNote" not in (await desk.ann.rows("/ticket"))[0]
    answer = await desk.root.delete(f"/user_definition/{boss.row['id']}")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")


async def test_the_only_policy_of_a_table_goes_with_its_role(desk: Desk) -> None:
    chief = (await desk.root.post("/role_definition", {"name": "chief"})).row["id"]
    await desk.policy("ticket", role={"id": chief})
    assert await desk.ann.rows("/ticket") == []
    answer = await desk.root.delete(f"/role_definition/{chief}")
    assert await desk.ann.rows("/ticket") == [], (answer.status, answer.body)


async def test_policy_read_and_update_of_me_with_relations_of_system(desk: Desk) -> None:
    """What goes for one's own account does not go for others."""
    await desk.policy("user_definition", filter={"id": "@USER.id"})
    answer = await desk.ann.get("/ticket", fields="owner.email", limit=0)
    assert "ben@" not in json.dumps(answer.body)
    await relate(desk.root, "ticket", "assignee", "user_definition", inversePropertyName="assigned")
    await desk.root.patch(f"/ticket/{desk.ids['screen']}", {"assignee": desk.ids["user ann"]})
    answer = await desk.ann.get("/me", fields="assigned.owner.email")
    assert "ben@" not in json.dumps(answer.body), answer.body


async def test_roles_given_over_the_role(desk: Desk) -> None:
    """`role` of an account is for administrators to set, and `users` of a role is not."""
    root = desk.root
    every = [{"id": one["id"]} for one in (await root.get("/method_definition", limit=0)).data]
    route = (await root.get("/route_definition", filter={"path": "/role_definition"})).row
    await root.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": every})
    ann = desk.ids["user ann"]
    answer = await desk.ann.patch(f"/role_definition/{desk.ids['agent']}", {"users": [ann]})
    row = (await root.rows("/user_definition", filter={"id": ann}))[0]
    assert row["role"] == {"id": desk.ids["requester"]}, answer.body


async def test_values_of_the_caller_are_those_that_the_account_holds(desk: Desk) -> None:
    """What other tables say of an account changes without its noticing."""
    one = {
        "propertyName": "account", "type": "one-to-one", "targetTable": "user_definition",
        "inversePropertyName": "employee",
    }  # fmt: skip
    await desk.root.define("employee", "name varchar", relations=[one])
    for source, words in (
        ({"price": "@USER.employee"}, "not held by the account"),
        ({"price": {"_between": ["@USER.employee", 9]}}, "not held by the account"),
        ({"price": "@USER.employee.name"}, "more than the account holds"),
        ({"price": "@USER.role.naem"}, "more than the account holds"),
    ):
        body = {"name": "p", "table": "ticket", "filter": source}
        answer = await desk.root.post("/row_policy_definition", body)
        assert answer.status == 400, answer.body
        assert words in answer.message
