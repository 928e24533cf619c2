"""A thousand tables: a change makes anew what it touches and shares all the rest."""

from __future__ import annotations

from typing import Any

import msgspec.structs
import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.definitions import TableDefinition
from enfyra_kernel.metadata.kinds import Kinds
from enfyra_kernel.metadata.snapshot import Snapshot

from tests.api import Api
from tests.databases import settings

from .builders import EMPTY, body, catalog_of, created, to_one

TABLES = 1_000
COLUMNS = 20


@pytest.fixture(scope="module")
def definitions() -> list[TableDefinition]:
    """Tables of equal columns, of which each second one refers to the one before."""
    columns = [f"column{number} varchar" for number in range(COLUMNS)]
    (first, second) = catalog_of(
        body("first", *columns),
        body("second", *columns, relations=[to_one("before", "first", "after")]),
        base=EMPTY,
    ).values()
    pairs = [(_copy(first, number), _copy(second, number)) for number in range(TABLES // 2)]
    return [table for pair in pairs for table in pair]


def _copy(table: TableDefinition, number: int) -> TableDefinition:
    """Give a table like another one, with ids and a name of its own."""
    step = number * 1_000

    def moved(one: Any, **facts: Any) -> Any:
        return msgspec.structs.replace(one, id=one.id - step, **facts)

    relations = [
        moved(
            one,
            source=one.source - step,
            target=one.target - step,
            mapped_by=one.mapped_by and one.mapped_by - step,
        )
        for one in table.relations
    ]
    return moved(
        table,
        name=f"{table.name}{number}",
        columns=tuple(moved(one) for one in table.columns),
        relations=tuple(relations),
    )


def rebuilt(before: Snapshot, after: Snapshot) -> set[str]:
    """Give the names of the tables that are not shared."""
    return {name for name, table in after.tables.items() if before.tables.get(name) is not table}


def test_one_table_more_leaves_all_others_as_they_are(definitions: list[TableDefinition]) -> None:
    before = Snapshot(1, definitions)
    assert len(before.tables) == TABLES
    (table,) = created(EMPTY, body("lonely", "name varchar")).values()
    table = msgspec.structs.replace(table, id=1)
    after = before.with_changes(2, tables={1: table})
    assert rebuilt(before, after) == {"lonely"}
    assert len(after.tables) == TABLES + 1


def test_a_changed_table_is_made_anew_with_those_related_to_it(
    definitions: list[TableDefinition],
) -> None:
    before = Snapshot(1, definitions)
    changed = msgspec.structs.replace(before.tables["first7"].definition, description="new")
    after = before.with_changes(2, tables={changed.id: changed})
    assert rebuilt(before, after) == {"first7", "second7"}
    assert after.tables["second7"].relations["before"].target == "first7"


def test_a_table_that_goes_takes_nothing_with_it(definitions: list[TableDefinition]) -> None:
    before = Snapshot(1, definitions)
    second = before.tables["second7"].definition
    first = msgspec.structs.replace(before.tables["first7"].definition, relations=())
    after = before.with_changes(2, tables={second.id: None, first.id: first})
    assert rebuilt(before, after) == {"first7"}
    assert "second7" not in after.tables
    assert after.tables["first7"].relations == {}


def test_a_setting_changes_no_table(definitions: list[TableDefinition]) -> None:
    before = Snapshot(1, definitions)
    after = before.with_changes(2, kinds=Kinds(settings={"projectName": "shop"}))
    assert rebuilt(before, after) == set()


@pytest.mark.asyncio
async def test_defining_a_table_over_the_api_shares_the_others(sqlite_uri: str) -> None:
    # Nobody looks for others' changes meanwhile, who would load everything.
    async with Kernel(settings(sqlite_uri, refresh_interval=3600)) as kernel:
        api = await Api(kernel).login()
        await api.define("city", "name varchar")
        await api.define("person", "name varchar")
        before = kernel.registry.current
        relation = {"type": "many-to-one", "propertyName": "city", "targetTable": "city"}
        await api.define("shop", "name varchar", relations=[relation])
        after = kernel.registry.current
    assert after.version == before.version + 1
    assert rebuilt(before, after) <= {"shop", "city"}
    assert after.tables["person"] is before.tables["person"]
