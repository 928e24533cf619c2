"""A session: runs what was prepared in one transaction; or, without one, reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from ...encoding import decode_json
from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ..database import Page, Read, Values, Write
from .catalog import Catalog
from .client import Client, Document
from .faults import explained
from .inserts import Inserts
from .integrity import Integrity, chunks
from .pipeline.aggregates import Beside
from .pipeline.pages import COUNT, Reading, page, rows_of, total
from .pipeline.scope import Scope
from .pipeline.selections import shape
from .prepared import MongoRead, MongoWrite
from .undo import Part
from .updates import Updates
from .values import KEY, encode_rows, encoded

# More documents are made into rows on a thread.
FEW = 200
LOCK = "_lock"
# So many documents are decoded before somebody else gets a turn.
BATCH = 1000


class MongoSession:
    """Runs what was prepared in one transaction; or, without one, reads.

    Args:
        noted: Where to note what inserts do, if it shall be possible to take it back.
    """

    def __init__(
        self,
        client: Client,
        catalog: Catalog,
        session: Any = None,
        noted: list[Part] | None = None,
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._session = session
        integrity = Integrity(client, catalog, session)
        self._inserts = Inserts(client, catalog, session, integrity, noted)
        self._updates = Updates(client, catalog, session, integrity)
        self._fresh = False

    # -- reading --------------------------------------------------------------------------------

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        plan = read.plan
        reading = page(plan, values, limit, offset)
        if self._session is None:
            found, _ = await asyncio.gather(
                self._all(plan, reading.pipeline), self._catalog.refresh_now_and_then()
            )
        else:
            await self._refresh()
            found = await self._all(plan, reading.pipeline)
            if plan.locked:
                await self._lock(plan, [one[KEY] for one in found])
        if isinstance(read, MongoRead):
            self._catalog.check(read)
        rows = await _encoded(reading, found)
        if not (plan.filter_count or plan.total_count or plan.aggregates):
            return Page(rows)
        total = None
        if plan.total_count:
            with explained():
                total = await self._count(plan, values)
        if not (plan.filter_count or plan.aggregates):
            return Page(rows, None, total)
        beside = Beside(plan, values)
        (figures,) = await self._all(plan, beside.pipeline)
        return Page(
            rows,
            beside.filter_count(figures) if plan.filter_count else None,
            total,
            encode_rows(beside.figures(figures)) if plan.aggregates else None,
        )

    async def _count(self, plan: Plan, values: Values) -> int:
        """Count all records that may be seen."""
        if plan.scope is None:
            collection = self._client.database[plan.table.definition.physical]
            return await collection.count_documents({}, session=self._session)
        found = await self._all(plan, total(plan, values))
        return found[0][COUNT] if found else 0

    async def _lock(self, plan: Plan, keys: list[Any]) -> None:
        """Keep others from changing records until the transaction ends.

        What is written, though it is taken away at once, nobody else can write.
        """
        collection = self._client.database[plan.table.definition.physical]
        for some in chunks(keys):
            which = {KEY: {"$in": some}}
            with explained():
                await collection.update_many(which, {"$set": {LOCK: 1}}, session=self._session)
                await collection.update_many(which, {"$unset": {LOCK: ""}}, session=self._session)

    async def _all(self, plan: Plan, pipeline: list[Document]) -> list[Document]:
        collection = self._client.database[plan.table.definition.physical]
        with explained():
            found = await collection.aggregate(pipeline, session=self._session, batchSize=BATCH)
            return await found.to_list()

    # -- writing --------------------------------------------------------------------------------

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write: how many records it met, and the JSON array of those asked back."""
        await self._refresh()
        command = _made(write).command
        if isinstance(command, Delete):
            return await self._updates.delete(command, values), None
        if isinstance(command, Insert):
            documents = await self._inserts.run(command, [values])
            count = 1
        else:
            count, documents = await self._updates.update(command, values)
        rows = await self._rows(write, documents)
        return count, None if rows is None else b"[" + b",".join(rows) + b"]"

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows."""
        await self._refresh()
        if not rows:
            return 0, None
        command = _made(write).command
        if isinstance(command, Update):
            return await self._updates.update_many(command, rows), None
        if not isinstance(command, Insert):
            raise TypeError("no delete is run for many rows")
        documents = await self._inserts.run(command, rows)
        return len(rows), await self._rows(write, documents)

    async def _refresh(self) -> None:
        """Learn of changes of the schema: once, a transaction sees one state of it."""
        if not self._fresh:
            await self._catalog.refresh(self._session)
            self._fresh = True

    async def _rows(self, write: Write, documents: list[Document]) -> list[bytes] | None:
        """Give the JSON of written records."""
        write = _made(write)
        command = write.command
        if isinstance(command, Delete) or command.selection is None:
            return None
        if write.then_read is None:
            made = shape(Scope(()), command.selection, command.table)
            return [encode_rows(made.row(one)) for one in documents]
        key = command.table.key
        keys = [_canonical(one["_id"]) for one in documents]
        found = await self.find(write.then_read, [keys], -1)
        listed = msgspec.json.decode(found.rows, type=list[msgspec.Raw])
        by_key = {
            encoded(decode_json(bytes(one))[command.table.primary.name], key.type): bytes(one)
            for one in listed
        }
        return [by_key[one["_id"]] for one in documents]


def _made(write: Write) -> MongoWrite:
    if not isinstance(write, MongoWrite):
        raise TypeError(f"made ready for another database: {write!r}")
    return write


def _canonical(key: Any) -> Any:
    return key if isinstance(key, int | str) else str(key)


async def _encoded(reading: Reading, documents: list[Document]) -> bytes:
    if len(documents) <= FEW:
        return encode_rows(rows_of(reading, documents))
    return await asyncio.to_thread(lambda: encode_rows(rows_of(reading, documents)))
