"""Logins and API tokens of others, ended by administrators over the rows that they are."""

from __future__ import annotations

import pytest

from tests.api import Api

from .conftest import EMAIL, People

pytestmark = pytest.mark.asyncio


async def test_an_administrator_ends_one_login_of_somebody_else(people: People) -> None:
    user = await people.sign_up()
    gone, stays = [people.as_(await people.log_in()) for _ in range(2)]
    ids = {}
    for login in (gone, stays):
        assert (await login.get("/me")).status == 200
        ids[login] = next(one["id"] for one in await login.rows("/me/sessions") if one["isCurrent"])
    query = {"filter": {"user": {"id": user["id"]}}, "fields": "id,ip,userAgent,user.email"}
    shown = await people.admin.rows("/session_definition", **query)
    assert {one["id"] for one in shown} == set(ids.values())
    assert {one["user"]["email"] for one in shown} == {EMAIL}
    # However the id is written.
    answer = await people.admin.delete(f"/session_definition/{ids[gone].upper()}")
    assert answer.status == 200, answer.body
    assert (await gone.get("/me")).code == "INVALID_TOKEN"
    assert (await stays.get("/me")).status == 200
    again = await people.admin.delete(f"/session_definition/{ids[gone]}")
    assert (again.status, again.code) == (404, "RESOURCE_NOT_FOUND")
    assert (await people.admin.delete("/session_definition/7")).status == 404


async def test_an_administrator_ends_one_api_token_of_somebody_else(people: People) -> None:
    await people.sign_up()
    login = people.as_(await people.log_in())
    made = [await login.create("/me/tokens", {"name": name}) for name in ("a", "b")]
    programs = [Api(people.kernel, one["token"]) for one in made]
    assert [(await one.get("/me")).status for one in programs] == [200, 200]
    answer = await people.admin.delete(f"/api_token_definition/{made[0]['id']}")
    assert answer.status == 200, answer.body
    assert [(await one.get("/me")).status for one in programs] == [401, 200]
    assert [one["name"] for one in await login.rows("/me/tokens")] == ["b"]


async def test_ones_own_are_ended_however_their_ids_are_written(people: People) -> None:
    await people.sign_up()
    login, other = [people.as_(await people.log_in()) for _ in range(2)]
    token = await login.create("/me/tokens", {"name": "a"})
    program = Api(people.kernel, token["token"])
    assert {(await one.get("/me")).status for one in (other, program)} == {200}
    rows = await other.rows("/me/sessions")
    id_ = next(one["id"] for one in rows if one["isCurrent"])
    assert (await login.delete(f"/me/sessions/{id_.upper()}")).status == 200
    assert (await login.delete(f"/me/tokens/{token['id'].upper()}")).status == 200
    assert {(await one.get("/me")).status for one in (other, program)} == {401}


async def test_who_may_end_logins_ends_none_of_an_administrator(people: People) -> None:
    user = await people.sign_up()
    for table in ("session", "api_token"):
        permission = {"route": f"/{table}_definition", "methods": ["GET", "DELETE"]}
        await people.admin.create(
            "/route_permission_definition", {**permission, "allowedUsers": [user["id"]]}
        )
    login, other = [people.as_(await people.log_in()) for _ in range(2)]
    await people.admin.create("/me/tokens", {"name": "admin's"})
    mine = await login.create("/me/tokens", {"name": "mine"})
    for table in ("session", "api_token"):
        rows = await login.rows(f"/{table}_definition", filter={"user": {"isRootAdmin": True}})
        answer = await login.delete(f"/{table}_definition/{rows[0]['id']}")
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
        assert "ended by administrators only" in answer.message
    # With a token of his own he cannot end what is his own.
    rows = await other.rows("/me/sessions")
    id_ = next(one["id"] for one in rows if one["isCurrent"])
    program = Api(people.kernel, mine["token"])
    answer = await program.delete(f"/session_definition/{id_}")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert (await login.delete(f"/session_definition/{id_}")).status == 200
    assert (await other.get("/me")).status == 401


async def test_a_token_takes_over_no_account_by_another_way_to_write_its_id(people: People) -> None:
    user = await people.sign_up()
    permission = {"route": "/user_definition", "methods": ["PATCH"]}
    await people.admin.create(
        "/route_permission_definition", {**permission, "allowedUsers": [user["id"]]}
    )
    login = people.as_(await people.log_in())
    program = Api(people.kernel, (await login.create("/me/tokens", {"name": "a"}))["token"])
    path = f"/user_definition/{user['id'].upper()}"
    answer = await program.patch(path, {"password": "taken over"})
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    # Where it may be written, it is the same account.
    assert (await people.admin.patch(path, {"password": "another"})).status == 200
    assert (await people.log_in(password="another")).status == 200


async def test_nobody_makes_or_changes_rows_of_logins(people: People) -> None:
    for table in ("session", "api_token"):
        for method, path in (("POST", ""), ("PATCH", "/1"), ("PUT", "/1")):
            answer = await people.admin.send(method, f"/{table}_definition{path}", {"name": "x"})
            assert answer.status == 405, answer.body
