"""A session that changes the schema and writes definitions.

Changes of collections are final at once; what is written between them is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import changes as c
from ..database import Page, Read, Values, Write
from ..physical import PhysicalColumn, PhysicalTable
from .catalog import Catalog
from .client import Client
from .conversion import text_of
from .faults import explained
from .made import is_noted
from .maker import Maker
from .values import field_of

if TYPE_CHECKING:
    from .session import MongoSession


class MongoSchemaSession:
    """Changes the schema, and writes in a transaction that `commit_writes` makes final."""

    def __init__(
        self, client: Client, catalog: Catalog, make: Callable[[Any], MongoSession]
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._make = make
        self._maker = Maker(client, catalog)
        self._transaction: Any = None
        self._session: MongoSession | None = None
        self._converted: list[c.AlterColumn] = []

    # -- writes ---------------------------------------------------------------------------------

    async def _writing(self) -> MongoSession:
        if self._session is None:
            self._transaction = await self._client.begin()
            self._session = self._make(self._transaction)
        return self._session

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records, as the writes so far leave them."""
        session = self._session or self._make(None)
        return await session.find(read, values, limit, offset)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        return await (await self._writing()).write(write, values)

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert for many rows."""
        return await (await self._writing()).write_many(write, rows)

    async def commit_writes(self) -> None:
        """Make the writes so far final."""
        await self.finish()

    async def finish(self) -> None:
        """Make everything final that is not yet."""
        transaction, self._transaction, self._session = self._transaction, None, None
        if transaction is not None:
            try:
                await self._client.commit(transaction)
            except BaseException:
                await self._client.abort(transaction)
                raise
        # Now nobody takes the conversions back any more.
        for change in self._converted:
            await self._maker.forget(change.table, change.new.name)
        self._converted.clear()

    async def discard_writes(self) -> None:
        """Take back the writes that are not final."""
        transaction, self._transaction, self._session = self._transaction, None, None
        if transaction is not None:
            await self._client.abort(transaction)

    # -- changes --------------------------------------------------------------------------------

    async def apply(self, change: c.Change) -> None:
        """Make one physical change; it is final at once.

        It is noted first: from then on new records meet it. Then those that are there are looked
        at.
        """
        before = dict(self._catalog.tables)
        noted = await self._note(change)
        try:
            await self._maker.make(change)
        except BaseException:
            await self._catalog.put({name: before.get(name) for name in noted})
            raise
        if isinstance(change, c.AlterColumn) and change.converts:
            self._converted.append(change)

    async def ensure(self, change: c.Change) -> None:
        """Make one physical change unless it is there already."""
        await self.apply(change)

    async def revert(self, change: c.Change) -> None:
        """Take a change back, as far as it was made."""
        undo = c.inverse(change)
        if undo is None:
            return
        if isinstance(change, c.AlterColumn) and change.converts:
            await self._note(undo)
            await self._maker.restore(change)
            self._converted = [one for one in self._converted if one is not change]
            return
        if is_noted(self._catalog.tables, change) or isinstance(change, c.AddIndex | c.CreateTable):
            await self.apply(undo)

    async def _note(self, change: c.Change) -> list[str]:
        """Bring the catalog up to date with a change; give the tables that differ."""
        before = self._catalog.tables
        after = dict(before)
        if not is_noted(before, change):
            c.follow(after, change)
        differing: dict[str, PhysicalTable | None] = {
            name: after.get(name)
            for name in {*before, *after}
            if before.get(name) != after.get(name)
        }
        if differing:
            await self._catalog.put(differing)
        return list(differing)

    # -- what is there --------------------------------------------------------------------------

    async def count(self, table: str) -> int:
        """Count the documents of a collection."""
        with explained():
            return await self._client.database[table].count_documents({})

    async def has_null(self, table: str, column: str) -> bool:
        """Say whether a column holds a null somewhere."""
        with explained():
            found = await self._client.database[table].find_one({field_of(column): None})
        return found is not None

    async def distinct_values(
        self,
        table: str,
        column: PhysicalColumn,
        check: Callable[[str], str | None],
        most: int = 5,
    ) -> list[str]:
        """Put each distinct value of a column, as text, to a check; give the first problems."""
        field = field_of(column.name)
        pipeline = [{"$match": {field: {"$ne": None}}}, {"$group": {"_id": f"${field}"}}]
        problems: list[str] = []
        with explained():
            async with await self._client.database[table].aggregate(pipeline) as found:
                async for document in found:
                    problem = check(text_of(document["_id"], column))
                    if problem is not None:
                        problems.append(problem)
                        if len(problems) == most:
                            break
        return problems
