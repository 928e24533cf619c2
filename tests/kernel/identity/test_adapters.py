"""What every adapter does alike, and what our own add to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.adapters import AuthSetup, Handler, Resolved
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.lifecycle.messages import Request, Response
from enfyra_kernel.query.plan import INTERNAL

from tests.api import Api
from tests.databases import ADMIN_EMAIL, settings
from tests.openid import CLIENT, OpenId, new_key

EMAIL = "ann@example.org"


class Badges:
    """An adapter of somebody else's: tokens are names, and a proxy tells names by a header."""

    name = "badges"

    def __init__(self) -> None:
        self.asked = 0
        self.closed = 0

    async def setup(self, setup: AuthSetup) -> None:
        self._users = setup.users

    async def resolve_token(self, token: str) -> Resolved | None:
        if not token.startswith("badge-"):
            return None
        self.asked += 1
        user = await self._users.by_email(token.removeprefix("badge-").partition("?")[0])
        if user is None or "?" in token:
            raise EnfyraError("INVALID_TOKEN")
        user.refuse_disabled()
        return Resolved(await self._users.caller_of(user.id), time.time() + 60)

    async def resolve_request(self, headers: Mapping[str, str]) -> Resolved | None:
        name = headers.get("x-badge")
        return None if name is None else await self.resolve_token(f"badge-{name}")

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        async def hello(request: Request) -> Response:
            return Response(200, b'{"hello": "badges"}')

        return {("GET", "/auth/badges/hello"): hello}

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest_asyncio.fixture
async def openid(key: rsa.RSAPrivateKey) -> AsyncIterator[OpenId]:
    provider = OpenId(key)
    yield provider
    provider.stop()


@pytest_asyncio.fixture
async def admin(sqlite_uri: str, openid: OpenId) -> AsyncIterator[Api]:
    """The administrator of a kernel with all three adapters, and Ann's account."""
    own = settings(
        sqlite_uri,
        oidc_issuer=openid.url,
        oidc_audience=CLIENT,
        hub_api_url=f"{openid.url}/hub/api",
    )
    async with Kernel(own, auth=[Badges()]) as kernel:
        api = await Api(kernel).login()
        ann = await api.create("/user_definition", {"email": EMAIL, "password": "x"})
        # The Hub has never looked whether an address is somebody's: she was linked before.
        linked = {"provider": "jupyterhub", "providerUserId": "Ann@Example.org", "user": ann["id"]}
        await kernel.records.of("oauth_account_definition").create(linked, access=INTERNAL)
        yield api


def signed(openid: OpenId, **more: Any) -> str:
    return openid.sign(openid.claims(**more))


async def token_of(kind: str, admin: Api, openid: OpenId) -> str:
    if kind == "own":
        return (await admin.anonymous.login(EMAIL, "x")).token or ""
    if kind == "hub":
        return next(iter(openid.hub))
    return signed(openid) if kind == "oidc" else f"badge-{EMAIL}"


def tampered(kind: str, token: str) -> str:
    if kind in {"badges", "hub"}:
        return token + ("?" if kind == "badges" else "0")
    head, body, signature = token.split(".")
    return f"{head}.{body}.{signature[::-1]}"


KINDS = pytest.mark.parametrize("kind", ["own", "oidc", "hub", "badges"])


# -- the contract ---------------------------------------------------------------------------------


@KINDS
@pytest.mark.asyncio
async def test_a_token_leads_to_its_user(admin: Api, openid: OpenId, kind: str) -> None:
    token = await token_of(kind, admin, openid)
    me = await Api(admin.kernel, token).get("/me")
    assert (me.status, me.row["email"], me.row["isRootAdmin"]) == (200, EMAIL, False)
    caller = admin.kernel.authenticator.cached(token)
    assert caller is not None
    assert await admin.kernel.authenticator.caller(token) is caller


@KINDS
@pytest.mark.asyncio
async def test_a_token_that_is_not_good_is_refused(admin: Api, openid: OpenId, kind: str) -> None:
    token = tampered(kind, await token_of(kind, admin, openid))
    answer = await Api(admin.kernel, token).get("/me")
    assert (answer.status, answer.code) == (401, "INVALID_TOKEN")
    assert admin.kernel.authenticator.cached(token) is None


@KINDS
@pytest.mark.asyncio
async def test_who_is_disabled_is_out_at_once(admin: Api, openid: OpenId, kind: str) -> None:
    caller = Api(admin.kernel, await token_of(kind, admin, openid))
    assert (await caller.get("/me")).status == 200
    [user] = await admin.rows("/user_definition", filter={"email": EMAIL})
    await admin.patch(f"/user_definition/{user['id']}", {"isDisabled": True})
    assert (await caller.get("/me")).status == 401
    await admin.delete(f"/user_definition/{user['id']}")
    # An issuer that still lets her in makes her a new account.
    assert (await caller.get("/me")).status == (200 if kind in {"oidc", "hub"} else 401)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "badge", "eyJhbGciOiJub25lIn0.e30.", "é"])
@pytest.mark.asyncio
async def test_a_token_that_is_nobodys_is_refused(admin: Api, token: str) -> None:
    assert (await Api(admin.kernel, token).get("/me")).status == 401


# -- an OpenID issuer -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"},
        {"aud": ...},
        {"aud": ..., "azp": "another"},
        {"aud": ["a", "b"]},
        {"exp": 1},
        {"nbf": 9_999_999_999},
        {"iss": "https://evil.example"},
        {"sub": ...},
        {"sub": "new", "email": "other@example.org", "exp": ...},
    ],
)
@pytest.mark.asyncio
async def test_tokens_of_the_issuer_that_are_not_for_us(
    admin: Api, openid: OpenId, changed: dict[str, Any]
) -> None:
    answer = await Api(admin.kernel, signed(openid, **changed)).get("/me")
    assert answer.status == 401
    assert answer.code in {"INVALID_TOKEN", "TOKEN_EXPIRED"}


@pytest.mark.parametrize("more", [{"aud": [CLIENT, "b"], "azp": "b"}, {"aud": ..., "azp": CLIENT}])
@pytest.mark.asyncio
async def test_tokens_that_are_for_us_in_other_words(
    admin: Api, openid: OpenId, more: dict[str, Any]
) -> None:
    assert (await Api(admin.kernel, signed(openid, **more)).get("/me")).status == 200


@pytest.mark.asyncio
async def test_somebody_new_gets_an_account(admin: Api, openid: OpenId) -> None:
    openid.person = {"sub": "bob-1"}
    # Access tokens often do not say who somebody is; then the issuer is asked.
    openid.github = {"sub": "bob-1", "email": "bob@example.org", "email_verified": True}
    caller = Api(admin.kernel, signed(openid))
    openid.access = caller.token or ""
    me = (await caller.get("/me")).row
    assert (me["email"], me["loginProvider"], me["isRootAdmin"]) == (
        "bob@example.org",
        "oidc",
        False,
    )
    openid.github = {}
    assert (await Api(admin.kernel, signed(openid, jti="another")).get("/me")).row["id"] == me["id"]
    assert (await caller.get("/me/sessions")).data == []
    assert (await caller.post("/auth/logout")).status == 401


@pytest.mark.asyncio
async def test_an_unverified_address_takes_no_account_over(admin: Api, openid: OpenId) -> None:
    openid.person = {"sub": "eve", "email": ADMIN_EMAIL, "email_verified": False}
    answer = await Api(admin.kernel, signed(openid)).get("/me")
    assert (answer.status, answer.code) == (401, "OAUTH_FAILED")


@pytest.mark.asyncio
async def test_the_issuer_may_change_its_key(
    admin: Api, openid: OpenId, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await Api(admin.kernel, signed(openid)).get("/me")).status == 200
    openid.kid, openid.key = "2", new_key()
    unknown = signed(openid, jti="1")
    openid.published = {"2": openid.key}
    monkeypatch.setattr("enfyra_kernel.identity.oidc.issuers._LOOK_AGAIN", 0.0)
    assert (await Api(admin.kernel, unknown).get("/me")).status == 200


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
@pytest.mark.asyncio
async def test_an_issuer_without_an_audience_is_refused(sqlite_uri: str) -> None:
    kernel = Kernel(settings(sqlite_uri, oidc_issuer="https://issuer.example"))
    with pytest.raises(EnfyraError, match="ENFYRA_OIDC_AUDIENCE"):
        await kernel.start()
    await kernel.stop()


# -- a JupyterHub ---------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_people_of_the_hub_get_accounts(admin: Api, openid: OpenId) -> None:
    openid.hub = {
        "b" * 32: {"name": "bob", "kind": "user", "admin": True},
        "c" * 32: {"name": "a-service", "kind": "service"},
        "d" * 32: {"name": ADMIN_EMAIL, "kind": "user"},
        "e" * 32: {"name": "bob", "kind": "user", "scopes": ["access:servers!user=bob"]},
        "f" * 32: {"name": "bob", "kind": "user", "scopes": ["access:servers!server=ann/"]},
        "g" * 32: {"name": "bob", "kind": "user", "scopes": ["access:services!service=bob"]},
        "h" * 32: {"name": "bob", "kind": "user", "scopes": None},
    }
    me = (await Api(admin.kernel, "b" * 32).get("/me")).row
    assert (me["email"], me["loginProvider"]) == ("bob@jupyterhub.invalid", "jupyterhub")
    assert me["isRootAdmin"] is False
    assert (await Api(admin.kernel, "c" * 32).get("/me")).code == "INVALID_TOKEN"
    # A name that looks like an address proves nothing.
    assert (await Api(admin.kernel, "d" * 32).get("/me")).code == "OAUTH_FAILED"
    # He made the token for himself; others were given to what he has looked into.
    assert (await Api(admin.kernel, "e" * 32).get("/me")).row["id"] == me["id"]
    for token in ("f" * 32, "g" * 32, "h" * 32):
        answer = await Api(admin.kernel, token).get("/me")
        assert (answer.status, answer.code) == (401, "INVALID_TOKEN")


# -- one's own ------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_proxy_may_say_who_somebody_is(admin: Api) -> None:
    answer = await admin.anonymous.send("GET", "/me", headers={"X-Badge": EMAIL})
    assert answer.row["email"] == EMAIL
    assert (await admin.anonymous.get("/me")).status == 401


@pytest.mark.asyncio
async def test_an_adapter_answers_paths_of_its_own(admin: Api) -> None:
    for path in ("/auth/badges/hello", "/api/auth/badges/hello"):
        assert (await admin.anonymous.get(path)).body == {"hello": "badges"}


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
@pytest.mark.asyncio
async def test_a_token_is_asked_about_once_and_adapters_are_closed(sqlite_uri: str) -> None:
    badges = Badges()
    async with Kernel(settings(sqlite_uri), auth=[badges]) as kernel:
        caller = Api(kernel, f"badge-{ADMIN_EMAIL}")
        for _ in range(3):
            assert (await caller.get("/me")).status == 200
        assert badges.asked == 1
    assert badges.closed == 1


# A kernel that starts reads all definitions in one go.
@pytest.mark.may_block
@pytest.mark.parametrize("path", ["/post", "/auth"])
@pytest.mark.asyncio
async def test_an_adapter_has_no_other_paths(sqlite_uri: str, path: str) -> None:
    badges = Badges()
    badges.routes = lambda: {("GET", path): None}  # type: ignore[method-assign,assignment,return-value]
    kernel = Kernel(settings(sqlite_uri), auth=[badges])
    with pytest.raises(EnfyraError, match=f"'badges' cannot answer GET {path}"):
        await kernel.start()
    await kernel.stop()
