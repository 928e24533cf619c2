"""Rate limits for scripts: by a key, or by what the request has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...cluster.limits import Allowance, Limits
from .call import Call
from .requester import Requester

LONGEST_KEY = 500
_Window = Annotated[int, Meta(ge=1, le=31 * 86_400)]


class LimitOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A limit: so many requests in any span of so many seconds."""

    max_requests: Annotated[int, Meta(ge=1, le=100_000)]
    per_seconds: _Window


class WindowOptions(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Which window to reset; the limit does not matter, but may be given."""

    per_seconds: _Window
    max_requests: int | None = None


def _user(requester: Requester) -> str:
    # Who has not logged in is counted by his address.
    return f"user:{requester.user}" if requester.user is not None else f"ip:{requester.network}"


def _route(requester: Requester) -> str:
    return f"{requester.method} {requester.route}"


_KEYS: dict[str, Callable[[Requester], str]] = {
    "byIp": lambda it: f"{_route(it)} ip:{it.network}",
    "byUser": lambda it: f"{_route(it)} {_user(it)}",
    "byRoute": lambda it: _route(it),
    "byIpGlobal": lambda it: f"* ip:{it.network}",
    "byUserGlobal": lambda it: f"* {_user(it)}",
}
NAMES = ("check", *_KEYS, "status", "reset")


class ScriptLimits:
    """Counts requests for scripts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def call(self, name: str, call: Call, requester: Requester) -> Any:
        """Answer one of `NAMES`.

        Raises:
            EnfyraError: INVALID_ARGUMENT.
        """
        if name in _KEYS:
            options = call.takes(1).options(0, LimitOptions)
            key = _KEYS[name](requester)
            return _told(await self._limits.check(key, options.max_requests, options.per_seconds))
        # No key of a script is ever one of those above, which begin with a method or a star.
        key = f"key:{call.takes(2).text(0, 'key', longest=LONGEST_KEY)}"
        if name == "reset":
            await self._limits.reset(key, call.options(1, WindowOptions).per_seconds)
            return None
        options = call.options(1, LimitOptions)
        ask = self._limits.check if name == "check" else self._limits.status
        return _told(await ask(key, options.max_requests, options.per_seconds))


def _told(allowance: Allowance) -> dict[str, Any]:
    return {
        "allowed": allowance.allowed,
        "remaining": allowance.remaining,
        "resetAt": allowance.reset_at,
        "retryAfter": allowance.retry_after,
        "limit": allowance.limit,
        "window": allowance.window,
    }
