"""What all locks keep to, and what those in Redis do when Redis does not."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster.instance import Instance
from enfyra_kernel.cluster.local_locks import LocalLocks
from enfyra_kernel.cluster.locks import Lease, LeasingLocks
from enfyra_kernel.cluster.redis_locks import RedisLocks
from enfyra_kernel.errors import EnfyraError

from tests.conftest import service_url
from tests.services.redis import Redis

pytestmark = pytest.mark.asyncio

LONG = 60.0
# A lease that is over soon; not so soon that a busy machine cannot renew it.
SHORT = 0.6
PATIENCE = 60.0

Make = Callable[[], LeasingLocks]


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not await wanted():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def is_free(locks: LeasingLocks, name: str) -> bool:
    async with locks.attempt(name, ttl=LONG) as lease:
        return lease is not None


@pytest.fixture
def node_name() -> str:
    """Another cluster for each test, on the same Redis."""
    return uuid.uuid4().hex


@pytest_asyncio.fixture(params=["local", "redis"])
async def locks(request: pytest.FixtureRequest, node_name: str) -> AsyncIterator[LeasingLocks]:
    instance, clock = Instance.here(node_name), SystemClock()
    if request.param == "local":
        made: LeasingLocks = LocalLocks(instance, clock)
    else:
        made = RedisLocks(service_url("redis"), instance, clock)
    yield made
    await made.stop()


def unrenewed(locks: LeasingLocks, patch: pytest.MonkeyPatch) -> None:
    """Let no lease be renewed: as for a process that hangs."""

    async def never(_: Lease) -> bool:
        await asyncio.Event().wait()
        return True

    patch.setattr(locks, "_renew", never)


# -- all of them ----------------------------------------------------------------------------------


async def test_one_holds_a_name_at_a_time(locks: LeasingLocks) -> None:
    inside: list[int] = []
    most = 0

    async def work(number: int) -> None:
        nonlocal most
        async with locks.hold("work", ttl=LONG, wait=PATIENCE):
            inside.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    await asyncio.gather(*(work(number) for number in range(12)))
    assert most == 1


async def test_who_does_not_wait_is_told_at_once_who_has_it(locks: LeasingLocks) -> None:
    async with locks.hold("a", ttl=LONG) as lease:
        assert (lease.name, lease.held, lease.lost.is_set()) == ("a", True, False)
        assert 0 < lease.remaining <= LONG
        lease.check()
        with pytest.raises(EnfyraError) as refused:
            async with locks.hold("a", ttl=LONG):
                pass
        assert (refused.value.code, refused.value.status) == ("LOCK_HELD", 423)
        assert refused.value.details == {"lock": "a", "holder": Instance.here().label}
        async with locks.attempt("a", ttl=LONG) as other:
            assert other is None
        async with locks.attempt("b", ttl=LONG) as other:
            assert other is not None
    async with locks.attempt("a", ttl=LONG) as other:
        assert other is not None


async def test_who_waits_gets_it_when_it_is_free(locks: LeasingLocks) -> None:
    async def other() -> int:
        async with locks.hold("a", ttl=LONG, wait=PATIENCE) as lease:
            return lease.fence

    async with locks.hold("a", ttl=LONG) as lease:
        waiting = asyncio.ensure_future(other())
        with pytest.raises(EnfyraError, match="'a' is held by"):
            async with locks.hold("a", ttl=LONG, wait=0.03):
                pass
        assert not waiting.done()
    assert await waiting > lease.fence


async def test_fences_grow_over_all_names_and_from_the_floor(locks: LeasingLocks) -> None:
    fences: list[int] = []
    for name in "abab":
        async with locks.hold(name, ttl=LONG) as lease:
            fences.append(lease.fence)
    floor = fences[-1] + 10**9
    for at_least in (floor, 0):
        async with locks.hold("c", ttl=LONG, floor=at_least) as lease:
            fences.append(lease.fence)
    assert fences == sorted(set(fences))
    assert fences[-2] == floor + 1
    # No less than the clock says: one that forgets everything goes on above.
    assert fences[0] >= (time.time() - 60) * 1_000_000


async def test_it_is_held_for_as_long_as_its_block_runs(locks: LeasingLocks) -> None:
    async with locks.hold("a", ttl=SHORT) as lease:
        for _ in range(10):
            await asyncio.sleep(SHORT / 5)
            assert not await is_free(locks, "a")
        lease.check()


async def test_who_does_not_renew_it_loses_it_and_learns_of_it(
    locks: LeasingLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrenewed(locks, monkeypatch)
    async with AsyncExitStack() as later:
        async with locks.hold("a", ttl=SHORT) as late:
            current = await later.enter_async_context(locks.hold("a", ttl=LONG, wait=PATIENCE))
            async with asyncio.timeout(PATIENCE):
                await late.lost.wait()
            assert (late.held, late.remaining) == (False, 0)
            with pytest.raises(EnfyraError) as lost:
                late.check()
            assert (lost.value.code, lost.value.details) == ("LOCK_LOST", {"lock": "a"})
        # And does not free it for others.
        assert not await is_free(locks, "a")
        assert current.held
        assert current.fence > late.fence
    assert await is_free(locks, "a")


async def test_it_is_free_after_an_error_and_after_a_cancellation(locks: LeasingLocks) -> None:
    with pytest.raises(RuntimeError):
        async with locks.hold("a", ttl=LONG):
            raise RuntimeError
    begun = asyncio.Event()

    async def forever() -> None:
        async with locks.hold("a", ttl=LONG):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(forever())
    await begun.wait()
    assert not await is_free(locks, "a")
    task.cancel()
    await asyncio.wait([task])
    assert await is_free(locks, "a")


@pytest.mark.parametrize(("name", "ttl"), [("a", 0), ("a", -1), ("", 1)])
async def test_a_lock_has_a_name_and_a_lease(locks: LeasingLocks, name: str, ttl: float) -> None:
    with pytest.raises(ValueError, match="a name, and a lease"):
        async with locks.hold(name, ttl=ttl):
            pass


# -- Redis ----------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def make(node_name: str) -> AsyncIterator[Callable[..., RedisLocks]]:
    """Makes the locks of an instance."""
    made: list[RedisLocks] = []

    def one(url: str | None = None, node_name: str = node_name) -> RedisLocks:
        uri = url or service_url("redis")
        made.append(RedisLocks(uri, Instance.here(node_name), SystemClock()))
        return made[-1]

    yield one
    for locks in made:
        await locks.stop()


async def test_instances_exclude_each_other_and_other_clusters_do_not(
    make: Callable[..., RedisLocks],
) -> None:
    one, two, stranger = make(), make(), make(node_name="stranger")
    async with one.hold("a", ttl=LONG) as lease:
        assert not await is_free(two, "a")
        assert await is_free(stranger, "a")
    async with two.hold("a", ttl=LONG) as later:
        assert later.fence > lease.fence
        assert later.owner.split(":")[0] != lease.owner.split(":")[0]


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


async def flush(service: Redis) -> None:
    client: Any = redis.asyncio.Redis.from_url(service.url)
    await client.flushall()
    await client.aclose()


async def test_redis_may_lose_everything(
    own_redis: Redis, make: Callable[..., RedisLocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make(own_redis.url), make(own_redis.url)

    # Who renews first has it again, with its fence.
    async with one.hold("a", ttl=SHORT) as lease:
        await flush(own_redis)
        await asyncio.sleep(SHORT)
        assert not await is_free(two, "a")
        lease.check()

    # Who comes first has it, with a larger one.
    async with one.hold("a", ttl=SHORT) as lease:
        await flush(own_redis)
        async with two.hold("a", ttl=LONG) as other:
            assert other.fence > lease.fence
            async with asyncio.timeout(PATIENCE):
                await lease.lost.wait()
            other.check()

    # Also when he is gone again before the first one looks.
    async with one.hold("a", ttl=SHORT) as lease:
        await flush(own_redis)
        async with two.hold("a", ttl=LONG) as other:
            assert other.fence > lease.fence
        async with asyncio.timeout(PATIENCE):
            await lease.lost.wait()
    assert await is_free(two, "a")


async def test_without_redis_it_says_so_and_a_lease_is_kept_until_it_is_over(
    own_redis: Redis, make: Callable[..., RedisLocks]
) -> None:
    locks = make(own_redis.url)
    async with locks.hold("long", ttl=LONG) as long, locks.hold("short", ttl=SHORT) as short:
        own_redis.kill()
        for asked in (locks.hold("b", ttl=LONG), locks.attempt("b", ttl=LONG)):
            with pytest.raises(EnfyraError) as unavailable:
                async with asked:
                    pass
            assert (unavailable.value.code, unavailable.value.status) == ("LOCKS_UNAVAILABLE", 503)
        async with asyncio.timeout(PATIENCE):
            await short.lost.wait()
        assert long.held
        await asyncio.to_thread(own_redis.launch)
        async with locks.hold("b", ttl=LONG) as after:
            assert after.fence > long.fence


async def test_what_redis_did_without_our_hearing_of_it_is_undone(
    own_redis: Redis, make: Callable[..., RedisLocks]
) -> None:
    one, two = make(own_redis.url), make(own_redis.url)
    assert await is_free(one, "a")
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EnfyraError) as unavailable:
            async with one.hold("a", ttl=LONG):
                pass
        assert unavailable.value.code == "LOCKS_UNAVAILABLE"
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)

    await until(lambda: is_free(two, "a"))
