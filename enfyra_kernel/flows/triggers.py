"""What sets flows off: people, scripts, schedules, requests from elsewhere, and other flows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ..errors import EnfyraError
from ..lifecycle.context import Context
from ..logs import get_logger
from ..metadata.flows import FlowDefinition, Flows
from ..records.events import RecordEvent
from ..storage.database import Session
from .alerts import Alerts
from .chain import CHAIN
from .runs import MOST_DEPTH, Beginning, Run, Runs
from .steps import Scene
from .workers import Workers

_log = get_logger("flows")

# Of the records of one write, so many keys are handed on.
MOST_KEYS = 10_000


class Triggers:
    """Begins runs.

    Args:
        flows: Gives the definitions of the moment.
        tell: Tells workers elsewhere that a run waits.
        alerts: Sends alerts to other servers.
    """

    def __init__(
        self,
        runs: Runs,
        flows: Callable[[], Flows],
        workers: Workers,
        tell: Callable[[], Awaitable[None]],
        alerts: Alerts,
    ) -> None:
        self._runs = runs
        self._flows = flows
        self._workers = workers
        self._tell = tell
        self._alerting = alerts

    # -- beginning ------------------------------------------------------------------------------

    async def begin(
        self, flow: FlowDefinition, beginning: Beginning, session: Session | None = None
    ) -> Run | None:
        """Begin a run: here if there is room, else wherever there is.

        Args:
            session: The transaction that it is part of; it begins when that is over, by `woken`.

        Raises:
            EnfyraError: INVALID_ARGUMENT for a flow that is turned off, and what is too large.
        """
        if not flow.is_enabled:
            raise EnfyraError("INVALID_ARGUMENT", f"The flow '{flow.name}' is turned off")
        if session is not None:
            return await self._runs.create(flow, beginning, session)
        if not self._workers.has_room or flow.most is not None:
            run = await self._runs.create(flow, beginning)
            await self.woken()
            return run
        held = msgspec.structs.replace(beginning, holder=self._workers.holder)
        run = await self._runs.create(flow, held)
        if run is not None:
            self._workers.take(run)
        return run

    async def woken(self) -> None:
        """Have runs looked for that were written down."""
        self._workers.wake()
        await self._tell()

    # -- who does it ----------------------------------------------------------------------------

    async def trigger(
        self, context: Context, flow: Any, payload: Any, session: Session | None = None
    ) -> Any:
        """Begin a run for a script.

        Raises:
            EnfyraError: INVALID_ARGUMENT when there is no such flow, or it is turned off.
        """
        found = self._found(flow)
        by = context.caller.id if context.caller is not None else None
        run = await self.begin(
            found, Beginning(payload=payload, by=by or None, chain=CHAIN.get()), session
        )
        return {"jobId": run.id if run is not None else None, "flowId": found.id}

    def _found(self, flow: Any) -> FlowDefinition:
        try:
            return self._flows().find(flow)
        except EnfyraError as error:
            raise EnfyraError("INVALID_ARGUMENT", error.message) from None

    async def fire(self, flow: FlowDefinition, due: datetime) -> None:
        """Begin the run of a schedule's tick, unless somebody else has."""
        config = flow.trigger_config
        payload = config.get("payload")
        if payload is None:
            payload = {"trigger": "schedule", "scheduledFor": due.isoformat()}
            payload |= {name: config[name] for name in ("cron", "interval", "at") if name in config}
        beginning = Beginning(trigger="schedule", payload=payload, due=due)
        if await self.begin(flow, beginning) is not None:
            _log.debug("tick", extra={"flow": flow.name, "due": due.isoformat()})

    # -- records --------------------------------------------------------------------------------

    def listens(self, table: str) -> bool:
        """Say whether a flow waits for what becomes of a table's records."""
        return self._flows().listens(table)

    async def happened(self, event: RecordEvent, session: Session | None) -> None:
        """Write runs down of flows that wait for a write, in its transaction."""
        chain = CHAIN.get()
        keys = list(event.keys[:MOST_KEYS])
        payload = {
            "event": event.event,
            "table": event.table,
            "id": keys[0] if keys else None,
            "ids": keys,
            "count": event.number,
        }
        for flow in self._flows().on(event.table, event.event):
            if flow.id in chain or len(chain) >= MOST_DEPTH:
                # Its own write must not set it off for ever.
                _log.info("flow not set off by itself", extra={"flow": flow.name})
                continue
            await self._runs.create(
                flow, Beginning(trigger="event", payload=payload, chain=chain), session
            )

    async def committed(self) -> None:
        """Have runs begin that were written down with records."""
        await self.woken()

    # -- steps ----------------------------------------------------------------------------------

    async def step(self, scene: Scene) -> Any:
        """Do what a `trigger_flow` step does: begin another flow, and not wait for it."""
        config = scene.config
        which = config.get("flow") or config.get("flowName") or config.get("flowId")
        flow = self._found(which)
        payload = config["payload"] if "payload" in config else scene.known.get("last")
        run = scene.run
        beginning = Beginning(
            trigger="flow",
            payload=payload,
            by=str(run.triggered_by.id) if run.triggered_by is not None else None,
            chain=[*(run.chain or []), run.flow_id],
        )
        begun = await self.begin(flow, beginning)
        return {
            "triggered": True,
            "flowId": flow.id,
            "flowName": flow.name,
            "executionId": begun.id if begun is not None else None,
        }

    async def ended(
        self, run: Run, flow: FlowDefinition, status: str, error: Mapping[str, Any] | None
    ) -> None:
        """Tell those who wait for the end of a run how it went: flows, and whom alerts go to."""
        waiting = self._flows().after(flow.name, status)
        if status == "failed" and flow.alert.get("flow"):
            waiting += [one for one in self._alerts(flow) if one not in waiting]
        payload = {
            "flow": flow.name,
            "flowId": flow.id,
            "executionId": run.id,
            "status": status,
            "error": error,
        }
        if status == "failed" and flow.alert.get("webhook"):
            self._alerting.send(str(flow.alert["webhook"]), payload)
        for one in waiting:
            beginning = Beginning(
                trigger="flow", payload=payload, chain=[*(run.chain or []), run.flow_id]
            )
            try:
                await self.begin(one, beginning)
            except EnfyraError as problem:
                _log.warning(
                    "flow not set off", extra={"flow": one.name, "reason": problem.message}
                )

    def _alerts(self, flow: FlowDefinition) -> list[FlowDefinition]:
        try:
            return [self._flows().find(flow.alert["flow"])]
        except EnfyraError as problem:
            _log.warning("no alert", extra={"flow": flow.name, "reason": problem.message})
            return []
