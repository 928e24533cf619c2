"""Logins: prolonged, stolen, listed, ended."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest
from enfyra_kernel.query.ast import Query
from enfyra_kernel.query.plan import ADMINISTRATOR

from tests.api import Api

from .conftest import EMAIL, MovingClock, People

pytestmark = pytest.mark.asyncio

DAY = 86_400
# Longer than a used refresh token is answered.
LATER = 60


# -- refresh tokens -------------------------------------------------------------------------------


async def test_a_replayed_refresh_token_ends_the_login(people: People, clock: MovingClock) -> None:
    await people.sign_up()
    first = await people.log_in()
    other = await people.log_in()
    second = await people.refresh(first.body["refreshToken"])
    thief = people.as_(second)
    assert (await thief.get("/me")).status == 200
    clock.ahead += LATER
    replayed = await people.refresh(first.body["refreshToken"])
    assert (replayed.status, replayed.code) == (401, "TOKEN_REUSED")
    # Whoever has the newer one is out as well, with all its tokens; other logins go on.
    assert (await thief.get("/me")).code == "INVALID_TOKEN"
    assert (await people.refresh(second.body["refreshToken"])).code == "INVALID_TOKEN"
    assert (await people.refresh(first.body["refreshToken"])).code == "INVALID_TOKEN"
    assert (await people.as_(other).get("/me")).status == 200


async def test_a_token_before_the_previous_one_is_a_replay_at_once(people: People) -> None:
    await people.sign_up()
    tokens = [(await people.log_in()).body["refreshToken"]]
    for _ in range(2):
        tokens.append((await people.refresh(tokens[-1])).body["refreshToken"])
    assert (await people.refresh(tokens[0])).code == "TOKEN_REUSED"
    assert (await people.refresh(tokens[-1])).code == "INVALID_TOKEN"


async def test_fifty_clients_that_refresh_at_once_get_one_successor(people: People) -> None:
    await people.sign_up()
    token = (await people.log_in()).body["refreshToken"]
    answers = await asyncio.gather(*(people.refresh(token) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    successors = {answer.body["refreshToken"] for answer in answers}
    assert len(successors) == 1
    assert (await people.as_(answers[-1]).get("/me")).status == 200
    assert (await people.refresh(successors.pop())).status == 200


async def test_a_late_client_gets_the_same_successor(people: People, clock: MovingClock) -> None:
    await people.sign_up()
    token = (await people.log_in(remember=True)).body["refreshToken"]
    first = await people.refresh(token)
    clock.ahead += people.kernel.settings.refresh_grace - 1
    second = await people.refresh(token)
    assert second.body["refreshToken"] == first.body["refreshToken"]
    clock.ahead += 2
    assert (await people.refresh(token)).code == "TOKEN_REUSED"


async def test_a_login_ends_by_itself(people: People, clock: MovingClock) -> None:
    await people.sign_up()
    short, long = await people.log_in(), await people.log_in(remember=True)
    clock.ahead += DAY + 1
    assert (await people.as_(short).get("/me")).code == "TOKEN_EXPIRED"
    assert (await people.refresh(short.body["refreshToken"])).code == "TOKEN_EXPIRED"
    prolonged = await people.refresh(long.body["refreshToken"])
    assert prolonged.status == 200
    # The kernel may have done so by itself.
    await people.kernel.sessions.prune()
    sessions = people.kernel.records.of("session_definition")
    left = await sessions.rows(Query(limit=0), ADMINISTRATOR)
    now = people.kernel.clock.now()
    assert left
    assert all(datetime.datetime.fromisoformat(row["expiredAt"]) > now for row in left)
    clock.ahead += 6 * DAY
    # Each refresh begins the time anew.
    assert (await people.refresh(prolonged.body["refreshToken"])).status == 200


# -- one's own logins -----------------------------------------------------------------------------


async def test_logins_are_listed_by_device(people: People) -> None:
    await people.sign_up()
    phone = await people.log_in(headers={"User-Agent": "Phone/1"}, remember=True)
    desk = await people.log_in(headers={"User-Agent": "x" * 1000})
    await people.refresh(phone.body["refreshToken"])
    rows = (await people.as_(desk).get("/me/sessions")).data
    assert [row["isCurrent"] for row in rows] == [True, False]
    assert [row["userAgent"] for row in rows] == ["x" * 255, "Phone/1"]
    assert [row["remember"] for row in rows] == [False, True]
    assert [row["refreshedAt"] is None for row in rows] == [True, False]
    assert set(rows[0]) == {
        "id", "createdAt", "refreshedAt", "expiredAt", "remember", "loginProvider", "ip",
        "userAgent", "isCurrent",
    }  # fmt: skip


async def test_a_login_is_ended_from_elsewhere(people: People) -> None:
    await people.sign_up()
    lost, here = await people.log_in(), await people.log_in()
    caller, thief = people.as_(here), people.as_(lost)
    assert (await thief.get("/me")).status == 200
    [id_] = [row["id"] for row in (await caller.get("/me/sessions")).data if not row["isCurrent"]]
    assert (await caller.delete(f"/me/sessions/{id_}")).status == 200
    assert (await thief.get("/me")).code == "INVALID_TOKEN"
    assert (await people.refresh(lost.body["refreshToken"])).code == "INVALID_TOKEN"
    assert (await caller.delete(f"/me/sessions/{id_}")).code == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize("id_", ["nonsense", "00000000-0000-0000-0000-000000000000", "%27", "1"])
async def test_only_ones_own_logins_can_be_ended(people: People, id_: str) -> None:
    await people.sign_up()
    caller = people.as_(await people.log_in())
    answer = await caller.delete(f"/me/sessions/{id_}")
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    others = (await people.admin.get("/me/sessions")).data
    for row in others:
        assert (await caller.delete(f"/me/sessions/{row['id']}")).status == 404
    assert (await people.admin.get("/me")).status == 200
    assert (await people.admin.anonymous.get("/me/sessions")).status == 401


async def test_all_logins_are_ended_at_once(people: People) -> None:
    await people.sign_up()
    logins = [await people.log_in() for _ in range(3)]
    callers = [people.as_(login) for login in logins]
    for caller in callers:
        assert (await caller.get("/me")).status == 200
    answer = await callers[0].post("/auth/logout", {"all": True})
    assert (answer.status, answer.body["message"]) == (200, "Logged out everywhere")
    for caller, login in zip(callers, logins, strict=True):
        assert (await caller.get("/me")).status == 401
        assert (await people.refresh(login.body["refreshToken"])).status == 401
    assert (await people.admin.get("/me")).status == 200
    assert (await people.admin.anonymous.post("/auth/logout", {"all": True})).status == 401


# -- what a change of an account does -------------------------------------------------------------


@pytest.mark.parametrize("change", [{"password": "another one"}, {"isDisabled": True}])
async def test_a_change_by_an_administrator_ends_all_logins(people: People, change: Any) -> None:
    user = await people.sign_up()
    login = await people.log_in()
    caller = people.as_(login)
    assert (await caller.get("/me")).status == 200
    answer = await people.admin.patch(f"/user_definition/{user['id']}", change)
    assert answer.status == 200, answer.body
    assert (await caller.get("/me")).status == 401
    assert (await people.refresh(login.body["refreshToken"])).status == 401


async def test_ones_own_new_password_ends_the_other_logins(people: People) -> None:
    await people.sign_up()
    here, there = await people.log_in(), await people.log_in()
    caller = people.as_(here)
    answer = await caller.patch("/me", {"password": "another one"})
    assert answer.status == 200, answer.body
    assert (await caller.get("/me")).status == 200
    assert (await people.refresh(here.body["refreshToken"])).status == 200
    assert (await people.as_(there).get("/me")).status == 401


async def test_who_is_disabled_is_told_so_and_nobody_else_is(people: People) -> None:
    user = await people.sign_up(isDisabled=True)
    answer = await people.log_in()
    assert (answer.status, answer.code) == (401, "ACCOUNT_DISABLED")
    assert (await people.log_in(password="wrong")).code == "INVALID_CREDENTIALS"
    await people.admin.patch(f"/user_definition/{user['id']}", {"isDisabled": False})
    assert (await people.log_in()).status == 200


async def test_another_role_holds_at_once_and_ends_no_login(people: People) -> None:
    user = await people.sign_up()
    role = await people.admin.create("/role_definition", {"name": "editor"})
    caller = people.as_(await people.log_in())
    assert (await caller.get("/me")).row["role"] is None
    path = f"/user_definition/{user['id']}"
    assert (await people.admin.patch(path, {"role": role["id"]})).status == 200
    known = await people.kernel.authenticator.caller(caller.token or "")
    assert known.role == role["id"]
    assert (await caller.get("/me")).row["role"] == {"id": role["id"]}


async def test_a_login_has_an_id_of_its_own_whatever_the_client_says(people: People) -> None:
    await people.sign_up()
    before = await people.log_in()
    caller = Api(people.kernel, before.body["accessToken"])
    answer = await caller.post("/auth/login", {"email": EMAIL, "password": "correct horse"})
    rows = (await people.as_(answer).get("/me/sessions")).data
    assert len(rows) == 2
    bad = await caller.post(
        "/auth/login", {"email": EMAIL, "password": "x", "sessionId": rows[0]["id"]}
    )
    assert (bad.status, bad.message) == (400, "sessionId is not allowed.")


# -- what a request costs -------------------------------------------------------------------------


async def test_a_token_is_looked_up_once(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    await people.sign_up()
    caller = people.as_(await people.log_in())
    assert (await caller.get("/me")).status == 200
    rows = people.kernel.sessions._rows  # pyright: ignore[reportPrivateUsage]
    looks: list[str] = []
    monkeypatch.setattr(type(rows), "find", lambda _, id_: looks.append(id_))
    sessions = people.kernel.authenticator
    for _ in range(3):
        assert await sessions.caller(caller.token or "") is sessions.cached(caller.token or "")
    assert not looks


# -- what somebody else has prepared --------------------------------------------------------------


async def test_a_login_never_goes_on_with_one_that_was_there(people: People) -> None:
    """Who has planted his own login, in a cookie or a header, does not share the next one."""
    await people.sign_up()
    planted = await people.log_in()
    begun = await people.log_in(
        headers={
            "Authorization": f"Bearer {planted.body['accessToken']}",
            "Cookie": f"accessToken={planted.body['accessToken']}; "
            f"refreshToken={planted.body['refreshToken']}",
        }
    )
    ann = people.as_(begun)
    rows = (await ann.get("/me/sessions")).data
    mine = {row["id"] for row in rows if row["isCurrent"]}
    theirs = {row["id"] for row in (await people.as_(planted).get("/me/sessions")).data
              if row["isCurrent"]}  # fmt: skip
    assert len(rows) == 2
    assert mine.isdisjoint(theirs)


async def test_hooks_see_that_a_password_changes(people: People) -> None:
    """What shall happen with it, such as a message to its owner, is a hook of `/me`."""
    await people.sign_up()
    admin = people.admin
    await admin.create("/flow_definition", {"name": "told", "maxExecutions": 0})
    source = "if 'password' in @BODY and not @ERROR:\n    await @TRIGGER('told', @USER.email)"
    await admin.create(
        "/post_hook_definition",
        {"name": "tell", "route": "/me", "methods": ["PATCH"], "sourceCode": source},
    )
    ann = people.as_(await people.log_in())
    assert (await ann.patch("/me", {"password": "another one"})).status == 200
    [run] = await admin.rows("/flow_execution_definition")
    assert run["payload"] == EMAIL
    assert "another one" not in str(run)
