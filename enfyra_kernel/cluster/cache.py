"""The cache: values that scripts keep for a while, shared by all instances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import msgspec
from cachetools import TLRUCache

from ..clock import Clock
from ..errors import EnfyraError
from . import cache_scripts
from .redis_client import RedisClient, namespace

# Milliseconds that a value is kept after it was last read, when nobody says how long.
DEFAULT_TTL = 30 * 60 * 1000
LIMIT = 30 << 20
# What an entry takes beside its key and value, about: a million tiny ones are large, too.
OVERHEAD = 256


class Cache(Protocol):
    """Keeps JSON values under keys, up to a size; what was not used for longest goes first.

    Every method raises CACHE_UNAVAILABLE (503) when the cache cannot be reached.
    """

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Give a value, or None."""
        ...

    async def set(self, key: str, value: bytes, ttl: int) -> None:
        """Keep a value.

        Args:
            value: JSON.
            ttl: Milliseconds. 0 or less is half an hour, which begins anew at each read.

        Raises:
            EnfyraError: INVALID_ARGUMENT when the value is too large.
        """
        ...

    async def set_no_expire(self, key: str, value: bytes) -> None:
        """Keep a value until it is deleted, or the room is needed; raises as `set` does."""
        ...

    async def exists(self, key: str, value: bytes | None = None) -> bool:
        """Say whether there is a value, or that very value."""
        ...

    async def delete(self, key: str) -> bool:
        """Delete a value; say whether there was one."""
        ...

    async def acquire(self, key: str, value: bytes, ttl: int) -> bool:
        """Keep a value unless there is one already; say whether it was kept.

        Of several who try at the same time, on any instance, one succeeds. Raises as `set` does.
        """
        ...

    async def release(self, key: str, value: bytes) -> bool:
        """Delete a value if it is that very value; say whether it was."""
        ...


def same_json(one: bytes, other: bytes) -> bool:
    """Say whether two JSON texts mean the same value.

    Example:
        >>> same_json(b'{"a":1,"b":2}', b'{"b": 2, "a": 1}'), same_json(b"1", b"true")
        (True, False)
    """
    return one == other or _canonical(one) == _canonical(other)


def _canonical(json: bytes) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(json), order="sorted")


def _size(key: str, value: bytes, limit: int, largest: int) -> int:
    """Give what an entry counts.

    Raises:
        EnfyraError: INVALID_ARGUMENT when it is too large.
    """
    size = len(key.encode()) + len(value) + OVERHEAD
    most = min(largest or limit, limit)
    if len(value) > most or size > limit:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"The value of cache key {key!r} has {len(value)} bytes; at most {most} are kept",
            details={"key": key, "bytes": len(value), "limit": most},
        )
    return size


@dataclass(slots=True)
class _Entry:
    value: bytes
    size: int
    # Seconds.
    ttl: float
    renewed: bool


class LocalCache:
    """The cache of a single instance, in its memory.

    Args:
        limit: Bytes that all values may take together.
        largest: Bytes that one value may have; 0 for as many as there are.
    """

    def __init__(self, clock: Clock, *, limit: int = LIMIT, largest: int = 0) -> None:
        self._limit = limit
        self._largest = largest
        self._entries: TLRUCache[str, _Entry] = TLRUCache(
            maxsize=limit,
            ttu=lambda _, entry, now: now + entry.ttl,
            timer=clock.monotonic,
            getsizeof=lambda entry: entry.size,
        )

    async def stop(self) -> None:
        """Do nothing."""

    async def get(self, key: str) -> bytes | None:
        """Give a value, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.renewed:
            self._entries[key] = entry
        return entry.value

    async def set(self, key: str, value: bytes, ttl: int) -> None:
        """Keep a value for some milliseconds; see `Cache`."""
        self._keep(key, value, (ttl if ttl > 0 else DEFAULT_TTL) / 1000, renewed=ttl <= 0)

    async def set_no_expire(self, key: str, value: bytes) -> None:
        """Keep a value until it is deleted, or the room is needed."""
        self._keep(key, value, math.inf, renewed=False)

    def _keep(self, key: str, value: bytes, ttl: float, *, renewed: bool) -> None:
        size = _size(key, value, self._limit, self._largest)
        self._entries[key] = _Entry(value, size, ttl, renewed)

    async def exists(self, key: str, value: bytes | None = None) -> bool:
        """Say whether there is a value, or that very value."""
        entry = self._entries.get(key)
        return entry is not None and (value is None or same_json(entry.value, value))

    async def delete(self, key: str) -> bool:
        """Delete a value; say whether there was one."""
        return self._entries.pop(key, None) is not None

    async def acquire(self, key: str, value: bytes, ttl: int) -> bool:
        """Keep a value unless there is one already; say whether it was kept."""
        if key in self._entries:
            # A value that would be too large is a mistake in any case.
            _size(key, value, self._limit, self._largest)
            return False
        await self.set(key, value, ttl)
        return True

    async def release(self, key: str, value: bytes) -> bool:
        """Delete a value if it is that very value; say whether it was."""
        return await self.exists(key, value) and await self.delete(key)


class RedisCache:
    """The cache in Redis, for all instances of a cluster.

    An entry is a hash with its value. Beside them stand three indexes, which say when each was
    used, when it ends, and how large it is; every script keeps both in step.

    Args:
        uri: Redis' address.
        node_name: Decorates the keys, so that several deployments can share one Redis.
        limit: Bytes that all values may take together.
        largest: Bytes that one value may have; 0 for as many as there are.
    """

    def __init__(
        self,
        uri: str,
        *,
        node_name: str | None = None,
        limit: int = LIMIT,
        largest: int = 0,
    ) -> None:
        self._client = RedisClient(uri)
        self._prefix = f"{namespace(node_name)}user_cache:"
        indexes = f"{namespace(node_name)}user_cache_index:"
        self._indexes = tuple(f"{indexes}{name}" for name in ("used", "ends", "sizes"))
        self._limit = limit
        self._largest = largest

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.stop()

    async def _run(
        self, script: str, key: str, *arguments: str | bytes | int
    ) -> bytes | int | None:
        keys = (f"{self._prefix}{key}", *self._indexes)
        return await self._client.run(script, keys, self._prefix, key, *arguments)

    async def get(self, key: str) -> bytes | None:
        """Give a value, or None."""
        found = await self._run(cache_scripts.GET, key, DEFAULT_TTL)
        return found if isinstance(found, bytes) else None

    async def set(self, key: str, value: bytes, ttl: int) -> None:
        """Keep a value for some milliseconds; see `Cache`."""
        await self._keep(key, value, ttl)

    async def set_no_expire(self, key: str, value: bytes) -> None:
        """Keep a value until it is deleted, or the room is needed."""
        await self._keep(key, value, None)

    async def _keep(
        self, key: str, value: bytes, ttl: int | None, *, if_absent: bool = False
    ) -> bool:
        size = _size(key, value, self._limit, self._largest)
        renewed = ttl is not None and ttl <= 0
        milliseconds = 0 if ttl is None else DEFAULT_TTL if renewed else ttl
        kept = await self._run(
            cache_scripts.SET, key, value, milliseconds, int(renewed), size, self._limit,
            int(if_absent),
        )  # fmt: skip
        return kept == 1

    async def exists(self, key: str, value: bytes | None = None) -> bool:
        """Say whether there is a value, or that very value."""
        found = await self._run(cache_scripts.PEEK, key)
        return isinstance(found, bytes) and (value is None or same_json(found, value))

    async def delete(self, key: str) -> bool:
        """Delete a value; say whether there was one."""
        return await self._run(cache_scripts.DELETE, key) == 1

    async def acquire(self, key: str, value: bytes, ttl: int) -> bool:
        """Keep a value unless there is one already; say whether it was kept."""
        return await self._keep(key, value, ttl, if_absent=True)

    async def release(self, key: str, value: bytes) -> bool:
        """Delete a value if it is that very value; say whether it was."""
        answer = await self._run(cache_scripts.RELEASE, key, value)
        if isinstance(answer, bytes) and same_json(answer, value):
            # The same value, written another way.
            answer = await self._run(cache_scripts.RELEASE, key, answer)
        return answer == 1
