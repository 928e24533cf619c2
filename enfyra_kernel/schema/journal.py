"""The journal: what a schema change has done so far, where the database cannot roll it back.

MariaDB and MySQL make each change of the schema final at once. So every change is written down
before it is made. A change that stops in the middle is taken back, step by step, until the moment
its definitions are committed; what loses data is done after that moment, and is finished later if
it was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..clock import Clock
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..metadata.uuid7 import new_uuid
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, plan
from ..storage.changes import Change
from ..storage.database import Database, Session
from .rows import SystemRows

TABLE = "schema_migration_definition"
RUNNING = "running"
COMMITTED = "committed"
COMPLETED = "completed"
ROLLED_BACK = "rolled_back"


class JournalEntry(msgspec.Struct, frozen=True, rename="camel"):
    """A change that was begun and not finished."""

    id: int
    table_name: str | None
    status: str
    steps: list[Change]
    progress: int


class Journal:
    """Reads and writes the rows of `schema_migration_definition`."""

    def __init__(self, database: Database, system: Snapshot, clock: Clock) -> None:
        self._database = database
        self._system = system
        self._clock = clock

    def _rows(self, session: Session | None) -> SystemRows:
        tables: dict[str, Table] = dict(self._system.tables)
        return SystemRows(self._database, session or self._database, tables, self._clock.now())

    async def begin(
        self,
        table_name: str,
        operation: str,
        steps: Sequence[Change],
        *,
        status: str = RUNNING,
        session: Session | None = None,
    ) -> int:
        """Write a change down; give the entry's id."""
        now = self._clock.now()
        row: dict[str, Any] = {
            "uuid": new_uuid(),
            "tableName": table_name,
            "operation": operation,
            "status": status,
            "steps": msgspec.to_builtins(list(steps)),
            "progress": len(steps) if status == COMPLETED else 0,
            "startedAt": now,
            "completedAt": now if status == COMPLETED else None,
        }
        return (await self._rows(session).insert(TABLE, [row]))[0]

    async def progress(self, entry: int, steps_made: int) -> None:
        """Note how many steps have been made."""
        await self._rows(None).update(TABLE, entry, {"progress": steps_made})

    async def mark(
        self, entry: int, status: str, *, error: str | None = None, session: Session | None = None
    ) -> None:
        """Note where a change stands."""
        facts: dict[str, Any] = {"status": status}
        if status in {COMPLETED, ROLLED_BACK}:
            facts["completedAt"] = self._clock.now()
        if error is not None:
            facts["errorMessage"] = error[:2000]
        await self._rows(session).update(TABLE, entry, facts)

    async def unfinished(self) -> list[JournalEntry]:
        """Give the changes that were interrupted, in the order in which they were begun."""
        query = parse(
            {
                "filter": {"status": {"_in": [RUNNING, COMMITTED]}},
                "fields": "id,tableName,status,steps,progress",
                "sort": "id",
            }
        )
        made = plan(query.shape, self._system.tables[TABLE], self._system, ADMINISTRATOR)
        page = await self._database.find(self._database.read(made), made.bind(query.values), -1)
        return msgspec.json.decode(page.rows, type=list[JournalEntry])
