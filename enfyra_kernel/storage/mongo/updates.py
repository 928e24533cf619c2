"""Updates and deletes of records that are there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from pymongo import UpdateOne

from ...metadata.tables import StoredColumn, Table
from ...metadata.types import INTEGERS, ColumnType
from ...metadata.values import precision_of
from ...query.ast import Operator
from ...query.commands import Delete, Update
from ...query.plan import All, Comparison, Predicate
from ..database import ConstraintViolation, Values
from .catalog import Catalog
from .client import Client, Document
from .faults import explained
from .inserts import batches, operators
from .integrity import Integrity, chunks
from .pipeline.conditions import is_local, where
from .pipeline.scope import Scope
from .values import EXACT, KEY, encode_decimal, encoded, field_of
from .writer import Changes, Writer

T = TypeVar("T")

_INTEGERS = {ColumnType.INT: 31, ColumnType.BIGINT: 63}


class Updates:
    """Runs the updates and deletes of one transaction."""

    def __init__(
        self, client: Client, catalog: Catalog, session: Any, integrity: Integrity
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._session = session
        self._integrity = integrity

    async def update(self, update: Update, values: Values) -> tuple[int, list[Document]]:
        """Update records: how many there were, and their documents where they are asked for."""
        writer = self._catalog.writer(update.table.definition.physical)
        made, changes = self._made(writer, update, values)
        await self._integrity.check(writer.table, [changes.set])
        scope = Scope(values, len(update.columns))
        if made and not update.added and update.selection is None and is_local(update.where):
            return await self._at_once(update, made, scope), []
        keys = await self._keys(update.table, update.where, scope)
        await self._refuse_overflow(writer, update, values, keys)
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

    async def _at_once(self, update: Update, made: Any, scope: Scope) -> int:
        """Update all records that meet a condition which needs no others; give how many."""
        name = update.table.definition.physical
        stages = where(scope, update.where, update.table)
        which: Document = stages[0]["$match"] if stages else {}
        with explained():
            done = await self._client.database[name].update_many(which, made, session=self._session)
        key = _only_key(update.where, scope)
        if key is not None and done.modified_count:
            self._integrity.hold(name, key)
        return done.matched_count

    async def update_many(self, update: Update, rows: Sequence[Values]) -> int:
        """Update records by their keys, each with values of its own."""
        if update.added or not update.columns:
            return sum([(await self.update(update, values))[0] for values in rows])
        writer = self._catalog.writer(update.table.definition.physical)
        collection = self._client.database[writer.table.name]
        count = len(update.columns)
        make = partial(self._made, writer, update)
        matched = 0
        for some in batches(rows):
            made = await asyncio.to_thread(_each, make, some)
            await self._integrity.check(writer.table, [changes.set for _, changes in made])
            operations: list[UpdateOne] = []
            for values, (operators_, _) in zip(some, made, strict=True):
                (key,) = await self._keys(update.table, update.where, Scope(values, count))
                operations.append(UpdateOne({KEY: key}, operators_))
            with explained():
                done = await collection.bulk_write(operations, session=self._session)
            matched += done.matched_count
        return matched

    def _made(self, writer: Writer, update: Update, values: Values) -> tuple[Any, Changes]:
        """Give what an update does, as the driver wants it and by fields."""
        given = list(zip(update.columns, values, strict=False))
        plain = [(column, value) for column, value in given if column.name not in update.added]
        changes = writer.changes([one for one, _ in plain], [value for _, value in plain])
        sums = {
            writer.field(column.name).name: encoded(value, column.type)
            for column, value in given
            if column.name in update.added
        }
        if sums:
            return _with_sums(changes, sums), changes
        return operators(changes.set, changes.unset), changes

    async def _refuse_overflow(
        self, writer: Writer, update: Update, values: Values, keys: Sequence[Any]
    ) -> None:
        """Refuse sums that their columns cannot hold."""
        collection = self._client.database[writer.table.name]
        for column, value in zip(update.columns, values, strict=False):
            if column.name not in update.added:
                continue
            amount = encoded(value, column.type)
            there: Document = {"$ifNull": [f"${field_of(column.name)}", 0]}
            if column.type in INTEGERS:
                there, amount = {"$toDecimal": there}, encode_decimal(value)
            total = {"$add": [there, amount]}
            low, high = _bounds(column)
            beyond = {"$or": [{"$lt": [total, low]}, {"$gt": [total, high]}]}
            for some in chunks(keys):
                which = {KEY: {"$in": some}, "$expr": beyond}
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


def _only_key(which: Predicate, scope: Scope) -> Any:
    """Give the key of the one record that may meet a condition; None if it may be others."""
    for part in which.parts if isinstance(which, All) else (which,):
        if not isinstance(part, Comparison) or part.column.name != "id":
            continue
        if part.operator is Operator.EQ:
            return encoded(scope.value(part.slot), part.column.type)
    return None


def _each(make: Callable[[Values], T], rows: Sequence[Values]) -> list[T]:
    return [make(row) for row in rows]


def _bounds(column: StoredColumn) -> tuple[Any, Any]:
    """Give the least and the greatest number that a column holds."""
    bits = _INTEGERS.get(column.type)
    if bits is not None:
        return encode_decimal(-(2**bits)), encode_decimal(2**bits - 1)
    if column.type is ColumnType.DECIMAL:
        precision, scale = precision_of(column.options)
        most = Decimal(10**precision - 1).scaleb(-scale, EXACT)
        return encode_decimal(-most), encode_decimal(most)
    return -sys.float_info.max, sys.float_info.max


def _names(table: Table) -> set[str]:
    return {column.physical for column in table.columns.values()}


def _with_sums(changes: Changes, sums: Document) -> list[Document]:
    """Give an update that also adds to what is there; null counts as 0."""
    stages: list[Document] = []
    set_: Document = {name: {"$literal": value} for name, value in changes.set.items()}
    for name, value in sums.items():
        set_[name] = {"$add": [{"$ifNull": [f"${name}", 0]}, value]}
    stages.append({"$set": set_})
    if changes.unset:
        stages.append({"$unset": list(changes.unset)})
    return stages
