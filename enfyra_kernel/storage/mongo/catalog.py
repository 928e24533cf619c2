"""The catalog: what the collections look like, since MongoDB itself does not say.

Each collection's columns, indexes, references and checks are a document of `enfyra_schema`. A
version in it grows with each change; every transaction looks at that, so that what one instance
changes holds for the writes of all others at once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from ...errors import DeadlockError, StaleDefinitionError
from ..physical import PhysicalReference, PhysicalTable
from .client import Client, Document
from .faults import explained
from .locks import LOCKS
from .prepared import MongoRead
from .writer import Writer

SCHEMA = "enfyra_schema"
COUNTERS = "enfyra_counters"
LOADS = "enfyra_loads"
OWN = frozenset({SCHEMA, COUNTERS, LOADS, LOCKS})
"""Collections of ours that are no tables."""
# Seconds in which a read may not see what another instance has changed.
FRESH = 0.05
_VERSION = ""

_decode = msgspec.json.Decoder(PhysicalTable).decode


class Catalog:
    """The physical tables of one database, as this instance knows them.

    Attributes:
        version: Of the last change that is known here.
        tables: By name.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.version = 0
        self._looked = 0.0
        self.tables: dict[str, PhysicalTable] = {}
        self._writers: dict[str, Writer] = {}
        self._incoming: dict[str, list[tuple[str, PhysicalReference]]] = {}

    @property
    def _collection(self) -> Any:
        return self._client.database[SCHEMA]

    # -- reading --------------------------------------------------------------------------------

    async def refresh(self, session: Any = None) -> None:
        """Learn what has changed, as a transaction sees it."""
        with explained():
            found = await self._collection.find_one({"_id": _VERSION}, session=session)
            self._looked = time.monotonic()
            version = found["version"] if found is not None else 0
            if version == self.version:
                return
            if session is not None and version < self.version:
                # The transaction began before a change that is known here already.
                raise DeadlockError
            changed = {"version": {"$gt": self.version}, "_id": {"$ne": _VERSION}}
            documents: list[Document] = await self._collection.find(
                changed, session=session
            ).to_list()
        self._learn(version, documents)

    async def refresh_now_and_then(self) -> None:
        """Learn what others have changed, unless that was looked for a moment ago."""
        if time.monotonic() - self._looked > FRESH:
            await self.refresh()

    def check(self, read: MongoRead) -> None:
        """Refuse a Plan that reads what is not there (any more).

        Raises:
            StaleDefinitionError: A table or a column is not there.
        """
        if read.checked == self.version:
            return
        for name, columns in read.needs.items():
            there = {column.name for column in self.table(name).columns}
            if not columns <= there:
                raise StaleDefinitionError(f"no such field in {name}: {columns - there}")
        read.checked = self.version

    def _learn(self, version: int, documents: list[Document]) -> None:
        if version <= self.version:
            return
        for document in documents:
            name = document["_id"]
            self._writers.pop(name, None)
            if document["table"] is None:
                self.tables.pop(name, None)
            else:
                self.tables[name] = _decode(document["table"])
        self.version = version
        incoming: defaultdict[str, list[tuple[str, PhysicalReference]]] = defaultdict(list)
        for table in self.tables.values():
            for reference in table.references:
                incoming[reference.target].append((table.name, reference))
        self._incoming = dict(incoming)

    def table(self, name: str) -> PhysicalTable:
        """Give a table.

        Raises:
            StaleDefinitionError: There is none of the name.
        """
        found = self.tables.get(name)
        if found is None:
            raise StaleDefinitionError(f"no such collection: {name}")
        return found

    def writer(self, name: str) -> Writer:
        """Give what makes documents of a table's rows."""
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = Writer(self.table(name))
        return writer

    def incoming(self, name: str) -> list[tuple[str, PhysicalReference]]:
        """Give the references to a table, each with the name of the table that has it."""
        return self._incoming.get(name, [])

    # -- changing -------------------------------------------------------------------------------

    async def put(self, tables: Mapping[str, PhysicalTable | None]) -> None:
        """Note what tables look like from now on; None where one is gone."""
        await self._client.in_transaction(lambda session: self._put(session, tables))
        await self.refresh()

    async def _put(self, session: Any, tables: Mapping[str, PhysicalTable | None]) -> None:
        with explained():
            found = await self._collection.find_one_and_update(
                {"_id": _VERSION},
                {"$inc": {"version": 1}},
                upsert=True,
                return_document=True,
                session=session,
            )
            for name, table in tables.items():
                text = None if table is None else msgspec.json.encode(table).decode()
                await self._collection.replace_one(
                    {"_id": name},
                    {"version": found["version"], "table": text},
                    upsert=True,
                    session=session,
                )

    # -- counting up ----------------------------------------------------------------------------

    async def next_keys(self, table: str, count: int) -> range:
        """Take keys of a table: never given out again, also if they are not used."""
        with explained():
            found = await self._client.database[COUNTERS].find_one_and_update(
                {"_id": table}, {"$inc": {"last": count}}, upsert=True, return_document=True
            )
        return range(found["last"] - count + 1, found["last"] + 1)

    async def passed_keys(self, table: str, last: int) -> None:
        """Count on behind a key that was given."""
        with explained():
            await self._client.database[COUNTERS].update_one(
                {"_id": table}, {"$max": {"last": last}}, upsert=True
            )

    async def rename_counter(self, old: str, new: str | None) -> None:
        """Let a table's counter follow its name, or go with the table."""
        counters = self._client.database[COUNTERS]
        with explained():
            found = await counters.find_one({"_id": old})
            if found is None:
                return
            if new is not None:
                await self.passed_keys(new, found["last"])
            await counters.delete_one({"_id": old})
