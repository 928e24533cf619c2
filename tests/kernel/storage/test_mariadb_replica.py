"""MariaDB's replicas are measured by GTIDs; MySQL's, which say nothing, by a fixed time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.storage.replicated.progress import Standing
from enfyra_kernel.storage.sql.standing import SqlProbe

from tests.api import Api
from tests.conftest import service_url
from tests.databases import MysqlDatabases, settings
from tests.replication import all_in_use, until_so
from tests.services import MariaDBPrimary, MariaDBReplica

PLACE = """
CREATE FUNCTION here() RETURNS INT NO SQL RETURN @@port;
ALTER TABLE place RENAME TO place_store;
CREATE VIEW place AS SELECT id, here() AS port, "createdAt", "updatedAt" FROM place_store;
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[MariaDBPrimary, MariaDBReplica]]:
    service_url("mariadb")
    primary = MariaDBPrimary()
    primary.start()
    replica = MariaDBReplica(primary)
    replica.start()
    yield primary, replica
    replica.stop()
    primary.stop()


@pytest.fixture
def primary_uri(servers: tuple[MariaDBPrimary, MariaDBReplica]) -> str:
    return MysqlDatabases(servers[0].url).fresh()


def kernel_on(uri: str, replica: MariaDBReplica) -> Kernel:
    address = f"{replica.url.rpartition('/')[0]}/{uri.rpartition('/')[2]}"
    return Kernel(settings(uri, db_replica_uris=address, db_replica_max_lag=60))


@asynccontextmanager
async def standing_still(replica: MariaDBReplica) -> AsyncGenerator[None, None]:
    """Have the replica receive what is written, and not replay it, in a block."""
    await asyncio.to_thread(replica.sql, "STOP SLAVE SQL_THREAD")
    try:
        yield
    finally:
        await asyncio.to_thread(replica.sql, "START SLAVE SQL_THREAD")


async def port(api: Api) -> int:
    return (await api.rows("/place", fields="port"))[0]["port"]


async def with_place(kernel: Kernel, uri: str) -> Api:
    """Give a client for tables `note`, and `place` that says which server reads it."""
    await all_in_use(kernel)
    api = await Api(kernel).login()
    await api.define("note", "title varchar")
    await api.define("place", "port int")
    await api.create("/place", {"port": 0})
    await api.publish("/note", "GET")
    await asyncio.to_thread(MysqlDatabases(uri).execute, uri, PLACE)
    return api


@pytest.mark.asyncio
async def test_reads_go_to_the_replica_and_never_behind_own_writes(
    servers: tuple[MariaDBPrimary, MariaDBReplica], primary_uri: str
) -> None:
    primary, replica = servers

    async def from_replica() -> bool:
        return await port(api) == replica.port

    async def from_before() -> bool:
        return await api.anonymous.rows("/note") == []

    async with kernel_on(primary_uri, replica) as kernel:
        api = await with_place(kernel, primary_uri)
        await until_so(from_replica)
        async with standing_still(replica):
            await api.create("/note", {"title": "a"})
            assert await port(api) == primary.port
            assert [row["title"] for row in await api.rows("/note")] == ["a"]
            # A replica that is slow to answer a check is left out for a moment.
            await until_so(from_before)
        await until_so(from_replica)
        assert [row["title"] for row in await api.rows("/note")] == ["a"]


@pytest.mark.asyncio
async def test_servers_that_do_not_say_where_they_are_have_a_fixed_time_to_settle(
    servers: tuple[MariaDBPrimary, MariaDBReplica],
    primary_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As MySQL would answer, which is not here to be asked."""
    monkeypatch.setattr(SqlProbe, "_understood", lambda *_: Standing())
    monkeypatch.setattr("enfyra_kernel.storage.replicated.server.SETTLING", 3.0)
    primary, replica = servers

    async def from_replica() -> bool:
        return await port(api) == replica.port

    async with kernel_on(primary_uri, replica) as kernel:
        api = await with_place(kernel, primary_uri)
        assert await port(api) == primary.port
        await until_so(from_replica)
