"""Relations that are stored elsewhere: in a junction, or in the other table's key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec

from ..errors import EnfyraError
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, junction_as_table, key_of, stored
from ..metadata.types import OnDelete
from ..metadata.values import text_reader
from ..query.ast import Compare, Operator
from ..query.commands import Delete, Insert, Update
from ..query.plan import All, Comparison, Existence, Not, Plan, Predicate, Slot
from ..query.selection import SelectedColumn
from ..storage.database import ConstraintViolation, Database, Session
from .violations import field_names, in_use, missing_reference


def _as_is(value: Any) -> Any:
    return value


class Links:
    """Sets and examines the relations of one table's records.

    Attributes:
        key_slot: How a record's key is bound, also when it comes out of a path.
        key_filter: The filter for one record by its key, for queries.
    """

    def __init__(self, table: Table, snapshot: Snapshot, database: Database) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        primary = table.primary
        self.key_slot = Slot(
            primary.name, primary.type, Operator.EQ, text_reader(primary.type, primary.options)
        )
        self.key_filter = Compare(primary.name, Operator.EQ, 0)
        self._write = lru_cache(64)(self._make_write)

    # -- setting --------------------------------------------------------------------------------

    async def set(self, session: Session, key: Any, links: Mapping[str, list[Any]]) -> None:
        """Make the related records of one record those with the given keys.

        Raises:
            EnfyraError: RELATION_NOT_FOUND, or RELATION_IN_USE when a record cannot be let go.
        """
        for name, keys in links.items():
            relation = self._table.relations[name]
            if relation.junction is not None:
                await self._set_junction(session, relation, key, keys)
            else:
                await self._set_foreign_key(session, relation, key, keys)

    def _slot(self, column: StoredColumn, operator: Operator) -> Slot:
        return Slot(column.name, column.type, operator, _as_is)

    async def _set_junction(
        self, session: Session, relation: Relation, key: Any, keys: list[Any]
    ) -> None:
        unlink, link = self._write(relation.name)
        await session.write(unlink, (key,))
        if not keys:
            return
        try:
            await session.write_many(link, [(key, other) for other in keys])
        except ConstraintViolation as violation:
            raise missing_reference(self._table, [relation.name]) from violation

    async def _set_foreign_key(
        self, session: Session, relation: Relation, key: Any, keys: list[Any]
    ) -> None:
        detach, attach = self._write(relation.name)
        try:
            await session.write(detach, (None, key, keys))
        except ConstraintViolation as violation:
            raise in_use(self._table, [f"{relation.target}.{relation.inverse}"]) from violation
        if keys:
            count, _ = await session.write(attach, (key, keys))
            if count != len(keys):
                raise missing_reference(self._table, [relation.name])

    def _make_write(self, name: str) -> tuple[Any, Any]:
        """Make the two writes that set a relation: one takes away, one adds."""
        relation = self._table.relations[name]
        target = self._snapshot.tables[relation.target]
        if relation.junction is not None:
            return self._junction_writes(relation, target)
        key = key_of_inverse(relation, self._table)
        mine = Comparison(key, Operator.EQ, 0)
        others = Not(Comparison(target.key, Operator.IN, 1))
        detach = Update(
            target,
            (key,),
            where=All((mine, others)),
            slots=(self._slot(key, Operator.EQ), self._slot(target.key, Operator.IN)),
        )
        attach = Update(
            target,
            (key,),
            where=Comparison(target.key, Operator.IN, 0),
            slots=(self._slot(target.key, Operator.IN),),
        )
        return self._database.update(detach), self._database.update(attach)

    def _junction_writes(self, relation: Relation, target: Table) -> tuple[Any, Any]:
        if relation.junction is None:
            raise ValueError(f"'{relation.name}' has no junction")
        table = junction_as_table(relation.junction, self._table.key, target.key)
        source, other = (stored(column) for column in table.columns.values())
        unlink = Delete(
            table, Comparison(source, Operator.EQ, 0), (self._slot(source, Operator.EQ),)
        )
        return self._database.delete(unlink), self._database.insert(Insert(table, (source, other)))

    # -- explaining -----------------------------------------------------------------------------

    async def explain_references(self, rows: Sequence[Mapping[str, Any]]) -> EnfyraError:
        """Find out which relation refers to a record that is not there."""
        for relation in self._table.relations.values():
            if not relation.holds_key or relation.foreign_key is None:
                continue
            keys = {row.get(relation.foreign_key) for row in rows} - {None}
            if keys and await self._count_existing(relation, keys) < len(keys):
                fields = field_names(self._table, [relation.foreign_key])
                return missing_reference(self._table, fields)
        return missing_reference(self._table, [])

    async def _count_existing(self, relation: Relation, keys: set[Any]) -> int:
        target = self._snapshot.tables[relation.target]
        referred = replace(key_of(relation, target), name=relation.referenced)
        where = Comparison(referred, Operator.IN, 0)
        plan = self._keys_plan(target, where, (self._slot(referred, Operator.IN),))
        page = await self._database.find(self._database.read(plan), (list(keys),), -1)
        return len(msgspec.json.decode(page.rows, type=list[msgspec.Raw]))

    async def explain_delete(self, key: Any) -> EnfyraError:
        """Find out which relations still refer to a record."""
        found: list[str] = []
        for table in self._snapshot.tables.values():
            for relation in table.relations.values():
                if relation.target == self._table.name and relation.holds_key:
                    if relation.on_delete is not OnDelete.RESTRICT:
                        continue
                    own = self._table.key
                    where = Existence(relation, self._table, Comparison(own, Operator.EQ, 0))
                    plan = self._keys_plan(table, where, (self._slot(own, Operator.EQ),))
                    page = await self._database.find(self._database.read(plan), (key,), 1)
                    if page.rows != b"[]":
                        found.append(f"{table.name}.{relation.name}")
        return in_use(self._table, found)

    def _keys_plan(self, table: Table, where: Predicate, slots: tuple[Slot, ...]) -> Plan:
        return Plan(
            table=table,
            selection=(SelectedColumn(table.primary.name, table.primary),),
            where=where,
            order=(),
            slots=slots,
        )


def key_of_inverse(relation: Relation, source: Table) -> StoredColumn:
    """Give the foreign key, on the target, of a relation that the target owns."""
    if relation.foreign_key is None:
        raise ValueError(f"'{relation.name}' is stored nowhere")
    return StoredColumn(
        relation.foreign_key, source.key.type, source.key.options, source.key.native
    )
