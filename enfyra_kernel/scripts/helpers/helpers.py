"""Everything that scripts ask the host for under `cache.` and `helpers.`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ...clock import Clock
from ...cluster.cache import Cache
from ...cluster.limits import Limits
from ...encoding import encode_json
from ...errors import EnfyraError, did_you_mean
from ...identity.passwords import Passwords
from . import rate_limits
from .call import Call
from .fetch import Fetcher
from .hashing import ScriptPasswords
from .outgoing import FetchOptions
from .rate_limits import ScriptLimits
from .requester import Requester
from .signing import ScriptTokens
from .ssh_keys import SshKeyOptions, generate_ssh_key_pair

LONGEST_KEY = 1000
# Milliseconds; longer than that is for ever, and Redis counts no further.
LONGEST_TTL = 10 * 365 * 86_400_000

_Function = Callable[[Call, Requester], Awaitable[Any]]


class Helpers:
    """Answers what scripts ask for under `cache.` and `helpers.`; see `NAMES` of an instance.

    Args:
        passwords: Hashes for scripts; logins had better have another one.
        signing_key: The application's; scripts sign with one that is derived from it.

    Attributes:
        names: Every function that there is.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        limits: Limits,
        fetcher: Fetcher,
        passwords: Passwords,
        signing_key: str,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._limits = ScriptLimits(limits)
        self._tokens = ScriptTokens(signing_key, clock)
        self._passwords = ScriptPasswords(passwords)
        self._functions: dict[str, _Function] = {
            "cache.get": self._get,
            "cache.set": self._set,
            "cache.setNoExpire": self._set_no_expire,
            "cache.exists": self._exists,
            "cache.deleteKey": self._delete,
            "cache.acquire": self._acquire,
            "cache.release": self._release,
            "helpers.jwt": self._sign,
            "helpers.verifyJwt": self._verify,
            "helpers.bcrypt.hash": self._hash,
            "helpers.bcrypt.compare": self._compare,
            "helpers.fetch": self._fetch,
            "helpers.crypto.generateSshKeyPair": self._ssh_keys,
            **{f"helpers.rateLimit.{name}": self._limit for name in rate_limits.NAMES},
        }
        self.names = frozenset(self._functions)

    def of(self, requester: Requester) -> HelpersOfRequest:
        """Give what answers the scripts of one request."""
        return HelpersOfRequest(self, requester)

    async def call(self, name: str, arguments: list[Any], requester: Requester) -> Any:
        """Answer a script.

        Args:
            name: One of `names`.
            arguments: Plain data. Null is as good as nothing.
            requester: Whom the script works for.

        Returns:
            What msgspec encodes as JSON; it may hold a `msgspec.Raw`.

        Raises:
            EnfyraError: What the script gets as an exception: INVALID_ARGUMENT, BUDGET_EXCEEDED,
                or what the function itself raises.
        """
        function = self._functions.get(name)
        if function is None:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"There is no function '{name}'.{did_you_mean(name, self.names)}",
                details={"function": name},
            )
        return await function(Call(name, arguments), requester)

    # -- cache ----------------------------------------------------------------------------------

    async def _get(self, call: Call, _: Requester) -> msgspec.Raw | None:
        found = await self._cache.get(_key(call.takes(1)))
        return msgspec.Raw(found) if found is not None else None

    async def _set(self, call: Call, _: Requester) -> None:
        await self._cache.set(_key(call.takes(3)), _value(call), _ttl(call))

    async def _set_no_expire(self, call: Call, _: Requester) -> None:
        await self._cache.set_no_expire(_key(call.takes(2)), _value(call))

    async def _exists(self, call: Call, _: Requester) -> bool:
        value = _value(call) if len(call.arguments) > 1 else None
        return await self._cache.exists(_key(call.takes(2)), value)

    async def _delete(self, call: Call, _: Requester) -> bool:
        return await self._cache.delete(_key(call.takes(1)))

    async def _acquire(self, call: Call, _: Requester) -> bool:
        return await self._cache.acquire(_key(call.takes(3)), _value(call), _ttl(call))

    async def _release(self, call: Call, _: Requester) -> bool:
        return await self._cache.release(_key(call.takes(2)), _value(call))

    # -- helpers --------------------------------------------------------------------------------

    async def _sign(self, call: Call, _: Requester) -> str:
        payload = call.takes(2).record(0, "payload")
        expires = call.value(1)
        if not isinstance(expires, str):
            expires = call.number(1, "expires", default=0) if expires is not None else None
        return self._tokens.sign(payload, expires)

    async def _verify(self, call: Call, _: Requester) -> dict[str, Any]:
        return self._tokens.verify(call.takes(1).text(0, "token"))

    async def _hash(self, call: Call, requester: Requester) -> str:
        text = call.takes(1).text(0, "text")
        requester.budget.take("password hashes")
        return await self._passwords.hash(text)

    async def _compare(self, call: Call, requester: Requester) -> bool:
        text, stored = call.takes(2).text(0, "text"), call.text(1, "hash", longest=1000)
        requester.budget.take("password hashes")
        return await self._passwords.compare(text, stored)

    async def _fetch(self, call: Call, requester: Requester) -> Any:
        url = call.takes(2).text(0, "url")
        return await self._fetcher.fetch(url, call.options(1, FetchOptions), requester.budget)

    async def _ssh_keys(self, call: Call, requester: Requester) -> dict[str, str]:
        options = call.takes(1).options(0, SshKeyOptions)
        requester.budget.take("key pairs")
        return await generate_ssh_key_pair(options)

    async def _limit(self, call: Call, requester: Requester) -> Any:
        name = call.function.rpartition(".")[2]
        return await self._limits.call(name, call, requester)


class HelpersOfRequest:
    """Answers the scripts of one request."""

    def __init__(self, helpers: Helpers, requester: Requester) -> None:
        self._helpers = helpers
        self._requester = requester

    async def call(self, name: str, arguments: list[Any]) -> Any:
        """Answer a script; see `Helpers.call`."""
        return await self._helpers.call(name, arguments, self._requester)


def _key(call: Call) -> str:
    return call.text(0, "key", longest=LONGEST_KEY)


def _value(call: Call) -> bytes:
    return encode_json(call.value(1))


def _ttl(call: Call) -> int:
    return int(min(call.number(2, "ttl", default=0), LONGEST_TTL))
