"""Rate limits: so many requests in any span of so many seconds, counted by all instances."""

from __future__ import annotations

import math
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Protocol

from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from .redis_client import RedisClient, namespace

_log = get_logger("limits")

# Keys that an instance counts at the same time; those that were not used for longest go.
MOST_KEYS = 100_000
# Seconds that a Redis which is away is left alone.
REST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left of a limit.

    Attributes:
        allowed: Whether the request may pass; of a `status`, whether the next one might.
        remaining: Requests that may follow now.
        reset_at: When the oldest counted request counts no more, in milliseconds since 1970.
        retry_after: Seconds until a request may pass again, rounded up; 0 if one may now.
        limit: Requests that may pass in a window.
        window: Seconds.
    """

    allowed: bool
    remaining: int
    reset_at: int
    retry_after: int
    limit: int
    window: int


class Limits(Protocol):
    """Counts requests in sliding windows. A key is counted for each length of window by itself."""

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def check(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Count a request, if it may pass. Those that may not are not counted."""
        ...

    async def status(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Say what is left, without counting."""
        ...

    async def reset(self, key: str, per_seconds: int) -> None:
        """Forget what has been counted."""
        ...


def _allowance(
    *, passes: bool, counted: int, oldest_ago: int, now: int, limit: int, window: int
) -> Allowance:
    """Say what is left; times are in milliseconds."""
    wait = window * 1000 - oldest_ago
    return Allowance(
        allowed=passes,
        remaining=max(0, limit - counted),
        reset_at=now + wait,
        retry_after=0 if counted < limit or passes else max(1, math.ceil(wait / 1000)),
        limit=limit,
        window=window,
    )


class LocalLimits:
    """The limits of a single instance."""

    def __init__(self, clock: Clock, *, most_keys: int = MOST_KEYS) -> None:
        self._clock = clock
        self._most_keys = most_keys
        # For each key and window the moments of the requests that passed, in milliseconds.
        self._passed: OrderedDict[tuple[str, int], deque[int]] = OrderedDict()

    async def stop(self) -> None:
        """Do nothing."""

    async def check(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Count a request, if it may pass."""
        now = self._now()
        passed = self._window(key, per_seconds, now)
        passes = len(passed) < max_requests
        if passes:
            passed.append(now)
        self._passed[key, per_seconds] = passed
        self._passed.move_to_end((key, per_seconds))
        if len(self._passed) > self._most_keys:
            self._passed.popitem(last=False)
        return self._said(passed, now, max_requests, per_seconds, passes=passes)

    async def status(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Say what is left, without counting."""
        now = self._now()
        passed = self._window(key, per_seconds, now)
        return self._said(passed, now, max_requests, per_seconds, passes=len(passed) < max_requests)

    async def reset(self, key: str, per_seconds: int) -> None:
        """Forget what has been counted."""
        self._passed.pop((key, per_seconds), None)

    def _now(self) -> int:
        return int(self._clock.monotonic() * 1000)

    def _window(self, key: str, per_seconds: int, now: int) -> deque[int]:
        passed = self._passed.get((key, per_seconds), deque[int]())
        while passed and passed[0] <= now - per_seconds * 1000:
            passed.popleft()
        return passed

    def _said(
        self, passed: deque[int], now: int, limit: int, window: int, *, passes: bool
    ) -> Allowance:
        return _allowance(
            passes=passes,
            counted=len(passed),
            oldest_ago=now - passed[0] if passed else 0,
            now=int(self._clock.now().timestamp() * 1000),
            limit=limit,
            window=window,
        )


# KEYS: the sorted set of what passed. ARGV: limit, window in milliseconds, whether to count, and
# what tells this request from one in the same microsecond. The clock is that of Redis.
_CHECK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local counted = redis.call('ZCARD', KEYS[1])
local passes = 0
if counted < limit then
  passes = 1
  if ARGV[3] == '1' then
    redis.call('ZADD', KEYS[1], string.format('%.0f', now), time[1] .. '.' .. time[2] .. ARGV[4])
    redis.call('PEXPIRE', KEYS[1], window)
    counted = counted + 1
  end
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {passes, counted, oldest[2] and now - oldest[2] or 0, now}
"""
_RESET = "return redis.call('DEL', KEYS[1])"


class RedisLimits:
    """The limits of a cluster, counted in Redis; while it is away each instance counts by itself.

    Args:
        uri: Redis' address.
        fallback: Counts while Redis is away.
        node_name: Decorates the keys, so that several deployments can share one Redis.
    """

    def __init__(
        self, uri: str, fallback: LocalLimits, clock: Clock, *, node_name: str | None = None
    ) -> None:
        self._client = RedisClient(uri)
        self._fallback = fallback
        self._clock = clock
        self._prefix = f"{namespace(node_name)}rate_limit:"
        self._rest_until = 0.0

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.stop()

    async def check(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Count a request, if it may pass."""
        answer = await self._ask(_CHECK, key, per_seconds, max_requests, count=True)
        if answer is None:
            return await self._fallback.check(key, max_requests, per_seconds)
        return _said(answer, max_requests, per_seconds)

    async def status(self, key: str, max_requests: int, per_seconds: int) -> Allowance:
        """Say what is left, without counting."""
        answer = await self._ask(_CHECK, key, per_seconds, max_requests, count=False)
        if answer is None:
            return await self._fallback.status(key, max_requests, per_seconds)
        return _said(answer, max_requests, per_seconds)

    async def reset(self, key: str, per_seconds: int) -> None:
        """Forget what has been counted, also by this instance while Redis was away."""
        await self._fallback.reset(key, per_seconds)
        await self._ask(_RESET, key, per_seconds, 0, count=False)

    async def _ask(
        self, script: str, key: str, per_seconds: int, max_requests: int, *, count: bool
    ) -> list[int] | Any:
        """Run a script; None while Redis is away, which is not waited for again and again."""
        if self._clock.monotonic() < self._rest_until:
            return None
        try:
            return await self._client.run(
                script,
                [f"{self._prefix}{per_seconds}:{key}"],
                max_requests, per_seconds * 1000, int(count), secrets.token_hex(8),
            )  # fmt: skip
        except EnfyraError as error:
            self._rest_until = self._clock.monotonic() + REST
            _log.warning("each instance counts by itself", extra={"reason": error.message})
            return None


def _said(answer: list[int], limit: int, window: int) -> Allowance:
    passes, counted, oldest_ago, now = answer
    return _allowance(
        passes=bool(passes),
        counted=counted,
        oldest_ago=oldest_ago,
        now=now,
        limit=limit,
        window=window,
    )
