"""A change is live on all instances and costs the database little, whatever messages do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.cluster.bus import LocalBus, LocalHub
from enfyra_kernel.cluster.channels import METADATA, ROUTES
from enfyra_kernel.cluster.instance import Instance
from enfyra_kernel.cluster.local_locks import LocalLocks
from enfyra_kernel.metadata.registry import EVERYTHING, DefinitionChange, Registry, Update
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.records import live as live_module
from enfyra_kernel.records.live import LiveDefinitions

from ..metadata.test_registry import Store, state

pytestmark = pytest.mark.asyncio


class Peer:
    """One of several instances on one store."""

    def __init__(self, store: Store, hub: LocalHub, locks: LocalLocks) -> None:
        self.store = store
        self.bus = LocalBus(Instance.here(), hub)
        self.registry = Registry(store, Snapshot(0, ()))
        self.news = 0
        self.live = LiveDefinitions(self.registry, self.bus, locks, self._note)

    def _note(self) -> None:
        self.news += 1

    async def change(self, id_: int, name: str) -> None:
        update = self.store.put(id_, name)
        await self.live.go_live(update.change, update.version)

    async def is_at(self, version: int) -> None:
        assert await self.registry.reached(version, patience=20)


class Heard:
    """All that is told on the channels of definitions."""

    def __init__(self, hub: LocalHub) -> None:
        self.bus = LocalBus(Instance.here(), hub)
        self.told: list[tuple[str, Update]] = []
        for channel in (METADATA, ROUTES):
            self.bus.subscribe(channel, self._listener(channel), Update)

    def _listener(self, channel: str) -> Any:
        async def listen(update: Update) -> None:
            self.told.append((channel, update))

        return listen


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def hub() -> LocalHub:
    return LocalHub()


@pytest_asyncio.fixture
async def heard(hub: LocalHub) -> AsyncIterator[Heard]:
    heard = Heard(hub)
    await heard.bus.start()
    yield heard
    await heard.bus.stop()


@pytest_asyncio.fixture
async def peers(store: Store, hub: LocalHub) -> AsyncIterator[list[Peer]]:
    locks = LocalLocks(Instance.here(), SystemClock())
    made = [Peer(store, hub, locks) for _ in range(3)]
    for peer in made:
        await peer.bus.start()
    yield made
    for peer in made:
        await peer.live.stop()
        await peer.bus.stop()


async def test_the_one_who_changes_it_loads_it_and_the_others_have_it_from_him(
    store: Store, peers: list[Peer], heard: Heard
) -> None:
    await peers[0].change(1, "a")
    await peers[1].change(2, "b")
    for peer in peers:
        await peer.is_at(2)
        assert state(peer.registry) == (2, ["a", "b"])
    assert store.loads == [DefinitionChange(tables=frozenset({id_})) for id_ in (1, 2)]
    assert [(one[0], one[1].since, one[1].version) for one in heard.told] == [
        (METADATA, 0, 1), (METADATA, 1, 2),
    ]  # fmt: skip
    assert [peer.news for peer in peers] == [1, 1, 2]


async def test_a_look_at_the_database_leaves_alone_what_this_instance_is_at(
    store: Store, peers: list[Peer], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "GRACE", 20)
    update = store.put(1, "a")
    look = asyncio.ensure_future(peers[0].live.refresh())
    await asyncio.sleep(0)
    await peers[0].live.go_live(update.change, update.version)
    assert await look is False
    assert store.loads == [DefinitionChange(tables=frozenset({1}))]
    monkeypatch.setattr(live_module, "GRACE", 0.05)
    # What nobody has told of is loaded.
    store.put(2, "b")
    assert await peers[0].live.refresh() is True
    assert state(peers[0].registry) == (2, ["a", "b"])


async def test_many_changes_at_once_are_loaded_and_told_together(
    store: Store, peers: list[Peer]
) -> None:
    await asyncio.gather(*(peers[0].change(number, f"t{number}") for number in range(50)))
    for peer in peers:
        await peer.is_at(50)
        assert state(peer.registry) == (50, sorted(f"t{number}" for number in range(50)))
    assert len(store.loads) <= 3
    assert EVERYTHING not in store.loads


async def test_many_instances_change_at_once_and_agree(store: Store, peers: list[Peer]) -> None:
    await asyncio.gather(*(peers[n % 3].change(n % 40, f"t{n % 40}") for n in range(120)))
    for peer in peers:
        await peer.is_at(120)
        assert state(peer.registry) == (120, sorted(f"t{number}" for number in range(40)))


async def test_what_is_only_about_routes_has_its_own_channel(
    store: Store, peers: list[Peer], heard: Heard
) -> None:
    changes = (
        DefinitionChange(routes=None, kinds=frozenset({"scripts", "permissions"})),
        DefinitionChange.of("permissions"),
        DefinitionChange.of("settings"),
        DefinitionChange(tables=frozenset({1}), routes=frozenset({1})),
        EVERYTHING,
    )
    for change in changes:
        store.number += 1
        await peers[0].live.go_live(change, store.number)
    await peers[1].is_at(len(changes))
    while len(heard.told) < len(changes):  # noqa: ASYNC110 - a queue away
        await asyncio.sleep(0)
    assert [one[0] for one in heard.told] == [ROUTES, ROUTES, METADATA, METADATA, METADATA]


async def test_what_is_too_large_is_only_told_of(
    store: Store, peers: list[Peer], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "MOST", 100)
    await peers[0].change(1, "a")
    for peer in peers:
        await peer.is_at(1)
    assert [one[1].definitions for one in heard.told] == [None]
    assert store.loads == [DefinitionChange(tables=frozenset({1}))] * 3


async def test_after_a_message_was_lost_one_loads_everything_for_all(
    store: Store, peers: list[Peer], heard: Heard
) -> None:
    store.put(1, "a")
    lost = store.number
    for peer in peers:
        peer.live.look_soon()
    for peer in peers:
        await peer.is_at(lost)
        assert state(peer.registry) == (1, ["a"])
    assert store.loads == [EVERYTHING]
    # The next change shows that something is missing.
    store.put(2, "b")
    await peers[0].change(3, "c")
    for peer in peers:
        await peer.is_at(3)
        assert state(peer.registry) == (3, ["a", "b", "c"])


async def test_definitions_that_cannot_be_applied_are_loaded(
    store: Store, peers: list[Peer]
) -> None:
    update = store.told(1, "a")
    assert update.definitions is not None
    broken = msgspec.structs.replace(
        update.definitions.tables[1], columns=(), key_fields=("nothing",)
    )
    definitions = msgspec.structs.replace(update.definitions, tables={1: broken})
    await peers[0].bus.publish(METADATA, msgspec.structs.replace(update, definitions=definitions))
    await peers[1].is_at(1)
    assert state(peers[1].registry) == (1, ["a"])


async def test_a_version_that_there_is_not_ends_in_what_there_is(
    store: Store, peers: list[Peer]
) -> None:
    await peers[0].change(1, "a")
    bogus = Update(since=40, version=41, change=EVERYTHING)
    await peers[0].bus.publish(METADATA, bogus)
    await peers[0].change(2, "b")
    for peer in peers:
        await peer.is_at(2)
    async with asyncio.timeout(60):
        while any(peer.registry.newest > 2 for peer in peers[1:]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_change_that_was_already_loaded_is_told_all_the_same(
    store: Store, peers: list[Peer], heard: Heard
) -> None:
    update = store.put(1, "a")
    await peers[0].registry.refresh()
    await peers[0].live.go_live(update.change, update.version)
    for peer in peers:
        await peer.is_at(1)
    assert [one[1].version for one in heard.told] == [1]
