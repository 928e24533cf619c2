"""The locks of a cluster, in Redis."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from ..background import end
from ..clock import Clock
from ..errors import EnfyraError
from .instance import Instance
from .locks import Lease, LeasingLocks, Refused
from .redis_client import RedisClient, namespace

# A lock is a hash. While it is held it has an `owner`, and a `holder` for people; its `fence` stays
# behind as long as the lease of the last holder might have lasted.
#
# KEYS: the lock, the cluster's last fence. ARGV: owner, milliseconds, floor, holder.
# A fence is larger than the last one and than the floor, and is no less than the microseconds of
# Redis' clock: so it grows also when Redis has lost everything. A double holds it until 2255.
_TAKE = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then
  return {0, redis.call('HGET', KEYS[1], 'holder')}
end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[2])) or 0
local fence = math.max(time[1] * 1000000 + time[2], last + 1, tonumber(ARGV[3]) + 1)
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'holder', ARGV[4], 'fence', text)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, text}
"""

# KEYS: the lock, the cluster's last fence. ARGV: owner, milliseconds, its fence, holder.
# A holder whose own clock says that its lease goes on finds no owner if Redis has lost everything.
# It takes its lock back, unless somebody had it meanwhile: his fence would still be there.
_RENEW = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then return 0 end
if not owner then
  local fence = tonumber(redis.call('HGET', KEYS[1], 'fence')) or 0
  if fence > tonumber(ARGV[3]) then return 0 end
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'holder', ARGV[4], 'fence', ARGV[3])
  local last = tonumber(redis.call('GET', KEYS[2])) or 0
  if last < tonumber(ARGV[3]) then redis.call('SET', KEYS[2], ARGV[3]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""

# KEYS: the lock. ARGV: owner, milliseconds.
_LET_GO = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'owner', 'holder')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisLocks(LeasingLocks):
    """Locks between all instances of a cluster; see `LockStore`.

    Args:
        uri: Redis' address.
        instance: Who holds the locks; its `node_name` decorates the keys.
    """

    def __init__(self, uri: str, instance: Instance, clock: Clock) -> None:
        super().__init__(instance, clock)
        self._client = RedisClient(uri)
        self._prefix = f"{namespace(instance.node_name)}lock:"
        self._fence = f"{namespace(instance.node_name)}lock_fence"
        self._undoing: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Disconnect."""
        for task in tuple(self._undoing):
            await end(task)
        await self._client.stop()

    async def _take(self, name: str, owner: str, ttl: float, floor: int) -> int | Refused:
        try:
            taken, what = await self._run(
                _TAKE, name, owner, _milliseconds(ttl), floor, self._instance.label
            )
        except BaseException:
            # Redis may have done it, or do it yet, without our hearing of it.
            task = asyncio.ensure_future(self._undo(name, owner, ttl))
            self._undoing.add(task)
            task.add_done_callback(self._undoing.discard)
            raise
        return int(what) if taken else Refused((what or b"another instance").decode())

    async def _undo(self, name: str, owner: str, ttl: float) -> None:
        with suppress(EnfyraError):
            await self._run(_LET_GO, name, owner, _milliseconds(ttl))

    async def _renew(self, lease: Lease) -> bool:
        milliseconds = _milliseconds(lease.ttl)
        return bool(
            await self._run(
                _RENEW, lease.name, lease.owner, milliseconds, lease.fence, self._instance.label
            )
        )

    async def _let_go(self, lease: Lease) -> None:
        await self._run(_LET_GO, lease.name, lease.owner, _milliseconds(lease.ttl))

    async def _run(self, script: str, name: str, *arguments: str | int) -> Any:
        try:
            return await self._client.run(
                script, (f"{self._prefix}{name}", self._fence), *arguments
            )
        except EnfyraError as error:
            raise EnfyraError("LOCKS_UNAVAILABLE", error.message) from error


def _milliseconds(seconds: float) -> int:
    return max(int(seconds * 1000), 1)
