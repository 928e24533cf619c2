"""What the settings ask for: in Redis if there is one, else in process."""

from __future__ import annotations

from ..clock import Clock
from ..settings import Settings
from .bus import Bus, LocalBus, RedisBus
from .cache import Cache, LocalCache, RedisCache
from .instance import Instance
from .limits import Limits, LocalLimits, RedisLimits
from .local_locks import LocalLocks
from .locks import LockStore
from .redis_locks import RedisLocks
from .seal import Seal


def connect_bus(settings: Settings, instance: Instance) -> Bus:
    """Give the bus."""
    if settings.redis_uri is None:
        return LocalBus(instance)
    return RedisBus(settings.redis_uri.get_secret_value(), instance, Seal(settings.signing_keys))


def connect_locks(settings: Settings, clock: Clock, instance: Instance) -> LockStore:
    """Give the locks. They connect when they are first used."""
    if settings.redis_uri is None:
        return LocalLocks(instance, clock)
    return RedisLocks(settings.redis_uri.get_secret_value(), instance, clock)


def connect_cache(settings: Settings, clock: Clock) -> Cache:
    """Give the cache. It connects when it is first used.

    Example:
        >>> from enfyra_kernel.clock import SystemClock
        >>> type(connect_cache(Settings.load({}, dotenv=None), SystemClock())).__name__
        'LocalCache'
    """
    limit = int(settings.cache_limit_mb * (1 << 20))
    largest = settings.cache_max_value_bytes
    if settings.redis_uri is None:
        return LocalCache(clock, limit=limit, largest=largest)
    return RedisCache(
        settings.redis_uri.get_secret_value(),
        node_name=settings.node_name,
        limit=limit,
        largest=largest,
    )


def connect_limits(settings: Settings, clock: Clock) -> Limits:
    """Give the rate limits. They connect when they are first used."""
    local = LocalLimits(clock)
    if settings.redis_uri is None:
        return local
    uri = settings.redis_uri.get_secret_value()
    return RedisLimits(uri, local, clock, node_name=settings.node_name)
