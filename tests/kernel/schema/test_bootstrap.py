"""The first start, several at once, one that was killed, and the start of a newer version."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime, timedelta
from typing import Any

import msgspec.structs
import pytest
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.definitions import TableDefinition
from enfyra_kernel.metadata.system import (
    ENDED_TABLES,
    READ_ONLY_TABLES,
    SYSTEM_NAMES,
    SYSTEM_TABLES,
)
from enfyra_kernel.records.source import SystemSource
from enfyra_kernel.schema import bootstrap

from tests.api import Api
from tests.databases import Databases, settings

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]

KILLED = """
import asyncio, os, signal, sys
from enfyra_kernel.kernel import Kernel
from tests.databases import Databases, settings
from tests.kernel.schema.crash import session_class
Session = session_class(sys.argv[1])
made, apply = 0, Session.apply
async def apply_or_die(self, change):
    global made
    made += 1
    if made == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    await apply(self, change)
Session.apply = apply_or_die
asyncio.run(Kernel(settings(sys.argv[1])).start())
"""


class LaterClock(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(minutes=1)


async def _administrators(kernel: Kernel) -> list[Any]:
    api = await Api(kernel).login()
    return await api.rows("/user_definition", fields="email")


async def test_instances_that_start_at_once_on_an_empty_database_agree(empty_uri: str) -> None:
    kernels = [Kernel(settings(empty_uri)) for _ in range(3)]
    try:
        await asyncio.gather(*[kernel.start() for kernel in kernels])
        for kernel in kernels:
            assert set(kernel.registry.current.tables) == SYSTEM_NAMES
            assert len(await _administrators(kernel)) == 1
        assert len({kernel.registry.current.version for kernel in kernels}) == 1
    finally:
        for kernel in kernels:
            await kernel.stop()


async def test_a_second_start_changes_nothing(database_uri: str) -> None:
    async with Kernel(settings(database_uri)) as kernel:
        before = await kernel.lock.row()
    async with Kernel(settings(database_uri)) as kernel:
        after = await kernel.lock.row()
    assert (after.version, after.fence) == (before.version, before.fence)


async def test_a_first_start_that_was_killed_is_finished_by_the_next(empty_uri: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, empty_uri)
    assert await process.wait() == -signal.SIGKILL
    async with Kernel(settings(empty_uri), clock=LaterClock()) as kernel:
        api = await Api(kernel).login()
        await api.define("post", "title varchar")
        await api.create("/post", {"title": "Hello"})
        there = {table.name for table in await kernel.database.inspect()}
        assert there >= SYSTEM_NAMES
        assert len(await api.rows("/method_definition")) == len(bootstrap.METHODS)


RELATION_RULES = {("column_rule_definition", "relation"), ("relation_definition", "rules")}


async def _no_flows(*_: Any) -> tuple[()]:
    return ()


async def _no_rules(*_: Any) -> list[Any]:
    return []


def _older() -> tuple[TableDefinition, ...]:
    """What an older version may have declared: a table, a column and a relation less.

    Its rules belonged to columns only.
    """

    (new,) = (one for one in SYSTEM_TABLES if one.name == "gql_definition")

    def before(table: TableDefinition) -> TableDefinition:
        flow = table.name == "flow_definition"
        return msgspec.structs.replace(
            table,
            columns=tuple(one for one in table.columns if not flow or one.name != "icon"),
            relations=tuple(
                msgspec.structs.replace(one, is_nullable=False)
                if (table.name, one.property_name) == ("column_rule_definition", "column")
                else one
                for one in table.relations
                if one.target != new.id and (table.name, one.property_name) not in RELATION_RULES
            ),
        )

    return tuple(before(one) for one in SYSTEM_TABLES if one is not new)


async def test_a_newer_version_adds_what_it_declares_and_keeps_everything(
    empty_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(bootstrap, "SYSTEM_TABLES", _older())
        older.setattr(SystemSource, "_rules", _no_rules)
        older.setattr(SystemSource, "_flows", _no_flows)
        older.setattr(bootstrap, "READ_ONLY_TABLES", READ_ONLY_TABLES | ENDED_TABLES)
        async with Kernel(settings(empty_uri)) as kernel:
            assert "gql_definition" not in kernel.registry.current.tables
            api = await Api(kernel).login()
            await api.define("post", "title varchar")
            await api.create("/post", {"title": "Hello"})
            assert (await api.delete("/session_definition/1")).status == 405
    async with Kernel(settings(empty_uri)) as kernel:
        api = await Api(kernel).login()
        assert (await api.delete("/session_definition/1")).status == 404
        assert (await api.get("/gql_definition")).status == 200
        described = (await api.get("/metadata/flow_definition")).data
        assert "icon" in {column["name"] for column in described["columns"]}
        assert (await api.get("/flow_definition", filter={"icon": "x"})).status == 200
        assert (await api.rows("/post"))[0]["title"] == "Hello"
        rule = {"ruleType": "minItems", "value": 1}
        many = {"propertyName": "parts", "type": "many-to-many", "targetTable": "post"}
        await api.define("part", relations=[many | {"rules": [rule]}])
        assert (await api.post("/part", {"parts": []})).status == 400
        assert len(await _administrators(kernel)) == 1


async def test_columns_that_definitions_are_read_from_are_added_first(
    database_uri: str, databases: Databases, engine: str
) -> None:
    if engine == "mongodb":
        pytest.skip("documents have no columns to miss")
    await asyncio.to_thread(
        databases.execute,
        database_uri,
        'ALTER TABLE "table_definition" DROP COLUMN "readOnly";'
        'ALTER TABLE "column_definition" DROP COLUMN "readOnly";'
        "DELETE FROM \"column_definition\" WHERE name = 'readOnly';"
        'UPDATE "schema_lock" SET "system" = \'of an earlier version\';',
    )
    async with Kernel(settings(database_uri)) as kernel:
        api = await Api(kernel).login()
        await api.define("post", "title varchar")
        (shown,) = await api.rows("/table_definition", filter={"name": "post"}, fields="readOnly")
        assert shown["readOnly"] is None
