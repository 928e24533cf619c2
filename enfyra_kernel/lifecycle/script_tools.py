"""Scripts checked and tried before they are saved: `/admin/script/validate`, `/admin/test/run`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, Protocol, cast
from urllib.parse import urlencode

import msgspec

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError, did_you_mean
from ..identity.callers import Caller
from ..metadata.definitions import RouteDefinition
from ..metadata.hooks import POST, PRE, HandlerDefinition, HookDefinition, MethodScripts, in_order
from ..metadata.routes import Route, RouteMatch, RouteTable, make_route
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.records import Records
from ..scripts.script import Language, Problem, ScriptRunner
from .accesses import Accesses
from .context import Context
from .messages import JSON, Request, Response, identify, success
from .rehearsal import Rehearsal, Rehearsals
from .scripted.stages import Run, prepare
from .scripted.trace import Trace

KINDS = ("pre_hook", "handler", "post_hook")
_SCRIPT_KEYS = ("sourceCode", "scriptLanguage")
_KEYS = (
    *_SCRIPT_KEYS, "kind", "timeout", "route", "method", "request", "sample", "id", "priority",
    "alone",
)  # fmt: skip
_REQUEST_KEYS = ("body", "query", "path", "headers", "user")
# Milliseconds that an unsaved script may take unless it says otherwise, and the most.
_TIMEOUT, _MOST = 5_000, 60_000
_OURS = ("id", "createdAt", "updatedAt")


class CallerSource(Protocol):
    """Knows who callers are."""

    async def caller_of(self, user: str) -> Caller:
        """Give a user as a caller, by id or e-mail address."""
        ...


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked to be tried.

    Attributes:
        kind: `pre_hook`, `handler` or `post_hook`.
        route: The path of the route that the script is for.
        request: What of a request is given: body, query, path, headers, user.
        sample: Which of the table's records, from the newest on, is taken for the body, or as the
            one that the path names; 0 for none.
        id: The saved script in whose place this one is tried.
        alone: Whether the route's other scripts do not run.
    """

    kind: str
    source: str
    language: Language
    route: str
    method: str
    timeout: int = _TIMEOUT
    request: Mapping[str, Any] = {}
    sample: int = 0
    id: int | None = None
    priority: int = 0
    alone: bool = False


class ScriptTools:
    """Checks and tries scripts, for administrators."""

    def __init__(
        self,
        runner: ScriptRunner,
        rehearsals: Rehearsals,
        records: Records,
        callers: CallerSource,
        accesses: Accesses,
    ) -> None:
        self._runner = runner
        self._rehearsals = rehearsals
        self._records = records
        self._callers = callers
        self._accesses = accesses

    async def validate(self, context: Context) -> Response:
        """Answer POST /admin/script/validate: what is wrong with a source, all of it."""
        _only_administrators(context)
        language, source = _source(_object(await context.json(), _SCRIPT_KEYS))
        problems = await self._runner.check(language, source)
        report = {"valid": not problems, "problems": [shown(one) for one in problems]}
        return success(encode_json([report]))

    async def test(self, context: Context) -> Response:
        """Answer POST /admin/test/run: what a script would do, of which nothing stays."""
        _only_administrators(context)
        trial = read_trial(await context.json())
        await refuse_problems(self._runner, trial.language, trial.source)
        tried = await self._request(trial, context)
        scripts = self._scripts(trial, tried.route)
        async with self._rehearsals.open() as rehearsal:
            report = await _rehearsed(rehearsal, tried, scripts)
        return success(encode_json([report]))

    # -- the request ----------------------------------------------------------------------------

    async def _request(self, trial: Trial, context: Context) -> Context:
        given = trial.request
        path = str(given.get("path") or trial.route)
        match = _match(trial, path, context)
        caller = context.caller
        if "user" in given:
            user = given["user"]
            caller = None if user is None else await self._callers.caller_of(str(user))
        access = await self._accesses.of(context.snapshot, caller)
        body = given.get("body")
        if trial.sample:
            match, body = await self._sampled(trial, match, body, context)
        named = cast("Mapping[str, Any]", given.get("headers") or {})
        headers = {name.lower(): str(value) for name, value in named.items()}
        content = b"" if body is None else encode_json(body)
        query = _query_string(given.get("query") or {})
        request = Request(trial.method, path, query, {"content-type": JSON, **headers}, content)
        identify(request)
        return Context(request, context.snapshot, match, caller, access)

    async def _sampled(
        self, trial: Trial, match: RouteMatch, body: Any, context: Context
    ) -> tuple[RouteMatch, Any]:
        """Take a record of the table for the body, or for the one that the path names."""
        table = match.route.table
        if table is None:
            raise EnfyraError("INVALID_BODY", f"{trial.route} has no table to take a sample from")
        key = table.primary.name
        query = parse({"sort": f"-{key}", "limit": 1, "page": trial.sample})
        rows = await self._records.of_table(table, context.snapshot).rows(query, ADMINISTRATOR)
        if not rows:
            raise EnfyraError(
                "INVALID_BODY", f"'{table.name}' has no record number {trial.sample} for a sample"
            )
        if trial.method in {"PATCH", "PUT", "DELETE"} and not match.item:
            match = match._replace(parameters={"id": str(rows[0][key])}, item=True)
        if body is None and trial.method in {"POST", "PUT", "PATCH"}:
            body = {
                name: value
                for name, value in rows[0].items()
                if name not in {*_OURS, key} and value is not None
            }
        return match, body

    # -- the scripts ----------------------------------------------------------------------------

    def _scripts(self, trial: Trial, route: Route) -> MethodScripts:
        saved = route.scripts.get(trial.method, MethodScripts())
        if trial.alone:
            saved = MethodScripts()
        if trial.kind == "handler":
            handler = HandlerDefinition(
                id=0,
                route=route.definition.id,
                method=trial.method,
                source=trial.source,
                language=trial.language,
                timeout=trial.timeout,
            )
            return MethodScripts(saved.pre, handler, saved.post)
        stage: Literal["pre", "post"] = PRE if trial.kind == "pre_hook" else POST
        hook = HookDefinition(
            id=trial.id or 0,
            name="unsaved",
            stage=stage,
            source=trial.source,
            language=trial.language,
            timeout=trial.timeout,
            priority=trial.priority,
            route=route.definition.id,
        )
        others = saved.pre if stage == PRE else saved.post
        hooks = in_order([*(one for one in others if one.id != trial.id), hook])
        if stage == PRE:
            return MethodScripts(hooks, saved.handler, saved.post)
        return MethodScripts(saved.pre, saved.handler, hooks)


async def _rehearsed(
    rehearsal: Rehearsal, context: Context, scripts: MethodScripts
) -> dict[str, Any]:
    trace = Trace(shown=True, asked=False)
    run = await rehearsal.scripted.begin(context, prepare(scripts, context), trace)
    before = _shown_sections(run)
    began = time.perf_counter()

    async def default(changed: Context) -> Response:
        return await rehearsal.operations.of(changed.route, changed.method)(changed)

    try:
        response = await run.answer(default)
    finally:
        await run.close()
    return {
        "status": response.status,
        "result": decode_json(response.body) if response.body else None,
        "before": before,
        "after": _shown_sections(run),
        "milliseconds": round((time.perf_counter() - began) * 1000, 3),
        "stages": [msgspec.to_builtins(one) for one in trace.entries],
        "logs": [line for one in trace.entries for line in one.logs],
        "touched": [one._asdict() for one in rehearsal.database.touched],
        "triggers": rehearsal.effects.triggers,
        "messages": rehearsal.effects.messages,
    }


def _shown_sections(run: Run) -> dict[str, Any]:
    return {name: decode_json(run.sections[name]) for name in ("body", "query", "share")}


def _query_string(named: Mapping[str, Any]) -> str:
    """Give parameters as they travel, so that scripts find them as in a request."""
    return urlencode(
        {name: _parameter(value) for name, value in named.items() if value is not None}
    )


def _parameter(value: Any) -> str:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if all(isinstance(one, str) for one in items):
            return ",".join(items)
    return value if isinstance(value, str) else encode_json(value).decode()


def _match(trial: Trial, path: str, context: Context) -> RouteMatch:
    match = context.snapshot.routes.find(path)
    if match is None and trial.kind == "handler":
        # A route that is going to be made.
        definition = RouteDefinition(id=0, path=trial.route, available=frozenset({trial.method}))
        match = RouteTable([make_route(definition, None)]).find(path)
    if match is None:
        paths = context.snapshot.routes.paths()
        raise EnfyraError(
            "INVALID_BODY", problems=[f"there is no route {path}.{did_you_mean(path, paths)}"]
        )
    if trial.kind != "handler" and trial.method not in match.route.available:
        raise EnfyraError(
            "INVALID_BODY", problems=[f"{match.route.path} does not answer {trial.method}"]
        )
    return match


# -- reading what is asked ------------------------------------------------------------------------


def read_trial(body: Any) -> Trial:
    """Read what is to be tried.

    Raises:
        EnfyraError: INVALID_BODY with every problem.
    """
    named = _object(body, _KEYS)
    language, source = _source(named)
    problems: list[str] = []
    kind, route = named.get("kind", "pre_hook"), named.get("route")
    if kind not in KINDS:
        problems.append(f"kind must be one of {', '.join(KINDS)}.{did_you_mean(str(kind), KINDS)}")
    if not isinstance(route, str) or not route.startswith("/"):
        problems.append("route must be the path of a route, such as /post")
    method = str(named.get("method", "GET")).upper()
    timeout = named.get("timeout", _TIMEOUT)
    if type(timeout) is not int or not 0 < timeout <= _MOST:
        problems.append(f"timeout must be a number of milliseconds up to {_MOST}")
    sample: Any = named.get("sample") or 0
    if not isinstance(sample, int) or sample < 0:
        problems.append("sample must be true, or a number from 1")
    request: Any = named.get("request") or {}
    if not isinstance(request, dict):
        problems.append("request must be an object")
    else:
        asked = cast("dict[str, Any]", request)
        problems += _unknown("request.", asked, _REQUEST_KEYS)
        problems += [
            f"request.{name} must be an object"
            for name in ("query", "headers")
            if asked.get(name) is not None and not isinstance(asked[name], dict)
        ]
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return Trial(
        kind=kind,
        source=source,
        language=language,
        route=cast("str", route),
        method=method,
        timeout=timeout,
        request=cast("dict[str, Any]", request),
        sample=int(sample),
        id=named.get("id"),
        priority=int(named.get("priority") or 0),
        alone=bool(named.get("alone")),
    )


def _object(body: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    named = cast("dict[str, Any]", body)
    problems = _unknown("", named, keys)
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return named


def _unknown(place: str, named: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [
        f"{place}{name} is not allowed.{did_you_mean(name, keys)}"
        for name in named
        if name not in keys
    ]


def _source(named: Mapping[str, Any]) -> tuple[Language, str]:
    source, language = named.get("sourceCode"), named.get("scriptLanguage", Language.PYTHON)
    problems: list[str] = []
    if not isinstance(source, str):
        problems.append("sourceCode must be a text")
    if language not in list(Language):
        problems.append(f"scriptLanguage must be one of {', '.join(Language)}")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return Language(language), cast("str", source)


def _only_administrators(context: Context) -> None:
    if context.caller is None or not context.caller.is_root:
        raise EnfyraError("AUTHORIZATION_ERROR", "Scripts are for administrators")


def shown(problem: Problem) -> dict[str, Any]:
    """Give a problem as JSON has it, with the line marked."""
    return {**asdict(problem), "codeFrame": problem.marked()}


async def refuse_problems(runner: ScriptRunner, language: Language, source: str) -> None:
    """Refuse a source that cannot run.

    Raises:
        EnfyraError: SCRIPT_SYNTAX_ERROR with all problems; the message marks the first one.
    """
    problems = await runner.check(language, source)
    if problems:
        raise EnfyraError(
            "SCRIPT_SYNTAX_ERROR",
            problems[0].marked(),
            details={"problems": [shown(one) for one in problems]},
            hint=problems[0].hint,
        )
