"""The rows of jobs: put in, claimed, renewed, finished, pruned, each in one conditional step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from ..clock import Clock
from ..errors import EnfyraError
from ..metadata.tables import Table, stored
from ..metadata.uuid7 import new_uuid
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
from ..storage.database import ConstraintViolation, Database, Session, Write
from ..storage.replicated.reader import Reader, reading
from .queue import Counts, Order

TABLE = "job_definition"
OUTGOING, WAITING, ACTIVE = "outgoing", "waiting", "active"
COMPLETED, FAILED = "completed", "failed"
# Rows that one look at them brings.
MANY = 100

# A condition: a column, how it is compared, with what.
Condition = tuple[str, Operator, Any]
_EQ, _IN, _LT, _LTE, _GT = Operator.EQ, Operator.IN, Operator.LT, Operator.LTE, Operator.GT
_MOST = 10_000


class JobRow(msgspec.Struct, frozen=True, rename="camel"):
    """A job as it is stored."""

    id: str
    name: str
    state: str
    job_id: str | None
    data: Any
    attempts: int
    attempts_made: int
    fence: int
    due_at: datetime
    created_at: datetime


_FIELDS = (
    "id", "name", "state", "jobId", "data", "attempts", "attemptsMade", "fence", "dueAt",
    "createdAt",
)  # fmt: skip


class Due(msgspec.Struct, frozen=True, rename="camel"):
    """A job that waits."""

    id: str
    name: str
    due_at: datetime


class _Counted(msgspec.Struct, frozen=True):
    name: str
    n: int
    state: str = WAITING


class _Prepared(NamedTuple):
    table: Table
    writes: dict[Any, Write]


class JobRows:
    """Reads and writes the rows of jobs."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._kept: _Prepared | None = None

    # -- statements -----------------------------------------------------------------------------

    @property
    def _database(self) -> Database:
        return self._records.database

    def _prepared(self) -> _Prepared:
        table = self._records.of(TABLE).table
        if self._kept is None or self._kept.table is not table:
            self._kept = _Prepared(table, {})
        return self._kept

    def _where(self, table: Table, conditions: Sequence[Condition]) -> tuple[All, tuple[Slot, ...]]:
        columns = [stored(table.columns[name]) for name, _, _ in conditions]
        operators = [operator for _, operator, _ in conditions]
        parts = tuple(
            Comparison(column, operator, slot)
            for slot, (column, operator) in enumerate(zip(columns, operators, strict=True))
        )
        slots = tuple(
            Slot(column.name, column.type, operator, str)
            for column, operator in zip(columns, operators, strict=True)
        )
        return All(parts), slots

    async def _update(
        self,
        values: Mapping[str, Any],
        *conditions: Condition,
        added: frozenset[str] = frozenset(),
    ) -> int:
        """Set columns of the rows that meet all conditions; give how many those are."""
        table, writes = self._prepared()
        values = {**values, "updatedAt": self._clock.now()}
        key = ("update", *values, added, *((name, how) for name, how, _ in conditions))
        write = writes.get(key)
        if write is None:
            where, slots = self._where(table, conditions)
            columns = tuple(stored(table.columns[name]) for name in values)
            update = Update(table, columns, where, slots, added)
            write = writes[key] = self._database.update(update)
        given = (*values.values(), *(value for _, _, value in conditions))
        count, _ = await self._database.write(write, given)
        return count

    async def _delete(self, *conditions: Condition) -> int:
        table, writes = self._prepared()
        key = ("delete", *((name, how) for name, how, _ in conditions))
        write = writes.get(key)
        if write is None:
            write = writes[key] = self._database.delete(
                Delete(table, *self._where(table, conditions))
            )
        count, _ = await self._database.write(write, [value for _, _, value in conditions])
        return count

    async def _find(
        self,
        fields: tuple[str, ...],
        *conditions: Condition,
        sort: tuple[str, ...] = (),
        descending: bool = False,
        limit: int = MANY,
        page: int = 1,
        session: Session | None = None,
    ) -> bytes:
        where = Every(tuple(Compare(name, how, n) for n, (name, how, _) in enumerate(conditions)))
        order = tuple(SortKey((name,), descending) for name in sort)
        query = Query(
            shape=Shape(where=where, fields=fields, sort=order),
            values=tuple(value for _, _, value in conditions),
            limit=limit,
            page=page,
        )
        # A replica may not have heard yet of what was claimed.
        with reading(Reader(fresh=True)):
            return (await self._records.of(TABLE).find(query, INTERNAL, session)).rows

    # -- putting in -----------------------------------------------------------------------------

    async def add(
        self, order: Order, due: datetime, state: str, session: Session | None = None
    ) -> JobRow | None:
        """Put a job in, unless one of its id has not finished: then give None."""
        now = self._clock.now()
        row = JobRow(
            id=new_uuid(), name=order.name, state=state, job_id=order.job_id, data=order.data,
            attempts=order.attempts, attempts_made=0, fence=0, due_at=due, created_at=now,
        )  # fmt: skip
        dedupe = dedupe_of(order.name, order.job_id)
        if dedupe is not None and await self._is_taken(dedupe, session):
            return None
        values = {
            **{name: getattr(row, field) for name, field in _COLUMNS.items()},
            "dedupe": dedupe,
            "updatedAt": now,
        }
        try:
            await (session or self._database).write(
                self._insert(tuple(values), unless_there=dedupe is not None), tuple(values.values())
            )
        except ConstraintViolation:
            if session is None:
                return None
            raise EnfyraError(
                "CONFLICT", f"A job '{order.name}' with that id is being put in by somebody else"
            ) from None
        if dedupe is not None and await self.one(row.id, session) is None:
            return None
        return row

    def _insert(self, names: tuple[str, ...], *, unless_there: bool) -> Write:
        table, writes = self._prepared()
        key = ("insert", unless_there)
        write = writes.get(key)
        if write is None:
            columns = tuple(stored(table.columns[name]) for name in names)
            # An error would be the end of the transaction that this may be part of.
            insert = Insert(table, columns)
            if unless_there:
                insert = replace(insert, conflict=("dedupe",), kept=frozenset(names))
            write = writes[key] = self._database.insert(insert)
        return write

    async def _is_taken(self, dedupe: str, session: Session | None) -> bool:
        found = await self._find(("id",), ("dedupe", _EQ, dedupe), limit=1, session=session)
        return found != b"[]"

    async def one(self, id_: str, session: Session | None = None) -> JobRow | None:
        """Give a job by its id."""
        found = await self._find(_FIELDS, ("id", _EQ, id_), limit=1, session=session)
        rows = msgspec.json.decode(found, type=list[JobRow])
        return rows[0] if rows else None

    async def existing(self, id_: str) -> JobRow:
        """Give a job by its id.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        row = await self.one(id_) if _is_id(id_) else None
        if row is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no job with the id {id_[:80]}")
        return row

    # -- running --------------------------------------------------------------------------------

    async def waiting(self, names: Sequence[str], limit: int) -> list[Due]:
        """Give the jobs of some names that wait, the first one due at the front."""
        found = await self._find(
            ("id", "name", "dueAt"),
            ("state", _EQ, WAITING),
            ("name", _IN, list(names)),
            sort=("dueAt", "id"),
            limit=limit,
        )
        return msgspec.json.decode(found, type=list[Due])

    async def claim(self, ids: Sequence[str], owner: str, until: datetime) -> list[JobRow]:
        """Take those jobs that still wait; give those that were got, each with its new fence."""
        values = {
            "state": ACTIVE, "owner": owner, "fence": 1, "attemptsMade": 1, "leaseUntil": until,
            "startedAt": self._clock.now(),
        }  # fmt: skip
        taken = await self._update(
            values,
            ("state", _EQ, WAITING),
            ("id", _IN, list(ids)),
            added=frozenset({"fence", "attemptsMade"}),
        )
        if not taken:
            return []
        found = await self._find(
            _FIELDS,
            ("id", _IN, list(ids)),
            ("owner", _EQ, owner),
            ("state", _EQ, ACTIVE),
            sort=("dueAt", "id"),
            limit=len(ids),
        )
        return msgspec.json.decode(found, type=list[JobRow])

    async def renew(self, owner: str, until: datetime) -> int:
        """Prolong the leases of all jobs that somebody runs; give how many those are."""
        return await self._update(
            {"leaseUntil": until}, ("state", _EQ, ACTIVE), ("owner", _EQ, owner)
        )

    async def owned(self, owner: str) -> set[tuple[str, int]]:
        """Give the ids and fences of the jobs that somebody runs."""
        found = await self._find(
            _FIELDS, ("state", _EQ, ACTIVE), ("owner", _EQ, owner), limit=_MOST
        )
        rows = msgspec.json.decode(found, type=list[JobRow])
        return {(row.id, row.fence) for row in rows}

    async def complete(self, row: JobRow, result: Any) -> bool:
        """Note that a job is done; False if it has been taken over."""
        return await self._leave(row, {"state": COMPLETED, "result": result, **self._ended()})

    async def fail(self, row: JobRow, error: str) -> bool:
        """Note that a job has failed for good; False if it has been taken over."""
        return await self._leave(row, {"state": FAILED, "lastError": error, **self._ended()})

    async def wait_again(self, row: JobRow, due: datetime, error: str) -> bool:
        """Let a job wait for its next attempt; False if it has been taken over."""
        return await self._leave(row, {"state": WAITING, "dueAt": due, "lastError": error})

    async def give_back(self, row: JobRow) -> bool:
        """Let a job wait as if it had not been begun; False if it has been taken over."""
        made = row.attempts_made - 1
        return await self._leave(row, {"state": WAITING, "attemptsMade": made})

    def _ended(self) -> dict[str, Any]:
        return {"finishedAt": self._clock.now(), "dedupe": None}

    async def _leave(self, row: JobRow, values: dict[str, Any]) -> bool:
        values |= {"owner": None, "leaseUntil": None}
        return await self._update(values, *_held(row)) == 1

    async def stalled(self) -> list[JobRow]:
        """Give jobs whose lease has run out."""
        found = await self._find(
            _FIELDS, ("state", _EQ, ACTIVE), ("leaseUntil", _LT, self._clock.now())
        )
        return msgspec.json.decode(found, type=list[JobRow])

    async def take_from_stalled(self, row: JobRow, *, failed: str | None) -> bool:
        """Let a job whose lease has run out wait again, or fail, unless it was renewed."""
        values: dict[str, Any] = {"owner": None, "leaseUntil": None, "state": WAITING}
        if failed is not None:
            values |= {"state": FAILED, "lastError": failed, **self._ended()}
        still = ("leaseUntil", _LT, self._clock.now())
        return await self._update(values, *_held(row), still) == 1

    # -- operators ------------------------------------------------------------------------------

    async def retry(self, row: JobRow, state: str) -> bool:
        """Let a failed job wait again; False if it is no longer failed.

        Raises:
            EnfyraError: CONFLICT if another job of its id has not finished.
        """
        values = {
            "state": state, "attemptsMade": 0, "dueAt": self._clock.now(), "finishedAt": None,
            "dedupe": dedupe_of(row.name, row.job_id),
        }  # fmt: skip
        try:
            return await self._update(values, ("id", _EQ, row.id), ("state", _EQ, FAILED)) == 1
        except ConstraintViolation:
            raise EnfyraError(
                "CONFLICT", f"Another job '{row.name}' with the id '{row.job_id}' is in the queue"
            ) from None

    async def remove(self, row: JobRow) -> bool:
        """Remove a job; False if it is in another state meanwhile."""
        return await self._delete(("id", _EQ, row.id), ("state", _EQ, row.state)) == 1

    async def prune(self, name: str, state: str, keep: int) -> None:
        """Remove the oldest finished jobs of a name, beyond those that are kept."""
        found = await self._find(
            ("id",),
            ("name", _EQ, name),
            ("state", _EQ, state),
            sort=("finishedAt", "id"),
            descending=True,
            limit=keep + MANY,
        )
        ids = [one["id"] for one in msgspec.json.decode(found)][keep:]
        if ids:
            await self._delete(("state", _EQ, state), ("id", _IN, ids))

    async def counts(self) -> dict[str, Counts]:
        """Give how many jobs there are of each name, by state."""
        everything = await self._counted(("name", "state"))
        delayed = {
            one.name: one.n
            for one in await self._counted(
                ("name",), ("state", _EQ, WAITING), ("dueAt", _GT, self._clock.now())
            )
        }
        found: dict[str, dict[str, int]] = {}
        for one in everything:
            # What is on its way into the queue waits as well.
            state = WAITING if one.state == OUTGOING else one.state
            counts = found.setdefault(one.name, {})
            counts[state] = counts.get(state, 0) + one.n
        for name, number in delayed.items():
            counts = found.setdefault(name, {})
            counts |= {"delayed": number, WAITING: max(counts.get(WAITING, 0) - number, 0)}
        return {name: Counts(**counts) for name, counts in sorted(found.items())}

    async def _counted(self, by: tuple[str, ...], *conditions: Condition) -> list[_Counted]:
        where = Every(tuple(Compare(name, how, n) for n, (name, how, _) in enumerate(conditions)))
        grouping = Grouping(tuple((name,) for name in by), (Measure("n", Figure(Function.COUNT)),))
        query = Query(
            shape=Shape(where=where if conditions else None, grouping=grouping),
            values=tuple(value for _, _, value in conditions),
            limit=0,
        )
        page = await self._records.of(TABLE).find(query, INTERNAL)
        return msgspec.json.decode(page.rows, type=list[_Counted])


_COLUMNS = {
    "id": "id", "name": "name", "state": "state", "jobId": "job_id", "data": "data",
    "attempts": "attempts", "attemptsMade": "attempts_made", "fence": "fence", "dueAt": "due_at",
    "createdAt": "created_at",
}  # fmt: skip


def _held(row: JobRow) -> tuple[Condition, ...]:
    """Give the conditions that nobody else has taken a job."""
    return ("id", _EQ, row.id), ("fence", _EQ, row.fence), ("state", _EQ, ACTIVE)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def dedupe_of(name: str, job_id: str | None) -> str | None:
    """Give what no two jobs share that are not finished.

    Example:
        >>> dedupe_of("mail", "order-7")
        'mail order-7'
    """
    return None if job_id is None else f"{name} {job_id}"
