"""Which record of a write the database refused, and which records still refer to one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, key_of
from ..metadata.types import ColumnType, OnDelete
from ..metadata.values import length_of, text_reader
from ..query.ast import Compare, Every, Operator, Shape
from ..query.plan import INTERNAL, Comparison, Existence, Plan, Slot, plan
from ..query.selection import SelectedColumn
from ..storage.database import ConstraintViolation, Database, Session
from .content import Content
from .violations import (
    columns_of,
    explain_write,
    field_names,
    in_use,
    missing_reference,
    unique_groups,
)

# Values that one statement looks for.
AT_ONCE = 5_000


class Found(NamedTuple):
    """What stands in a write's way: the record of the write, and the fields."""

    content: Content | None
    fields: list[str]


class Links:
    """Examines what one table's records have to do with others."""

    def __init__(self, table: Table, snapshot: Snapshot, database: Database) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database

    # -- refused writes -------------------------------------------------------------------------

    async def explain_write(
        self, violation: ConstraintViolation, contents: Sequence[Content]
    ) -> EnfyraError:
        """Find out which of some records the database refused, and why."""
        columns = violation.columns or columns_of(violation.constraint, self._table)
        if violation.kind == "reference":
            found = await self._dangling(contents)
            place = found.content.place if found.content is not None else ""
            return missing_reference(self._table, found.fields, place)
        content = None
        match violation.kind:
            case "unique" if columns:
                content = await self._taken(columns, contents)
            case "unique":
                content, columns = await self._taken_somewhere(contents)
            case "missing":
                content = _first_without(columns, contents)
            case "range":
                content, columns = await self._too_large(columns, contents)
            case _:
                pass
        if len(contents) == 1:
            content = contents[0]
        return explain_write(
            violation,
            self._table,
            content.columns if content is not None else {},
            columns,
            content.place if content is not None else "",
        )

    async def explain_references(self, rows: Sequence[Mapping[str, Any]]) -> EnfyraError:
        """Find out which relation refers to a record that is not there."""
        contents = [Content(self._table, columns=dict(row)) for row in rows]
        found = await self._dangling(contents)
        return missing_reference(self._table, found.fields)

    async def _dangling(self, contents: Sequence[Content]) -> Found:
        """Find the first record that refers to one that is not there."""
        for relation in self._table.relations.values():
            name = relation.foreign_key
            if not relation.holds_key or name is None:
                continue
            # What was created with the record is gone with it.
            asked = [
                (content.columns[name], content)
                for content in contents
                if content.columns.get(name) is not None and name not in content.written
            ]
            there = await self._existing(relation, {key for key, _ in asked})
            for key, content in asked:
                if key not in there:
                    return Found(content, field_names(self._table, [name]))
        return Found(None, [])

    async def _existing(self, relation: Relation, keys: Collection[Any]) -> set[Any]:
        """Give those of some keys that records have in the column that a relation refers to."""
        if not keys:
            return set()
        target = self._snapshot.tables[relation.target]
        column = next(
            (one for one in target.columns.values() if one.physical == relation.referenced),
            target.primary,
        )
        referred = replace(key_of(relation, target), name=relation.referenced)
        plan = Plan(
            table=target,
            selection=(SelectedColumn(column.name, column),),
            where=Comparison(referred, Operator.IN, 0),
            order=(),
            slots=(_slot(referred),),
        )
        page = await self._database.find(self._database.read(plan), (list(keys),), -1)
        return set(_decoded(column, page.rows))

    async def _taken(self, columns: Sequence[str], contents: Sequence[Content]) -> Content | None:
        """Find the first record whose unique values another record has."""
        asked = [
            (values, content)
            for content in contents
            if None not in (values := tuple(content.columns.get(one) for one in columns))
        ]
        if not asked:
            return None
        taken = await self.holders(columns, [values for values, _ in asked])
        seen: set[Any] = set()
        for values, content in asked:
            others = values in taken and not (content.exists and taken[values] == content.key)
            if others or values in seen:
                return content
            seen.add(values)
        return None

    async def _taken_somewhere(
        self, contents: Sequence[Content]
    ) -> tuple[Content | None, tuple[str, ...]]:
        """Find the first record with a value that is taken, where the database says no more."""
        for columns in ((self._table.primary.physical,), *unique_groups(self._table)):
            content = await self._taken(columns, contents)
            if content is not None:
                return content, columns
        return None, ()

    async def _too_large(
        self, columns: Sequence[str], contents: Sequence[Content]
    ) -> tuple[Content | None, Sequence[str]]:
        """Find the record and the columns with values that the database has no room for.

        Sums are known by the database only; of texts, it may allow less than is defined.
        """
        added = {name for content in contents for name in content.added}
        if added:
            return None, sorted(added)
        for table in await self._database.inspect([self._table.definition.physical]):
            longest = {
                column.name: length_of(column.options)
                for column in table.columns
                if column.type is ColumnType.VARCHAR
            }
            for content in contents:
                found = _too_long(content, longest)
                if found:
                    return content, found
        return None, columns

    async def holders(
        self,
        columns: Sequence[str],
        values: Sequence[tuple[Any, ...]],
        session: Session | None = None,
        *,
        locked: bool = False,
    ) -> dict[tuple[Any, ...], Any]:
        """Give the keys of the records that have values in unique columns, or more such records.

        Args:
            locked: Whether others cannot change them until the transaction ends.
        """
        fields = field_names(self._table, columns)
        where = tuple(Compare(name, Operator.IN, slot) for slot, name in enumerate(fields))
        shape = Shape(fields=tuple(fields), where=Every(where))
        made = plan(shape, self._table, self._snapshot, INTERNAL)
        read = self._database.read(replace(made, locked=locked))
        readers = [self._read_field(name) for name in fields]
        key = self._read_field(self._table.primary.name)
        found: dict[tuple[Any, ...], Any] = {}
        for start in range(0, len(values), AT_ONCE):
            some = values[start : start + AT_ONCE]
            bound = made.bind([list({row[slot] for row in some}) for slot in range(len(fields))])
            page = await (session or self._database).find(read, bound, -1)
            for row in decode_json(page.rows):
                found[tuple(one(row) for one in readers)] = key(row)
        return found

    def _read_field(self, name: str) -> Callable[[Any], Any]:
        """Give the function from a record's JSON to the canonical value of a field."""
        relation = self._table.relations.get(name)
        if relation is None:
            column = self._table.columns[name]
            read = text_reader(column.type, column.options)
            return lambda row: read(row[name])
        primary = self._snapshot.tables[relation.target].primary
        read_key = text_reader(primary.type, primary.options)
        return lambda row: read_key(row[name][primary.name])

    # -- refused deletions ----------------------------------------------------------------------

    async def explain_delete(self, keys: Collection[Any]) -> EnfyraError:
        """Find out which relations still refer to records, or to what would go with them."""
        found: set[str] = set()
        await self._referring(self._table, keys, found, {self._table.name})
        return in_use(self._table, found)

    async def _referring(
        self, target: Table, keys: Collection[Any], found: set[str], seen: set[str]
    ) -> None:
        for table in self._snapshot.tables.values():
            for relation in table.relations.values():
                if relation.target != target.name or not relation.holds_key:
                    continue
                if relation.on_delete is OnDelete.RESTRICT:
                    if await self._holding(table, relation, target, keys, 1):
                        found.add(f"{table.name}.{relation.name}")
                elif relation.on_delete is OnDelete.CASCADE and table.name not in seen:
                    also = await self._holding(table, relation, target, keys, -1)
                    if also and table.addressable:
                        await self._referring(table, also, found, {*seen, table.name})

    async def _holding(
        self, table: Table, relation: Relation, target: Table, keys: Collection[Any], limit: int
    ) -> list[Any]:
        """Give the keys of records that refer to others."""
        plan = Plan(
            table=table,
            selection=(SelectedColumn(table.primary.name, table.primary),),
            where=Existence(relation, target, Comparison(target.key, Operator.IN, 0)),
            order=(),
            slots=(_slot(target.key),),
        )
        page = await self._database.find(self._database.read(plan), (list(keys),), limit)
        return _decoded(table.primary, page.rows)


def _slot(column: StoredColumn) -> Slot:
    return Slot(column.name, column.type, Operator.IN, lambda value: value)


def _decoded(column: ColumnDefinition, rows: bytes) -> list[Any]:
    """Give the canonical values of a column of records that were read."""
    read = text_reader(column.type, column.options)
    found = msgspec.json.decode(rows, type=list[dict[str, Any]])
    return [read(value) for row in found if (value := row[column.name]) is not None]


def _first_without(columns: Sequence[str], contents: Sequence[Content]) -> Content | None:
    """Give the first record that has no value in one of the columns."""
    for content in contents:
        if any(content.columns.get(name) is None for name in columns):
            return content
    return None


def _too_long(content: Content, longest: Mapping[str, int]) -> list[str]:
    """Give the columns whose texts are longer than the database allows."""
    return [
        name
        for name, value in content.columns.items()
        if name in longest and isinstance(value, str) and len(value) > longest[name]
    ]
