"""What large writes have done so far, so that it can be taken back.

One transaction of MongoDB takes a minute and what its cache has room for. A larger write is made in
parts, each a transaction that also notes what it did. The last part deletes the head of the notes:
with that, the write is final. What has a head whose time is up was interrupted, and is taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson import ObjectId
from pymongo import ReplaceOne

from ...errors import DeadlockError, EnfyraError
from ...logs import get_logger
from ..database import ConstraintViolation
from .catalog import LOADS, Catalog
from .client import Client, Document
from .faults import explained
from .integrity import Integrity, chunks
from .values import KEY

_log = get_logger("database")

# Seconds after the last sign of life in which nobody else takes a write back.
PATIENCE = 300.0
# A note holds so many bytes of records as they were; a document has 16 MB.
_MANY_BYTES = 4 << 20


@dataclass(slots=True)
class Part:
    """What one part of a write did to one table.

    Attributes:
        inserted: The keys of new records.
        before: The records that were changed, as they were.
    """

    table: str
    inserted: list[Any] = field(default_factory=list[Any])
    before: list[Document] = field(default_factory=list[Document])


class UndoLog:
    """The notes of large writes."""

    def __init__(self, client: Client, catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog

    @property
    def _notes(self) -> Any:
        return self._client.database[LOADS]

    async def note(self, session: Any, load: ObjectId, parts: Sequence[Part]) -> None:
        """Note what a part did, in its own transaction."""
        notes: list[Document] = []
        for part in parts:
            for some in chunks(part.inserted):
                notes.append({"load": load, "table": part.table, "inserted": some, "before": []})
            for documents in _portions(part.before):
                notes.append(
                    {"load": load, "table": part.table, "inserted": [], "before": documents}
                )
        until = {"$set": {"until": time.time() + PATIENCE}}
        with explained():
            await self._notes.update_one({"_id": load}, until, upsert=True, session=session)
            if notes:
                await self._notes.insert_many(notes, session=session)

    async def finish(self, session: Any, load: ObjectId) -> None:
        """Make a write final together with its last part."""
        with explained():
            gone = await self._notes.delete_one({"_id": load}, session=session)
        if not gone.deleted_count:
            raise EnfyraError("DATABASE_TIMEOUT", "The write took too long and was taken back")

    async def sweep(self, load: ObjectId) -> None:
        """Delete the notes of a write that is final, or taken back."""
        with explained():
            await self._notes.delete_many({"load": load})

    async def take_back(self, load: ObjectId) -> None:
        """Take back all parts of a write, the last one first."""
        await self._catalog.refresh()
        with explained():
            listed = await self._notes.find({"load": load}, {KEY: 1}).sort(KEY, -1).to_list()
        for one in listed:
            await self._client.in_transaction(
                lambda session, key=one[KEY]: self._take_back(session, key)
            )
        with explained():
            await self._notes.delete_one({"_id": load})

    async def _take_back(self, session: Any, key: Any) -> None:
        with explained():
            note = await self._notes.find_one_and_delete({"_id": key}, session=session)
            if note is None or note["table"] not in self._catalog.tables:
                return
            if note["before"]:
                restored = [ReplaceOne({KEY: one[KEY]}, one) for one in note["before"]]
                collection = self._client.database[note["table"]]
                await collection.bulk_write(restored, session=session)
        if note["inserted"]:
            integrity = Integrity(self._client, self._catalog, session)
            try:
                await integrity.delete(note["table"], note["inserted"])
            except ConstraintViolation:
                # Somebody refers to one of them meanwhile. What goes on is more than what was.
                _log.warning("records of an interrupted write stay", extra={"table": note["table"]})

    async def recover(self) -> None:
        """Take back what was interrupted."""
        with explained():
            heads = await self._notes.find({"until": {"$lt": time.time()}}).to_list()
        for head in heads:
            _log.warning("an interrupted write is taken back", extra={"load": str(head[KEY])})
            try:
                await self.take_back(head[KEY])
            except DeadlockError:
                # Another instance is at it.
                continue


def _portions(documents: Sequence[Document]) -> Iterator[list[Document]]:
    portion: list[Document] = []
    size = 0
    for document in documents:
        portion.append(document)
        size += len(bson.encode(document))
        if size > _MANY_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
