"""The rows of jobs that have failed in a queue elsewhere: they can be listed like others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from ..clock import Clock
from ..query.ast import Operator
from ..records.records import Records
from ..storage.database import ConstraintViolation
from .rows import FAILED
from .statements import Statements

_EQ = Operator.EQ
_MOST = 1000


class Dead(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has failed.

    Attributes:
        queue_id: Its id in its queue.
    """

    queue_id: str
    job_id: str | None
    data: Any
    attempts: int
    attempts_made: int
    error: str
    created_at: datetime
    finished_at: datetime


class DeadRow(msgspec.Struct, frozen=True, rename="camel"):
    """The row of a job that has failed.

    Attributes:
        queue_id: None where it failed in the database.
    """

    id: str
    name: str
    state: str
    job_id: str | None
    data: Any
    attempts: int
    queue_id: str | None


_FIELDS = ("id", "name", "state", "jobId", "data", "attempts", "queueId")


class DeadLetters:
    """Keeps rows of jobs that have failed elsewhere."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._statements = Statements(records, clock)

    async def follow(self, name: str, dead: Sequence[Dead]) -> None:
        """Make the rows of a name be those of the jobs that have failed now."""
        wanted = {_row_id(name, one.queue_id): one for one in dead}
        found = await self._statements.find(
            _FIELDS, ("name", _EQ, name), ("state", _EQ, FAILED), limit=_MOST
        )
        there = {
            row.id
            for row in msgspec.json.decode(found, type=list[DeadRow])
            if row.queue_id is not None
        }
        for id_, one in wanted.items():
            if id_ not in there:
                # Another instance may have been faster.
                with suppress(ConstraintViolation):
                    await self._statements.insert(_values(id_, name, one))
        gone = sorted(there - wanted.keys())
        if gone:
            await self._statements.delete(("state", _EQ, FAILED), ("id", Operator.IN, gone))

    async def one(self, id_: str) -> DeadRow | None:
        """Give a row by its id."""
        found = await self._statements.find(_FIELDS, ("id", _EQ, id_), limit=1)
        rows = msgspec.json.decode(found, type=list[DeadRow])
        return rows[0] if rows else None

    async def delete(self, row: DeadRow) -> None:
        """Delete a row."""
        await self._statements.delete(("id", _EQ, row.id))


def _row_id(name: str, queue_id: str) -> str:
    """Give the id of a row: the same on all instances."""
    return str(uuid5(NAMESPACE_OID, f"{name} {queue_id}"))


def _values(id_: str, name: str, dead: Dead) -> dict[str, Any]:
    return {
        "id": id_, "name": name, "state": FAILED, "jobId": dead.job_id, "data": dead.data,
        "attempts": dead.attempts, "attemptsMade": dead.attempts_made, "fence": 0,
        "lastError": dead.error, "queueId": dead.queue_id, "dueAt": dead.created_at,
        "createdAt": dead.created_at, "finishedAt": dead.finished_at,
    }  # fmt: skip
