"""The cache and the limits that the settings ask for: in Redis if there is one, else in process."""

from __future__ import annotations

from ..clock import Clock
from ..settings import Settings
from .cache import Cache, LocalCache, RedisCache
from .limits import Limits, LocalLimits, RedisLimits


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
