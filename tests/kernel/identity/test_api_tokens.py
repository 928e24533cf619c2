"""API tokens: what they are for, until when, and what they must not do."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from enfyra_kernel.identity.scopes import parse_scope

from tests.api import Answer, Api
from tests.databases import ADMIN_EMAIL

from .conftest import EMAIL, MovingClock, People

DAY = 86_400


async def create(api: Api, **body: Any) -> Any:
    return await api.create("/me/tokens", {"name": "ci", **body})


async def with_token(api: Api, **body: Any) -> Api:
    return Api(api.kernel, (await create(api, **body))["token"])


async def exchanged(api: Api, token: Any) -> Answer:
    return await api.anonymous.post("/auth/token/exchange", {"apiToken": token})


# -- scopes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "covered", "not_covered"),
    [
        ("GET /post", ["GET /post", "HEAD /post", "GET /post/"], ["GET /post/7", "POST /post"]),
        ("GET,POST /post/**", ["GET /post", "POST /post/7/x"], ["PATCH /post", "GET /posts"]),
        ("* /shop/*/orders", ["DELETE /shop/1/orders"], ["GET /shop/orders", "GET /shop/1"]),
        ("* /**", ["GET /", "PUT /a/b"], []),
        ("get /", ["GET /"], ["GET /post"]),
    ],
)
def test_a_scope_covers(scope: str, covered: list[str], not_covered: list[str]) -> None:
    read = parse_scope(scope)
    assert [one for one in covered if not read.covers(*one.split())] == []
    assert [one for one in not_covered if read.covers(*one.split())] == []


@pytest.mark.parametrize(
    ("scopes", "message"),
    [
        ([], "scopes must have 1 to 50 items; leave it out for everything"),
        ("GET /post", "scopes must be a list of texts, such as 'GET,POST /post/**'"),
        ([1], "scopes must be a list of texts, such as 'GET,POST /post/**'"),
        (["/post"], "scopes.0 must be methods and a path, such as 'GET,POST /post/**'"),
        (["GET post"], "scopes.0 must be methods and a path, such as 'GET,POST /post/**'"),
        (["GTE /post"], "scopes.0 has the unknown method 'GTE'. Did you mean 'GET'?"),
        (["* /a", "GET /po*"], "scopes.1 may have '*' for one part of the path, and '/**' at"),
        (["GET /**/a"], "scopes.0 may have '*' for one part of the path, and '/**' at its end"),
    ],
)
@pytest.mark.asyncio
async def test_what_is_no_scope_is_told(sqlite_api: Api, scopes: Any, message: str) -> None:
    answer = await sqlite_api.post("/me/tokens", {"name": "ci", "scopes": scopes})
    assert answer.status == 400
    assert answer.message.startswith(message)


@pytest.mark.asyncio
async def test_a_token_does_what_it_is_for(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    await api.define("note", "title varchar")
    await api.post(
        "/relation_definition",
        {"sourceTable": "note", "targetTable": "post", "type": "many-to-one",
         "propertyName": "post"},
    )  # fmt: skip
    program = await with_token(api, scopes=["GET /post", "POST /note"])
    assert (await program.get("/post")).status == 200
    for method, path, body in (
        ("POST", "/post", {"title": "x"}),
        ("GET", "/user_definition", None),
        ("GET", "/enfyra_user", None),
        ("GET", "/me", None),
        ("DELETE", "/post/1", None),
        ("POST", "/note", {"title": "x", "post": {"title": "nested"}}),
    ):
        answer = await program.send(method, path, body)
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR"), (method, path)
        assert "API token is not meant for" in answer.message
    assert (await program.post("/note", {"title": "x"})).status == 201
    assert (await program.get("/api/post")).status == 200
    # What everybody may do, it may do as well, as nobody.
    await api.publish("/note", "GET")
    assert (await program.get("/note")).status == 200
    short = Api(api.kernel, (await exchanged(api, program.token)).body["accessToken"])
    assert (await short.get("/post")).status == 200
    assert (await short.post("/post", {"title": "x"})).status == 403


# -- their life -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_token_is_shown_once_and_stored_as_a_hash(people: People) -> None:
    await people.sign_up()
    caller = people.as_(await people.log_in())
    made = await create(caller, name=" backup ", expiresAt="never")
    token = made["token"]
    assert token.startswith("efy_pat_")
    assert (made["name"], made["last4"], made["expiresAt"]) == ("backup", token[-4:], None)
    assert token.startswith(made["prefix"])
    [listed] = (await caller.get("/me/tokens")).data
    assert listed == {name: value for name, value in made.items() if name != "token"}
    shown = str((await people.admin.get("/api_token_definition")).body)
    assert token not in shown
    assert "tokenHash" not in shown
    # Others see theirs.
    assert (await people.admin.get("/me/tokens")).data == []
    me = (await Api(people.kernel, token).get("/me")).row
    assert (me["email"], me["loginProvider"]) == (EMAIL, "api_token")


@pytest.mark.asyncio
async def test_a_token_expires(people: People, clock: MovingClock) -> None:
    soon = people.kernel.clock.now() + datetime.timedelta(seconds=100)
    program = await with_token(people.admin, expiresAt=soon.isoformat())
    quarter = await with_token(people.admin)
    assert (await program.get("/me")).status == 200
    short = await exchanged(people.admin, program.token)
    clock.ahead += 99
    # What it was exchanged for lasts a minute, and never longer than itself.
    assert (await Api(people.kernel, short.body["accessToken"]).get("/me")).status == 401
    last = await exchanged(people.admin, program.token)
    assert last.body["expTime"] == int(soon.timestamp() * 1000)
    clock.ahead += 2
    assert (await program.get("/me")).code == "TOKEN_EXPIRED"
    assert (await exchanged(people.admin, program.token)).code == "TOKEN_EXPIRED"
    clock.ahead += 89 * DAY
    assert (await quarter.get("/me")).status == 200
    clock.ahead += DAY
    assert (await quarter.get("/me")).code == "TOKEN_EXPIRED"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name is required"),
        ({"name": " "}, "name must have 1 to 120 characters"),
        ({"name": "x" * 121}, "name must have 1 to 120 characters"),
        ({"name": "x", "expiresAt": "2020-01-01T00:00Z"}, "expiresAt must be in the future"),
        ({"name": "x", "expiresAt": "soon"}, "expiresAt must be an instant such as"),
        ({"name": "x", "expiresAt": 5}, "expiresAt must be an instant such as"),
        ({"name": "x", "user": 1}, "user is not allowed."),
        ({"name": "x", "scope": ["* /"]}, "scope is not allowed. Did you mean 'scopes'?"),
    ],
)
@pytest.mark.asyncio
async def test_what_a_token_needs(sqlite_api: Api, body: Any, message: str) -> None:
    answer = await sqlite_api.post("/me/tokens", body)
    assert answer.status == 400
    assert answer.message.startswith(message)


@pytest.mark.asyncio
async def test_a_token_is_revoked_at_once(people: People) -> None:
    await people.sign_up()
    caller = people.as_(await people.log_in())
    made = await create(caller)
    program = Api(people.kernel, made["token"])
    short = Api(people.kernel, (await exchanged(caller, made["token"])).body["accessToken"])
    for one in (program, short):
        assert (await one.get("/me")).status == 200
    assert (await people.admin.delete(f"/me/tokens/{made['id']}")).status == 404
    assert (await caller.delete("/me/tokens/nonsense")).status == 404
    assert (await caller.delete(f"/me/tokens/{made['id']}")).status == 200
    for one in (program, short):
        assert (await one.get("/me")).code == "INVALID_TOKEN"
    assert (await exchanged(caller, made["token"])).code == "INVALID_TOKEN"
    assert (await caller.get("/me")).status == 200


@pytest.mark.asyncio
async def test_a_token_is_worth_what_its_user_is(people: People) -> None:
    user = await people.sign_up()
    program = await with_token(people.as_(await people.log_in()))
    assert (await program.get("/me")).status == 200
    path = f"/user_definition/{user['id']}"
    # A new password ends logins; programs go on.
    await people.admin.patch(path, {"password": "another one"})
    assert (await program.get("/me")).status == 200
    await people.admin.patch(path, {"isDisabled": True})
    assert (await program.get("/me")).code == "ACCOUNT_DISABLED"
    await people.admin.patch(path, {"isDisabled": False})
    assert (await program.get("/me")).status == 200
    await people.admin.delete(path)
    assert (await program.get("/me")).code == "INVALID_TOKEN"


@pytest.mark.asyncio
async def test_a_token_does_not_take_over_its_account(people: People) -> None:
    program = await with_token(people.admin)
    me = (await program.get("/me")).row
    assert me["email"] == ADMIN_EMAIL
    logins = (await program.get("/me/sessions")).data
    for method, path, body in (
        ("POST", "/me/tokens", {"name": "more"}),
        ("PATCH", "/me", {"password": "mine now"}),
        ("PATCH", "/me", {"email": "thief@example.org"}),
        ("PATCH", f"/user_definition/{me['id']}", {"password": "mine now"}),
        ("DELETE", f"/me/sessions/{logins[0]['id']}", None),
        ("POST", "/auth/logout", {"all": True}),
    ):
        answer = await program.send(method, path, body)
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR"), (method, path)
    assert (await program.post("/auth/logout")).status == 401
    assert (await people.admin.get("/me")).status == 200


@pytest.mark.parametrize("token", ["", "efy_pat_", "efy_pat_" + "x" * 43, "efy_pat_' OR 1=1 --"])
@pytest.mark.asyncio
async def test_what_is_no_token_is_refused(sqlite_api: Api, token: str) -> None:
    assert (await Api(sqlite_api.kernel, token).get("/me")).status == 401
    answer = await exchanged(sqlite_api, token)
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")


# -- when it was used -----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_use_is_written_now_and_then(people: People, clock: MovingClock) -> None:
    program = await with_token(people.admin)
    tokens = people.kernel.api_tokens
    for _ in range(3):
        assert (await program.get("/me")).status == 200
    clock.ahead += 5
    assert (await program.get("/me")).status == 200
    at = people.kernel.clock.now()
    # The kernel may have done so by itself.
    await tokens.write_used()
    [row] = (await people.admin.get("/me/tokens")).data
    used = datetime.datetime.fromisoformat(row["lastUsedAt"])
    assert abs((used - at).total_seconds()) < 4
