"""Writes of any size: in one transaction if they fit, else in parts that can be taken back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bson import ObjectId

from ...query.commands import Update
from ..database import Page, Read, Values, Write
from .catalog import Catalog
from .client import Client
from .prepared import MongoWrite
from .session import MongoSession
from .undo import Part, UndoLog

# So much goes into one transaction: rows, and characters of their texts.
ROWS = 10_000
CHARACTERS = 32 << 20


class MongoBulk:
    """A session whose inserts become final part by part, once they are many.

    Anything but inserts keeps all of it in one transaction.
    """

    def __init__(self, client: Client, catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog
        self._log = UndoLog(client, catalog)
        self._load: ObjectId | None = None
        self._transaction: Any = None
        self._session = MongoSession(client, catalog)
        self._parts: list[Part] = []
        self._rows = self._characters = 0
        self._whole = False

    # -- the session ----------------------------------------------------------------------------

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records, as the writes so far leave them."""
        return await self._session.find(read, values, limit, offset)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        self._whole = True
        return await self._session.write(write, values)

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows."""
        if isinstance(write, MongoWrite) and isinstance(write.command, Update):
            self._whole = True
        count = 0
        returned: list[bytes] = []
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            await self._make_room(some)
            written, listed = await self._session.write_many(write, some)
            count += written
            returned += listed or ()
        return count, returned or None

    async def _make_room(self, rows: Sequence[Values]) -> None:
        """Make what was written final, if more would be too much for one transaction."""
        characters = sum(
            len(value) if isinstance(value, str) else 16 for row in rows for value in row
        )
        full = self._rows + len(rows) > ROWS or self._characters + characters > CHARACTERS
        if full and self._rows and not self._whole:
            self._load = self._load or ObjectId()
            await self._log.note(self._transaction, self._load, self._parts)
            await self._client.commit(self._transaction)
            await self._begin()
        self._rows += len(rows)
        self._characters += characters

    # -- the transactions -----------------------------------------------------------------------

    async def _begin(self) -> None:
        self._transaction = await self._client.begin()
        self._parts = []
        self._rows = self._characters = 0
        self._session = MongoSession(
            self._client, self._catalog, self._transaction, noted=self._parts
        )

    async def _commit(self) -> None:
        if self._load is not None:
            await self._log.finish(self._transaction, self._load)
        await self._client.commit(self._transaction)
        if self._load is not None:
            await self._log.sweep(self._load)

    @asynccontextmanager
    async def all_or_nothing(self) -> AsyncGenerator[MongoBulk, None]:
        """Make everything in the block final at its end, or nothing."""
        await self._begin()
        try:
            yield self
            await self._commit()
        except BaseException:
            await self._client.abort(self._transaction)
            if self._load is not None:
                await self._log.take_back(self._load)
            raise
