"""The statements that read and write one table's records, made ready when first needed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from ..metadata.permissions import Action
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, StoredColumn, Table, junction_as_table, stored
from ..metadata.values import text_reader
from ..query.answers import slots_of
from ..query.ast import Compare, Deep, Every, Filter, Operator, Shape
from ..query.commands import Delete, Insert, Update, key_equals
from ..query.plan import (
    INTERNAL,
    Access,
    All,
    Comparison,
    Demand,
    Limits,
    Not,
    Plan,
    Slot,
    plan,
)
from ..query.selection import SelectedColumn, SelectedOne, Selection
from ..query.visibility import Condition
from ..storage.database import Database, Read, Write
from .body import BodyReader

Fields = tuple[str, ...] | None
NOTHING: Fields = ()


class LinkWrites(NamedTuple):
    """What sets a relation that is stored elsewhere.

    Attributes:
        take: Takes related records away. Of a junction, by the keys of its source; of a foreign
            key, by what to set, the keys of the sources, and those of the targets that stay.
        add: Adds related records: the pair of keys, or what to set and the target's key.
    """

    take: Write
    add: Write


class Statements:
    """Makes what is run on one table; everything is kept by its shape.

    Attributes:
        key_slot: How a record's key is bound, also when it comes out of a path.
        keys_shape: The query for those of the keys in slot 0 that records have.
    """

    def __init__(
        self,
        table: Table,
        snapshot: Snapshot,
        database: Database,
        bodies: BodyReader,
        limits: Limits,
    ) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        self._bodies = bodies
        self._limits = limits
        primary = table.primary
        self.key_slot = Slot(
            primary.name, primary.type, Operator.EQ, text_reader(primary.type, primary.options)
        )
        self.keys_shape = Shape(fields=(primary.name,), where=Compare(primary.name, Operator.IN, 0))
        self.read = lru_cache(512)(self._read)
        self.lock = lru_cache(64)(self._lock)
        self.allowed = lru_cache(64)(self._allowed)
        self.guarded = lru_cache(64)(self._guarded)
        self.insert = lru_cache(256)(self._insert)
        self.update = lru_cache(256)(self._update)
        self.update_met = lru_cache(64)(self._update_met)
        self.delete_met = lru_cache(64)(self._delete_met)
        self.links = lru_cache(64)(self._links)
        self._selection = lru_cache(256)(self._make_selection)

    def plan(self, shape: Shape, access: Access) -> Plan:
        """Resolve a query on the table."""
        return plan(shape, self._table, self._snapshot, access, limits=self._limits)

    def _columns(self, names: tuple[str, ...]) -> tuple[StoredColumn, ...]:
        return tuple(self._bodies.stored_column(name) for name in names)

    def _make_selection(self, fields: Fields, deep: tuple[Deep, ...], access: Access) -> Selection:
        if fields == NOTHING:
            return (SelectedColumn(self._table.primary.name, self._table.primary),)
        return self.plan(Shape(fields=fields, deep=deep), access).selection

    # -- reading --------------------------------------------------------------------------------

    def _read(self, shape: Shape, access: Access) -> Read:
        return self._database.read(self.plan(shape, access))

    def _lock(self, where: Filter | None, access: Access, demand: Demand, *, keyed: bool) -> Read:
        """Make the read that gives the keys of records and locks them.

        Args:
            keyed: Whether there is one record, with the key behind the values of the condition.
        """
        if keyed:
            key = Compare(self._table.primary.name, Operator.EQ, slots_of(where))
            where = both(where, key)
        return self._keys(where, access, demand, locked=True)

    def _allowed(self, access: Access, demand: Demand, locked: bool) -> Read:
        """Make the read that gives those of the keys in slot 0 that meet a demand."""
        where = Compare(self._table.primary.name, Operator.IN, 0)
        return self._keys(where, access, demand, locked=locked)

    def _keys(self, where: Filter | None, access: Access, demand: Demand, *, locked: bool) -> Read:
        shape = Shape(fields=(self._table.primary.name,), where=where)
        made = plan(shape, self._table, self._snapshot, access, limits=self._limits, demand=demand)
        keys = (SelectedColumn(self._table.primary.name, self._table.primary),)
        return self._database.read(replace(made, selection=keys, locked=locked))

    def _guarded(self, access: Access, action: Action) -> bool:
        """Say whether rules make it depend on the record whether it may be written."""
        if access.rules is None:
            return False
        if access.rows(self._table, action) is not None:
            return True
        if action != "create" and access.rows(self._table, "read") is not None:
            return True
        if action == "delete" or action == "read":
            return False
        fields = (*self._table.columns.values(), *self._table.relations.values())
        targets = (self._snapshot.tables[one.target] for one in self._table.relations.values())
        return any(isinstance(access.verdict(one, action), Condition) for one in fields) or any(
            access.rows(target, "read") is not None for target in targets
        )

    def at_once(self, shape: Shape, access: Access, action: Action) -> bool:
        """Say whether one statement can write a record and give it back.

        Not where rules say which records: neither those to write, nor those to be shown.
        """
        if access.rules is None:
            return True
        if access.rows(self._table, "read") is not None:
            return False
        answer = Shape(fields=shape.fields, deep=shape.deep)
        if self.guarded(access, action):
            return False
        return not _is_conditional(self.read(answer, access).plan.selection)

    # -- writing --------------------------------------------------------------------------------

    def _insert(
        self,
        columns: tuple[str, ...],
        fields: Fields,
        deep: tuple[Deep, ...],
        access: Access,
    ) -> Write:
        selection = self._selection(fields, deep, access)
        insert = Insert(self._table, self._columns(columns), selection=selection)
        return self._database.insert(insert)

    def insert_only(self, columns: tuple[str, ...]) -> Write:
        """Make the insert that gives nothing back."""
        return self._database.insert(Insert(self._table, self._columns(columns)))

    def upsert(self, columns: tuple[str, ...], key: tuple[str, ...], kept: frozenset[str]) -> Write:
        """Make the insert that updates the record with the same key instead, if there is one."""
        insert = Insert(self._table, self._columns(columns), conflict=key, kept=kept)
        return self._database.insert(insert)

    def _update(
        self,
        columns: tuple[str, ...],
        added: frozenset[str],
        fields: Fields,
        deep: tuple[Deep, ...],
        access: Access,
    ) -> Write:
        selection = None if fields == NOTHING else self._selection(fields, deep, access)
        update = Update(
            self._table,
            self._columns(columns),
            where=key_equals(self._table),
            slots=(self.key_slot,),
            added=added,
            selection=selection,
        )
        return self._database.update(update)

    def _update_met(
        self, columns: tuple[str, ...], added: frozenset[str], where: Filter, access: Access
    ) -> tuple[Write, Plan]:
        """Make the update of all records that meet a filter, and the Plan that binds its values."""
        made = self.plan(Shape(where=where, fields=(self._table.primary.name,)), access)
        update = Update(
            self._table,
            self._columns(columns),
            where=made.where or All(()),
            slots=made.slots,
            added=added,
        )
        return self._database.update(update), made

    def _delete_met(self, where: Filter, access: Access) -> tuple[Write, Plan]:
        made = self.plan(Shape(where=where, fields=(self._table.primary.name,)), access)
        return self._database.delete(Delete(self._table, made.where or All(()), made.slots)), made

    # -- relations that are stored elsewhere ----------------------------------------------------

    def _links(self, name: str) -> LinkWrites:
        relation = self._table.relations[name]
        target = self._snapshot.tables[relation.target]
        if relation.junction is None:
            return self._foreign_key_writes(relation, target)
        table = junction_as_table(relation.junction, self._table.key, target.key)
        source, other = (stored(column) for column in table.columns.values())
        unlink = Delete(table, Comparison(source, Operator.IN, 0), (_slot(source, Operator.IN),))
        return LinkWrites(
            self._database.delete(unlink), self._database.insert(Insert(table, (source, other)))
        )

    def _foreign_key_writes(self, relation: Relation, target: Table) -> LinkWrites:
        key = key_of_inverse(relation, self._table)
        columns = (key, *touched_columns(target))
        mine = Comparison(key, Operator.IN, 0)
        others = Not(Comparison(target.key, Operator.IN, 1))
        detach = Update(
            target,
            columns,
            where=All((mine, others)),
            slots=(_slot(key, Operator.IN), _slot(target.key, Operator.IN)),
        )
        attach = Update(
            target, columns, where=key_equals(target), slots=(_slot(target.key, Operator.EQ),)
        )
        return LinkWrites(self._database.update(detach), self._database.update(attach))


def _slot(column: StoredColumn, operator: Operator) -> Slot:
    return Slot(column.name, column.type, operator, _as_is)


def _as_is(value: Any) -> Any:
    return value


def _is_conditional(selection: Selection) -> bool:
    """Say whether what a selection shows depends on conditions."""
    for one in selection:
        if isinstance(one, SelectedColumn):
            conditional = one.visible is not None
        else:
            visible = one.visible if isinstance(one, SelectedOne) else None
            conditional = one.where is not None or visible is not None
            conditional = conditional or _is_conditional(one.selection)
        if conditional:
            return True
    return False


def touched_columns(table: Table) -> tuple[StoredColumn, ...]:
    """Give the column that the time of a change goes into, if the table has one."""
    if "updatedAt" not in table.timestamps:
        return ()
    return (stored(table.columns["updatedAt"]),)


def both(first: Filter | None, second: Filter) -> Filter:
    """Give the condition that two conditions hold."""
    return second if first is None else Every((first, second))


def key_of_inverse(relation: Relation, source: Table) -> StoredColumn:
    """Give the foreign key, on the target, of a relation that the target owns."""
    if relation.foreign_key is None:
        raise ValueError(f"'{relation.name}' is stored nowhere")
    return StoredColumn(
        relation.foreign_key, source.key.type, source.key.options, source.key.native
    )


__all__ = ["INTERNAL", "LinkWrites", "NOTHING", "Statements", "key_of_inverse"]
