"""Inserts: new records, and those that update the record they would repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from pymongo import InsertOne, UpdateOne

from ...query.commands import Insert
from ..database import Values
from .catalog import Catalog
from .client import Client, Document
from .faults import explained
from .integrity import Integrity
from .undo import Part
from .values import KEY, field_of
from .writer import Writer

# So many documents are encoded before somebody else gets a turn.
AT_ONCE = 1000
# Fewer rows are not worth a thread.
FEW = 50


class Inserts:
    """Runs the inserts of one transaction.

    Args:
        noted: Where to note what is done, if it shall be possible to take it back.
    """

    def __init__(
        self,
        client: Client,
        catalog: Catalog,
        session: Any,
        integrity: Integrity,
        noted: list[Part] | None = None,
    ) -> None:
        self._noted = noted
        self._client = client
        self._catalog = catalog
        self._session = session
        self._integrity = integrity

    async def run(self, insert: Insert, rows: Sequence[Values]) -> list[Document]:
        """Insert rows; give the documents that are there now, in the order of the rows."""
        writer = self._catalog.writer(insert.table.definition.physical)
        documents = await _apart(rows, partial(writer.document, insert.columns))
        await self._number(writer, documents)
        await self._integrity.check(writer.table, documents)
        if insert.conflict:
            return await self._upsert(writer, insert, rows, documents)
        collection = self._client.database[writer.table.name]
        for some in batches(documents):
            with explained():
                await collection.insert_many(some, session=self._session)
        self._note(Part(writer.table.name, [one[KEY] for one in documents]))
        return documents

    def _note(self, part: Part) -> None:
        if self._noted is not None:
            self._noted.append(part)

    async def _number(self, writer: Writer, documents: Sequence[Document]) -> None:
        """Give keys to those that have none."""
        if not writer.counts:
            return
        name = writer.table.name
        given = [one[KEY] for one in documents if KEY in one]
        if given:
            await self._catalog.passed_keys(name, max(given))
        bare = [one for one in documents if KEY not in one]
        if bare:
            keys = await self._catalog.next_keys(name, len(bare))
            for document, key in zip(bare, keys, strict=True):
                document[KEY] = key

    # -- updating what is there -----------------------------------------------------------------

    async def _upsert(
        self, writer: Writer, insert: Insert, rows: Sequence[Values], documents: list[Document]
    ) -> list[Document]:
        fields = [field_of(name) for name in insert.conflict]
        there = await self._there(writer, fields, documents)
        await self._note_before(writer, list(there.values()))
        new: list[Any] = []
        written = [
            number
            for number, column in enumerate(insert.columns)
            if column.name not in insert.conflict and column.name not in insert.kept
        ]
        columns = [insert.columns[number] for number in written]
        operations: list[Any] = []
        keys: list[Any] = []
        for row, document in zip(rows, documents, strict=True):
            place = _place(document, fields)
            key = None if place is None else there.get(place)
            if key is None:
                operations.append(InsertOne(document))
                key = document[KEY]
                new.append(key)
                if place is not None:
                    there[place] = key
            elif columns:
                changes = writer.changes(columns, [row[number] for number in written])
                operations.append(UpdateOne({KEY: key}, operators(changes.set, changes.unset)))
            keys.append(key)
        collection = self._client.database[writer.table.name]
        for some in batches(operations):
            with explained():
                await collection.bulk_write(some, session=self._session)
        self._note(Part(writer.table.name, new))
        return await self._read(writer, keys) if insert.selection is not None else documents

    async def _note_before(self, writer: Writer, keys: list[Any]) -> None:
        """Note records as they are before they are changed."""
        if self._noted is None or not keys:
            return
        collection = self._client.database[writer.table.name]
        with explained():
            found = collection.find({KEY: {"$in": keys}}, session=self._session)
            self._note(Part(writer.table.name, before=await found.to_list()))

    async def _there(
        self, writer: Writer, fields: Sequence[str], documents: Sequence[Document]
    ) -> dict[Any, Any]:
        """Give the keys of existing records by what they have in some fields."""
        found: dict[Any, Any] = {}
        collection = self._client.database[writer.table.name]
        shown = {KEY: 1, **dict.fromkeys(fields, 1)}
        for some in batches(documents):
            places = [place for one in some if (place := _place(one, fields)) is not None]
            if not places:
                continue
            if len(fields) == 1:
                which: Document = {fields[0]: {"$in": [place[0] for place in places]}}
            else:
                which = {"$or": [dict(zip(fields, place, strict=True)) for place in places]}
            with explained():
                listed = await collection.find(which, shown, session=self._session).to_list()
            found |= {_place(one, fields): one[KEY] for one in listed}
        return found

    async def _read(self, writer: Writer, keys: Sequence[Any]) -> list[Document]:
        collection = self._client.database[writer.table.name]
        with explained():
            found = collection.find({KEY: {"$in": list(keys)}}, session=self._session)
            by_key = {one[KEY]: one for one in await found.to_list()}
        return [by_key[key] for key in keys]


def operators(set_: Document, unset: Document) -> Document:
    """Give the operators of an update."""
    made: Document = {}
    if set_:
        made["$set"] = set_
    if unset:
        made["$unset"] = unset
    return made


def _place(document: Document, fields: Sequence[str]) -> tuple[Any, ...] | None:
    """Give what a document has in some fields; None where one is null, which equals nothing."""
    values = tuple(document.get(field) for field in fields)
    return None if None in values else values


async def _apart(rows: Sequence[Values], make: Callable[[Values], Document]) -> list[Document]:
    """Make something of each row: of many on a thread, so that others go on."""
    if len(rows) <= FEW:
        return [make(row) for row in rows]
    return await asyncio.to_thread(lambda: [make(row) for row in rows])


def batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut items into parts that do not keep the loop for long."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]
