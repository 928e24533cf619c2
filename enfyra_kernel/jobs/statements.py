"""Statements on the table of jobs, each one conditional step; made once for each of their forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..clock import Clock
from ..metadata.tables import Table, stored
from ..query.ast import (
    Compare,
    Every,
    Figure,
    Function,
    Grouping,
    Measure,
    Operator,
    Query,
    Shape,
    SortKey,
)
from ..query.commands import Delete, Insert, Update
from ..query.plan import INTERNAL, All, Comparison, Slot
from ..records.records import Records
from ..storage.database import Session, Write
from ..storage.replicated.reader import Reader, reading

TABLE = "job_definition"
# Rows that one look at them brings.
MANY = 100

# A condition: a column, how it is compared, with what.
Condition = tuple[str, Operator, Any]


class _Prepared(NamedTuple):
    table: Table
    writes: dict[Any, Write]


class Statements:
    """Runs statements on the table of jobs."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._kept: _Prepared | None = None

    def _prepared(self) -> _Prepared:
        table = self._records.of(TABLE).table
        if self._kept is None or self._kept.table is not table:
            self._kept = _Prepared(table, {})
        return self._kept

    # -- writing --------------------------------------------------------------------------------

    async def insert(
        self,
        values: Mapping[str, Any],
        session: Session | None = None,
        *,
        unless_there: tuple[str, ...] = (),
    ) -> None:
        """Insert a row.

        Args:
            unless_there: Columns: where a row has the same in them, nothing is done.

        Raises:
            ConstraintViolation: Another row has the same in other columns.
        """
        table, writes = self._prepared()
        values = {**values, "updatedAt": self._clock.now()}
        names = tuple(values)
        key = ("insert", unless_there, *names)
        write = writes.get(key)
        if write is None:
            columns = tuple(stored(table.columns[name]) for name in names)
            kept: frozenset[str] = frozenset(names) if unless_there else frozenset()
            insert = Insert(table, columns, conflict=unless_there, kept=kept)
            write = writes[key] = self._records.database.insert(insert)
        await (session or self._records.database).write(write, tuple(values.values()))

    async def update(
        self,
        values: Mapping[str, Any],
        *conditions: Condition,
        added: frozenset[str] = frozenset(),
    ) -> int:
        """Set columns of the rows that meet all conditions; give how many those are."""
        table, writes = self._prepared()
        values = {**values, "updatedAt": self._clock.now()}
        key = ("update", *values, added, *_forms(conditions))
        write = writes.get(key)
        if write is None:
            where, slots = _where(table, conditions)
            columns = tuple(stored(table.columns[name]) for name in values)
            update = Update(table, columns, where, slots, added)
            write = writes[key] = self._records.database.update(update)
        given = (*values.values(), *(value for _, _, value in conditions))
        count, _ = await self._records.database.write(write, given)
        return count

    async def delete(self, *conditions: Condition) -> int:
        """Delete the rows that meet all conditions; give how many those were."""
        table, writes = self._prepared()
        key = ("delete", *_forms(conditions))
        write = writes.get(key)
        if write is None:
            delete = Delete(table, *_where(table, conditions))
            write = writes[key] = self._records.database.delete(delete)
        given = [value for _, _, value in conditions]
        count, _ = await self._records.database.write(write, given)
        return count

    # -- reading --------------------------------------------------------------------------------

    async def find(
        self,
        fields: tuple[str, ...],
        *conditions: Condition,
        sort: tuple[str, ...] = (),
        descending: bool = False,
        limit: int = MANY,
        session: Session | None = None,
    ) -> bytes:
        """Give the rows that meet all conditions, as JSON."""
        query = Query(
            shape=Shape(
                where=_filter(conditions),
                fields=fields,
                sort=tuple(SortKey((name,), descending) for name in sort),
            ),
            values=tuple(value for _, _, value in conditions),
            limit=limit,
        )
        return await self._read(query, session)

    async def count(self, by: tuple[str, ...], *conditions: Condition) -> bytes:
        """Give how many rows meet all conditions (`n`), for each value of some columns."""
        figures = (Measure("n", Figure(Function.COUNT)),)
        grouping = Grouping(tuple((name,) for name in by), figures)
        query = Query(
            shape=Shape(where=_filter(conditions), grouping=grouping),
            values=tuple(value for _, _, value in conditions),
            limit=0,
        )
        return await self._read(query, None)

    async def _read(self, query: Query, session: Session | None) -> bytes:
        # A replica may not have heard yet of what was claimed.
        with reading(Reader(fresh=True)):
            return (await self._records.of(TABLE).find(query, INTERNAL, session)).rows


def _forms(conditions: Sequence[Condition]) -> list[tuple[str, Operator]]:
    return [(name, operator) for name, operator, _ in conditions]


def _filter(conditions: Sequence[Condition]) -> Every | None:
    if not conditions:
        return None
    return Every(tuple(Compare(name, how, n) for n, (name, how, _) in enumerate(conditions)))


def _where(table: Table, conditions: Sequence[Condition]) -> tuple[All, tuple[Slot, ...]]:
    compared = [(stored(table.columns[name]), operator) for name, operator, _ in conditions]
    parts = tuple(
        Comparison(column, operator, slot) for slot, (column, operator) in enumerate(compared)
    )
    slots = tuple(Slot(column.name, column.type, operator, str) for column, operator in compared)
    return All(parts), slots
