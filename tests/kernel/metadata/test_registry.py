"""The registry applies changes in the order of their versions, and loads what it lacks."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from enfyra_kernel.metadata.definitions import ColumnDefinition, RouteDefinition, TableDefinition
from enfyra_kernel.metadata.flows import FlowDefinition
from enfyra_kernel.metadata.kinds import Kinds
from enfyra_kernel.metadata.queries import SavedQuery
from enfyra_kernel.metadata.registry import (
    EVERYTHING,
    DefinitionChange,
    Definitions,
    Registry,
    Update,
)
from enfyra_kernel.metadata.rows import Ref
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.types import ColumnType

from tests.api import Api

pytestmark = pytest.mark.asyncio

KEY = ColumnDefinition(id=1, name="id", type=ColumnType.INT, is_primary=True)


def table(id_: int, name: str) -> TableDefinition:
    return TableDefinition(id=id_, name=name, columns=(KEY,))


class Store:
    """Definitions as a database has them."""

    def __init__(self) -> None:
        self.number = 0
        self.tables: dict[int, TableDefinition] = {}
        self.loads: list[DefinitionChange] = []
        self.on_load = asyncio.Event()

    def put(self, id_: int, name: str | None) -> Update:
        """Commit a change; give what is told of it, without the definitions."""
        if name is None:
            del self.tables[id_]
        else:
            self.tables[id_] = table(id_, name)
        self.number += 1
        change = DefinitionChange(tables=frozenset({id_}))
        return Update(since=self.number - 1, version=self.number, change=change)

    def told(self, id_: int, name: str | None) -> Update:
        """Commit a change; give what is told of it."""
        update = self.put(id_, name)
        return msgspec.structs.replace(update, definitions=self.loaded(update.change))

    def loaded(self, change: DefinitionChange) -> Definitions:
        ids = self.tables if change.tables is None else change.tables & self.tables.keys()
        return Definitions(
            version=self.number,
            tables={id_: self.tables[id_] for id_ in ids},
            routes={},
            kinds=Kinds(settings={} if change == EVERYTHING else None),
        )

    async def version(self) -> int:
        return self.number

    async def load(self, change: DefinitionChange) -> Definitions:
        self.loads.append(change)
        self.on_load.set()
        await asyncio.sleep(0)
        return self.loaded(change)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store, Snapshot(0, ()))


def state(registry: Registry) -> tuple[int, list[str]]:
    return registry.current.version, sorted(registry.current.tables)


async def test_what_is_told_is_live_without_asking_the_database(
    store: Store, registry: Registry
) -> None:
    for name, expected in (("a", ["a"]), ("b", ["b"]), (None, [])):
        assert registry.apply(store.told(1, name))
        assert state(registry) == (store.number, expected)
    assert store.loads == []


async def test_what_comes_out_of_order_waits_and_what_is_old_changes_nothing(
    store: Store, registry: Registry
) -> None:
    updates = [store.told(number, f"t{number}") for number in range(5)]
    assert [registry.apply(updates[number]) for number in (2, 1, 4)] == [False] * 3
    assert (state(registry), registry.newest) == ((0, []), 5)
    assert registry.apply(updates[0])
    assert state(registry) == (3, ["t0", "t1", "t2"])
    assert registry.apply(updates[1])
    assert registry.apply(updates[3])
    assert state(registry) == (5, ["t0", "t1", "t2", "t3", "t4"])
    assert store.loads == []


async def test_an_update_of_several_versions_fits_all_of_them(
    store: Store, registry: Registry
) -> None:
    registry.apply(store.told(1, "a"))
    change = store.told(2, "b").change | store.told(3, "c").change
    both = Update(since=0, version=3, change=change, definitions=store.loaded(change))
    assert registry.apply(both)
    assert state(registry) == (3, ["a", "b", "c"])


async def test_only_what_is_known_to_have_changed_is_loaded(
    store: Store, registry: Registry
) -> None:
    for number in range(3):
        registry.apply(store.put(number, f"t{number}"))
    update = await registry.catch_up(3, patience=0)
    assert store.loads == [DefinitionChange(tables=frozenset({0, 1, 2}))]
    assert state(registry) == (3, ["t0", "t1", "t2"])
    assert update is not None
    # What was loaded brings others up to date.
    peer = Registry(store, Snapshot(0, ()))
    assert peer.apply(update)
    assert state(peer) == state(registry)
    assert await registry.catch_up(3, patience=0) is None


async def test_news_of_what_is_missing_is_waited_for(store: Store, registry: Registry) -> None:
    missing, known = store.put(1, "a"), store.put(2, "b")
    registry.apply(known)
    catching_up = asyncio.ensure_future(registry.catch_up(2, patience=20))
    await asyncio.sleep(0)
    assert not catching_up.done()
    registry.apply(missing)
    assert await catching_up is not None
    assert state(registry) == (2, ["a", "b"])


async def test_news_that_do_not_come_are_waited_for_so_long(
    store: Store, registry: Registry
) -> None:
    store.put(1, "a")
    registry.apply(store.put(2, "b"))
    assert await registry.catch_up(2, patience=0.01) is None
    assert (state(registry), store.loads) == ((0, []), [])
    await registry.reload()
    assert state(registry) == (2, ["a", "b"])


async def test_a_commit_while_it_is_loaded_is_loaded_too(store: Store, registry: Registry) -> None:
    registry.apply(store.put(1, "a"))
    late = store.put(2, "b")
    catching_up = asyncio.ensure_future(registry.catch_up(1, patience=20))
    await store.on_load.wait()
    assert state(registry) == (0, [])
    registry.apply(late)
    await catching_up
    assert state(registry) == (2, ["a", "b"])
    assert [sorted(one.tables or ()) for one in store.loads] == [[1], [1, 2]]


async def test_what_another_version_tells_is_looked_up(store: Store, registry: Registry) -> None:
    update = msgspec.structs.replace(store.told(1, "a"), shape="of a later version")
    assert not registry.apply(update)
    assert await registry.catch_up(1, patience=0) is not None
    assert state(registry) == (1, ["a"])
    # It may have meant what this version has no word for.
    assert store.loads == [EVERYTHING]


async def test_what_was_not_loaded_stays_as_it_was() -> None:
    queries = (SavedQuery(id=1, name="late", table=Ref(1), query={"limit": 5}),)
    known = Kinds(settings={"projectName": "shop"}, queries=queries)
    before = Snapshot(1, (table(1, "a"),), kinds=known)
    after = before.with_changes(2, kinds=Kinds(flows=(FlowDefinition(id=1, name="refresh"),)))
    assert after.settings == {"projectName": "shop"}
    assert after.queries is before.queries
    assert after.flows.find("refresh").id == 1
    assert after.with_changes(3, kinds=Kinds(queries=())).queries.find("late", 1) is None
    assert after.with_changes(3).flows is after.flows


async def test_a_version_that_there_is_not_is_forgotten(store: Store, registry: Registry) -> None:
    registry.apply(store.told(1, "a"))
    registry.apply(Update(since=7, version=8, change=DefinitionChange()))
    assert registry.newest == 8
    await registry.reload()
    assert registry.newest == registry.current.version == 1


async def test_all_routes_are_replaced_where_it_is_not_said_which() -> None:
    before = [RouteDefinition(id=number, path=f"/r{number}") for number in range(3)]
    registry = Registry(Store(), Snapshot(0, (table(1, "a"),), before))
    left = {1: RouteDefinition(id=1, path="/renamed")}
    change = DefinitionChange(routes=None)
    definitions = Definitions(version=1, tables={}, routes=left)
    registry.apply(Update(since=0, version=1, change=change, definitions=definitions))
    assert [one.path for one in registry.current.route_definitions] == ["/renamed"]
    assert list(registry.current.tables) == ["a"]


async def test_who_waits_for_a_version_is_told_when_it_is_live(
    store: Store, registry: Registry
) -> None:
    update = store.told(1, "a")
    assert not await registry.reached(1, patience=0.01)
    waiting = asyncio.ensure_future(registry.reached(1, patience=20))
    await asyncio.sleep(0)
    registry.apply(update)
    assert await waiting


async def test_definitions_arrive_as_they_were_sent(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("author", "name varchar")
    await api.define("post", "title varchar", "tags array-select", "at datetime")
    rows: dict[str, dict[str, Any]] = {
        "column_rule_definition": {"column": "post.title", "ruleType": "maxLength", "value": 9},
        "pre_hook_definition": {"name": "a", "sourceCode": "@BODY.n = 1", "route": "/post",
                                "methods": ["POST"]},
        "row_policy_definition": {"name": "b", "table": "post", "action": "read",
                                  "filter": {"title": {"_eq": "a"}}},
        "route_permission_definition": {"route": "/post", "role": "Admin", "methods": ["GET"]},
    }  # fmt: skip
    for name, row in rows.items():
        await api.create(f"/{name}", row)
    definitions = await api.kernel.registry.reload()
    update = Update(since=0, version=1, change=EVERYTHING, definitions=definitions)
    assert msgspec.json.decode(msgspec.json.encode(update), type=Update) == update
    assert definitions.kinds.scripts is not None
    assert definitions.kinds.permissions is not None
    assert definitions.kinds.scripts.hooks
    assert definitions.kinds.permissions.routes
