"""Steps that are tried before they are saved: they do all they would, and nothing of it stays."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from ..clock import Clock
from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..identity.sessions import LoggedIn
from ..lifecycle.context import Context
from ..lifecycle.messages import Response, success
from ..lifecycle.rehearsal import Rehearsals
from ..lifecycle.scripted.stages import Hosts
from ..metadata.flows import CONTAINERS, FlowDefinition, StepDefinition
from ..scripts.script import ScriptRunner
from .engine import Engine, StepFailed
from .progress import RunProgress
from .rows import FlowRows, refuse_problems_of, step_problems, table_problems
from .runs import FlowReference, Run, check_payload
from .steps import Scene
from .steps.executors import DASK, LOCAL
from .steps.kinds import kinds_of
from .steps.local import LocalProcesses
from .steps.plain import SLEEP
from .steps.python import PythonStep
from .steps.scripts import Callers, Scripting

KIND = "flow_step"
_STEP = ("key", "type", "config", "sourceCode", "scriptLanguage", "timeout")
_KEYS = ("kind", "flow", *_STEP, "payload", "results", "last", "item", "index")
# Milliseconds.
_TIMEOUT, _MOST = 5_000, 60_000

Operation = Callable[[Context], Awaitable[Response]]


class StepTrials:
    """Answers trials of steps, and hands on those of other scripts.

    Args:
        others: Answers what is no step.
        rehearsals: Opens transactions that are taken back.
        runner: Runs scripts that are not saved.
    """

    def __init__(
        self,
        others: Operation,
        rehearsals: Rehearsals,
        rows: FlowRows,
        runner: ScriptRunner,
        callers: Callers,
        env: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._others = others
        self._rehearsals = rehearsals
        self._rows = rows
        self._runner = runner
        self._callers = callers
        self._env = encode_json(dict(env))
        # An address is needed to be refused at.
        processes = LocalProcesses(lambda: "", env)
        processes.logins = _NoLogins()
        self._python = PythonStep({LOCAL: processes, DASK: processes})
        self._clock = clock

    async def test(self, context: Context) -> Response:
        """Answer POST /admin/test/run."""
        body = await context.json()
        if not isinstance(body, dict) or cast("dict[str, Any]", body).get("kind") != KIND:
            return await self._others(context)
        if context.caller is None or not context.caller.is_root:
            raise EnfyraError("AUTHORIZATION_ERROR", "Flows are for administrators")
        trial = cast("dict[str, Any]", body)
        flow = await self._flow(trial, context)
        check_payload(trial.get("payload"))
        return success(encode_json([await self._tried(flow, trial, context)]))

    async def _flow(self, trial: Mapping[str, Any], context: Context) -> FlowDefinition:
        """Give a flow of the one step that is tried: a saved one, or what the body says of it."""
        problems = [
            f"{name} is not allowed.{did_you_mean(name, _KEYS)}"
            for name in trial
            if name not in _KEYS
        ]
        saved: dict[str, Any] = {}
        name = trial.get("flow") or "unsaved"
        if "type" not in trial and trial.get("key") is not None:
            step = context.snapshot.flows.find(name).step(str(trial["key"]))
            saved = {
                "key": step.key, "type": step.kind, "config": dict(step.config),
                "sourceCode": step.source, "scriptLanguage": step.language,
                "timeout": step.timeout,
            }  # fmt: skip
        row: dict[str, Any] = {
            "key": "step",
            **saved,
            **{one: trial[one] for one in _STEP if one in trial},
        }
        problems += step_problems(row) + table_problems(row, context.snapshot)
        if row.get("type") in CONTAINERS - {"condition"}:
            problems.append(f"a {row['type']} step is tried by the steps within it")
        timeout: Any = row.get("timeout") or _TIMEOUT
        refuse_problems_of(problems)
        await self._rows.check(row)
        step = StepDefinition(
            id=0,
            key=row["key"],
            kind=row["type"],
            config=row.get("config") or {},
            source=row.get("sourceCode") or "",
            language=row.get("scriptLanguage") or "python",
            timeout=min(int(timeout), _MOST),
        )
        return FlowDefinition(id=0, name=str(name), steps=(step,))

    async def _tried(
        self, flow: FlowDefinition, trial: Mapping[str, Any], context: Context
    ) -> dict[str, Any]:
        run = Run(
            id=0,
            flow=FlowReference(0),
            payload=trial.get("payload"),
            state={"results": trial.get("results") or {}, "last": trial.get("last")},
        )
        progress = RunProgress(run, flow, self._clock)
        for name in ("item", "index"):
            if name in trial:
                progress.results[name] = trial[name]
        error: dict[str, Any] | None = None
        began = time.perf_counter()
        async with self._rehearsals.open() as rehearsal:
            engine = self._engine(rehearsal.hosts, context, triggers := list[dict[str, Any]]())
            try:
                await engine.run(run, flow, progress, _nothing)
            except StepFailed as failed:
                error = {"code": failed.error.code, "message": failed.error.message}
            return {
                "success": error is None,
                "result": progress.last if error is None else None,
                "error": error,
                "milliseconds": round((time.perf_counter() - began) * 1000, 3),
                "logs": [line["message"] for line in progress.lines()],
                "touched": [one._asdict() for one in rehearsal.database.touched],
                "triggers": triggers + rehearsal.effects.triggers,
                "messages": rehearsal.effects.messages,
            }

    def _engine(self, hosts: Hosts, context: Context, triggers: list[dict[str, Any]]) -> Engine:
        snapshot = context.snapshot
        scripting = Scripting(self._runner, self._callers, lambda: snapshot, self._env)
        scripting.hosts = hosts

        async def trigger(scene: Scene) -> Any:
            config = scene.config
            which = config.get("flow") or config.get("flowName") or config.get("flowId")
            flow = snapshot.flows.find(which)
            triggers.append({"flow": flow.name, "payload": config.get("payload")})
            return {"triggered": True, "flowId": flow.id, "flowName": flow.name}

        kinds = {
            **kinds_of(scripting),
            "sleep": _slept,
            "trigger_flow": trigger,
            "python": self._python,
        }
        return Engine(kinds, scripting, self._clock)


class _NoLogins:
    """Lets no step in that is only tried."""

    async def begin(self, scene: Scene) -> LoggedIn:
        """Refuse it."""
        raise EnfyraError(
            "INVALID_ARGUMENT",
            "In a trial, `client` is not let in: what it writes could not be taken back",
        )

    async def end(self, login: LoggedIn) -> None:
        """End nothing."""


async def _slept(scene: Scene) -> Any:
    return {"slept": scene.config.get("ms", SLEEP)}


async def _nothing() -> None:
    """Store nothing."""
