"""Makes changes of the schema: collections, indexes, and the fields of the documents there are.

Each step can be made again, or taken back, whether it was made, half made or not made at all: a
process may be killed in the middle of any of them.
"""

from __future__ import annotations

from typing import Any

from pymongo import UpdateOne
from pymongo.errors import OperationFailure

from .. import changes as c
from ..database import ConstraintViolation
from ..physical import PhysicalColumn, PhysicalIndex, PhysicalReference, PhysicalTable
from .catalog import Catalog
from .client import Client, Document
from .conversion import converter, is_kept_as
from .faults import explained
from .inserts import AT_ONCE, operators
from .values import FOLDED, KEY, encoded, field_of, folded, is_searched
from .writer import default_of

WAS = "_was"
"""The part of a record that keeps converted values as they were, until the change is final."""
_NO_COLLECTION, _NO_INDEX, _EXISTS = 26, 27, 48


class Maker:
    """Makes the physical part of changes; what the catalog says is somebody else's."""

    def __init__(self, client: Client, catalog: Catalog) -> None:
        self._client = client
        self._catalog = catalog

    def _collection(self, name: str) -> Any:
        return self._client.database[name]

    async def make(self, change: c.Change) -> None:
        """Make a change; the catalog knows of it already."""
        match change:
            case c.CreateTable(table):
                await self._create(table)
            case c.DropTable(table):
                with explained():
                    await self._collection(table.name).drop()
                await self._catalog.rename_counter(table.name, None)
            case c.RenameTable(old, new):
                await self._rename(old, new)
            case c.AddIndex(table, index):
                await self._add_index(table, index)
            case c.DropIndex(table, index):
                await self._drop_index(table, index.name)
            case c.AddReference(table, reference):
                await self._check_reference(table, reference)
            case c.AddCheck(table, check):
                which = {field_of(check.column): {"$nin": [*check.values, None]}}
                await self._refuse_any(table, which, "check", check.column, check.name)
            case c.DropReference() | c.DropCheck():
                pass
            case _:
                await self._change_fields(change)

    async def _change_fields(self, change: Any) -> None:
        match change:
            case c.AddColumn(table, column):
                await self._fill(table, column)
            case c.DropColumn(table, column):
                field = field_of(column.name)
                gone = {"$unset": {field: "", f"{FOLDED}.{field}": "", f"{WAS}.{field}": ""}}
                await self._update(table, {}, gone)
            case c.RenameColumn(table, old, new):
                await self._rename_field(table, old.name, new)
            case c.AlterColumn(table, old, new):
                if old.nullable and not new.nullable:
                    which = {field_of(new.name): None}
                    await self._refuse_any(table, which, "missing", new.name, None)
                if change.converts:
                    await self._convert(table, old, new)
            case _:
                raise TypeError(f"not a change: {change!r}")

    # -- collections ----------------------------------------------------------------------------

    async def _create(self, table: PhysicalTable) -> None:
        with explained():
            try:
                await self._client.database.command("create", table.name)
            except OperationFailure as error:
                if error.code != _EXISTS:
                    raise
        if len(table.primary) > 1:
            key = PhysicalIndex(name=f"{table.name}_pkey", columns=table.primary, unique=True)
            await self._add_index(table.name, key)

    async def _rename(self, old: str, new: str) -> None:
        with explained():
            try:
                await self._collection(old).rename(new)
            except OperationFailure as error:
                # It has been renamed before.
                if error.code != _NO_COLLECTION:
                    raise
        await self._catalog.rename_counter(old, new)

    # -- indexes --------------------------------------------------------------------------------

    async def _add_index(self, table: str, index: PhysicalIndex) -> None:
        fields = [field_of(column) for column in index.columns]
        if fields == [KEY]:
            return
        wanted = dict.fromkeys(fields, 1)
        collection = self._collection(table)
        options: Document = {"name": index.name}
        if index.unique:
            # Nulls are missing fields, and none is equal to another.
            others: Document = {field: {"$exists": True} for field in fields if field != KEY}
            options |= {"unique": True, "partialFilterExpression": others}
        with explained():
            there = await collection.index_information()
            for name, facts in there.items():
                same = dict(facts["key"]) == wanted and bool(facts.get("unique")) == index.unique
                if same and list(wanted) == [field for field, _ in facts["key"]]:
                    if name == index.name:
                        return
                    # MongoDB keeps no two indexes that are the same but for the name.
                    await collection.drop_index(name)
                elif name == index.name:
                    await collection.drop_index(name)
            await collection.create_index(list(wanted.items()), **options)

    async def _drop_index(self, table: str, name: str) -> None:
        with explained():
            try:
                await self._collection(table).drop_index(name)
            except OperationFailure as error:
                if error.code not in {_NO_INDEX, _NO_COLLECTION}:
                    raise

    # -- what existing records have to meet -----------------------------------------------------

    async def _refuse_any(
        self, table: str, which: Document, kind: str, column: str, constraint: str | None
    ) -> None:
        with explained():
            if await self._collection(table).find_one(which, {KEY: 1}) is not None:
                raise ConstraintViolation(kind, (column,), constraint)

    async def _check_reference(self, table: str, reference: PhysicalReference) -> None:
        here, there = field_of(reference.columns[0]), field_of(reference.target_columns[0])
        found = {
            "from": reference.target,
            "localField": here,
            "foreignField": there,
            "pipeline": [{"$project": {KEY: 1}}],
            "as": "_t",
        }
        pipeline: list[Document] = [
            {"$match": {here: {"$ne": None}}},
            {"$project": {here: 1}},
            {"$lookup": found},
            {"$match": {"_t": []}},
            {"$limit": 1},
        ]
        with explained():
            dangling = await self._collection(table).aggregate(pipeline)
            if await dangling.to_list():
                raise ConstraintViolation("reference", reference.columns, reference.name)

    # -- fields ---------------------------------------------------------------------------------

    async def _update(self, table: str, which: Document, update: Any) -> None:
        with explained():
            await self._collection(table).update_many(which, update)

    async def _fill(self, table: str, column: PhysicalColumn) -> None:
        """Give existing records a new column's default."""
        make = default_of(column)
        if make is None:
            return
        field, value = field_of(column.name), make()
        set_ = {field: encoded(value, column.type)}
        shadow = folded(value) if is_searched(column.type) else None
        if shadow is not None:
            set_[f"{FOLDED}.{field}"] = shadow
        await self._update(table, {field: {"$exists": False}}, {"$set": set_})

    async def _rename_field(self, table: str, old: str, new: str) -> None:
        before, after = field_of(old), field_of(new)
        moved = {before: after, f"{FOLDED}.{before}": f"{FOLDED}.{after}"}
        await self._update(table, {before: {"$exists": True}}, {"$rename": moved})
        # Indexes do not follow by themselves.
        described = self._catalog.tables.get(table)
        for index in described.indexes if described is not None else ():
            if new in index.columns:
                await self._add_index(table, index)

    async def _convert(self, table: str, old: PhysicalColumn, new: PhysicalColumn) -> None:
        field = field_of(new.name)
        was = f"{WAS}.{field}"
        # An earlier change that became final may not have come to that.
        await self.forget(table, new.name)
        await self._convert_where(
            table, {field: {"$ne": None}, was: {"$exists": False}}, old, new, keep=True
        )

    async def _convert_where(
        self,
        table: str,
        which: Document,
        old: PhysicalColumn,
        new: PhysicalColumn,
        *,
        keep: bool,
    ) -> None:
        field = field_of(new.name)
        convert = converter(old, new)
        collection = self._collection(table)
        updates: list[UpdateOne] = []
        with explained():
            async for document in collection.find(which, {field: 1}):
                value = document[field]
                if not is_kept_as(value, old.type):
                    # A record that was written after the change, or converted before.
                    continue
                made = _converted(field, convert(value), new)
                if keep:
                    made["$set"][f"{WAS}.{field}"] = value
                updates.append(UpdateOne({KEY: document[KEY], field: value}, made))
                if len(updates) == AT_ONCE:
                    await collection.bulk_write(updates)
                    updates = []
            if updates:
                await collection.bulk_write(updates)

    async def restore(self, change: c.AlterColumn) -> None:
        """Take a conversion back: values are what they were."""
        field, table = field_of(change.new.name), change.table
        was = f"{WAS}.{field}"
        collection = self._collection(table)
        updates: list[UpdateOne] = []
        with explained():
            async for document in collection.find({was: {"$exists": True}}, {was: 1}):
                made = _converted(field, document[WAS][field], change.old)
                made["$unset"] = {**made.get("$unset", {}), was: ""}
                updates.append(UpdateOne({KEY: document[KEY]}, made))
                if len(updates) == AT_ONCE:
                    await collection.bulk_write(updates)
                    updates = []
            if updates:
                await collection.bulk_write(updates)

    async def forget(self, table: str, column: str) -> None:
        """No longer keep a column's values as they were before a conversion."""
        was = f"{WAS}.{field_of(column)}"
        await self._update(table, {was: {"$exists": True}}, {"$unset": {was: ""}})


def _converted(field: str, value: Any, column: PhysicalColumn) -> Document:
    """Give the update that sets a field, and what searches compare in its place."""
    shadow = folded(value) if is_searched(column.type) else None
    place = f"{FOLDED}.{field}"
    if shadow is None:
        return operators({field: value}, {place: ""})
    return operators({field: value, place: shadow}, {})
