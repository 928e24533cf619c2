"""What all Limits keep to, and what those in Redis do when Redis does not."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster import limits as limits_module
from enfyra_kernel.cluster.limits import Limits, LocalLimits, RedisLimits

from tests.conftest import service_url
from tests.services.redis import Redis

pytestmark = pytest.mark.asyncio

MINUTE = 60


@pytest.fixture
def node_name() -> str:
    """Another cluster for each test, on the same Redis."""
    return uuid.uuid4().hex


@pytest_asyncio.fixture(params=["local", "redis"])
async def limits(request: pytest.FixtureRequest, node_name: str) -> AsyncIterator[Limits]:
    clock = SystemClock()
    local = LocalLimits(clock)
    if request.param == "local":
        limits: Limits = local
    else:
        limits = RedisLimits(service_url("redis"), local, clock, node_name=node_name)
    yield limits
    await limits.stop()


async def passed(limits: Limits, key: str, count: int, *, limit: int, window: int = MINUTE) -> int:
    """Say how many of so many requests pass."""
    return sum([(await limits.check(key, limit, window)).allowed for _ in range(count)])


async def test_so_many_pass_and_no_more(limits: Limits) -> None:
    before = SystemClock().now()
    first = await limits.check("a", 3, MINUTE)
    assert (first.allowed, first.remaining, first.retry_after) == (True, 2, 0)
    assert (first.limit, first.window) == (3, MINUTE)
    assert await passed(limits, "a", 10, limit=3) == 2
    refused = await limits.check("a", 3, MINUTE)
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 1 <= refused.retry_after <= MINUTE
    earliest = (before + timedelta(seconds=MINUTE - 1)).timestamp() * 1000
    assert refused.reset_at >= earliest
    assert refused.reset_at == pytest.approx(first.reset_at, abs=50)


async def test_the_last_that_passes_need_not_wait(limits: Limits) -> None:
    only = await limits.check("a", 1, MINUTE)
    assert (only.allowed, only.remaining, only.retry_after) == (True, 0, 0)


async def test_keys_and_windows_are_counted_by_themselves(limits: Limits) -> None:
    assert await passed(limits, "a", 5, limit=2) == 2
    assert await passed(limits, "b", 5, limit=2) == 2
    assert await passed(limits, "a", 5, limit=3, window=MINUTE + 1) == 3
    # A larger limit goes on from what has been counted.
    assert await passed(limits, "a", 5, limit=4) == 2


async def test_of_many_at_the_same_time_so_many_pass(limits: Limits) -> None:
    all_ = await asyncio.gather(*[limits.check("a", 7, MINUTE) for _ in range(60)])
    assert sum(one.allowed for one in all_) == 7
    assert sorted(one.remaining for one in all_ if one.allowed) == list(range(7))


async def test_the_window_slides(limits: Limits) -> None:
    assert (await limits.check("a", 1, 2)).allowed
    assert not (await limits.check("a", 1, 2)).allowed
    async with asyncio.timeout(60):
        while not (await limits.check("a", 1, 2)).allowed:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    # What was refused meanwhile has not been counted, and what passed has.
    assert not (await limits.check("a", 1, 2)).allowed


async def test_a_status_counts_nothing(limits: Limits) -> None:
    fresh = await limits.status("a", 2, MINUTE)
    assert (fresh.allowed, fresh.remaining, fresh.retry_after) == (True, 2, 0)
    await limits.check("a", 2, MINUTE)
    for _ in range(5):
        assert (await limits.status("a", 2, MINUTE)).remaining == 1
    await limits.check("a", 2, MINUTE)
    spent = await limits.status("a", 2, MINUTE)
    assert (spent.allowed, spent.remaining) == (False, 0)
    assert spent.retry_after >= 1


async def test_after_a_reset_it_begins_anew(limits: Limits) -> None:
    await passed(limits, "a", 2, limit=2)
    await limits.reset("a", MINUTE + 1)
    assert not (await limits.check("a", 2, MINUTE)).allowed
    await limits.reset("a", MINUTE)
    assert await passed(limits, "a", 5, limit=2) == 2


async def test_the_local_ones_remember_only_so_many_keys() -> None:
    limits = LocalLimits(SystemClock(), most_keys=3)
    for key in "abcad":
        await limits.check(key, 2, MINUTE)
    left = {key: (await limits.status(key, 2, MINUTE)).remaining for key in "abcd"}
    assert left == {"a": 0, "b": 2, "c": 1, "d": 1}


# -- Redis ----------------------------------------------------------------------------------------


def of_redis(url: str, node_name: str | None = None) -> RedisLimits:
    clock = SystemClock()
    return RedisLimits(url, LocalLimits(clock), clock, node_name=node_name)


async def test_instances_count_together_and_other_clusters_do_not(node_name: str) -> None:
    url = service_url("redis")
    one, two = of_redis(url, node_name), of_redis(url, node_name)
    stranger = of_redis(url, f"{node_name}2")
    assert await passed(one, "a", 5, limit=3) == 3
    assert await passed(two, "a", 5, limit=3) == 0
    assert await passed(stranger, "a", 5, limit=3) == 3
    await two.reset("a", MINUTE)
    assert (await one.check("a", 3, MINUTE)).allowed
    for limits in (one, two, stranger):
        await limits.stop()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


async def test_without_redis_each_instance_counts_by_itself_and_then_together_again(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "REST", 0.0)
    one, two = of_redis(own_redis.url), of_redis(own_redis.url)
    assert await passed(one, "a", 5, limit=3) == 3
    own_redis.kill()
    assert await passed(one, "a", 5, limit=3) == 3
    assert await passed(two, "a", 5, limit=3) == 3
    assert not (await one.status("a", 3, MINUTE)).allowed
    await one.reset("a", MINUTE)
    assert (await one.status("a", 3, MINUTE)).allowed
    await asyncio.to_thread(own_redis.launch)
    assert await passed(one, "a", 5, limit=3) == 3
    assert await passed(two, "a", 5, limit=3) == 0
    await one.stop()
    await two.stop()
