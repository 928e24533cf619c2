"""The rows of jobs: put in, claimed, renewed, finished, pruned, each in one conditional step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ..clock import Clock
from ..errors import EnfyraError
from ..metadata.uuid7 import new_uuid
from ..query.ast import Operator
from ..records.records import Records
from ..storage.database import ConstraintViolation, Session
from .queue import Counts, Order
from .statements import MANY, Condition, Statements

OUTGOING, WAITING, ACTIVE = "outgoing", "waiting", "active"
COMPLETED, FAILED = "completed", "failed"
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


class JobRows:
    """Reads and writes the rows of jobs."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._statements = Statements(records, clock)
        self._clock = clock

    # -- putting in -----------------------------------------------------------------------------

    async def add(
        self,
        order: Order,
        due: datetime,
        state: str,
        session: Session | None = None,
        *,
        id_: str | None = None,
    ) -> JobRow | None:
        """Put a job in, unless one of its id has not finished: then give None."""
        now = self._clock.now()
        row = JobRow(
            id=id_ or new_uuid(),
            name=order.name,
            state=state,
            job_id=order.job_id,
            data=order.data,
            attempts=order.attempts,
            attempts_made=0,
            fence=0,
            due_at=due,
            created_at=now,
        )
        dedupe = dedupe_of(order.name, order.job_id)
        if dedupe is not None and await self._is_taken(dedupe, session):
            return None
        values = {name: getattr(row, field) for name, field in _COLUMNS.items()}
        # An error would be the end of the transaction that this may be part of.
        unless_there = ("dedupe",) if dedupe is not None else ()
        try:
            await self._statements.insert(
                {**values, "dedupe": dedupe}, session, unless_there=unless_there
            )
        except ConstraintViolation as violation:
            if session is None and violation.kind == "unique":
                return None
            raise EnfyraError(
                "CONFLICT", f"A job '{order.name}' with that id is being put in by somebody else"
            ) from None
        if dedupe is not None and await self.one(row.id, session) is None:
            return None
        return row

    async def _is_taken(self, dedupe: str, session: Session | None) -> bool:
        found = await self._statements.find(
            ("id",), ("dedupe", _EQ, dedupe), limit=1, session=session
        )
        return found != b"[]"

    async def one(self, id_: str, session: Session | None = None) -> JobRow | None:
        """Give a job by its id."""
        found = await self._statements.find(_FIELDS, ("id", _EQ, id_), limit=1, session=session)
        rows = msgspec.json.decode(found, type=list[JobRow])
        return rows[0] if rows else None

    async def existing(self, id_: str) -> JobRow:
        """Give a job by its id.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        row = await self.one(id_) if is_job_id(id_) else None
        if row is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no job with the id {id_[:80]}")
        return row

    # -- running --------------------------------------------------------------------------------

    async def waiting(self, names: Sequence[str], limit: int) -> list[Due]:
        """Give the jobs of some names that wait, the first one due at the front."""
        found = await self._statements.find(
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
        taken = await self._statements.update(
            values,
            ("state", _EQ, WAITING),
            ("id", _IN, list(ids)),
            added=frozenset({"fence", "attemptsMade"}),
        )
        if not taken:
            return []
        found = await self._statements.find(
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
        return await self._statements.update(
            {"leaseUntil": until}, ("state", _EQ, ACTIVE), ("owner", _EQ, owner)
        )

    async def owned(self, owner: str) -> list[JobRow]:
        """Give the jobs that somebody runs."""
        found = await self._statements.find(
            _FIELDS, ("state", _EQ, ACTIVE), ("owner", _EQ, owner), limit=_MOST
        )
        return msgspec.json.decode(found, type=list[JobRow])

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
        return await self._statements.update(values, *_held(row)) == 1

    async def stalled(self) -> list[JobRow]:
        """Give jobs whose lease has run out."""
        found = await self._statements.find(
            _FIELDS, ("state", _EQ, ACTIVE), ("leaseUntil", _LT, self._clock.now())
        )
        return msgspec.json.decode(found, type=list[JobRow])

    async def take_from_stalled(self, row: JobRow, *, failed: str | None) -> bool:
        """Let a job whose lease has run out wait again, or fail, unless it was renewed."""
        values: dict[str, Any] = {"owner": None, "leaseUntil": None, "state": WAITING}
        if failed is not None:
            values |= {"state": FAILED, "lastError": failed, **self._ended()}
        still = ("leaseUntil", _LT, self._clock.now())
        return await self._statements.update(values, *_held(row), still) == 1

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
            return (
                await self._statements.update(values, ("id", _EQ, row.id), ("state", _EQ, FAILED))
                == 1
            )
        except ConstraintViolation:
            raise EnfyraError(
                "CONFLICT", f"Another job '{row.name}' with the id '{row.job_id}' is in the queue"
            ) from None

    async def remove(self, row: JobRow) -> bool:
        """Remove a job; False if it is in another state meanwhile."""
        return await self._statements.delete(*_is(row, row.state)) == 1

    async def prune(self, name: str, state: str, keep: int) -> None:
        """Remove the oldest finished jobs of a name, beyond those that are kept."""
        found = await self._statements.find(
            ("id",),
            ("name", _EQ, name),
            ("state", _EQ, state),
            sort=("finishedAt", "id"),
            descending=True,
            limit=keep + MANY,
        )
        ids = [one["id"] for one in msgspec.json.decode(found)][keep:]
        if ids:
            await self._statements.delete(("state", _EQ, state), ("id", _IN, ids))

    async def outgoing(self) -> list[JobRow]:
        """Give jobs that wait to be sent to another queue, the first one at the front."""
        found = await self._statements.find(
            _FIELDS, ("state", _EQ, OUTGOING), sort=("createdAt", "id")
        )
        return msgspec.json.decode(found, type=list[JobRow])

    async def outgoing_counts(self) -> dict[str, Counts]:
        """Give how many jobs of each name wait to be sent to another queue."""
        found = await self._statements.count(("name",), ("state", _EQ, OUTGOING))
        return {one.name: Counts(waiting=one.n) for one in _counted(found)}

    async def counts(self) -> dict[str, Counts]:
        """Give how many jobs there are of each name, by state."""
        everything = _counted(await self._statements.count(("name", "state")))
        later = ("dueAt", _GT, self._clock.now())
        delayed = {
            one.name: one.n
            for one in _counted(
                await self._statements.count(("name",), ("state", _EQ, WAITING), later)
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


_COLUMNS = {
    "id": "id", "name": "name", "state": "state", "jobId": "job_id", "data": "data",
    "attempts": "attempts", "attemptsMade": "attempts_made", "fence": "fence", "dueAt": "due_at",
    "createdAt": "created_at",
}  # fmt: skip


def _counted(rows: bytes) -> list[_Counted]:
    return msgspec.json.decode(rows, type=list[_Counted])


def _is(row: JobRow, state: str) -> tuple[Condition, ...]:
    return ("id", _EQ, row.id), ("state", _EQ, state)


def _held(row: JobRow) -> tuple[Condition, ...]:
    """Give the conditions that nobody else has taken a job."""
    return ("id", _EQ, row.id), ("fence", _EQ, row.fence), ("state", _EQ, ACTIVE)


def is_job_id(text: str) -> bool:
    """Say whether a text can be the id of a row."""
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
