"""The settings decide whether the cache and the limits are in Redis."""

from __future__ import annotations

import uuid

import pytest
import redis.asyncio  # noqa: F401 - which takes its time, and not that of a test
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster.bus import LocalBus, RedisBus
from enfyra_kernel.cluster.cache import LocalCache, RedisCache
from enfyra_kernel.cluster.connect import connect_bus, connect_cache, connect_limits, connect_locks
from enfyra_kernel.cluster.instance import Instance
from enfyra_kernel.cluster.limits import LocalLimits, RedisLimits
from enfyra_kernel.cluster.local_locks import LocalLocks
from enfyra_kernel.cluster.redis_locks import RedisLocks
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.settings import Settings

from tests.conftest import service_url

pytestmark = pytest.mark.asyncio


@pytest.fixture(params=[False, True], ids=["alone", "redis"])
def of_redis(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the environment says about Redis, if anything."""
    if not request.param:
        return {}
    return {"REDIS_URI": service_url("redis"), "NODE_NAME": uuid.uuid4().hex}


async def test_the_settings_decide(of_redis: dict[str, str]) -> None:
    environment = {"REDIS_USER_CACHE_MAX_VALUE_BYTES": "10", **of_redis}
    settings, clock = Settings.load(environment, dotenv=None), SystemClock()
    cache, limits = connect_cache(settings, clock), connect_limits(settings, clock)
    assert isinstance(cache, RedisCache if of_redis else LocalCache)
    assert isinstance(limits, RedisLimits if of_redis else LocalLimits)
    instance = Instance.here(settings.node_name)
    bus, locks = connect_bus(settings, instance), connect_locks(settings, clock, instance)
    assert isinstance(bus, RedisBus if of_redis else LocalBus)
    assert isinstance(locks, RedisLocks if of_redis else LocalLocks)
    await bus.stop()
    await locks.stop()
    with pytest.raises(EnfyraError, match="at most 10 are kept"):
        await cache.set("a", b"1" * 11, 1000)
    assert (await limits.check("a", 1, 1)).allowed
    await cache.stop()
    await limits.stop()


async def test_the_cache_has_so_many_megabytes() -> None:
    settings = Settings.load({"REDIS_USER_CACHE_LIMIT_MB": "0.001"}, dotenv=None)
    cache = connect_cache(settings, SystemClock())
    with pytest.raises(EnfyraError, match="at most 1048 are kept"):
        await cache.set("a", b"1" * 1049, 1000)
