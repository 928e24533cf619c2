"""Everything that scripts call under `cache.` and `helpers.`."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import bcrypt
import jwt
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization as form
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster.cache import LocalCache
from enfyra_kernel.cluster.limits import LocalLimits
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.identity.passwords import Passwords
from enfyra_kernel.identity.tokens import Tokens
from enfyra_kernel.scripts.helpers import FetchAllowList, Fetcher, Helpers, Requester
from enfyra_kernel.scripts.helpers.outgoing import FetchOptions
from enfyra_kernel.scripts.helpers.rate_limits import LimitOptions
from enfyra_kernel.scripts.helpers.signing import ScriptTokens
from enfyra_kernel.scripts.helpers.ssh_keys import SshKeyOptions

from tests.docs.blocks import ROOT
from tests.web import Web

pytestmark = pytest.mark.asyncio

KEY = "a key that signs the tokens of logins"


def requester(**changes: Any) -> Requester:
    of = {"ip": "93.184.216.34", "user": "7", "method": "GET", "route": "/post", **changes}
    return Requester(**of)


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.stop()


@pytest_asyncio.fixture
async def helpers(passwords: Passwords) -> AsyncIterator[Helpers]:
    clock = SystemClock()
    fetcher = Fetcher(FetchAllowList(["127.0.0.1"]))
    yield Helpers(
        cache=LocalCache(clock),
        limits=LocalLimits(clock),
        fetcher=fetcher,
        passwords=passwords,
        signing_key=KEY,
        clock=clock,
    )
    await fetcher.stop()


class Script:
    """Calls as a script does: what it gets has been JSON."""

    def __init__(self, helpers: Helpers, **changes: Any) -> None:
        self._helpers = helpers.of(requester(**changes))

    async def __call__(self, name: str, *arguments: Any) -> Any:
        answer = await self._helpers.call(name, list(arguments))
        return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.fixture
def script(helpers: Helpers) -> Script:
    return Script(helpers)


async def refusal(calling: Any) -> EnfyraError:
    with pytest.raises(EnfyraError) as caught:
        await calling
    return caught.value


# -- names and arguments --------------------------------------------------------------------------

NAMES = {
    "cache.get", "cache.set", "cache.setNoExpire", "cache.exists", "cache.deleteKey",
    "cache.acquire", "cache.release", "helpers.jwt", "helpers.verifyJwt", "helpers.bcrypt.hash",
    "helpers.bcrypt.compare", "helpers.fetch", "helpers.crypto.generateSshKeyPair",
    "helpers.rateLimit.check", "helpers.rateLimit.byIp", "helpers.rateLimit.byUser",
    "helpers.rateLimit.byRoute", "helpers.rateLimit.byIpGlobal", "helpers.rateLimit.byUserGlobal",
    "helpers.rateLimit.status", "helpers.rateLimit.reset",
}  # fmt: skip


async def test_the_names(helpers: Helpers) -> None:
    assert helpers.names == NAMES


@pytest.mark.parametrize("options", [FetchOptions, SshKeyOptions, LimitOptions])
async def test_every_option_is_documented(options: type[msgspec.Struct]) -> None:
    page = (ROOT / "docs" / "context.md").read_text()
    names = [one.encode_name for one in msgspec.structs.fields(options)]
    assert not [name for name in names if f"`{name}`" not in page]


async def test_a_name_that_there_is_not(script: Script) -> None:
    error = await refusal(script("cache.delete", "a"))
    assert (error.code, error.status) == ("INVALID_ARGUMENT", 400)
    assert error.message == "There is no function 'cache.delete'. Did you mean 'cache.deleteKey'?"


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("cache.get", [], "cache.get: key must be a text, not null"),
        ("cache.get", [5], "cache.get: key must be a text, not a number"),
        ("cache.get", [""], "cache.get: key is empty"),
        ("cache.get", ["x" * 1001], "cache.get: key is longer than 1000 characters"),
        ("cache.get", ["a", 1], "cache.get: takes 1 arguments at most, not 2"),
        ("cache.set", ["a", 1, "5m"], "cache.set: ttl must be a number, not a text"),
        ("cache.set", ["a", 1, True], "cache.set: ttl must be a number, not a boolean"),
        ("helpers.jwt", ["a"], "helpers.jwt: payload must be an object, not a text"),
        ("helpers.jwt", [{}, {}], "helpers.jwt: expires must be a number, not an object"),
        ("helpers.jwt", [{"exp": 1}], "helpers.jwt: payload: 'exp' is set by"),
        ("helpers.jwt", [{"iss": 1}], "helpers.jwt: payload: "),
        ("helpers.jwt", [{}, "soon"], "helpers.jwt: expires: 'soon' is no span of time"),
        ("helpers.jwt", [{}, 0], "helpers.jwt: expires: 0 is no span of time"),
        ("helpers.jwt", [{}, 1e300], "helpers.jwt: expires: 1e+300 is no span of time"),
        ("helpers.bcrypt.hash", [None], "helpers.bcrypt.hash: text must be a text, not null"),
        ("helpers.bcrypt.hash", ["x" * 1025], "text is longer than 1024 characters"),
        ("helpers.bcrypt.compare", ["a"], "hash must be a text, not null"),
        ("helpers.fetch", [{}], "helpers.fetch: url must be a text, not an object"),
        ("helpers.fetch", ["http://a", 5], "helpers.fetch: options must be an object"),
        ("helpers.crypto.generateSshKeyPair", [{"type": "dsa"}], "option 'type'"),
        ("helpers.crypto.generateSshKeyPair", [{"typ": "rsa"}], "Did you mean 'type'?"),
        ("helpers.crypto.generateSshKeyPair", [{"comment": "a\nb"}], "option 'comment'"),
        ("helpers.rateLimit.byIp", [{"max": 5}], "has no option 'max'"),
        ("helpers.rateLimit.byIp", [{"maxRequest": 5}], "Did you mean 'maxRequests'?"),
        ("helpers.rateLimit.byIp", [{"maxRequests": 5}], "`perSeconds`"),
        ("helpers.rateLimit.byIp", [{"maxRequests": 0, "perSeconds": 1}], "option 'maxRequests'"),
        ("helpers.rateLimit.check", [{"maxRequests": 1, "perSeconds": 1}], "key must be a text"),
    ],
    ids=str,
)  # fmt: skip
async def test_arguments_that_do_not_fit(
    script: Script, name: str, arguments: list[Any], problem: str
) -> None:
    error = await refusal(script(name, *arguments))
    assert error.code == "INVALID_ARGUMENT"
    assert problem in error.message
    assert name in error.message


# -- cache ----------------------------------------------------------------------------------------


async def test_the_cache(script: Script) -> None:
    value = {"a": [1, None, "ü"]}
    assert await script("cache.get", "k") is None
    assert await script("cache.set", "k", value, 60_000) is None
    assert await script("cache.get", "k") == value
    assert await script("cache.exists", "k") is True
    assert await script("cache.exists", "k", value) is True
    assert await script("cache.exists", "k", None) is False
    await script("cache.setNoExpire", "null", None)
    assert await script("cache.exists", "null", None) is True
    assert await script("cache.deleteKey", "k") is True
    assert await script("cache.get", "k") is None
    assert await script("cache.acquire", "lock", "me", 60_000) is True
    assert await script("cache.acquire", "lock", "you", 1e30) is False
    assert await script("cache.release", "lock", "you") is False
    assert await script("cache.release", "lock", "me") is True
    await script("cache.set", "default", 1)
    assert await script("cache.get", "default") == 1


# -- tokens ---------------------------------------------------------------------------------------


async def test_a_token(script: Script) -> None:
    token = await script("helpers.jwt", {"order": 5, "sub": 7, "aud": "x"}, "1h")
    claims = await script("helpers.verifyJwt", token)
    assert {name: claims[name] for name in ("order", "sub", "aud")} == {
        "order": 5, "sub": 7, "aud": "x",
    }  # fmt: skip
    assert claims["exp"] - claims["iat"] == 3600
    short = await script("helpers.verifyJwt", await script("helpers.jwt", {}))
    assert short["exp"] - short["iat"] == 900


async def test_no_token_of_a_script_is_a_login_and_none_of_a_login_is_a_scripts(
    script: Script,
) -> None:
    logins = Tokens((KEY,), SystemClock())
    now = datetime.datetime.now(datetime.UTC)
    forged = await script("helpers.jwt", {"sub": "1", "sid": "2", "typ": "access"}, "1h")
    refresh = await script("helpers.jwt", {"sub": "1", "jti": "2", "typ": "refresh"}, "1h")
    for read, token in ((logins.read_access, forged), (logins.read_refresh, refresh)):
        with pytest.raises(EnfyraError) as caught:
            read(token)
        assert caught.value.code == "INVALID_TOKEN"
    real = logins.access("1", "2", now, timedelta(hours=1))
    assert (await refusal(script("helpers.verifyJwt", real))).code == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", jwt.encode({"exp": 9e9, "iat": 1}, None, "none"),
     jwt.encode({"exp": 9e9, "iat": 1}, "guessed, and long enough for HS256", "HS256")],
)  # fmt: skip
async def test_tokens_of_others(script: Script, token: str) -> None:
    assert (await refusal(script("helpers.verifyJwt", token))).code == "INVALID_TOKEN"


async def test_a_token_that_has_expired(script: Script) -> None:
    class Yesterday(SystemClock):
        def now(self) -> datetime.datetime:
            return super().now() - timedelta(days=1)

    token = ScriptTokens(KEY, Yesterday()).sign({}, "1h")
    assert (await refusal(script("helpers.verifyJwt", token))).code == "TOKEN_EXPIRED"


# -- passwords ------------------------------------------------------------------------------------


async def test_passwords(script: Script) -> None:
    stored = await script("helpers.bcrypt.hash", "pass")
    assert stored.startswith("$argon2id$")
    assert await script("helpers.bcrypt.compare", "pass", stored) is True
    assert await script("helpers.bcrypt.compare", "Pass", stored) is False
    assert await script("helpers.bcrypt.compare", "pass", "no hash") is False


async def test_hashes_of_bcrypt_can_be_compared(script: Script) -> None:
    long = "p" * 80
    stored = bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode()
    assert await script("helpers.bcrypt.compare", long, stored) is True
    assert await script("helpers.bcrypt.compare", "q" * 80, stored) is False
    endless = stored.replace("$04$", "$31$")
    assert await script("helpers.bcrypt.compare", long, endless) is False


async def test_the_scripts_of_a_request_may_hash_so_often(script: Script) -> None:
    for _ in range(10):
        await script("helpers.bcrypt.compare", "a", "no hash")
    error = await refusal(script("helpers.bcrypt.hash", "a"))
    assert (error.code, error.details["limit"]) == ("BUDGET_EXCEEDED", 10)


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "begins"),
    [({}, "ssh-ed25519 "), ({"type": "rsa", "bits": 2048, "comment": "ci key"}, "ssh-rsa ")],
)
async def test_a_pair_of_ssh_keys(script: Script, options: dict[str, Any], begins: str) -> None:
    pair = await script("helpers.crypto.generateSshKeyPair", options)
    assert pair["publicKey"].startswith(begins)
    assert pair["publicKey"].endswith(options.get("comment", ""))
    assert pair["privateKey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    private = form.load_ssh_private_key(pair["privateKey"].encode(), None)
    public = private.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    assert pair["publicKey"].split()[:2] == public.decode().split()


# -- rate limits ----------------------------------------------------------------------------------

TWO = {"maxRequests": 2, "perSeconds": 60}


async def count(script: Script, name: str, *arguments: Any) -> int:
    """Say how many of three pass."""
    return sum([(await script(name, *arguments))["allowed"] for _ in range(3)])


async def test_a_limit_of_a_key(script: Script) -> None:
    told = await script("helpers.rateLimit.check", "k", TWO)
    assert set(told) == {"allowed", "remaining", "resetAt", "retryAfter", "limit", "window"}
    assert (told["allowed"], told["remaining"], told["limit"], told["window"]) == (True, 1, 2, 60)
    assert await count(script, "helpers.rateLimit.check", "k", TWO) == 1
    assert (await script("helpers.rateLimit.status", "k", TWO))["allowed"] is False
    assert await script("helpers.rateLimit.reset", "k", {"perSeconds": 60}) is None
    assert (await script("helpers.rateLimit.status", "k", TWO))["remaining"] == 2
    await script("helpers.rateLimit.reset", "k", TWO)


@pytest.mark.parametrize(
    ("name", "same", "other"),
    [
        ("byIp", {"user": "8"}, {"ip": "1.1.1.1"}),
        ("byIp", {"user": None}, {"route": "/tag"}),
        ("byIp", {"ip": "::ffff:93.184.216.34"}, {"method": "POST"}),
        ("byUser", {"ip": "1.1.1.1"}, {"user": "8"}),
        ("byUser", {"ip": "1.1.1.1"}, {"route": "/tag"}),
        ("byUser", {"ip": "1.1.1.1"}, {"user": None}),
        ("byRoute", {"ip": "1.1.1.1", "user": "8"}, {"route": "/tag"}),
        ("byRoute", {"ip": "1.1.1.1", "user": "8"}, {"method": "POST"}),
        ("byIpGlobal", {"route": "/tag", "method": "POST", "user": "8"}, {"ip": "1.1.1.1"}),
        ("byUserGlobal", {"route": "/tag", "ip": "1.1.1.1"}, {"user": "8"}),
    ],
)
async def test_limits_by_what_the_request_has(
    helpers: Helpers, name: str, same: dict[str, Any], other: dict[str, Any]
) -> None:
    function = f"helpers.rateLimit.{name}"
    assert await count(Script(helpers), function, TWO) == 2
    assert await count(Script(helpers, **same), function, TWO) == 0
    assert await count(Script(helpers, **other), function, TWO) == 2


async def test_who_has_not_logged_in_is_counted_by_the_address(helpers: Helpers) -> None:
    function = "helpers.rateLimit.byUser"
    assert await count(Script(helpers, user=None), function, TWO) == 2
    assert await count(Script(helpers, user=None), function, TWO) == 0
    assert await count(Script(helpers, user=None, ip="1.1.1.1"), function, TWO) == 2


async def test_one_customer_of_ipv6_has_many_addresses(helpers: Helpers) -> None:
    function = "helpers.rateLimit.byIp"
    assert await count(Script(helpers, ip="2a00:1:2:3::1"), function, TWO) == 2
    assert await count(Script(helpers, ip="2a00:1:2:3:ffff::9"), function, TWO) == 0
    assert await count(Script(helpers, ip="2a00:1:2:4::1"), function, TWO) == 2


async def test_a_key_of_a_script_is_none_of_the_others(script: Script) -> None:
    assert await count(script, "helpers.rateLimit.byRoute", TWO) == 2
    for key in ("GET /post", "* ip:93.184.216.34", "key:GET /post"):
        assert (await script("helpers.rateLimit.status", key, TWO))["remaining"] == 2


# -- fetch ----------------------------------------------------------------------------------------


async def test_fetch_shares_the_budget_of_the_request(script: Script) -> None:
    web = Web()
    web.gives("/", b'{"a":1}')
    try:
        calls = [script("helpers.fetch", web.url("/")) for _ in range(12)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        web.stop()
    assert answers.count({"a": 1}) == 10
    assert {one.code for one in answers if isinstance(one, EnfyraError)} == {"BUDGET_EXCEEDED"}
