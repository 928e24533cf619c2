"""Flows and their steps as rows: checked before they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ..errors import EnfyraError, did_you_mean
from ..lifecycle.script_tools import refuse_problems
from ..metadata.flows import CONTAINERS, EVENT, EVENTS, FLOW, RESERVED_KEYS, SCHEDULE, WEBHOOK
from ..metadata.hooks import DEFAULT_LANGUAGE
from ..metadata.names import field_name_problem
from ..metadata.snapshot import Snapshot
from ..scripts.script import Language, ScriptRunner
from .expressions import expressions_in, path_of, script_of
from .steps.executors import KEYS, check_executor, executor_problems
from .times import times_of

FLOWS, STEPS = "flow_definition", "flow_step_definition"
# Milliseconds that one step may take.
MOST_TIME = 24 * 3600 * 1000
MOST_RETRIES = 20
_ENDS = ("completed", "failed", "cancelled")


class Kind(NamedTuple):
    """What a kind of step takes.

    Attributes:
        one_of: Of these, one is needed.
        source: Whether it has source code.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    source: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of its configuration."""
        return (*self.required, *self.one_of, *self.optional)


_READING = (
    "filter", "fields", "include", "sort", "limit", "page", "meta", "deep", "aggregate",
    "dimensions", "measures", "saved", "parameters",
)  # fmt: skip
_FETCHING = ("method", "headers", "body", "timeout", "responseType")
KINDS: Mapping[str, Kind] = {
    "script": Kind(optional=("vars",), source=True),
    "condition": Kind(optional=("vars",), source=True),
    "query": Kind(required=("table",), optional=_READING),
    "create": Kind(required=("table", "data")),
    "update": Kind(required=("table", "data"), one_of=("id", "filter")),
    "delete": Kind(required=("table",), one_of=("id", "filter")),
    "http": Kind(required=("url",), optional=_FETCHING),
    "trigger_flow": Kind(one_of=("flow", "flowName", "flowId"), optional=("payload",)),
    "sleep": Kind(optional=("ms",)),
    "log": Kind(optional=("message", "level")),
    "notebook": Kind(required=("path",), optional=("parameters", "kernel")),
    "python": Kind(optional=("vars", *KEYS), source=True),
    "parallel": Kind(optional=("concurrency",)),
    "foreach": Kind(required=("items",), optional=("concurrency", *KEYS)),
}


class FlowRows:
    """Prepares rows of flows and steps.

    Args:
        runner: Checks what scripts say.
        dask: The address of Dask's scheduler, unless steps say so themselves.
    """

    def __init__(self, runner: ScriptRunner, dask: str | None = None) -> None:
        self._runner = runner
        self._dask = dask

    async def prepared(
        self,
        table: str,
        row: Mapping[str, Any],
        body: dict[str, Any],
        snapshot: Snapshot,
    ) -> dict[str, Any]:
        """Give a row as it is going to be written.

        Args:
            row: What is there; empty for a new one.

        Raises:
            EnfyraError: INVALID_BODY with every problem; SCRIPT_SYNTAX_ERROR.
        """
        if table == STEPS:
            return await self._step(row, self._referring(body, snapshot), snapshot)
        refuse_problems_of(flow_problems({**row, **body}, snapshot))
        if "steps" in body:
            raise EnfyraError(
                "INVALID_BODY",
                problems=["steps are rows of flow_step_definition"],
                hint="PUT /admin/flow/:name writes a flow with all of its steps",
            )
        return body

    def _referring(self, body: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
        """Give a step whose flow and parent may be named."""
        flow = body.get("flow")
        if isinstance(flow, str):
            body = body | {"flow": {"id": snapshot.flows.find(flow).id}}
        parent = body.get("parent")
        if isinstance(parent, str):
            step = snapshot.flows.find(flow).step(parent) if flow is not None else None
            if step is None:
                raise EnfyraError("INVALID_BODY", problems=["parent: name the flow, too"])
            body = body | {"parent": {"id": step.id}}
        return body

    async def _step(
        self, row: Mapping[str, Any], body: dict[str, Any], snapshot: Snapshot
    ) -> dict[str, Any]:
        step = {**row, **body}
        problems = step_problems(step)
        if "config" in body:
            problems += table_problems(step, snapshot)
        parent = _id(step.get("parent"))
        if parent is not None:
            problems += _parent_problems(parent, _id(step.get("flow")), step, snapshot)
        refuse_problems_of(problems)
        await self.check(step)
        return body

    async def check(self, step: Mapping[str, Any]) -> None:
        """Refuse a step whose source or expressions cannot run, or have nowhere to.

        Raises:
            EnfyraError: SCRIPT_SYNTAX_ERROR; INVALID_BODY when its executor is not there.
        """
        check_executor(step.get("config") or {}, self._dask)
        kind = KINDS[step["type"]]
        if kind.source and step["type"] != "python":
            language = Language(step.get("scriptLanguage") or DEFAULT_LANGUAGE)
            await refuse_problems(self._runner, language, step["sourceCode"])
        if step["type"] == "python":
            _compile(step["sourceCode"])
        computed = [one for one in expressions_in(step.get("config")) if path_of(one) is None]
        if computed:
            await refuse_problems(self._runner, Language.PYTHON, script_of(computed))


def refuse_problems_of(problems: list[str]) -> None:
    """Raise what is wrong, all of it."""
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)


def _compile(source: str) -> None:
    try:
        compile(source, "<step>", "exec")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise EnfyraError(
            "SCRIPT_SYNTAX_ERROR", f"line {line}: {error}" if line else str(error)
        ) from None


# -- flows ----------------------------------------------------------------------------------------


def flow_problems(flow: Mapping[str, Any], snapshot: Snapshot) -> list[str]:
    """Say what is wrong with a flow."""
    problems: list[str] = []
    name = flow.get("name")
    if not isinstance(name, str) or not name.strip() or name.isdigit() or len(name) > 200:
        problems.append("name must be a text that is no number")
    for field, least, most in (
        ("timeout", 1, 7 * MOST_TIME), ("maxExecutions", 0, 1_000_000), ("maxConcurrent", 1, 10_000)
    ):  # fmt: skip
        problems += _number(flow, field, least, most)
    config = flow.get("triggerConfig")
    if config is not None and not isinstance(config, dict):
        return [*problems, "triggerConfig must be an object"]
    named = cast("dict[str, Any]", config or {})
    match flow.get("triggerType"):
        case "schedule":
            problems += _schedule_problems(named)
        case "webhook":
            problems += _webhook_problems(named)
        case "event":
            problems += _event_problems(named, snapshot)
        case "flow":
            problems += _after_problems(named)
        case _:
            pass
    return problems + _alert_problems(flow.get("alertConfig"))


def _schedule_problems(config: Mapping[str, Any]) -> list[str]:
    try:
        times_of(config)
    except EnfyraError as error:
        return list(error.problems or ())
    return []


def _webhook_problems(config: Mapping[str, Any]) -> list[str]:
    problems = _unknown("triggerConfig", config, ("path", "secret"))
    path = config.get("path")
    if not isinstance(path, str) or not path.replace("-", "_").replace(".", "_").isidentifier():
        problems.append(f"a {WEBHOOK} needs a path of letters, digits, '-', '_' and '.'")
    secret = config.get("secret")
    if secret is not None and (not isinstance(secret, str) or len(secret) < 8):
        problems.append("secret must be a text of 8 characters or more")
    return problems


def _event_problems(config: Mapping[str, Any], snapshot: Snapshot) -> list[str]:
    problems = _unknown("triggerConfig", config, ("table", "on"))
    name = config.get("table")
    table = snapshot.tables.get(name) if isinstance(name, str) else None
    if table is None:
        hint = did_you_mean(str(name), snapshot.tables)
        problems.append(f"an {EVENT} needs a table that there is, not '{str(name)[:64]}'.{hint}")
    elif table.definition.is_system:
        problems.append(f"'{name}' belongs to the system, whose records set nothing off")
    return problems + _chosen("on", config.get("on"), EVENTS)


def _after_problems(config: Mapping[str, Any]) -> list[str]:
    problems = _unknown("triggerConfig", config, ("flow", "on"))
    if not isinstance(config.get("flow"), str):
        problems.append(f"after a {FLOW}, name it: triggerConfig.flow")
    return problems + _chosen("on", config.get("on"), _ENDS)


def _chosen(name: str, value: Any, choices: tuple[str, ...]) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        return [f"triggerConfig.{name} must be a list"]
    return [
        f"triggerConfig.{name}: '{str(one)[:64]}' is none of {', '.join(choices)}"
        for one in cast("list[Any]", value)
        if one not in choices
    ]


def _alert_problems(alert: Any) -> list[str]:
    if alert is None:
        return []
    if not isinstance(alert, dict):
        return ["alertConfig must be an object"]
    named = cast("dict[str, Any]", alert)
    problems = _unknown("alertConfig", named, ("flow", "webhook"))
    url = named.get("webhook")
    if url is not None and not str(url).startswith(("https://", "http://")):
        problems.append("alertConfig.webhook must be an address that begins with https://")
    return problems


def _unknown(place: str, config: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [
        f"{place}.{name} is not allowed.{did_you_mean(name, keys)}"
        for name in config
        if name not in keys
    ]


def _number(row: Mapping[str, Any], field: str, least: int, most: int) -> list[str]:
    value = row.get(field)
    if value is None or (type(value) is int and least <= value <= most):
        return []
    return [f"{field} must be a number from {least} to {most}"]


# -- steps ----------------------------------------------------------------------------------------


def step_problems(step: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a step."""
    problems: list[str] = []
    key = step.get("key")
    problem = field_name_problem(key)
    if problem is not None:
        problems.append(f"key: '{str(key)[:64]}' {problem}")
    elif key in RESERVED_KEYS:
        problems.append(f"key: '{key}' already means something in @FLOW; choose another one")
    problems += _number(step, "timeout", 1, MOST_TIME)
    problems += _number(step, "retryAttempts", 0, MOST_RETRIES)
    kind = KINDS.get(str(step.get("type")))
    if kind is None:
        hint = did_you_mean(str(step.get("type")), KINDS)
        return [*problems, f"type must be one of {', '.join(KINDS)}.{hint}"]
    return problems + _config_problems(str(step["type"]), kind, step)


def table_problems(step: Mapping[str, Any], snapshot: Snapshot) -> list[str]:
    """Say whether a step names a table that is not there; an expression tells when it runs."""
    config = step.get("config")
    kind = KINDS.get(str(step.get("type")))
    if kind is None or not isinstance(config, dict) or "table" not in kind.keys:
        return []
    name = cast("dict[str, Any]", config).get("table")
    if not isinstance(name, str) or "{{" in name or snapshot.find(name) is not None:
        return []
    return [f"there is no table '{name[:64]}'.{did_you_mean(name, snapshot.tables)}"]


def _config_problems(name: str, kind: Kind, step: Mapping[str, Any]) -> list[str]:
    given = step.get("config")
    if given is not None and not isinstance(given, dict):
        return ["config must be an object"]
    config = cast("dict[str, Any]", given or {})
    problems = _unknown("config", config, kind.keys)
    problems += [
        f"config.{one} is required for a {name} step"
        for one in kind.required
        if config.get(one) is None
    ]
    if kind.one_of and not any(config.get(one) is not None for one in kind.one_of):
        problems.append(f"config needs one of {', '.join(kind.one_of)}")
    if name in {"python", "foreach"}:
        problems += executor_problems(config)
    if kind.source and not isinstance(step.get("sourceCode"), str):
        problems.append(f"sourceCode is required for a {name} step")
    return problems


def _parent_problems(
    parent: int, flow: int | None, step: Mapping[str, Any], snapshot: Snapshot
) -> list[str]:
    known = snapshot.flows.by_id.get(flow) if flow is not None else None
    found = [one for one in known.walk() if one.id == parent] if known is not None else []
    if not found:
        # It is turned off, or of another flow, which the database says.
        return []
    if found[0].kind not in CONTAINERS:
        return [f"parent: a {found[0].kind} step has no steps within it"]
    if found[0].kind == "condition" and step.get("branch") not in {"true", "false"}:
        return ["branch must be true or false within a condition"]
    if step.get("id") is not None and any(one.id == step["id"] for one in _line(found[0], known)):
        return ["parent: a step cannot be within itself"]
    return []


def _line(step: Any, flow: Any) -> list[Any]:
    """Give a step and those that it is within."""
    line = [step]
    found = True
    while found:
        found = False
        for one in flow.walk():
            if line[-1] in one.children:
                line.append(one)
                found = True
                break
    return line


def _id(reference: Any) -> int | None:
    if isinstance(reference, dict):
        reference = cast("dict[str, Any]", reference).get("id")
    return reference if type(reference) is int else None


__all__ = [
    "FLOWS",
    "KINDS",
    "SCHEDULE",
    "STEPS",
    "FlowRows",
    "flow_problems",
    "step_problems",
    "table_problems",
]
