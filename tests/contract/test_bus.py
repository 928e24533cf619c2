"""What every Bus keeps to, and what the one over Redis does when Redis does not."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import redis
import redis.asyncio
from enfyra_kernel.cluster import bus as bus_module
from enfyra_kernel.cluster.bus import Bus, LocalBus, LocalHub, RedisBus
from enfyra_kernel.cluster.instance import Instance
from enfyra_kernel.cluster.seal import Seal

from tests.conftest import service_url
from tests.services.redis import Redis

pytestmark = pytest.mark.asyncio

CHANNEL = "enfyra:test"
PATIENCE = 60.0
SEAL = Seal(lambda: ["a key"])


class Inbox:
    """Takes messages, and tells when there are enough of them."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()

    async def __call__(self, *message: Any) -> None:
        await self.messages.put(message[0] if message else "gap")

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.messages.get()

    async def take(self, count: int) -> list[Any]:
        return [await self.next() for _ in range(count)]


@pytest.fixture
def node_name() -> str:
    """Another cluster for each test, on the same Redis."""
    return uuid.uuid4().hex


# -- every bus ------------------------------------------------------------------------------------

Make = Callable[[], Bus]


@pytest.fixture(params=["local", "redis"])
def make(request: pytest.FixtureRequest, node_name: str) -> Make:
    """Makes the buses of instances of one cluster."""
    hub = LocalHub()
    if request.param == "local":
        return lambda: LocalBus(Instance.here(node_name), hub)
    url = service_url("redis")
    return lambda: RedisBus(url, Instance.here(node_name), SEAL)


@pytest_asyncio.fixture
async def pair(make: Make) -> AsyncIterator[tuple[Bus, Bus, Inbox]]:
    """Two instances of a cluster, and what the second hears of the first."""
    sender, receiver = make(), make()
    inbox = Inbox()
    receiver.subscribe(CHANNEL, inbox)
    for one in (sender, receiver):
        await one.start()
    yield sender, receiver, inbox
    for one in (sender, receiver):
        await one.stop()


async def test_a_sender_does_not_hear_itself(pair: tuple[Bus, Bus, Inbox], make: Make) -> None:
    sender, receiver, inbox = pair
    for number in range(10):
        await receiver.publish(CHANNEL, number)
    # What others send comes after what has been sent before.
    await sender.publish(CHANNEL, "of another")
    assert await inbox.next() == "of another"
    assert inbox.messages.empty()


async def test_alone_it_hears_nothing_and_answers_a_ping(make: Make) -> None:
    bus = make()
    inbox = Inbox()
    bus.subscribe(CHANNEL, inbox)
    await bus.start()
    await bus.publish(CHANNEL, 1)
    await bus.ping()
    await bus.stop()
    assert inbox.messages.empty()


async def test_it_can_be_stopped_at_any_time(make: Make) -> None:
    bus = make()
    await bus.stop()
    for _ in range(3):
        bus.subscribe(CHANNEL, Inbox())
        await bus.start()
        async with asyncio.timeout(5):
            await bus.stop()


async def test_plain_data_arrives_as_it_was_sent_and_in_order(
    pair: tuple[Bus, Bus, Inbox],
) -> None:
    sender, _, inbox = pair
    sent = [{"version": n, "text": "😀\0", "list": [None, 1.5, True]} for n in range(200)]
    for message in sent:
        await sender.publish(CHANNEL, message)
    assert await inbox.take(len(sent)) == sent


class Note(msgspec.Struct):
    number: int


async def test_a_message_is_made_into_what_is_asked_for_and_otherwise_is_a_gap(
    pair: tuple[Bus, Bus, Inbox], make: Make
) -> None:
    sender, _, _ = pair
    third = make()
    notes, anything, gaps = Inbox(), Inbox(), Inbox()
    third.subscribe(CHANNEL, notes, Note)
    third.subscribe(CHANNEL, anything)
    third.on_gap(gaps)
    await third.start()
    for message in (Note(1), {"number": "one"}, [], msgspec.Raw(b'{"number":2}')):
        await sender.publish(CHANNEL, message)
    assert await notes.take(2) == [Note(1), Note(2)]
    assert await anything.take(4) == [{"number": 1}, {"number": "one"}, [], {"number": 2}]
    assert await gaps.take(2) == ["gap", "gap"]
    assert gaps.messages.empty()
    await third.stop()


async def test_every_listener_hears_its_channel_only(
    pair: tuple[Bus, Bus, Inbox], make: Make
) -> None:
    sender, _, _ = pair
    third = make()
    one, two, other = Inbox(), Inbox(), Inbox()
    third.subscribe(CHANNEL, one)
    third.subscribe(CHANNEL, two)
    third.subscribe("enfyra:other", other)
    await third.start()
    await sender.publish(CHANNEL, 1)
    await sender.publish("enfyra:nobody", 2)
    await sender.publish("enfyra:other", 3)
    assert [await one.next(), await two.next(), await other.next()] == [1, 1, 3]
    assert one.messages.empty()
    await third.stop()


async def test_a_listener_that_fails_keeps_nobody_from_hearing(
    pair: tuple[Bus, Bus, Inbox],
) -> None:
    sender, receiver, inbox = pair

    async def failing(_: Any) -> None:
        raise RuntimeError("on purpose")

    receiver.subscribe(CHANNEL, failing)
    later = Inbox()
    receiver.subscribe(CHANNEL, later)
    for number in range(3):
        await sender.publish(CHANNEL, number)
    assert await inbox.take(3) == await later.take(3) == [0, 1, 2]


# -- over Redis -----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def over_redis(node_name: str) -> AsyncIterator[tuple[RedisBus, RedisBus, Inbox]]:
    """As `pair`, over Redis."""
    url = service_url("redis")
    sender, receiver = (RedisBus(url, Instance.here(node_name), SEAL) for _ in range(2))
    inbox = Inbox()
    receiver.subscribe(CHANNEL, inbox)
    for one in (sender, receiver):
        await one.start()
    yield sender, receiver, inbox
    for one in (sender, receiver):
        await one.stop()


async def test_another_cluster_on_the_same_redis_hears_nothing(
    over_redis: tuple[RedisBus, RedisBus, Inbox],
) -> None:
    sender, _, inbox = over_redis
    stranger = RedisBus(service_url("redis"), Instance.here("stranger"), SEAL)
    nameless = RedisBus(service_url("redis"), Instance.here(), SEAL)
    for one in (stranger, nameless):
        await one.start()
        await one.publish(CHANNEL, "of another cluster")
        await one.stop()
    await sender.publish(CHANNEL, "ours")
    assert await inbox.next() == "ours"


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"\xff\xfe", b'{"instance":5,"body":1,"seal":""}', b'{"instance":"a","body":1}',
     b"[]", b"null", b'{"instance":"\xff","body":1,"seal":""}',
     b'{"instance":"a","body":"made up","seal":""}',
     '{"instance":"a","body":"made up","seal":"\u00fc"}'.encode()],
)  # fmt: skip
async def test_a_message_that_means_nothing_is_a_gap_and_the_next_is_heard(
    over_redis: tuple[RedisBus, RedisBus, Inbox], node_name: str, message: bytes
) -> None:
    sender, receiver, inbox = over_redis
    gaps = Inbox()
    receiver.on_gap(gaps)
    client = redis.Redis.from_url(service_url("redis"))
    await asyncio.to_thread(client.publish, f"{CHANNEL}:{node_name}", message)
    client.close()
    assert await gaps.next() == "gap"
    await sender.publish(CHANNEL, "understood")
    assert await inbox.next() == "understood"


async def test_who_has_another_key_is_not_believed(
    over_redis: tuple[RedisBus, RedisBus, Inbox], node_name: str
) -> None:
    _, receiver, inbox = over_redis
    gaps = Inbox()
    receiver.on_gap(gaps)
    url, here = service_url("redis"), Instance.here(node_name)
    intruder = RedisBus(url, here, Seal(lambda: ["another key"]))
    await intruder.publish(CHANNEL, "everything is permitted")
    assert await gaps.next() == "gap"
    # While the key is changed, some seal with the new one that others only accept.
    changing = RedisBus(url, here, Seal(lambda: ["a key", "a newer key"]))
    await changing.publish(CHANNEL, "ours")
    assert await inbox.next() == "ours"
    assert inbox.messages.empty()
    await intruder.stop()
    await changing.stop()


# -- without Redis --------------------------------------------------------------------------------


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that a test may end."""
    service_url("redis")
    service = Redis()
    service.start()
    yield service
    service.stop()


async def test_after_a_restart_of_redis_there_is_a_gap_and_messages_again(
    own_redis: Redis,
) -> None:
    sender, receiver = (
        RedisBus(own_redis.url, Instance.here(), SEAL),
        RedisBus(own_redis.url, Instance.here(), SEAL),
    )
    inbox, gaps = Inbox(), Inbox()
    receiver.subscribe(CHANNEL, inbox)
    receiver.on_gap(gaps)
    await sender.start()
    await receiver.start()
    await sender.publish(CHANNEL, "before")
    assert await inbox.next() == "before"
    own_redis.kill()
    await sender.publish(CHANNEL, "lost")
    with pytest.raises(Exception, match=r".+"):
        await sender.ping()
    await asyncio.to_thread(own_redis.launch)
    assert await gaps.next() == "gap"
    async with asyncio.timeout(PATIENCE):
        while inbox.messages.empty():
            await sender.publish(CHANNEL, "after")
            await asyncio.sleep(0.05)
    assert await inbox.next() == "after"
    assert inbox.messages.empty()
    async with asyncio.timeout(5):
        await sender.stop()
        await receiver.stop()


async def test_a_connection_that_breaks_is_a_gap_though_redis_is_there(own_redis: Redis) -> None:
    """The library must not mend it in silence: somebody may have sent something meanwhile."""
    receiver = RedisBus(own_redis.url, Instance.here(), SEAL)
    gaps = Inbox()
    receiver.subscribe(CHANNEL, Inbox())
    receiver.on_gap(gaps)
    await receiver.start()
    async with redis.asyncio.Redis.from_url(own_redis.url) as other:
        await other.client_kill_filter(_type="pubsub")
    assert await gaps.next() == "gap"
    await receiver.stop()


async def test_without_redis_it_starts_sends_into_the_void_and_stops(own_redis: Redis) -> None:
    own_redis.kill()
    bus = RedisBus(own_redis.url, Instance.here(), SEAL)
    bus.subscribe(CHANNEL, Inbox())
    async with asyncio.timeout(15):
        await bus.start()
        await bus.publish(CHANNEL, "lost")
        await bus.stop()


async def test_it_stops_while_redis_hangs(own_redis: Redis) -> None:
    bus = RedisBus(own_redis.url, Instance.here(), SEAL)
    bus.subscribe(CHANNEL, Inbox())
    await bus.start()
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(10):
            await bus.stop()
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)


async def test_a_message_is_given_up_while_redis_hangs(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "PATIENCE", 0.1)
    bus, other = (RedisBus(own_redis.url, Instance.here(), SEAL) for _ in range(2))
    gaps = Inbox()
    other.on_gap(gaps)
    await bus.start()
    await other.start()
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(10):
            await bus.publish(CHANNEL, "lost")
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    # Nobody's connection has broken: who could not send says so as soon as he can.
    assert await gaps.next() == "gap"
    await bus.stop()
    await other.stop()
