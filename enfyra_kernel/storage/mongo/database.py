"""One MongoDB database behind the storage room's Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from ...errors import EnfyraError
from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ...uri import DatabaseUri
from ..database import Explanation, Page, Read, SchemaSession, Session, TakenBack, Values, Write
from ..physical import PhysicalTable
from .bulk import MongoBulk
from .catalog import Catalog
from .client import Client
from .explaining import explain
from .inspection import inspect_tables
from .prepared import MongoRead, MongoWrite
from .records import records
from .schema import MongoSchemaSession
from .session import MongoSession
from .undo import UndoLog
from .values import encode_lines


class MongoDatabase:
    """A database of a replica set."""

    engine = "mongodb"
    one_writer = False
    transactional_schema = False

    def __init__(self, uri: DatabaseUri, *, size: int, timeout: float) -> None:
        self._client = Client(uri, size=size, timeout=timeout)
        self._catalog = Catalog(self._client)
        self._reading = MongoSession(self._client, self._catalog)

    async def start(self) -> None:
        """Connect."""
        await self._client.start()
        await self._catalog.refresh()
        await UndoLog(self._client, self._catalog).recover()

    async def stop(self) -> None:
        """Close all connections."""
        await self._client.stop()

    async def ping(self) -> None:
        """Make sure that the database answers."""
        await self._client.ping()

    # -- preparing ------------------------------------------------------------------------------

    def read(self, plan: Plan) -> MongoRead:
        """Make a Plan ready to be run."""
        return MongoRead(plan)

    def insert(self, insert: Insert) -> MongoWrite:
        """Make an Insert ready to be run."""
        return MongoWrite(insert)

    def update(self, update: Update) -> MongoWrite:
        """Make an Update ready to be run."""
        return MongoWrite(update)

    def delete(self, delete: Delete) -> MongoWrite:
        """Make a Delete ready to be run."""
        return MongoWrite(delete)

    # -- running --------------------------------------------------------------------------------

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        return await self._reading.find(read, values, limit, offset)

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered, without answering it."""
        return await explain(self._client, read.plan, values, limit, offset)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        return await self._client.in_transaction(
            lambda session: self._session(session).write(write, values)
        )

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert for many rows: all of them or none."""
        return await self._client.in_transaction(
            lambda session: self._session(session).write_many(write, rows)
        )

    def _session(self, session: Any) -> MongoSession:
        return MongoSession(self._client, self._catalog, session)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction."""
        async with self._client.transaction() as session:
            yield self._session(session)

    @asynccontextmanager
    async def rehearsal(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction, which is taken back at its end."""
        with suppress(TakenBack):
            async with self.transaction() as session:
                yield session
                raise TakenBack

    @asynccontextmanager
    async def bulk(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block, all of it or nothing, though it may be much.

        Beyond ten thousand rows the first ones are seen by others before the block ends.
        """
        async with MongoBulk(self._client, self._catalog).all_or_nothing() as session:
            yield session

    # -- streaming ------------------------------------------------------------------------------

    async def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Give all records as record batches."""
        # Only where pyarrow is installed.
        from ..batches import batches_of

        async with (
            aclosing(records(self._client, plan, values, limit)) as rows,
            aclosing(batches_of(plan, rows)) as batches,
        ):
            async for batch in batches:
                yield batch

    async def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give all records as lines of JSON."""
        async with aclosing(records(self._client, plan, values, limit)) as rows:
            async for some in rows:
                yield await asyncio.to_thread(encode_lines, some)

    # -- schema ---------------------------------------------------------------------------------

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the collections that are there."""
        await self._catalog.refresh()
        return await inspect_tables(self._client, self._catalog, names)

    async def survey(self) -> list[PhysicalTable]:
        """Refuse to describe collections that somebody else made."""
        raise EnfyraError(
            "VALIDATION_ERROR",
            "Collections of MongoDB cannot be adopted: it does not say what they hold",
            hint="Define the tables by POST /table_definition",
        )

    @asynccontextmanager
    async def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AsyncGenerator[SchemaSession, None]:
        """Open a session for changing the schema; each change is final at once.

        How the tables are need not be said: the catalog has them.
        """
        await self._catalog.refresh()
        session = MongoSchemaSession(self._client, self._catalog, self._session)
        try:
            yield session
            await session.finish()
        except BaseException:
            await session.discard_writes()
            raise
