"""Killed in the middle of a schema change: all of it or nothing, and no value lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.schema.catalog import Catalog
from enfyra_kernel.schema.layout import layout

from tests.api import Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio


class LaterClock(SystemClock):
    """A minute later: whoever held the schema lock when it died has lost it."""

    by = timedelta(minutes=1)

    def now(self) -> datetime:
        return super().now() + self.by


async def _prepare(uri: str) -> None:
    async with Kernel(settings(uri)) as kernel:
        api = await Api(kernel).login()
        await api.define("person", "name varchar")
        await api.define("post", "title varchar", "views int", "gone varchar")
        await api.create("/post", {"title": "Hello", "views": 7, "gone": "still here"})


async def _crash(uri: str, moment: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kernel.schema.crash", uri, moment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL, output.decode()


async def _assert_as_defined(kernel: Kernel) -> None:
    """What is in the database is what the definitions say, no more and no less."""
    catalog = Catalog(kernel.registry.current.definitions)
    for name in ("post", "person"):
        table = catalog.by_name(name)
        assert table is not None
        for wanted in layout(table, catalog):
            (found,) = await kernel.database.inspect([wanted.name])
            assert {one.name for one in found.columns} == {one.name for one in wanted.columns}
            assert {one.columns for one in found.indexes} >= {one.columns for one in wanted.indexes}
            assert {one.target for one in found.references} == {
                one.target for one in wanted.references
            }
    defined = {physical.name for table in catalog.values() for physical in layout(table, catalog)}
    there = {one.name for one in await kernel.database.inspect()}
    assert {name for name in there if name.startswith(("post", "person", "j_"))} <= defined


async def _state(uri: str) -> dict[str, Any]:
    async with Kernel(settings(uri), clock=LaterClock()) as kernel:
        await _assert_as_defined(kernel)
        api = await Api(kernel).login()
        row = (await api.rows("/post"))[0]
        await api.create("/post", {"views": 2})
        assert not await kernel.migrator.interrupted()
        # The next change goes through.
        await api.define("later", "x int")
        return row


OLD = {"title": "Hello", "views": 7, "gone": "still here"}
NEW = {"heading": "Hello", "views": 7, "note": None}


def _values(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in row if name in {*OLD, *NEW}}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("step", [1, 4])
async def test_a_transactional_database_forgets_a_change_that_was_killed(
    database_uri: str, step: int
) -> None:
    await _prepare(database_uri)
    await _crash(database_uri, str(step))
    assert _values(await _state(database_uri)) == OLD


@pytest.mark.parametrize(
    ("engine", "moment"),
    [
        *(("mysql", moment) for moment in ("0", "2", "made 3", "8", "made 9")),
        *(("mongodb", moment) for moment in ("1", "made 3", "5", "made 6")),
    ],
    indirect=["engine"],
)
async def test_the_journal_takes_back_what_was_made_before_the_kill(
    database_uri: str, moment: str
) -> None:
    await _prepare(database_uri)
    await _crash(database_uri, moment)
    assert _values(await _state(database_uri)) == OLD


@pytest.mark.parametrize("engine", ["mysql", "mongodb"], indirect=True)
async def test_a_change_whose_definitions_are_committed_is_finished(database_uri: str) -> None:
    await _prepare(database_uri)
    await _crash(database_uri, "committed")
    assert _values(await _state(database_uri)) == NEW


@pytest.mark.parametrize("engine", ["mysql", "mongodb"], indirect=True)
async def test_another_instance_heals_what_a_killed_one_left(database_uri: str) -> None:
    await _prepare(database_uri)
    clock = LaterClock()
    # Whoever holds the lock is alive until the kill, and nobody may heal its change before that.
    clock.by = timedelta()
    async with Kernel(settings(database_uri), clock=clock) as survivor:
        await _crash(database_uri, "3")
        clock.by = timedelta(minutes=1)
        async with asyncio.timeout(60):
            while await survivor.migrator.interrupted():  # noqa: ASYNC110 - done elsewhere
                await asyncio.sleep(0.05)
        await _assert_as_defined(survivor)
        api = await Api(survivor).login()
        assert _values((await api.rows("/post"))[0]) == OLD
