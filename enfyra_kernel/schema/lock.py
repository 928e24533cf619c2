"""The schema lock: one writer at a time, on every instance, without any other service.

It is a lease with a fence. Who holds it renews it; who stops renewing it (a crash, a long pause)
loses it when it runs out, and the fence, which grows with each holder, keeps the loser from
committing anything afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import msgspec

from ..background import end
from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.definitions import TableDefinition
from ..metadata.system import LOCK_TABLE
from ..metadata.tables import Table, resolve, stored
from ..query.ast import Operator
from ..query.commands import Insert, Update, key_equals
from ..query.plan import All, Comparison, Plan, Predicate, Slot
from ..query.selection import SelectedColumn
from ..storage.database import ConstraintViolation, Database, Read, Session

_log = get_logger("schema")

LEASE = 30.0
RENEWAL = 10.0
POLL = 0.1
ROW = 1


class LockRow(msgspec.Struct, frozen=True, rename="camel"):
    """The lock as it is."""

    id: int
    owner: str | None
    fence: int
    lease_until: float
    version: int
    system: str | None


class Lease:
    """The right to change the schema, for as long as it is renewed."""

    def __init__(self, lock: SchemaLock, fence: int) -> None:
        self._lock = lock
        self.fence = fence
        # What the change that was committed under it made of the definitions.
        self.version = 0

    async def commit_version(self, session: Session, *, system: str | None = None) -> None:
        """Count the version up, in the transaction of a change that this lease covers.

        Raises:
            EnfyraError: SCHEMA_LOCKED when the lease has been lost; nothing may be committed then.
        """
        version = await self._lock.advance(session, fence=self.fence, system=system)
        if version is None:
            raise EnfyraError(
                "SCHEMA_LOCKED", "The change took too long and somebody else holds the schema lock"
            )
        self.version = version


class SchemaLock:
    """The one row that all instances agree on.

    Args:
        owner: Who holds the lock, for people who look at the row.
        patience: Seconds to wait for another holder.
    """

    def __init__(self, database: Database, clock: Clock, *, owner: str, patience: float) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._patience = patience
        self._local = asyncio.Lock()
        self.table = _lock_table(LOCK_TABLE)

    # -- statements -----------------------------------------------------------------------------

    def _slot(self, name: str) -> Slot:
        column = self.table.columns[name]
        return Slot(name, column.type, Operator.EQ, lambda value: value)

    async def row(self, session: Session | None = None, *, locked: bool = False) -> LockRow:
        """Read the lock.

        Args:
            locked: Whether nobody can take it, or change definitions, until the transaction ends.
        """
        rows = await self._rows(session, locked=locked)
        if not rows:
            raise EnfyraError("DATABASE_ERROR", "The schema lock is gone from the database")
        return rows[0]

    async def _rows(self, session: Session | None = None, *, locked: bool = False) -> list[LockRow]:
        reader = session if session is not None else self._database
        page = await reader.find(self._locking if locked else self._read, (ROW,), 1)
        return msgspec.json.decode(page.rows, type=list[LockRow])

    @cached_property
    def _read(self) -> Read:
        plan = Plan(
            table=self.table,
            selection=tuple(
                SelectedColumn(name, column) for name, column in self.table.columns.items()
            ),
            where=key_equals(self.table),
            order=(),
            slots=(self._slot("id"),),
        )
        return self._database.read(plan)

    @cached_property
    def _locking(self) -> Read:
        return self._database.read(replace(self._read.plan, locked=True))

    async def _update(
        self,
        session: Session,
        values: dict[str, Any],
        conditions: dict[str, Any],
        *,
        added: frozenset[str] = frozenset(),
    ) -> int:
        columns = self.table.columns
        named = {"id": ROW, **conditions}
        parts: tuple[Predicate, ...] = tuple(
            Comparison(stored(columns[name]), Operator.EQ, slot) for slot, name in enumerate(named)
        )
        update = Update(
            table=self.table,
            columns=tuple(stored(columns[name]) for name in values),
            where=All(parts),
            slots=tuple(self._slot(name) for name in named),
            added=added,
        )
        count, _ = await session.write(
            self._database.update(update), (*values.values(), *named.values())
        )
        return count

    async def advance(
        self, session: Session, *, fence: int | None = None, system: str | None = None
    ) -> int | None:
        """Count the version of the definitions up; give it, or None if the fence is another one."""
        values: dict[str, Any] = {"version": 1}
        if system is not None:
            values["system"] = system
        conditions = {} if fence is None else {"fence": fence}
        if not await self._update(session, values, conditions, added=frozenset({"version"})):
            return None
        # Nobody else can change the row before the transaction ends.
        return (await self.row(session)).version

    async def ensure_row(self) -> None:
        """Put the row in place, if it is not there."""
        if await self._rows():
            return
        insert = Insert(self.table, tuple(stored(one) for one in self.table.columns.values()))
        with suppress(ConstraintViolation):
            await self._database.write(self._database.insert(insert), (ROW, None, 0, 0.0, 0, None))

    # -- holding --------------------------------------------------------------------------------

    @asynccontextmanager
    async def hold(self, *, patience: float | None = None) -> AsyncGenerator[Lease, None]:
        """Hold the lock in a block.

        Args:
            patience: Seconds to wait for another holder, if not as long as usual.

        Raises:
            EnfyraError: SCHEMA_LOCKED when somebody else does not let go of it in time.
        """
        waiting = self._patience if patience is None else patience
        deadline = self._clock.monotonic() + waiting
        await self._enter(deadline)
        try:
            lease = await self._acquire(deadline)
            renewal = asyncio.ensure_future(self._renew(lease))
            try:
                yield lease
            finally:
                await end(renewal)
                await self._release(lease)
        finally:
            self._local.release()

    async def _enter(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(max(deadline - self._clock.monotonic(), 0.001)):
                await self._local.acquire()
        except TimeoutError:
            raise EnfyraError("SCHEMA_LOCKED") from None

    async def _acquire(self, deadline: float) -> Lease:
        while True:
            row = await self.row()
            now = self._clock.now().timestamp()
            if row.lease_until <= now:
                fence = row.fence + 1
                values = {"owner": self._owner, "fence": fence, "leaseUntil": now + LEASE}
                if await self._update(self._database, values, {"fence": row.fence}):
                    return Lease(self, fence)
            elif self._clock.monotonic() >= deadline:
                raise EnfyraError("SCHEMA_LOCKED", details={"owner": row.owner})
            await asyncio.sleep(POLL)

    async def _renew(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(RENEWAL)
            until = self._clock.now().timestamp() + LEASE
            try:
                await self._update(self._database, {"leaseUntil": until}, {"fence": lease.fence})
            except EnfyraError as error:
                _log.warning("the schema lock was not renewed", extra={"reason": str(error)})

    async def _release(self, lease: Lease) -> None:
        try:
            await self._update(
                self._database, {"owner": None, "leaseUntil": 0.0}, {"fence": lease.fence}
            )
        except EnfyraError as error:
            # It runs out by itself.
            _log.warning("the schema lock was not released", extra={"reason": str(error)})


def _lock_table(definition: TableDefinition) -> Table:
    return resolve(definition, lambda _: definition, _no_relation, {})


def _no_relation(id_: int) -> Any:
    raise KeyError(id_)
