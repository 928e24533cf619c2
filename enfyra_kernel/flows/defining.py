"""A flow written whole: its row and those of its steps, in one change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, cast

from ..encoding import decode_json
from ..errors import EnfyraError, did_you_mean
from ..metadata.flows import CONDITION, CONTAINERS, FlowDefinition
from ..metadata.registry import DefinitionChange, Registry
from ..metadata.snapshot import Snapshot
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.definitions import Definitions
from ..records.records import Records
from ..storage.database import Session
from .rows import (
    FLOWS,
    STEPS,
    FlowRows,
    flow_problems,
    refuse_problems_of,
    step_problems,
    table_problems,
)

_FLOW_FIELDS = (
    "description", "icon", "triggerType", "triggerConfig", "timeout", "isEnabled",
    "maxExecutions", "maxConcurrent", "alertConfig",
)  # fmt: skip
_STEP_FIELDS = (
    "key", "type", "config", "sourceCode", "scriptLanguage", "timeout", "onError",
    "retryAttempts", "isEnabled",
)  # fmt: skip
_WITHIN = ("then", "else", "children")
_DEFAULTS: Mapping[str, Any] = {
    "config": None, "sourceCode": None, "scriptLanguage": "python", "timeout": None,
    "onError": "stop", "retryAttempts": 0, "isEnabled": True,
}  # fmt: skip
_FLOW_DEFAULTS: Mapping[str, Any] = {
    "description": None, "triggerType": "manual", "triggerConfig": None, "timeout": None,
    "isEnabled": True, "maxExecutions": 100, "maxConcurrent": None, "alertConfig": None,
}  # fmt: skip
MOST_STEPS = 500


class _Placed(NamedTuple):
    """A step with its place in the flow."""

    row: dict[str, Any]
    order: int
    parent: str | None
    branch: str | None


class Defining:
    """Writes whole flows. Steps are known by their keys: those that stay keep their ids."""

    def __init__(
        self, records: Records, definitions: Definitions, registry: Registry, rows: FlowRows
    ) -> None:
        self._records = records
        self._definitions = definitions
        self._registry = registry
        self._rows = rows

    async def define(self, name: str, body: Any) -> dict[str, Any]:
        """Make a flow what a body says, or make it anew; give it with its steps.

        Args:
            body: Fields of `flow_definition`, and `steps`: fields of `flow_step_definition`, with
                `then` and `else` in conditions and `children` in `parallel` and `foreach`.

        Raises:
            EnfyraError: INVALID_BODY with every problem; SCRIPT_SYNTAX_ERROR.
        """
        given = _object(body)
        snapshot = self._registry.current
        steps = list(_placed(given.get("steps") or [], None, None, "steps"))
        flow = {**_FLOW_DEFAULTS, **{k: v for k, v in given.items() if k != "steps"}, "name": name}
        problems = [
            f"{field} is not allowed.{did_you_mean(field, (*_FLOW_FIELDS, 'steps'))}"
            for field in given
            if field not in (*_FLOW_FIELDS, "steps", "name")
        ]
        problems += flow_problems(flow, snapshot)
        problems += _problems_of(steps, snapshot)
        refuse_problems_of(problems)
        for one in steps:
            await self._rows.check(one.row)
        known = None
        with suppress(EnfyraError):
            known = snapshot.flows.find(name)
        async with self._definitions.changing(DefinitionChange.of("flows")) as session:
            id_ = await self._write(known, flow, steps, session)
        return await self._shown(id_)

    async def _write(
        self,
        known: FlowDefinition | None,
        flow: dict[str, Any],
        steps: list[_Placed],
        session: Session | None,
    ) -> int:
        flows, rows = self._records.of(FLOWS), self._records.of(STEPS)
        if known is None:
            made = await flows.create(flow, access=ADMINISTRATOR, session=session)
            id_, there = int(decode_json(made)[0]["id"]), dict[str, int]()
        else:
            id_ = known.id
            await flows.update(id_, flow, access=ADMINISTRATOR, session=session)
            asked = parse({"filter": {"flow": {"id": id_}}, "fields": "id,key", "limit": 0})
            found = await rows.rows(asked, ADMINISTRATOR, session)
            there = {row["key"]: row["id"] for row in found}
        keys = {one.row["key"] for one in steps}
        ids: dict[str, int] = {}
        for one in steps:
            row = {
                **_DEFAULTS,
                **one.row,
                "stepOrder": one.order,
                "branch": one.branch,
                "parent": None if one.parent is None else {"id": ids[one.parent]},
            }
            key = one.row["key"]
            if key in there:
                ids[key] = there[key]
                await rows.update(there[key], row, access=ADMINISTRATOR, session=session)
            else:
                row["flow"] = {"id": id_}
                made = await rows.create(row, access=ADMINISTRATOR, session=session)
                ids[key] = int(decode_json(made)[0]["id"])
        for key, number in there.items():
            if key not in keys:
                # It may have gone with what it was within.
                gone = parse({"filter": {"id": number}})
                await rows.delete_met(gone, ADMINISTRATOR, session)
        return id_

    async def _shown(self, id_: int) -> dict[str, Any]:
        asked = parse(
            {"filter": {"id": id_}, "fields": "*,steps.*", "deep": {"steps": {"limit": 0}}}
        )
        return (await self._records.of(FLOWS).rows(asked, ADMINISTRATOR))[0]


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    return cast("dict[str, Any]", body)


def _placed(steps: Any, parent: str | None, branch: str | None, place: str) -> Iterator[_Placed]:
    """Give nested steps one after the other, those within others behind these."""
    if not isinstance(steps, list):
        raise EnfyraError("INVALID_BODY", problems=[f"{place} must be a list"])
    for order, step in enumerate(cast("list[Any]", steps)):
        here = f"{place}[{order}]"
        if not isinstance(step, dict):
            raise EnfyraError("INVALID_BODY", problems=[f"{here} must be an object"])
        named = cast("dict[str, Any]", step)
        row = {key: value for key, value in named.items() if key not in _WITHIN}
        yield _Placed(row, order, parent, branch)
        for name in _WITHIN:
            if named.get(name) is not None:
                outcome = {"then": "true", "else": "false"}.get(name)
                yield from _placed(
                    _fitting(named, name, here), str(named.get("key")), outcome, f"{here}.{name}"
                )


def _fitting(step: Mapping[str, Any], name: str, place: str) -> Any:
    """Give the steps within one, of a kind that may have such."""
    kind = step.get("type")
    fits = kind == CONDITION if name in {"then", "else"} else kind in CONTAINERS - {CONDITION}
    if not fits:
        raise EnfyraError(
            "INVALID_BODY",
            problems=[f"{place}.{name}: a {kind} step has none"],
            hint="then and else belong to a condition, children to parallel and foreach",
        )
    return step[name]


def _problems_of(steps: list[_Placed], snapshot: Snapshot) -> list[str]:
    problems: list[str] = []
    if len(steps) > MOST_STEPS:
        problems.append(f"a flow has {MOST_STEPS} steps at most, not {len(steps)}")
    seen: set[Any] = set()
    for one in steps:
        key = one.row.get("key")
        if key in seen:
            problems.append(f"steps: there are two with the key '{key}'")
        seen.add(key)
        problems += [
            f"step '{key}': {field} is not allowed.{did_you_mean(field, _STEP_FIELDS)}"
            for field in one.row
            if field not in _STEP_FIELDS
        ]
        found = step_problems(one.row) + table_problems(one.row, snapshot)
        problems += [f"step '{key}': {problem}" for problem in found]
    return problems
