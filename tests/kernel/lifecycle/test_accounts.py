"""Logging in and out, and one's own account."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.oauth import Linking, Profile

from tests.api import Answer, Api
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

pytestmark = pytest.mark.asyncio

EMAIL, PASSWORD = "ann@example.org", "correct horse"


async def sign_up(api: Api, **facts: Any) -> Any:
    return await api.create("/user_definition", {"email": EMAIL, "password": PASSWORD, **facts})


async def log_in(api: Api, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Answer:
    return await api.anonymous.post("/auth/login", {"email": email, "password": password, **more})


async def refresh(api: Api, token: str) -> Answer:
    return await api.anonymous.post("/auth/refresh-token", {"refreshToken": token})


def as_(api: Api, answer: Answer) -> Api:
    return Api(api.kernel, answer.body["accessToken"])


# -- logging in -----------------------------------------------------------------------------------


async def test_a_login_gives_tokens_and_says_how_long_they_last(api: Api) -> None:
    await sign_up(api)
    answer = await log_in(api)
    assert answer.status == 200
    assert set(answer.body) == {
        "statusCode", "message", "accessToken", "refreshToken", "expTime", "loginProvider",
    }  # fmt: skip
    now = api.kernel.clock.now().timestamp()
    lifetime = answer.body["expTime"] / 1000 - now
    assert 0 < lifetime <= api.kernel.settings.access_token_ttl
    me = await as_(api, answer).get("/me")
    assert (me.status, me.row["email"], me.row["isRootAdmin"]) == (200, EMAIL, False)


async def test_the_address_is_taken_in_any_case_and_with_spaces_around(sqlite_api: Api) -> None:
    await sign_up(sqlite_api, email="Ann@Example.ORG")
    assert (await log_in(sqlite_api, "  ANN@example.org ")).status == 200


async def test_a_wrong_password_and_a_wrong_address_are_told_alike(api: Api) -> None:
    await sign_up(api)
    answers = [
        await log_in(api, password="wrong"),
        await log_in(api, email="nobody@example.org"),
        await log_in(api, password="x" * 100_000),
        await log_in(api, password="correct horse "),
        await log_in(api, email="' OR 1=1 --"),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (401, "INVALID_CREDENTIALS")
        assert answer.message == "Invalid email or password"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    shown = [{k: v for k, v in a.body["error"].items() if k != "timestamp"} for a in answers]
    assert all(one | {"correlationId": ""} == shown[0] | {"correlationId": ""} for one in shown)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({}, ["email is required", "password is required"]),
        ({"email": EMAIL}, ["password is required"]),
        ({"email": 5, "password": None}, ["email must be a text", "password must be a text"]),
        (
            {"email": EMAIL, "password": "x", "rememberr": True},
            ["rememberr is not allowed. Did you mean 'remember'?"],
        ),
        (
            {"email": EMAIL, "password": "x", "remember": "yes"},
            ["remember must be true or false"],
        ),
    ],
)
async def test_a_login_says_what_it_needs(sqlite_api: Api, body: Any, messages: list[str]) -> None:
    answer = await sqlite_api.anonymous.post("/auth/login", body)
    assert (answer.status, answer.body["message"]) == (400, messages)


async def test_a_user_without_a_password_cannot_log_in_with_any(sqlite_api: Api) -> None:
    await sqlite_api.create("/user_definition", {"email": EMAIL})
    for password in ("", "None", "null"):
        assert (await log_in(sqlite_api, password=password)).status == 401


# -- refreshing -----------------------------------------------------------------------------------


async def test_a_refresh_token_is_good_for_one_time(api: Api) -> None:
    await sign_up(api)
    first = await log_in(api)
    second = await refresh(api, first.body["refreshToken"])
    assert second.status == 200
    assert second.body["refreshToken"] != first.body["refreshToken"]
    assert (await as_(api, second).get("/me")).status == 200
    third = await refresh(api, second.body["refreshToken"])
    assert third.status == 200
    again = await refresh(api, first.body["refreshToken"])
    assert (again.status, again.code) == (401, "TOKEN_REUSED")
    assert (await refresh(api, third.body["refreshToken"])).code == "INVALID_TOKEN"


async def test_many_who_refresh_at_once_get_the_same_token(api: Api) -> None:
    await sign_up(api)
    token = (await log_in(api)).body["refreshToken"]
    answers = await asyncio.gather(*(refresh(api, token) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["refreshToken"] for answer in answers}) == 1


async def test_tokens_of_one_kind_do_not_serve_as_the_other(sqlite_api: Api) -> None:
    await sign_up(sqlite_api)
    login = (await log_in(sqlite_api)).body
    assert (await refresh(sqlite_api, login["accessToken"])).code == "INVALID_TOKEN"
    bearer = Api(sqlite_api.kernel, login["refreshToken"])
    assert (await bearer.get("/me")).code == "INVALID_TOKEN"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\N{SNOWMAN}", "eyJhbGciOiJub25lIn0.e30."])
async def test_what_is_no_token_is_401(sqlite_api: Api, token: str) -> None:
    assert (await refresh(sqlite_api, token)).status == 401
    assert (await Api(sqlite_api.kernel, token).get("/me")).status == 401


async def test_a_token_signed_with_another_key_is_worth_nothing(sqlite_api: Api) -> None:
    import jwt

    token = sqlite_api.token
    assert token is not None
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, "another key that is long enough to be one", "HS256")
    answer = await Api(sqlite_api.kernel, forged).get("/me")
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "token"])
async def test_another_kind_of_credentials_is_401(sqlite_api: Api, header: str) -> None:
    answer = await sqlite_api.anonymous.send("GET", "/me", headers={"Authorization": header})
    assert answer.status == 401


# -- logging out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["bearer", "body"])
async def test_a_logout_ends_both_tokens_at_once(api: Api, way: str) -> None:
    await sign_up(api)
    login = await log_in(api)
    other = await log_in(api)
    caller = as_(api, login)
    assert (await caller.get("/me")).status == 200
    if way == "bearer":
        answer = await caller.post("/auth/logout")
    else:
        token = login.body["refreshToken"]
        answer = await api.anonymous.post("/auth/logout", {"refreshToken": token})
    assert (answer.status, answer.body["message"]) == (200, "Logged out")
    assert (await caller.get("/me")).code == "INVALID_TOKEN"
    assert (await refresh(api, login.body["refreshToken"])).code == "INVALID_TOKEN"
    assert (await as_(api, other).get("/me")).status == 200


async def test_who_is_not_logged_in_cannot_log_out(sqlite_api: Api) -> None:
    assert (await sqlite_api.anonymous.post("/auth/logout")).status == 401


async def test_a_user_who_is_deleted_is_out_at_once(api: Api) -> None:
    user = await sign_up(api)
    login = await log_in(api)
    assert (await as_(api, login).get("/me")).status == 200
    assert (await api.delete(f"/user_definition/{user['id']}")).status == 200
    assert (await as_(api, login).get("/me")).status == 401
    assert (await refresh(api, login.body["refreshToken"])).status == 401
    assert (await log_in(api)).status == 401


async def test_a_user_whose_password_is_taken_away_is_disabled(api: Api) -> None:
    user = await sign_up(api)
    assert (await api.patch(f"/user_definition/{user['id']}", {"password": None})).status == 200
    assert (await log_in(api)).status == 401


async def test_logins_and_api_tokens_are_kept_alike_everywhere(api: Api) -> None:
    """On every engine; all the rest of it is tested on one, in tests/kernel/identity."""
    user = await sign_up(api)
    first, second, third = [as_(api, await log_in(api)) for _ in range(3)]
    rows = (await first.get("/me/sessions")).data
    assert [row["isCurrent"] for row in rows].count(True) == 1
    other = next(row["id"] for row in rows if not row["isCurrent"])
    assert (await first.delete(f"/me/sessions/{other}")).status == 200
    assert len((await first.get("/me/sessions")).data) == 2
    made = await first.create("/me/tokens", {"name": "ci", "scopes": ["GET /me", "GET /me/tokens"]})
    program = Api(api.kernel, made["token"])
    assert (await program.get("/me")).row["email"] == EMAIL
    # The kernel may have done so by itself.
    await api.kernel.api_tokens.write_used()
    [listed] = (await program.get("/me/tokens")).data
    assert (listed["scopes"], listed["lastUsedAt"] is None) == (made["scopes"], False)
    assert (await program.get("/me/sessions")).status == 403
    assert (await first.patch("/me", {"password": "another one"})).status == 200
    statuses = [(await one.get("/me")).status for one in (first, second, third)]
    assert sorted(statuses) == [200, 401, 401]
    assert (await api.patch(f"/user_definition/{user['id']}", {"isDisabled": True})).status == 200
    assert (await first.get("/me")).status == 401
    assert (await program.get("/me")).code == "ACCOUNT_DISABLED"
    assert (await log_in(api, password="another one")).code == "ACCOUNT_DISABLED"
    await api.patch(f"/user_definition/{user['id']}", {"isDisabled": False})
    await first.post("/auth/logout", {"all": True})
    again = as_(api, await log_in(api, password="another one"))
    assert (await again.delete(f"/me/tokens/{made['id']}")).status == 200
    assert (await program.get("/me")).code == "INVALID_TOKEN"
    assert (await again.post("/auth/logout", {"all": True})).status == 200
    assert (await again.get("/me")).status == 401
    assert await api.kernel.sessions.prune() == 0


async def test_an_account_elsewhere_is_linked_alike_everywhere(api: Api) -> None:
    linking = Linking(api.kernel.records, api.kernel.users)

    async def provision(_: Profile) -> dict[str, Any]:
        return {}

    ann = Profile(provider="test", id="1", email=EMAIL, email_verified=True)
    made = await linking.user_of(ann, provision)
    assert await linking.user_of(ann, provision) == made
    elsewhere = Profile(provider="other", id="7", email=EMAIL, email_verified=True)
    assert await linking.user_of(elsewhere, provision) == made
    assert len(await linking.accounts_of(made)) == 2
    with pytest.raises(EnfyraError, match="already"):
        await linking.user_of(Profile(provider="third", id="7", email=EMAIL), provision)


# -- one's own account ----------------------------------------------------------------------------


async def test_me_needs_a_login(sqlite_api: Api) -> None:
    for method in ("GET", "PATCH"):
        answer = await sqlite_api.anonymous.send(method, "/me", {} if method == "PATCH" else None)
        assert (answer.status, answer.code) == (401, "AUTHENTICATION_ERROR")


async def test_me_shows_no_secret_and_the_fields_asked_for(api: Api) -> None:
    me = (await api.get("/me")).row
    assert me["email"] == ADMIN_EMAIL
    assert me["isRootAdmin"] is True
    assert "password" not in me
    assert (await api.get("/me", fields="email")).row.keys() == {"id", "email", "loginProvider"}
    assert (await api.get("/me", fields="password")).status == 403


async def test_the_password_can_be_changed_and_then_holds(api: Api) -> None:
    await sign_up(api)
    caller = as_(api, await log_in(api))
    answer = await caller.patch("/me", {"password": "another one"})
    assert (answer.status, "password" in answer.row) == (200, False)
    assert (await log_in(api)).status == 401
    assert (await log_in(api, password="another one")).status == 200


@pytest.mark.parametrize("password", ["", None, 5])
async def test_a_password_must_be_a_text(sqlite_api: Api, password: Any) -> None:
    answer = await sqlite_api.patch("/me", {"password": password})
    assert (answer.status, answer.message) == (400, "password must be a text")
    assert (await log_in(sqlite_api, ADMIN_EMAIL, ADMIN_PASSWORD)).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"isRootAdmin": True}, "isRootAdmin cannot be changed here"),
        ({"role": 1}, "role cannot be changed here"),
        ({"id": "x"}, "id cannot be changed here"),
        ({"isSystem": True}, "isSystem cannot be changed here"),
        ({"emial": "x"}, "emial is not allowed. Did you mean 'email'?"),
        ([], "The body must be a JSON object"),
    ],
)
async def test_nobody_gives_himself_more_rights(sqlite_api: Api, body: Any, message: str) -> None:
    await sign_up(sqlite_api)
    caller = as_(sqlite_api, await log_in(sqlite_api))
    answer = await caller.patch("/me", body)
    assert (answer.status, answer.message) == (400, message)
    assert (await caller.get("/me")).row["isRootAdmin"] is False
