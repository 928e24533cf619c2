"""Flows, put together for one kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..cluster.bus import Bus
from ..encoding import encode_json
from ..lifecycle.scripted.stages import Hosts
from ..metadata.flows import FlowDefinition, Flows
from ..metadata.registry import Registry
from ..records.records import Records
from ..scripts.script import ScriptRunner
from .alerts import Alerts
from .effects import FlowEffects
from .engine import Engine
from .runs import Run, Runs
from .schedule import Schedule
from .steps import Scene, StepKind
from .steps.dask.processes import DaskProcesses
from .steps.executors import DASK, LOCAL
from .steps.kinds import kinds_of
from .steps.local import LocalProcesses
from .steps.notebook import Artifacts, NotebookStep
from .steps.python import PythonStep
from .steps.scripts import Callers, Scripting
from .steps.talk import Logins
from .triggers import Triggers
from .workers import POLL, Workers

# Tells workers that runs wait, or that one was cancelled.
FLOW_RUNS = "enfyra:flow-runs"


class FlowService:
    """Runs flows, and knows when.

    Args:
        env: What the operator lets scripts know of the environment.
        post: Sends JSON to another server, for alerts.
        holder: Who this is, among all that share the database.
        at_once: How many runs go on here at the same time; 0 for none.
        lease: Seconds after which another one may take over from a holder who is silent.
        address: Gives where the API is served, for steps that call it; None where nobody knows.
        dask: The address of Dask's scheduler, for steps that run there.
        notebooks: The folder of notebooks that steps may run.
        artifacts: The folder that these are kept in with their outputs.

    Attributes:
        runs: The rows.
        triggers: What begins runs.
        workers: What runs them here.
        schedule: When flows are due.
        effects: What scripts may set off.
        artifacts: Notebooks that were run.
        alerts: Sends word of runs that have failed.
        dask: Runs steps on a cluster.
    """

    def __init__(
        self,
        records: Records,
        registry: Registry,
        bus: Bus,
        clock: Clock,
        runner: ScriptRunner,
        callers: Callers,
        env: Mapping[str, str],
        post: Callable[[str, Any], Awaitable[None]],
        *,
        holder: str,
        at_once: int,
        lease: float,
        address: Callable[[], str | None],
        dask: str | None,
        notebooks: Path,
        artifacts: Path,
    ) -> None:
        self._registry = registry
        self._bus = bus
        self._clock = clock
        self._at_once = at_once
        self.runs = Runs(records, clock, lease=lease)
        self._scripting = Scripting(
            runner, callers, lambda: registry.current, encode_json(dict(env))
        )
        self._processes = LocalProcesses(address, env)
        self.dask = DaskProcesses(dask, address, env)
        self._notebooks = notebooks
        self.artifacts = Artifacts(artifacts)
        self.engine = Engine(self._kinds(), self._scripting, clock)
        self.workers = Workers(
            self.runs,
            self.engine,
            self._flows,
            clock,
            holder=holder,
            at_once=at_once,
            lease=lease,
            ended=self._ended,
            forget=self.artifacts.forget,
        )
        self.alerts = Alerts(post)
        self.triggers = Triggers(self.runs, self._flows, self.workers, self._tell, self.alerts)
        self.schedule = Schedule(self._flows, self.runs.last_due, self.triggers.fire, clock)
        self.effects = FlowEffects(self.triggers)
        records.listener = self.triggers

    def _flows(self) -> Flows:
        return self._registry.current.flows

    def _kinds(self) -> dict[str, StepKind]:
        return {
            **kinds_of(self._scripting),
            "trigger_flow": self._trigger,
            "python": PythonStep({LOCAL: self._processes, DASK: self.dask}),
            "notebook": NotebookStep(self._processes, self._notebooks, self.artifacts),
        }

    async def _trigger(self, scene: Scene) -> Any:
        # The triggers are made with the workers, and these with the kinds.
        return await self.triggers.step(scene)

    def use_hosts(self, hosts: Hosts) -> None:
        """Have scripts' questions answered."""
        self._scripting.hosts = hosts

    def use_logins(self, logins: Logins) -> None:
        """Let steps in that call the API from processes of their own."""
        self._processes.logins = self.dask.logins = logins

    # -- starting and stopping ------------------------------------------------------------------

    def subscribe(self) -> None:
        """Listen to the other instances; before the bus starts."""
        self._bus.subscribe(FLOW_RUNS, self._heard)

    async def start(self, poll: float = POLL) -> None:
        """Begin to run what waits, and to keep to the times."""
        if not self._at_once:
            return
        self.workers.start(min(poll, POLL))
        self.workers.wake()
        await self.schedule.start()

    async def stop(self, grace: float) -> None:
        """Begin nothing more; what is at work goes back, unless it ends in time."""
        await self.schedule.stop()
        await self.workers.stop(grace)
        await self.alerts.stop(grace)
        await self.dask.close()

    # -- what others do -------------------------------------------------------------------------

    async def cancel(self, run: int) -> bool:
        """End a run that is not over, wherever it is at work; False if it was over."""
        if not await self.runs.cancel(run):
            return False
        self.workers.cancel(run)
        await self._bus.publish(FLOW_RUNS, {"cancel": run})
        return True

    async def _ended(
        self, run: Run, flow: FlowDefinition, status: str, error: dict[str, Any] | None
    ) -> None:
        await self.triggers.ended(run, flow, status, error)

    async def _tell(self) -> None:
        await self._bus.publish(FLOW_RUNS, {})

    async def _heard(self, message: Any) -> None:
        if "cancel" in message:
            self.workers.cancel(message["cancel"])
        else:
            self.workers.wake()
