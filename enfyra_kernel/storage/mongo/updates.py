"""Updates and deletes of records that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...metadata.tables import Table
from ...metadata.types import INTEGERS, ColumnType
from ...query.ast import Operator
from ...query.commands import Delete, Update
from ...query.plan import All, Comparison, Predicate
from ..database import ConstraintViolation, Values
from .catalog import Catalog
from .client import Client, Document
from .faults import explained
from .inserts import operators
from .integrity import Integrity, chunks
from .pipeline.conditions import where
from .pipeline.scope import Scope
from .values import KEY, encoded, field_of
from .writer import Changes, Writer

_LARGEST = {ColumnType.INT: 2**31 - 1, ColumnType.BIGINT: 2**63 - 1}


class Updates:
    """Runs the updates and deletes of one transaction."""

    def __init__(self, client: Client, catalog: Catalog, session: Any) -> None:
        self._client = client
        self._catalog = catalog
        self._session = session
        self._integrity = Integrity(client, catalog, session)

    async def update(self, update: Update, values: Values) -> tuple[int, list[Document]]:
        """Update records: how many there were, and their documents where they are asked for."""
        writer = self._catalog.writer(update.table.definition.physical)
        count = len(update.columns)
        plain = [
            number for number in range(count) if update.columns[number].name not in update.added
        ]
        changes = writer.changes(
            [update.columns[number] for number in plain], [values[number] for number in plain]
        )
        await self._integrity.check(writer.table, [changes.set])
        keys = await self._keys(update.table, update.where, Scope(values, count))
        sums = {
            field_of(column.name): encoded(value, column.type)
            for column, value in zip(update.columns, values, strict=False)
            if column.name in update.added
        }
        await self._refuse_overflow(writer, update, values, keys)
        made: Any = _with_sums(changes, sums) if sums else operators(changes.set, changes.unset)
        collection = self._client.database[writer.table.name]
        matched, documents = 0, list[Document]()
        for some in chunks(keys):
            which = {KEY: {"$in": some}}
            with explained():
                if made:
                    done = await collection.update_many(which, made, session=self._session)
                    matched += done.matched_count
                else:
                    matched += await collection.count_documents(which, session=self._session)
                if update.selection is not None and matched:
                    documents += await collection.find(which, session=self._session).to_list()
        return matched, documents

    async def _refuse_overflow(
        self, writer: Writer, update: Update, values: Values, keys: Sequence[Any]
    ) -> None:
        collection = self._client.database[writer.table.name]
        for column, value in zip(update.columns, values, strict=False):
            if column.name not in update.added or column.type not in INTEGERS:
                continue
            largest = _LARGEST[column.type]
            beyond = {"$gt": largest - value} if value > 0 else {"$lt": -largest - 1 - value}
            which = {KEY: {"$in": list(keys)}, field_of(column.name): beyond}
            with explained():
                if await collection.find_one(which, {KEY: 1}, session=self._session):
                    raise ConstraintViolation("range", (column.name,))

    async def delete(self, delete: Delete, values: Values) -> int:
        """Delete records; give how many there were."""
        name = self._catalog.table(delete.table.definition.physical).name
        everything = isinstance(delete.where, All) and not delete.where.parts
        if everything and not self._catalog.incoming(name):
            with explained():
                gone = await self._client.database[name].delete_many({}, session=self._session)
            return gone.deleted_count
        scope = Scope(values)
        if name == delete.table.name and "id" not in _names(delete.table):
            # The rows of a junction, which nothing refers to.
            (match,) = where(scope, delete.where, delete.table)
            with explained():
                gone = await self._client.database[name].delete_many(
                    match["$match"], session=self._session
                )
            return gone.deleted_count
        keys = await self._keys(delete.table, delete.where, scope)
        return await self._integrity.delete(name, keys) if keys else 0

    async def _keys(self, table: Table, which: Predicate, scope: Scope) -> list[Any]:
        """Give the keys of the records that meet a condition."""
        if isinstance(which, Comparison) and which.column.name == "id":
            value = scope.value(which.slot)
            if which.operator is Operator.EQ:
                return [encoded(value, which.column.type)]
            if which.operator is Operator.IN:
                return list(dict.fromkeys(encoded(one, which.column.type) for one in value))
        pipeline = [*where(scope, which, table), {"$project": {KEY: 1}}]
        with explained():
            found = await self._client.database[table.definition.physical].aggregate(
                pipeline, session=self._session
            )
            return [one[KEY] for one in await found.to_list()]


def _names(table: Table) -> set[str]:
    return {column.physical for column in table.columns.values()}


def _with_sums(changes: Changes, sums: Document) -> list[Document]:
    """Give an update that also adds to what is there; null and something is null."""
    stages: list[Document] = []
    set_: Document = {name: {"$literal": value} for name, value in changes.set.items()}
    for name, value in sums.items():
        there = f"${name}"
        set_[name] = {"$cond": [{"$gt": [there, None]}, {"$add": [there, value]}, "$$REMOVE"]}
    stages.append({"$set": set_})
    if changes.unset:
        stages.append({"$unset": list(changes.unset)})
    return stages
