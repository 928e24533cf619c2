"""What every Cache keeps to, and what the one in Redis does when Redis does not."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio
import redis
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster import cache as cache_module
from enfyra_kernel.cluster.cache import OVERHEAD, Cache, LocalCache, RedisCache
from enfyra_kernel.errors import EnfyraError

from tests.conftest import service_url
from tests.services.redis import Redis

pytestmark = pytest.mark.asyncio

LONG = 60_000
# Milliseconds that are over soon.
SHORT = 30
# Room for four entries of 100 bytes with keys of one letter.
FOUR = 4 * (OVERHEAD + 101)

Make = Callable[..., Cache]


@pytest.fixture
def node_name() -> str:
    """Another cluster for each test, on the same Redis."""
    return uuid.uuid4().hex


@pytest_asyncio.fixture(params=["local", "redis"])
async def make(request: pytest.FixtureRequest, node_name: str) -> AsyncIterator[Make]:
    """Makes caches of one kind, with the arguments that it is given."""
    made: list[Cache] = []

    def one(**options: int) -> Cache:
        if request.param == "local":
            cache: Cache = LocalCache(SystemClock(), **options)
        else:
            cache = RedisCache(service_url("redis"), node_name=node_name, **options)
        made.append(cache)
        return cache

    yield one
    for cache in made:
        await cache.stop()


@pytest.fixture
def cache(make: Make) -> Cache:
    return make()


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not await wanted():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def is_gone(cache: Cache, key: str) -> None:
    async def gone() -> bool:
        return not await cache.exists(key)

    await until(gone)


# -- keeping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a", "a:b:c", "ü😀 \n\0", "x" * 1000, "{slot}", "*"])
@pytest.mark.parametrize("value", [b"null", b'""', b'{"a":[1,2.5,"\xf0\x9f\x98\x80\\u0000"]}'])
async def test_a_value_is_given_as_it_was_kept(cache: Cache, key: str, value: bytes) -> None:
    assert await cache.get(key) is None
    await cache.set(key, value, LONG)
    assert await cache.get(key) == value
    assert await cache.get(f"{key}-") is None


async def test_another_value_takes_the_place_of_the_first(cache: Cache) -> None:
    await cache.set("a", b"1", SHORT)
    await cache.set_no_expire("a", b"2")
    await asyncio.sleep(2 * SHORT / 1000)
    assert await cache.get("a") == b"2"


async def test_a_value_ends_with_its_time(cache: Cache) -> None:
    await cache.set("short", b"1", SHORT)
    await cache.set("long", b"1", LONG)
    await cache.set_no_expire("forever", b"1")
    await is_gone(cache, "short")
    assert await cache.get("short") is None
    assert await cache.exists("long")
    assert await cache.exists("forever")


async def test_a_time_that_was_given_is_not_prolonged_by_reading(cache: Cache) -> None:
    await cache.set("a", b"1", 5 * SHORT)

    async def gone() -> bool:
        return await cache.get("a") is None

    await until(gone)


async def test_without_a_time_each_reading_prolongs_it(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "DEFAULT_TTL", 800)
    await cache.set("read", b"1", 0)
    await cache.set("unread", b"1", -5)

    async def unread_is_gone() -> bool:
        assert await cache.get("read") == b"1"
        return not await cache.exists("unread")

    await until(unread_is_gone)
    assert await cache.get("read") == b"1"
    await is_gone(cache, "read")


async def test_what_was_deleted_is_gone(cache: Cache) -> None:
    await cache.set("a", b"1", LONG)
    assert await cache.delete("a")
    assert not await cache.delete("a")
    assert await cache.get("a") is None


async def test_existence_is_that_of_the_key_or_of_the_value(cache: Cache) -> None:
    assert not await cache.exists("a")
    await cache.set("a", b'{"x":1,"y":"2"}', LONG)
    assert await cache.exists("a")
    assert await cache.exists("a", b'{"y": "2", "x": 1}')
    assert not await cache.exists("a", b'{"x":1}')
    await cache.set("one", b"1", LONG)
    assert not await cache.exists("one", b"true")


# -- acquiring and releasing ----------------------------------------------------------------------


async def test_of_many_who_acquire_one_succeeds(cache: Cache) -> None:
    tries = [cache.acquire("lock", str(number).encode(), LONG) for number in range(50)]
    results = await asyncio.gather(*tries)
    assert results.count(True) == 1
    assert await cache.get("lock") == str(results.index(True)).encode()


async def test_only_the_holder_releases(cache: Cache) -> None:
    assert await cache.acquire("lock", b'{"by":"me","n":1}', LONG)
    assert not await cache.release("lock", b'{"by":"you"}')
    assert await cache.exists("lock")
    assert await cache.release("lock", b'{"n":1,"by":"me"}')
    assert not await cache.release("lock", b'{"by":"me","n":1}')
    assert await cache.acquire("lock", b'"you"', LONG)


async def test_a_lock_can_be_acquired_when_its_time_is_over(cache: Cache) -> None:
    assert await cache.acquire("lock", b'"me"', SHORT)

    async def acquired() -> bool:
        return await cache.acquire("lock", b'"you"', LONG)

    await until(acquired)
    assert not await cache.release("lock", b'"me"')


# -- size -----------------------------------------------------------------------------------------


async def kept(cache: Cache, keys: str) -> str:
    return "".join([key for key in keys if await cache.exists(key)])


async def test_what_was_not_used_for_longest_goes_first(make: Make) -> None:
    cache = make(limit=FOUR)
    for key in "abcd":
        await cache.set(key, b"1" * 100, LONG)
    assert await kept(cache, "abcd") == "abcd"
    assert await cache.get("a")
    await cache.set("e", b"1" * 100, LONG)
    assert await kept(cache, "abcde") == "acde"
    await cache.set("c", b"2" * 100, LONG)
    await cache.set_no_expire("f", b"1" * (100 + OVERHEAD))
    assert await kept(cache, "abcdef") == "cef"


async def test_what_has_gone_makes_room(make: Make) -> None:
    cache = make(limit=FOUR)
    for key in "abc":
        await cache.set(key, b"1" * 100, LONG)
    await cache.set("d", b"1" * 100, SHORT)
    await is_gone(cache, "d")
    await cache.set("e", b"1" * 100, LONG)
    assert await kept(cache, "abcde") == "abce"
    await cache.delete("b")
    await cache.release("c", b"1" * 100)
    for key in "fg":
        await cache.set(key, b"1" * 100, LONG)
    assert await kept(cache, "abcdefg") == "aefg"


async def test_a_million_tiny_values_are_bounded_too(make: Make) -> None:
    cache = make(limit=100 * (OVERHEAD + 10))
    for number in range(300):
        await cache.set_no_expire(f"{number:09}", b"1")
    assert not await cache.exists(f"{199:09}")
    assert await cache.exists(f"{200:09}")


async def test_a_value_that_is_too_large_is_refused_and_nothing_goes_for_it(make: Make) -> None:
    cache = make(limit=FOUR, largest=200)
    await cache.set("a", b"1", LONG)
    await cache.set("b", b"1" * 200, LONG)
    for keep in (
        cache.set("b", b"1" * 201, LONG),
        cache.set_no_expire("b", b"1" * 201),
        cache.acquire("b", b"1" * 201, LONG),
        make(limit=FOUR).set("b", b"1" * FOUR, LONG),
    ):
        with pytest.raises(EnfyraError, match=r"'b' has .* at most ") as caught:
            await keep
        assert caught.value.code == "INVALID_ARGUMENT"
    assert await cache.get("b") == b"1" * 200
    assert await cache.exists("a")


# -- Redis ----------------------------------------------------------------------------------------


async def test_instances_share_it_and_other_clusters_do_not(node_name: str) -> None:
    url = service_url("redis")
    one, two = (RedisCache(url, node_name=node_name) for _ in range(2))
    stranger, nameless = RedisCache(url, node_name=f"{node_name}2"), RedisCache(url)
    key = uuid.uuid4().hex
    await one.set(key, b"1", LONG)
    assert await two.get(key) == b"1"
    assert await stranger.get(key) is None
    assert await nameless.get(key) is None
    assert not await stranger.delete(key)
    assert not await two.acquire(key, b"2", LONG)
    for cache in (one, two, stranger, nameless):
        await cache.stop()


async def test_values_that_redis_has_dropped_leave_nothing_behind(node_name: str) -> None:
    cache = RedisCache(service_url("redis"), node_name=node_name)
    await cache.set("a", b"1", LONG)
    client = redis.Redis.from_url(service_url("redis"))
    await asyncio.to_thread(client.delete, f"{node_name}:user_cache:a")
    assert await cache.get("a") is None
    left = await asyncio.to_thread(client.zcard, f"{node_name}:user_cache_index:used")
    total = await asyncio.to_thread(client.hget, f"{node_name}:user_cache_index:sizes", "")
    assert (left, total) == (0, b"0")
    client.close()
    await cache.stop()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


async def test_without_redis_there_is_an_error_and_with_it_again_an_answer(
    own_redis: Redis,
) -> None:
    cache = RedisCache(own_redis.url)
    await cache.set("a", b"1", LONG)
    own_redis.kill()
    for call in (cache.get("a"), cache.set("a", b"2", LONG), cache.acquire("b", b"1", LONG)):
        with pytest.raises(EnfyraError) as caught:
            await call
        assert (caught.value.code, caught.value.status) == ("CACHE_UNAVAILABLE", 503)
    await asyncio.to_thread(own_redis.launch)
    await cache.set("a", b"3", LONG)
    assert await cache.get("a") == b"3"
    await cache.stop()


async def test_a_redis_that_hangs_is_given_up(own_redis: Redis) -> None:
    cache = RedisCache(own_redis.url)
    await cache.set("a", b"1", LONG)
    await cache.set("b", b"2", LONG)
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(EnfyraError, match="Redis gives no answer"):
                await cache.get("a")
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    # The answer that came too late is nobody's.
    assert await cache.get("b") == b"2"
    assert await cache.get("a") == b"1"
    await cache.stop()
