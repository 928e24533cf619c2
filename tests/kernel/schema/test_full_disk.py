"""A disk that is full in the middle of a migration: a clear answer, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import (
    SQL_ENGINES,
    Databases,
    MysqlDatabases,
    PostgresqlDatabases,
    settings,
)
from tests.services.base import NOBODY

MEGABYTES = {"sqlite": 12, "postgresql": 48, "mysql": 64}


class SmallDisk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        options = f"size={megabytes}m,uid={NOBODY},gid={NOBODY},mode=0777"
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("only root can mount a small disk")

    def used(self) -> float:
        """Give the part of the disk that is in use, 0 to 1."""
        facts = os.statvfs(self.folder)
        return 1 - facts.f_bavail / facts.f_blocks

    def grow(self) -> None:
        """Make room."""
        size = os.statvfs(self.folder).f_blocks * os.statvfs(self.folder).f_frsize * 3
        command = ["mount", "-o", f"remount,size={size}", str(self.folder)]
        subprocess.run(command, check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


class Place:
    """A database on a small disk."""

    def __init__(self, disk: SmallDisk, uri: str) -> None:
        self.disk = disk
        self.uri = uri


def _postgresql(databases: PostgresqlDatabases, folder: Path) -> Iterator[Place]:
    disk = SmallDisk(folder, MEGABYTES["postgresql"])
    databases._run(f"CREATE TABLESPACE small LOCATION '{folder}'")
    databases._run("CREATE DATABASE on_small_disk TABLESPACE small")
    uri = databases._uri("on_small_disk")
    yield Place(disk, uri)
    databases.drop(uri)
    databases._run("DROP TABLESPACE small")
    disk.unmount()


def _mysql(databases: MysqlDatabases) -> Iterator[Place]:
    uri = databases.empty()
    command = ["mariadb", "--no-defaults", *databases._client, "-N", "-e", "SELECT @@datadir"]
    data = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    disk = SmallDisk(Path(data) / uri.rpartition("/")[2], MEGABYTES["mysql"])
    yield Place(disk, uri)
    with suppress(subprocess.CalledProcessError):
        # The tables go, but the folder is a mount point.
        databases.drop(uri)
    disk.unmount()
    databases.drop(uri)


@pytest.fixture
def place(engine: str, databases: Databases, tmp_path_factory: Any) -> Iterator[Place]:
    """An empty database on a small disk."""
    folder = Path("/tmp") / tmp_path_factory.mktemp("small").name
    folder.mkdir(exist_ok=True)
    if isinstance(databases, PostgresqlDatabases):
        yield from _postgresql(databases, folder)
    elif isinstance(databases, MysqlDatabases):
        yield from _mysql(databases)
    else:
        disk = SmallDisk(folder, MEGABYTES["sqlite"])
        yield Place(disk, f"sqlite:///{folder}/enfyra.db")
        disk.unmount()
    folder.rmdir()


async def _fill(api: Api, disk: SmallDisk) -> int:
    count = 0
    while disk.used() < 0.8:
        rows = [{"views": n, "label": f"{n:0250}"} for n in range(count, count + 500)]
        count += len(await api.create("/post", rows))
    return count


async def _columns(kernel: Kernel) -> set[str]:
    (table,) = await kernel.database.inspect(["post"])
    return {column.name for column in table.columns}


@pytest.mark.may_block  # the drivers are imported within the test
@pytest.mark.asyncio
# mongod ends itself when its disk is full.
@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_a_full_disk_stops_a_migration_and_loses_nothing(place: Place) -> None:
    async with Kernel(settings(place.uri)) as kernel:
        api = await Api(kernel).login()
        table = await api.define("post", "views int", "label varchar")
        count = await _fill(api, place.disk)

        # There is no room for copying the table, nor for the index.
        label = {"name": "label", "type": "varchar"}
        body = {"columns": [{"name": "views", "type": "bigint"}, label], "indexes": [["label"]]}
        answer = await api.patch(f"/table_definition/{table['id']}", body)
        assert (answer.status, answer.code) == (507, "DATABASE_FULL"), answer.body

        described = (await api.get("/metadata/post")).data
        assert {one["name"]: one["type"] for one in described["columns"]}["views"] == "int"
        answer = await api.get("/post", meta="totalCount", fields="views", sort="-views", limit=1)
        assert (answer.body["meta"]["totalCount"], answer.row["views"]) == (count, count - 1)

        place.disk.grow()
        async with asyncio.timeout(60):
            while await kernel.migrator.interrupted():  # noqa: ASYNC110 - done elsewhere
                await asyncio.sleep(0.05)
        assert await _columns(kernel) == {"id", "views", "label", "createdAt", "updatedAt"}
        answer = await api.patch(f"/table_definition/{table['id']}", body)
        assert answer.status == 200, answer.body
        assert await _columns(kernel) == {"id", "views", "label", "createdAt", "updatedAt"}
        assert (await api.rows("/post", sort="-views", limit=1))[0]["views"] == count - 1
