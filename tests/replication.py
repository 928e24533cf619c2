"""A PostgreSQL primary with two replicas, and tables that say which server has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from enfyra_kernel.kernel import Kernel

from .api import Api
from .databases import PostgresqlDatabases, settings
from .services import PostgreSQL, PostgreSQLReplica

# In every address, to see that it is shown nowhere; the servers trust everybody.
PASSWORD = "hush-hush"
PATIENCE = 60.0


async def until(condition: Callable[[], Any]) -> None:
    """Wait for a state of another process, which tells nobody when it changes."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_so(condition: Callable[[], Awaitable[Any]]) -> None:
    """Wait as `until` does, for a condition that has to ask."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class Replication:
    """The servers, and databases on them."""

    def __init__(self) -> None:
        self.primary = PostgreSQL()
        self.primary.start()
        self.replicas = [PostgreSQLReplica(self.primary) for _ in range(2)]
        for replica in self.replicas:
            replica.start()
        self.databases = PostgresqlDatabases(self.primary.url)

    @property
    def ports(self) -> set[int]:
        """The ports of the replicas."""
        return {replica.port for replica in self.replicas}

    def stop(self) -> None:
        for server in (*self.replicas, self.primary):
            server.stop()

    def replica_uri(self, replica: PostgreSQLReplica, uri: str) -> str:
        """Give the address of a database on a replica."""
        name = uri.rpartition("/")[2]
        return f"postgresql://enfyra:{PASSWORD}@127.0.0.1:{replica.port}/{name}"

    def kernel(self, uri: str, **more: Any) -> Kernel:
        """Give a kernel that reads from the replicas."""
        replicas = ",".join(self.replica_uri(one, uri) for one in self.replicas)
        return Kernel(settings(uri, **{"db_replica_uris": replicas, **more}))

    async def execute(self, uri: str, text: str) -> None:
        """Run statements as another program would."""
        connection = await asyncpg.connect(uri)
        await connection.execute(text)
        await connection.close()

    async def found(self, uri: str, text: str) -> bool:
        """Say whether a query gives anything."""
        connection = await asyncpg.connect(uri)
        rows = await connection.fetch(text)
        await connection.close()
        return bool(rows)

    async def pause(self, *, resume: bool = False) -> None:
        """Have the replicas fall behind: they receive what is written, and do not replay it."""
        verb = "resume" if resume else "pause"
        for replica in self.replicas:
            await self.execute(replica.url, f"SELECT pg_wal_replay_{verb}()")

    async def resume(self) -> None:
        """Have the replicas catch up."""
        await self.pause(resume=True)


async def all_in_use(kernel: Kernel) -> None:
    """Wait until every replica takes part."""
    await until(lambda: set(kernel.replica_states()) == {"ok"})


async def caught_up(api: Api) -> None:
    """Wait until a caller who has written reads from all replicas that there are."""
    states = zip(api.kernel.settings.db_replica_uris, api.kernel.replica_states(), strict=True)
    known = {uri.port for uri, state in states if state == "ok"}

    async def all_answer() -> bool:
        return {await port_of(api) for _ in range(len(known) + 1)} >= known

    await until_so(all_answer)


async def define_note(api: Api, uri: str, replication: Replication) -> None:
    """Make a table `note` whose column `port` says which server reads it."""
    await api.define("note", "title varchar", "port int")
    await replication.execute(
        uri,
        """
        ALTER TABLE note RENAME TO note_store;
        CREATE VIEW note AS
        SELECT id, title, inet_server_port() AS port, "createdAt", "updatedAt" FROM note_store;
        INSERT INTO note (title, "createdAt", "updatedAt") VALUES ('first', now(), now());
        """,
    )
    await api.publish("/note", "GET", "POST")


async def port_of(api: Api, **query: Any) -> int:
    """Ask which server answers a read."""
    rows = await api.rows("/note", **{"fields": "port", "limit": 1, **query})
    return rows[0]["port"]
