"""Runs as rows: claimed once, written by their holder alone, and kept for a while.

Who holds a run has its fence. Each claim makes the fence larger, and every write names it: one who
was paused for longer than his lease finds that his writes meet no row, and stops.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from ..clock import Clock
from ..encoding import encode_json
from ..errors import DeadlockError, EnfyraError
from ..metadata.flows import FlowDefinition
from ..query.ast import Query
from ..query.parse import parse
from ..query.plan import INTERNAL
from ..records.records import Records
from ..records.refusals import together
from ..records.repository import Repository
from ..storage.database import Session

T = TypeVar("T")

EXECUTION, LOG = "flow_execution_definition", "flow_log_definition"
PENDING, RUNNING = "pending", "running"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
UNDER_WAY = (PENDING, RUNNING)
# Bytes of JSON.
MOST_PAYLOAD = 1 << 20
MOST_STATE = 4 << 20
# So many runs deep flows may set each other off.
MOST_DEPTH = 10
_PRUNED_AT_ONCE = 200
_MEETINGS = 5


class FlowReference(msgspec.Struct, frozen=True):
    """The key of the flow of a run, or of whoever has set it off."""

    id: Any


class Run(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One run of a flow.

    Attributes:
        fence: Grows with each claim.
        state: The results of steps so far, by key, and the last one.
        completed: What is known of the steps that are over.
        turns: The same of steps within loops and parallel steps.
        chain: The ids of the flows that have set it off, the first one first.
        start_at: The step to begin at; None for the first one.
    """

    id: int
    flow: FlowReference
    status: str = PENDING
    trigger: str = "manual"
    payload: Any = None
    state: Any = None
    completed_steps: Any = None
    turns: Any = None
    chain: Any = None
    fence: int = 0
    start_at: str | None = None
    scheduled_for: str | None = None
    started_at: str | None = None
    triggered_by: FlowReference | None = None

    @property
    def flow_id(self) -> int:
        """The flow's id."""
        return int(self.flow.id)


FIELDS = (
    "id", "flow", "status", "trigger", "payload", "state", "completedSteps", "turns", "chain",
    "fence", "startAt", "scheduledFor", "startedAt", "triggeredBy",
)  # fmt: skip


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What a run begins with.

    Attributes:
        by: The id of the account that has set it off.
        due: The tick of a schedule: of these, each is claimed once.
        holder: Whoever creates it runs it at once, without a claim of its own.
    """

    trigger: str = "manual"
    payload: Any = None
    by: str | None = None
    due: datetime | None = None
    chain: Sequence[int] = ()
    rerun_of: int | None = None
    start_at: str | None = None
    state: Mapping[str, Any] = {}
    completed: Sequence[Any] = ()
    turns: Sequence[Any] = ()
    holder: str | None = None


class Runs:
    """Reads and writes the rows of runs.

    Args:
        lease: Seconds that a holder has, unless he asks for more.
    """

    def __init__(self, records: Records, clock: Clock, *, lease: float) -> None:
        self._records = records
        self._clock = clock
        self._lease = timedelta(seconds=lease)

    @property
    def _rows(self) -> Repository:
        return self._records.of(EXECUTION)

    def _lease_until(self) -> str:
        return (self._clock.now() + self._lease).isoformat()

    # -- beginning ------------------------------------------------------------------------------

    async def create(
        self, flow: FlowDefinition, beginning: Beginning, session: Session | None = None
    ) -> Run | None:
        """Write a run down; None if its tick has been claimed by somebody else.

        Raises:
            EnfyraError: INVALID_ARGUMENT when the payload is too large, or the chain too long.
        """
        check_payload(beginning.payload)
        check_chain(flow, beginning.chain)
        row: dict[str, Any] = {
            "flow": {"id": flow.id},
            "trigger": beginning.trigger,
            "payload": beginning.payload,
            "status": PENDING,
            "chain": list(beginning.chain),
            "startAt": beginning.start_at,
            "state": dict(beginning.state),
            "completedSteps": list(beginning.completed),
        }
        if beginning.turns:
            row["turns"] = list(beginning.turns)
        if beginning.by:
            row["triggeredBy"] = {"id": beginning.by}
        if beginning.rerun_of is not None:
            row["rerunOf"] = {"id": beginning.rerun_of}
        if beginning.due is not None:
            row["scheduledFor"] = beginning.due.isoformat()
        if beginning.holder is not None:
            row |= self._held(beginning.holder, 1)
        try:
            if session is not None:
                rows = await self._rows.create(row, _ASKED, INTERNAL, session)
            else:
                rows = await _insist(lambda: self._rows.create(row, _ASKED, INTERNAL))
        except EnfyraError as error:
            if beginning.due is not None and error.code == "DUPLICATE_RESOURCE":
                return None
            raise
        return _runs(rows)[0]

    def _held(self, holder: str, fence: int) -> dict[str, Any]:
        return {
            "status": RUNNING,
            "fence": fence,
            "leaseOwner": holder,
            "leaseUntil": self._lease_until(),
            "startedAt": self._clock.now().isoformat(),
        }

    # -- claiming -------------------------------------------------------------------------------

    async def waiting(self, limit: int) -> list[Run]:
        """Give runs that nobody has begun, those that wait for longest first."""
        return await self._found({"status": PENDING}, limit)

    async def abandoned(self, limit: int) -> list[Run]:
        """Give runs whose holder has not been heard of for longer than his lease."""
        now = self._clock.now().isoformat()
        return await self._found({"status": RUNNING, "leaseUntil": {"_lt": now}}, limit)

    async def claim(self, run: Run, holder: str) -> Run | None:
        """Become the holder of a run that waits or was abandoned; None if another was faster."""
        row = self._held(holder, run.fence + 1)
        if run.started_at is not None:
            del row["startedAt"]
        if not await self._change(run, row, run.status):
            return None
        return msgspec.structs.replace(
            run, status=RUNNING, fence=run.fence + 1,
            started_at=row.get("startedAt", run.started_at),
        )  # fmt: skip

    async def renew(self, run: Run) -> bool:
        """Go on holding a run; False when it is somebody else's, or was cancelled."""
        return await self._change(run, {"leaseUntil": self._lease_until()})

    # -- as its holder --------------------------------------------------------------------------

    async def save(self, run: Run, **changed: Any) -> bool:
        """Write what has become of a run so far; False when it is not one's own any more."""
        return await self._change(run, changed | {"leaseUntil": self._lease_until()})

    async def finish(
        self, run: Run, status: str, lines: Sequence[Mapping[str, Any]] = (), **changed: Any
    ) -> bool:
        """Write down the end of a run; False when it is not one's own any more.

        Args:
            lines: What its log has to hold yet: both are written, or neither.
        """
        now = self._clock.now()
        took = None
        if run.started_at is not None:
            took = round((now - datetime.fromisoformat(run.started_at)).total_seconds() * 1000)
        row = {
            **changed,
            "status": status,
            "completedAt": now.isoformat(),
            "duration": took,
            "leaseOwner": None,
            "leaseUntil": None,
            "currentStep": None,
        }
        if not lines:
            return await self._change(run, row)
        return await _insist(lambda: self._finish(run, row, lines))

    async def _finish(
        self, run: Run, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
    ) -> bool:
        async with together(self._records.database) as session:
            done = await self._rows.update_met(dict(row), _mine(run), INTERNAL, session)
            if done.count:
                await self._write_lines(run.id, lines, session)
        return done.count == 1

    async def has_ended(self, run: Run, status: str) -> bool:
        """Say whether the end of a run is that which its holder has written."""
        return bool(await self._found({"id": run.id, "fence": run.fence, "status": status}, 1))

    async def give_back(self, run: Run, **changed: Any) -> bool:
        """Let somebody else go on with a run, from where it has come to."""
        row = {**changed, "status": PENDING, "leaseOwner": None, "leaseUntil": None}
        return await self._change(run, row)

    async def _change(self, run: Run, row: Mapping[str, Any], status: str = RUNNING) -> bool:
        return await self._update(row, _mine(run, status)) == 1

    async def _update(self, row: Mapping[str, Any], which: Query) -> int:
        done = await _insist(lambda: self._rows.update_met(dict(row), which, INTERNAL))
        return done.count

    # -- as anybody -----------------------------------------------------------------------------

    async def cancel(self, id_: int) -> bool:
        """End a run that is not over; its holder's next write meets nothing. False if it was."""
        row = {
            "status": CANCELLED,
            "completedAt": self._clock.now().isoformat(),
            "leaseOwner": None,
            "leaseUntil": None,
        }
        under_way = parse({"filter": {"id": id_, "status": {"_in": list(UNDER_WAY)}}})
        return await self._update(row, under_way) == 1

    async def find(self, id_: int) -> Run:
        """Give a run.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        found = await self._found({"id": id_}, 1)
        if not found:
            raise EnfyraError("RESOURCE_NOT_FOUND", f"There is no run {id_}")
        return found[0]

    async def under_way(self, flow: int) -> int:
        """Count the runs of a flow that have begun and not ended."""
        asked = parse({"filter": {"flow": {"id": flow}, "status": RUNNING}})
        return await self._rows.count(asked, INTERNAL)

    async def last_due(self) -> dict[int, datetime]:
        """Give the last tick of each flow that has run by a schedule."""
        asked = parse(
            {
                "dimensions": ["flow.id"],
                "measures": {"last": {"max": "scheduledFor"}},
                "filter": {"scheduledFor": {"_is_not_null": True}},
                "limit": 0,
            }
        )
        rows = await self._rows.rows(asked, INTERNAL)
        return {
            int(row["flow.id"]): datetime.fromisoformat(row["last"])
            for row in rows
            if row["last"] is not None
        }

    async def counts(self) -> dict[str, int]:
        """Count runs by their status."""
        asked = parse({"dimensions": ["status"], "measures": {"runs": "count"}, "limit": 0})
        return {row["status"]: row["runs"] for row in await self._rows.rows(asked, INTERNAL)}

    async def prune(self, flow: int, kept: int) -> list[int]:
        """Forget all but the last runs of a flow that are over; give their ids.

        Args:
            kept: How many stay; 0 for all.
        """
        if kept == 0:
            return []
        over = {"flow": {"id": flow}, "status": {"_nin": list(UNDER_WAY)}}
        count = await self._rows.count(parse({"filter": over}), INTERNAL)
        if count <= kept:
            return []
        first = parse(
            {"filter": over, "sort": "id", "fields": "id",
             "limit": min(count - kept, _PRUNED_AT_ONCE)}
        )  # fmt: skip
        ids = [row["id"] for row in await self._rows.rows(first, INTERNAL)]
        these = parse({"filter": {"id": {"_in": ids}}})
        await _insist(lambda: self._rows.delete_met(these, INTERNAL))
        return ids

    # -- what they have said --------------------------------------------------------------------

    async def log(self, run: int, lines: Sequence[Mapping[str, Any]]) -> None:
        """Keep lines of a run's log."""
        await _insist(lambda: self._write_lines(run, lines))

    async def _write_lines(
        self, run: int, lines: Sequence[Mapping[str, Any]], session: Session | None = None
    ) -> None:
        rows = [{**line, "execution": {"id": run}} for line in lines]
        logs = self._records.of(LOG)
        if len(rows) == 1:
            # Many are worth a thread.
            await logs.create(rows[0], _ID, INTERNAL, session)
        else:
            await logs.create_many(rows, _ID, INTERNAL, session)

    async def _found(self, condition: Mapping[str, Any], limit: int) -> list[Run]:
        asked = parse({"filter": condition, "sort": "id", "fields": list(FIELDS), "limit": limit})
        return _runs((await self._rows.find(asked, INTERNAL)).rows)


_ASKED: Query = parse({"fields": list(FIELDS)})
_ID: Query = parse({"fields": "id"})


def _mine(run: Run, status: str = RUNNING) -> Query:
    """Give the filter that a run meets as long as its fence is the holder's."""
    return parse({"filter": {"id": run.id, "fence": run.fence, "status": status}})


async def _insist(work: Callable[[], Awaitable[T]]) -> T:
    """Write; again where two who did so have met in the database, and one had to give way."""
    for attempt in range(_MEETINGS):
        try:
            return await work()
        except DeadlockError:
            await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - no secret
    return await work()


def _runs(rows: bytes) -> list[Run]:
    return msgspec.json.decode(rows, type=list[Run])


def check_payload(payload: Any) -> None:
    """Refuse a payload that is too large.

    Raises:
        EnfyraError: PAYLOAD_TOO_LARGE.
    """
    size = len(encode_json(payload))
    if size > MOST_PAYLOAD:
        raise EnfyraError(
            "PAYLOAD_TOO_LARGE",
            f"The payload of a flow has {size} bytes; at most {MOST_PAYLOAD} are taken along",
            hint="Store the data in a table, and send the keys",
        )


def check_chain(flow: FlowDefinition, chain: Sequence[int]) -> None:
    """Refuse flows that set each other off in a circle, or too deep.

    Raises:
        EnfyraError: INVALID_ARGUMENT.
    """
    if flow.id in chain:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"The flow '{flow.name}' would set itself off, over {len(chain)} runs: a circle",
        )
    if len(chain) >= MOST_DEPTH:
        raise EnfyraError(
            "INVALID_ARGUMENT", f"Flows may set each other off {MOST_DEPTH} runs deep, not deeper"
        )
