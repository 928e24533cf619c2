"""Logins under attack: guessed passwords, forged tokens, bodies that ask for more rights."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from enfyra_kernel.identity.tokens import key_id
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request

from tests.api import Answer, Api
from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD, SECRET_KEY, settings

from .conftest import EMAIL, PASSWORD, MovingClock, People

pytestmark = pytest.mark.asyncio

OTHER_KEY = "another key that is only good for tests"


# -- guessing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"])
async def test_an_account_is_locked_after_some_attempts(
    people: People, clock: MovingClock, email: str
) -> None:
    await people.sign_up()
    most = people.kernel.settings.login_attempts
    guesses = [await people.log_in(email, f"guess {number}") for number in range(most)]
    assert {one.code for one in guesses} == {"INVALID_CREDENTIALS"}
    locked = await people.log_in(f"  {email.upper()} ")
    assert (locked.status, locked.code) == (429, "RATE_LIMIT_EXCEEDED")
    seconds = int(locked.headers["Retry-After"])
    assert 0 < seconds <= people.kernel.settings.login_lockout
    assert locked.body["error"]["details"] == {"reason": "login", "retryAfterSeconds": seconds}
    # Nobody else is.
    assert (await people.log_in(ADMIN_EMAIL, ADMIN_PASSWORD)).status == 200
    clock.ahead += seconds
    assert (await people.log_in(email)).status == (200 if email == EMAIL else 401)


async def test_guesses_that_come_at_once_are_no_more_than_others(people: People) -> None:
    await people.sign_up()
    most = people.kernel.settings.login_attempts
    answers = await asyncio.gather(*(people.log_in(password=str(n)) for n in range(most * 3)))
    assert sum(one.status == 401 for one in answers) == most
    assert sum(one.status == 429 for one in answers) == most * 2


async def test_a_success_begins_the_count_anew(people: People) -> None:
    await people.sign_up()
    for _ in range(2):
        for _ in range(people.kernel.settings.login_attempts - 1):
            assert (await people.log_in(password="wrong")).status == 401
        assert (await people.log_in()).status == 200


async def test_a_new_password_unlocks_an_account(people: People) -> None:
    user = await people.sign_up()
    for _ in range(people.kernel.settings.login_attempts):
        await people.log_in(password="wrong")
    assert (await people.log_in()).status == 429
    await people.admin.patch(f"/user_definition/{user['id']}", {"password": "another one"})
    assert (await people.log_in(password="another one")).status == 200


async def from_(kernel: Kernel, ip: str, email: str, password: str) -> Answer:
    body = json.dumps({"email": email, "password": password}).encode()
    headers = {"content-type": "application/json"}
    request = Request("POST", "/auth/login", "", headers, body, remote_ip=ip)
    response = await kernel.handle(request)
    return Answer(response.status, json.loads(response.body), response.headers)


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
async def test_an_address_waits_after_some_failures(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri, login_attempts_per_ip=5)) as kernel:

        async def guess(ip: str, number: int) -> int:
            return (await from_(kernel, ip, f"{number}@example.org", "x")).status

        # What succeeds does not count.
        for _ in range(6):
            assert (await from_(kernel, "10.0.0.1", ADMIN_EMAIL, ADMIN_PASSWORD)).status == 200
        statuses = await asyncio.gather(*(guess("10.0.0.1", number) for number in range(12)))
        assert (statuses.count(401), statuses.count(429)) == (5, 7)
        answer = await from_(kernel, "10.0.0.1", ADMIN_EMAIL, ADMIN_PASSWORD)
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)
        assert await guess("10.0.0.2", 1) == 401
        # A whole network of IPv6 is one subscriber's.
        for number in range(5):
            assert await guess(f"2001:db8::{number}", number) == 401
        assert await guess("2001:db8::ffff", 9) == 429
        assert await guess("2001:db8:0:1::1", 9) == 401


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
async def test_nothing_is_counted_where_nobody_wants_it(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri, login_attempts=0)) as kernel:
        for _ in range(15):
            assert (await from_(kernel, "10.0.0.1", ADMIN_EMAIL, "x")).status == 401


async def test_the_same_work_is_done_for_a_wrong_address(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.sign_up()
    await people.log_in()
    hashers = people.kernel.passwords
    work: list[str] = []
    verify = type(hashers)._matches  # pyright: ignore[reportPrivateUsage]

    def counted(self: Any, stored: str, password: str) -> bool:
        work.append(stored.rpartition("$")[0].rpartition("$")[0])
        return verify(self, stored, password)

    monkeypatch.setattr(type(hashers), "_matches", counted)
    known, unknown = await people.log_in(password="wrong"), await people.log_in("x@y.z")
    assert known.code == unknown.code == "INVALID_CREDENTIALS"
    # Once each, with the same parameters.
    assert len(work) == 2
    assert work[0] == work[1]


@pytest.mark.parametrize("email", ["a\x00b@c.d", "\ud800@x.y", "", "x" * 5000, "%_@_", "a@b\n"])
async def test_addresses_that_are_none_are_refused_alike(people: People, email: str) -> None:
    content = json.dumps({"email": email, "password": "x"}).encode()
    answer = await people.admin.anonymous.send("POST", "/auth/login", raw=content)
    assert answer.status in {400, 401}, answer.body


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
async def test_a_hash_is_made_anew_when_the_parameters_have_changed(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri)) as kernel:
        before = await kernel.users.by_email(ADMIN_EMAIL)
    async with Kernel(settings(sqlite_uri, password_passes=2)) as kernel:
        api = Api(kernel)
        assert (await api.login()).token
        after = await kernel.users.by_email(ADMIN_EMAIL)
        assert (await api.login()).token
        again = await kernel.users.by_email(ADMIN_EMAIL)
    hashes = [one.password or "" for one in (before, after, again) if one is not None]
    assert "t=1" in hashes[0]
    assert "t=2" in hashes[1]
    assert hashes[2] == hashes[1]


# -- forged tokens --------------------------------------------------------------------------------


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def refused(api: Api, token: str) -> str:
    answer = await Api(api.kernel, token).get("/me")
    assert answer.status == 401, answer.body
    return answer.code


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_forged_tokens_are_refused(people: People, clock: MovingClock) -> None:
    api = people.admin
    token = api.token or ""
    claims = jwt.decode(token, options={"verify_signature": False})
    head, body, signature = token.split(".")
    kid = key_id(SECRET_KEY)
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def signed(changed: dict[str, Any], key: Any = SECRET_KEY, alg: str = "HS256") -> str:
        return jwt.encode({**claims, **changed}, key, alg, headers={"kid": kid})

    forged = {
        "alg none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "alg none, our kid": f"{part({'alg': 'None', 'kid': kid})}.{body}.{signature}",
        "another algorithm of ours": signed({}, alg="HS512"),
        "signed by RSA": signed({}, rsa_key, "RS256"),
        "no signature": f"{head}.{body}.",
        "another body": f"{head}.{part({**claims, 'sub': 'x'})}.{signature}",
        "another head": f"{part({'alg': 'HS256', 'kid': kid, 'x': 1})}.{body}.{signature}",
        "another key": jwt.encode(claims, OTHER_KEY, "HS256"),
        "a key that is not there": jwt.encode(claims, SECRET_KEY, headers={"kid": "../key"}),
        "a kid that is no text": f"{part({'alg': 'HS256', 'kid': {'a': 1}})}.{body}.{signature}",
        "a critical extension": jwt.encode(claims, SECRET_KEY, headers={"crit": ["x"], "kid": kid}),
        "no claims": signed({"sub": None, "sid": None}),
        "not valid yet": signed({"nbf": claims["exp"] - 1}),
        "times that are none": signed({"exp": "9999999999"}),
        "of nobody": signed({"sub": "0199c2f4-6b1e-7c3d-9a55-3f1f0e6b8a11"}),
        "of no login": signed({"sid": "0199c2f4-6b1e-7c3d-9a55-3f1f0e6b8a11"}),
        "of a login that can be none": signed({"sid": "' OR 1=1 --"}),
        "of a list": signed({"sid": ["a"]}),
        "of another kind": signed({"typ": "refresh"}),
        "long": "a" * 60_000,
        "dots": "....",
    }
    for name, one in forged.items():
        assert await refused(api, one) == "INVALID_TOKEN", name
    assert await refused(api, signed({"exp": 1})) == "TOKEN_EXPIRED"
    assert (await api.get("/me")).status == 200
    clock.ahead += people.kernel.settings.access_token_ttl
    assert await refused(api, token) == "TOKEN_EXPIRED"


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
async def test_keys_are_changed_without_ending_logins(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri)) as kernel:
        login = await Api(kernel).post(
            "/auth/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
        )
    token = login.body["accessToken"]
    # Signed before keys had names.
    claims = jwt.decode(token, options={"verify_signature": False})
    nameless = jwt.encode(claims, SECRET_KEY, "HS256")
    keys = f"{OTHER_KEY}, {SECRET_KEY}"
    async with Kernel(settings(sqlite_uri, secret_key=keys)) as kernel:
        for one in (token, nameless):
            assert (await Api(kernel, one).get("/me")).status == 200
        body = {"refreshToken": login.body["refreshToken"]}
        given = await Api(kernel).post("/auth/refresh-token", body)
        assert given.status == 200
        assert jwt.get_unverified_header(given.body["accessToken"])["kid"] == key_id(OTHER_KEY)
    async with Kernel(settings(sqlite_uri, secret_key=OTHER_KEY)) as kernel:
        assert (await Api(kernel, given.body["accessToken"]).get("/me")).status == 200
        assert (await Api(kernel, token).get("/me")).code == "INVALID_TOKEN"


# -- bodies that ask for more ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"isRootAdmin": True}, "isRootAdmin cannot be set"),
        ({"isSystem": True}, "isSystem cannot be set"),
        ({"role": 1}, "role can be set by administrators only"),
        ({"isDisabled": False}, "isDisabled can be set by administrators only"),
        (
            {"id": "0199c2f4-6b1e-7c3d-9a55-3f1f0e6b8a11"},
            "id can be set by administrators only",
        ),
        (
            {"allowedRoutePermissions": [1]},
            "allowedRoutePermissions can be set by administrators only",
        ),
        ({"password": "x" * 2000}, "password must have at most 1024 characters"),
    ],
)
async def test_a_sign_up_gives_no_rights(
    people: People, more: dict[str, Any], message: str
) -> None:
    await people.admin.publish("/user_definition", "POST")
    body = {"email": EMAIL, "password": PASSWORD}
    answer = await people.admin.anonymous.post("/user_definition", body | more)
    assert (answer.status, answer.message) == (400, message)
    assert (await people.log_in()).status == 401


async def test_who_signs_up_can_log_in(people: People) -> None:
    await people.admin.publish("/user_definition", "POST")
    body = {"email": "Ann@Example.org", "password": PASSWORD}
    created = await people.admin.anonymous.post("/user_definition", body)
    assert created.status == 201, created.body
    assert "password" not in created.row
    again = await people.admin.anonymous.post("/user_definition", body)
    assert again.status == 409
    me = (await people.as_(await people.log_in()).get("/me")).row
    assert (me["isRootAdmin"], me["role"]) == (False, None)


async def test_an_administrator_cannot_be_disabled(people: People) -> None:
    me = (await people.admin.get("/me")).row
    answer = await people.admin.patch(f"/user_definition/{me['id']}", {"isDisabled": True})
    assert (answer.status, answer.message) == (403, "An administrator cannot be disabled")


# -- a forgotten password -------------------------------------------------------------------------


async def test_whoever_runs_the_server_sets_a_password(people: People) -> None:
    await people.kernel.reset_password(ADMIN_EMAIL.upper(), "a new one")
    assert (await people.admin.get("/me")).code == "INVALID_TOKEN"
    assert (await people.log_in(ADMIN_EMAIL, ADMIN_PASSWORD)).status == 401
    assert (await people.log_in(ADMIN_EMAIL, "a new one")).status == 200
