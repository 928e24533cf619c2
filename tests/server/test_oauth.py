"""Logins at another provider, against a real OpenID provider of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from enfyra_kernel.identity.oauth import providers
from enfyra_kernel.identity.oauth.redirects import checked_prefix, checked_redirect

from enfyra_server.app import Server
from tests.api import Api
from tests.databases import ADMIN_EMAIL
from tests.openid import CLIENT, SECRET, OpenId, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMAIL = "ann@example.org"
APP = "https://app.example"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def openid_server(key: rsa.RSAPrivateKey) -> AsyncIterator[OpenId]:
    provider = OpenId(key)
    yield provider
    provider.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(server: Server, openid_server: OpenId) -> Api:
    """The administrator, who has configured the provider, an app, and GitHub."""
    admin = await Api(server.kernel).login()
    for name in ("test", "github", "facebook"):
        await admin.create("/oauth_config_definition", config(name, server, openid_server))
    await admin.create("/cors_origin_definition", {"origin": APP})
    return admin


def config(name: str, server: Server, openid: OpenId, **more: Any) -> dict[str, Any]:
    given = {
        "provider": name,
        "clientId": CLIENT,
        "clientSecret": SECRET,
        "redirectUri": f"http://127.0.0.1:{server.port}/auth/{name}/callback",
    }
    return given | ({} if name in {"github", "facebook"} else {"issuer": openid.url}) | more


@pytest_asyncio.fixture(loop_scope="module")
async def openid(openid_server: OpenId, api: Api) -> AsyncIterator[OpenId]:
    """The provider; what people have made by it is gone afterwards."""
    openid_server.reset()
    yield openid_server
    for user in await api.rows("/user_definition", filter={"isRootAdmin": False}, limit=0):
        await api.delete(f"/user_definition/{user['id']}")


@pytest_asyncio.fixture(loop_scope="module")
async def browser(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and stays where it is sent."""
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, timeout=60, verify=False) as client:
        yield client


@pytest.fixture
def github(openid: OpenId, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenId]:
    url = openid.url
    here = providers.Endpoints(
        f"{url}/authorize", f"{url}/token", f"{url}/user", "read:user", f"{url}/user/emails"
    )
    monkeypatch.setitem(providers.KNOWN_ENDPOINTS, "github", here)  # type: ignore[arg-type]
    openid.emails = [
        {"email": "old@example.org", "primary": False, "verified": True},
        {"email": EMAIL, "primary": True, "verified": True},
    ]
    return openid


@pytest.fixture
def facebook(openid: OpenId, monkeypatch: pytest.MonkeyPatch) -> OpenId:
    url = openid.url
    here = providers.Endpoints(
        f"{url}/authorize", f"{url}/token", f"{url}/user?fields=id,name,email,picture", "email"
    )
    monkeypatch.setitem(providers.KNOWN_ENDPOINTS, "facebook", here)  # type: ignore[arg-type]
    openid.github = {
        "id": "10158", "name": "Ann", "email": EMAIL,
        "picture": {"data": {"url": "https://example.org/ann.jpg", "is_silhouette": False}},
    }  # fmt: skip
    return openid


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


async def go(browser: httpx.AsyncClient, address: str, **query: str) -> str:
    """Follow redirects until one leads out of our server and the provider, or back to a page."""
    if query:
        address += f"?{urlencode(query)}"
    for _ in range(8):
        answer = await browser.get(address)
        if answer.status_code != 302:
            return str(answer.url)
        address = answer.headers["Location"]
        if address.startswith(APP):
            return address
    raise AssertionError("round and round")


async def me(browser: httpx.AsyncClient) -> Any:
    answer = await browser.get("/api/me")
    return answer.json()["data"][0] if answer.status_code == 200 else None


# -- logging in -----------------------------------------------------------------------------------


async def test_a_login_elsewhere_ends_where_it_began(
    browser: httpx.AsyncClient, openid: OpenId, api: Api
) -> None:
    end = await go(browser, "/api/auth/test", redirect="/docs?x=1")
    assert urlsplit(end).path == "/docs"
    assert query_of(end) == {"x": "1"}
    account = await me(browser)
    assert (account["email"], account["loginProvider"]) == (EMAIL, "test")
    assert (account["isRootAdmin"], account["role"]) == (False, None)
    [asked] = openid.seen
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid email profile"
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert "enfyraLogin" not in browser.cookies
    [linked] = (await browser.get("/api/me/oauth-accounts")).json()["data"]
    assert (linked["provider"], linked["providerUserId"]) == ("test", "ann-1")
    # Once more, it is the same account, also after the address has changed there.
    openid.person["email"] = "other@example.org"
    await go(browser, "/api/auth/test")
    assert (await me(browser))["id"] == account["id"]
    # Nobody can log in with a password.
    answer = await api.anonymous.post("/auth/login", {"email": EMAIL, "password": "None"})
    assert answer.status == 401


async def test_the_providers_are_listed_without_their_secrets(
    browser: httpx.AsyncClient, openid: OpenId, api: Api
) -> None:
    listed = (await browser.get("/auth/providers")).json()["data"]
    assert {"provider": "test", "label": "Test"} in listed
    shown = str(await api.rows("/oauth_config_definition", limit=0))
    stored = await api.kernel.identity.providers.get("test")
    assert stored.client_secret == SECRET
    assert SECRET not in shown
    assert "clientSecret" not in shown
    for query in ({"fields": "clientSecret"}, {"filter": {"clientSecret": {"_contains": "a"}}}):
        assert (await api.get("/oauth_config_definition", **query)).status in {400, 403}


async def test_an_app_of_another_origin_gets_a_code(
    browser: httpx.AsyncClient, openid: OpenId, server: Server
) -> None:
    end = await go(browser, "/api/auth/test", redirect=f"{APP}/chat", cookieBridgePrefix="/enfyra")
    assert end.startswith(f"{APP}/enfyra/auth/set-cookies?")
    given = query_of(end)
    assert given["redirect"] == f"{APP}/chat"
    # The app's proxy hands the browser's next request on.
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, verify=False) as proxied:
        evil = {"code": given["code"], "redirect": "https://evil.example"}
        answer = await proxied.get(f"/enfyra/auth/set-cookies?{urlencode(evil)}")
        # Where to go says the code, whatever the address says.
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{APP}/chat")
        assert (await me(proxied))["email"] == EMAIL
        again = await proxied.get(f"/enfyra/auth/set-cookies?{urlencode(given)}")
        assert (again.status_code, again.json()["error"]["code"]) == (401, "INVALID_TOKEN")
        assert "Set-Cookie" not in again.headers


@pytest.mark.parametrize("path", ["/auth/token/exchange", "/auth/oauth/exchange"])
async def test_a_program_exchanges_the_code_once(
    browser: httpx.AsyncClient, openid: OpenId, api: Api, path: str
) -> None:
    code = query_of(await go(browser, "/auth/test", redirect=f"{APP}/"))["code"]
    answers = await asyncio.gather(*(browser.post(path, json={"code": code}) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401, 401]
    [given] = [one.json() for one in answers if one.status_code == 200]
    assert given["loginProvider"] == "test"
    assert (await Api(api.kernel, given["accessToken"]).get("/me")).row["email"] == EMAIL
    for bad in ("", "nonsense", given["accessToken"], given["refreshToken"]):
        assert (await browser.post(path, json={"code": bad})).status_code == 401


async def test_a_code_for_ones_own_pages_is_for_one_browser(
    browser: httpx.AsyncClient, openid: OpenId, server: Server
) -> None:
    answer = await browser.get("/auth/test?redirect=/docs")
    for _ in range(2):
        answer = await browser.get(answer.headers["Location"])
    assert "/api/auth/set-cookies?" in answer.headers["Location"]
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, verify=False) as victim:
        # Somebody sends his own code to another one, who would be logged in as him.
        refused = await victim.get(answer.headers["Location"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "INVALID_TOKEN")
    assert (await browser.get(answer.headers["Location"])).status_code == 302


async def test_who_begins_at_another_host_is_sent_to_the_callbacks_host(
    browser: httpx.AsyncClient, openid: OpenId, server: Server
) -> None:
    headers = {"Host": "app.example", "X-Forwarded-Proto": "https"}
    answer = await browser.get("/enfyra/auth/test?redirect=/chat", headers=headers)
    there = answer.headers["Location"]
    assert there.startswith(f"http://127.0.0.1:{server.port}/auth/test?")
    assert query_of(there) == {"redirect": f"{APP}/chat", "hop": "1"}
    assert (await go(browser, there)).startswith(f"{APP}/api/auth/set-cookies?")


# -- who somebody is ------------------------------------------------------------------------------


@pytest.mark.parametrize("verified", [True, "true", False, None, "false", 1])
async def test_only_a_verified_address_leads_to_the_account_that_has_it(
    browser: httpx.AsyncClient, openid: OpenId, api: Api, verified: Any
) -> None:
    user = await api.create("/user_definition", {"email": EMAIL, "password": "her own"})
    openid.person["email_verified"] = verified
    end = await go(browser, "/api/auth/test", redirect="/docs")
    if verified is True or verified == "true":
        assert (await me(browser))["id"] == user["id"]
        by_password = {"email": EMAIL, "password": "her own"}
        assert (await api.anonymous.post("/auth/login", by_password)).status == 200
    else:
        assert query_of(end) == {"error": "OAUTH_FAILED"}
        assert await me(browser) is None


async def test_an_administrator_is_not_taken_over_by_an_unverified_address(
    browser: httpx.AsyncClient, openid: OpenId
) -> None:
    openid.person |= {"email": ADMIN_EMAIL.upper(), "email_verified": False}
    assert query_of(await go(browser, "/auth/test", redirect="/docs"))["error"] == "OAUTH_FAILED"


async def test_an_account_made_by_an_unverified_address_is_not_joined_later(
    browser: httpx.AsyncClient, github: OpenId, api: Api
) -> None:
    # An attacker signs up with the victim's address, where nobody looks whether it is his.
    github.person |= {"sub": "attacker", "email_verified": False}
    assert urlsplit(await go(browser, "/auth/test", redirect="/docs")).query == ""
    browser.cookies.clear()
    # The victim comes by a provider that does.
    end = await go(browser, "/auth/github", redirect="/docs")
    assert query_of(end) == {"error": "OAUTH_FAILED"}


async def test_a_provider_may_be_kept_from_joining_accounts(
    browser: httpx.AsyncClient, openid: OpenId, api: Api, server: Server
) -> None:
    await api.create("/user_definition", {"email": EMAIL, "password": "x"})
    row = await api.create(
        "/oauth_config_definition", config("strict", server, openid, linkByEmail=False)
    )
    assert query_of(await go(browser, "/auth/strict", redirect="/docs"))["error"] == "OAUTH_FAILED"
    await api.patch(f"/oauth_config_definition/{row['id']}", {"isEnabled": False})
    answer = await browser.get("/auth/strict")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")


async def test_disabled_accounts_stay_out(
    browser: httpx.AsyncClient, openid: OpenId, api: Api
) -> None:
    code = query_of(await go(browser, "/auth/test", redirect=f"{APP}/"))["code"]
    [user] = await api.rows("/user_definition", filter={"email": EMAIL})
    await api.patch(f"/user_definition/{user['id']}", {"isDisabled": True})
    answer = await browser.post("/auth/token/exchange", json={"code": code})
    assert answer.json()["error"]["code"] == "ACCOUNT_DISABLED"
    end = await go(browser, "/auth/test", redirect="/docs")
    assert query_of(end) == {"error": "ACCOUNT_DISABLED"}


async def test_two_first_logins_at_once_make_one_account(
    openid: OpenId, api: Api, server: Server
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    clients = [httpx.AsyncClient(base_url=url, verify=False, timeout=60) for _ in range(5)]
    ends = await asyncio.gather(*(go(one, "/auth/test", redirect="/docs") for one in clients))
    assert [query_of(end) for end in ends] == [{}] * 5
    assert len(await api.rows("/user_definition", filter={"email": EMAIL})) == 1
    for one in clients:
        await one.aclose()


async def test_github_tells_who_somebody_is_in_its_own_way(
    browser: httpx.AsyncClient, github: OpenId, api: Api
) -> None:
    await go(browser, "/auth/github", redirect="/docs")
    account = await me(browser)
    assert (account["email"], account["loginProvider"]) == (EMAIL, "github")
    linked = await api.rows("/oauth_account_definition", filter={"provider": "github"})
    assert [one["providerUserId"] for one in linked] == ["77"]
    assert "nonce" not in github.seen[0]
    browser.cookies.clear()
    github.emails, github.github = (
        [{"email": "x@y.z", "primary": True, "verified": False}],
        {"id": 1},
    )
    end = await go(browser, "/auth/github", redirect="/docs")
    assert query_of(end) == {"error": "OAUTH_FAILED"}


async def test_facebook_tells_who_somebody_is_and_of_no_address_whether_it_is_his(
    browser: httpx.AsyncClient, facebook: OpenId, api: Api
) -> None:
    await go(browser, "/auth/facebook", redirect="/docs")
    account = await me(browser)
    assert (account["email"], account["loginProvider"]) == (EMAIL, "facebook")
    [linked] = await api.rows("/oauth_account_definition", filter={"provider": "facebook"})
    assert linked["providerUserId"] == "10158"
    # Somebody else with the same address is not let into the account.
    browser.cookies.clear()
    facebook.github |= {"id": "666"}
    end = await go(browser, "/auth/facebook", redirect="/docs")
    assert "error" in query_of(end)


async def test_a_script_says_more_of_a_new_user(
    browser: httpx.AsyncClient, openid: OpenId, api: Api, server: Server
) -> None:
    role = await api.create("/role_definition", {"name": "newcomer"})
    source = (
        "if not @BODY['email'].endswith('@example.org'):\n"
        "    @THROW403('Not one of us')\n"
        "return {'role': 'newcomer', 'isRootAdmin': True, 'email': 'boss@example.org'}"
    )
    await api.create(
        "/oauth_config_definition", config("scripted", server, openid, sourceCode=source)
    )
    await go(browser, "/auth/scripted", redirect="/docs")
    account = await me(browser)
    assert account["role"] == {"id": role["id"]}
    assert (account["email"], account["isRootAdmin"]) == (EMAIL, False)
    browser.cookies.clear()
    openid.person |= {"sub": "eve", "email": "eve@evil.example"}
    assert (
        query_of(await go(browser, "/auth/scripted", redirect="/docs"))["error"] == "OAUTH_FAILED"
    )
    assert await api.rows("/user_definition", filter={"email": "eve@evil.example"}) == []


# -- what goes wrong on the way -------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "somebody else"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"nonce": "another login's"},
        {"nonce": ...},
        {"exp": 1},
        {"nbf": 9_999_999_999},
        {"sub": ...},
        {"sub": ""},
        {"email": ...},
        {"email": 5},
    ],
)
async def test_id_tokens_that_are_not_right_let_nobody_in(
    browser: httpx.AsyncClient, openid: OpenId, changed: dict[str, Any]
) -> None:
    openid.changed = changed
    end = await go(browser, "/auth/test", redirect="/docs")
    assert query_of(end)["error"] in {"INVALID_TOKEN", "TOKEN_EXPIRED", "OAUTH_FAILED"}
    assert await me(browser) is None


async def test_id_tokens_with_other_signatures_let_nobody_in(
    browser: httpx.AsyncClient, openid: OpenId
) -> None:
    public = jwt.PyJWK.from_json(jwt.algorithms.RSAAlgorithm.to_jwk(openid.key.public_key())).key
    for algorithm, key in (
        ("HS256", CLIENT * 8),
        ("HS256", str(public.public_numbers().n)),
        ("none", ""),
        ("RS256", await asyncio.to_thread(new_key)),
    ):
        openid.algorithm, openid.sign_with = algorithm, key
        if algorithm == "none":
            openid.sign = lambda claims: jwt.encode(claims, "", "none")  # type: ignore[method-assign]
        end = await go(browser, "/auth/test", redirect="/docs")
        assert query_of(end) == {"error": "INVALID_TOKEN"}, algorithm
    del openid.sign


async def test_a_provider_that_says_no_is_told(browser: httpx.AsyncClient, openid: OpenId) -> None:
    openid.denies = True
    end = await go(browser, "/auth/test", redirect="/docs?a=b#there")
    assert query_of(end) == {"a": "b", "error": "OAUTH_FAILED"}


async def test_a_provider_that_is_away_is_told(
    browser: httpx.AsyncClient, openid: OpenId, api: Api, server: Server
) -> None:
    away = config("away", server, openid, issuer="http://127.0.0.1:9")
    await api.create("/oauth_config_definition", away)
    answer = await browser.get("/auth/away")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "EXTERNAL_SERVICE_ERROR")
    other = config("other", server, openid, issuer=f"http://localhost:{openid.port}")
    await api.create("/oauth_config_definition", other)
    answer = await browser.get("/auth/other")
    assert "says that it is" in answer.json()["message"]


async def test_a_browser_that_did_not_set_out_here_does_not_come_back(
    browser: httpx.AsyncClient, openid: OpenId, server: Server
) -> None:
    begun = await browser.get("/auth/test?redirect=/docs")
    back = (await browser.get(begun.headers["Location"])).headers["Location"]
    url = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=url, verify=False) as victim:
        # An attacker's code for a victim's browser, which has begun a login or none.
        for _ in range(2):
            answer = await victim.get(back)
            assert answer.json()["error"]["code"] == "OAUTH_STATE_INVALID"
            await victim.get("/auth/test")
    for bad in (
        back.replace("state=", "state=x"),
        back.replace("/test/", "/github/"),
        "/auth/test/callback",
    ):
        answer = await browser.get(bad)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "OAUTH_STATE_INVALID")
    assert (await browser.get(back)).status_code == 302


async def test_who_forges_nothing_can_configure_nothing_wrong(api: Api, server: Server) -> None:
    good = {"provider": "x", "clientId": "a", "redirectUri": "https://a.b/c", "issuer": "https://i"}
    for changed, message in (
        ({"provider": "login"}, "provider must be a name such as google"),
        ({"provider": "../x"}, "provider must be a name such as google"),
        ({"issuer": None}, "issuer is required"),
        ({"issuer": "http://example.org"}, "issuer must be an https:// address"),
        ({"redirectUri": "/callback"}, "redirectUri must be an https:// address"),
        ({"appCallbackUrl": "javascript:alert(1)"}, "appCallbackUrl must be an https:// address"),
        ({"clientId": ""}, "clientId is required"),
        ({"clientSecret": 5}, "clientSecret must be a text"),
    ):
        answer = await api.post("/oauth_config_definition", good | changed)
        assert answer.status == 400, changed
        assert answer.message.startswith(message), answer.message


# -- where browsers are sent ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "https:evil.example",
        "javascript:alert(1)", "data:text/html,x", f"{APP}.evil.example/", "https://app.example@evil.example/",
        f"{APP}:444/", "http://app.example/", "/a\r\nSet-Cookie: x=1", "/\tx", "\\\\evil.example",
        "https://user:pass@app.example/", "evil", "", " /x", "https://[bad", "x" * 3000,
    ],
)  # fmt: skip
async def test_browsers_are_not_sent_elsewhere(
    browser: httpx.AsyncClient, openid: OpenId, redirect: str
) -> None:
    answer = await browser.get(f"/auth/test?{urlencode({'redirect': redirect})}")
    if redirect == "":
        assert answer.status_code == 302
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REDIRECT")
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "prefix", ["enfyra", "//evil", "/..", "/a/../b", "/a b", "/a?b", "/@x", "/a\n"]
)
async def test_prefixes_are_paths(browser: httpx.AsyncClient, openid: OpenId, prefix: str) -> None:
    query = urlencode({"redirect": "/", "cookieBridgePrefix": prefix})
    assert (await browser.get(f"/auth/test?{query}")).json()["error"]["code"] == "INVALID_REDIRECT"


async def test_what_is_allowed_is_left_as_it_is() -> None:
    assert checked_redirect(f"{APP}/x?y#z", "https://own", {APP}.__contains__) == f"{APP}/x?y#z"
    assert checked_prefix("/a/b/") == "/a/b"
