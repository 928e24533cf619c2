"""A flow that is tried before it is saved: step by step, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..client import Client
from ..definitions import DefinitionError
from ..display import shortened, text_of
from .reading import WITHIN
from .steps import COMPLETED, CONDITION, FAILED, FOREACH, PARALLEL, SKIPPED, Step, about_of
from .views import FlowView

_TRIED = ("key", "type", "config", "sourceCode", "scriptLanguage", "timeout")
_LONGEST = 100
# A step that gives what a configuration says.
_GIVES = "return @FLOW.vars.wanted"


class _StoppedError(Exception):
    """A step has failed, and the flow with it."""


def try_flow(client: Client, name: str, flow: Mapping[str, Any], payload: Any) -> FlowView:
    """Try the steps of a flow one after the other; of a loop, the first turn.

    Raises:
        DefinitionError: If steps have no key or type.
        ApiError: If a step cannot run at all.
    """
    steps = flow.get("steps") or []
    tree = tree_of(steps)
    trial = _Trial(client, payload)
    try:
        trial.level(steps, {})
        end = "the trial is over, and nothing of it stays"
    except _StoppedError as stopped:
        end = str(stopped)
    run = {"status": "tried", "completedSteps": trial.entries}
    notes = [*trial.notes, "Not saved: without --test it is"]
    return FlowView(name, f"{name}: {end}", tree, run, notes)


def tree_of(steps: Any, branch: str | None = None) -> tuple[Step, ...]:
    """Give steps as a cell says them as a tree.

    Raises:
        DefinitionError: If steps have no key or type.
    """
    if not isinstance(steps, list) or not all(
        isinstance(one, Mapping) and one.get("key") and one.get("type") for one in steps
    ):
        raise DefinitionError("steps must be a list, and each step needs a key and a type")
    return tuple(
        Step(
            key=str(one["key"]),
            kind=str(one["type"]),
            about=about_of(one.get("config")),
            branch=branch,
            is_enabled=one.get("isEnabled") is not False,
            children=tuple(
                child
                for name in WITHIN
                if one.get(name)
                for child in tree_of(one[name], {"then": "true", "else": "false"}.get(name))
            ),
        )
        for one in steps
    )


class _Trial:
    def __init__(self, client: Client, payload: Any) -> None:
        self._client = client
        self._payload = payload
        self._results: dict[str, Any] = {}
        self._last: Any = None
        self.entries: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def level(self, steps: Sequence[Mapping[str, Any]], turn: Mapping[str, Any]) -> None:
        """Try steps.

        Args:
            turn: `item` and `index` within a loop.
        """
        for step in steps:
            if step.get("isEnabled") is False:
                continue
            kind = step["type"]
            if kind == FOREACH:
                self._first_turn(step, turn)
            elif kind == PARALLEL:
                self.level(step.get("children") or [], turn)
                inside = [one["key"] for one in step.get("children") or []]
                self._keep(step, {key: self._results.get(key) for key in inside})
            else:
                result = self._one(step, turn)
                if kind == CONDITION:
                    self.level(step.get("then" if result else "else") or [], turn)

    def _first_turn(self, step: Mapping[str, Any], turn: Mapping[str, Any]) -> None:
        wanted = (step.get("config") or {}).get("items")
        asked = {"key": step["key"], "type": "script", "sourceCode": _GIVES,
                 "config": {"vars": {"wanted": wanted}}}  # fmt: skip
        items = self._one({**asked, "onError": step.get("onError")}, turn, noted=False)
        if not isinstance(items, list):
            self._over(step, {"error": {"message": f"items is {text_of(items)}, and no list"}})
            return
        if items:
            self.level(step.get("children") or [], {"item": items[0], "index": 0})
        self.notes.append(f"{step['key']}: the first of {len(items)} items")
        self._keep(step, [self._last] if items else [])

    def _one(self, step: Mapping[str, Any], turn: Mapping[str, Any], *, noted: bool = True) -> Any:
        """Try a step; give its result."""
        asked = {
            "kind": "flow_step",
            **{name: step[name] for name in _TRIED if step.get(name) is not None},
            "payload": self._payload,
            "results": self._results,
            "last": self._last,
            **turn,
        }
        report = self._client.post("/admin/test/run", asked)["data"][0]
        self.notes += [f"{step['key']} said: {line}" for line in report["logs"]]
        if not report["success"]:
            return self._over(step, report)
        result = report["result"]
        if noted:
            said = shortened(" ".join(text_of(result).split()), _LONGEST)
            self.notes.append(f"{step['key']} gave {said or 'nothing'}")
            self._keep(step, result, report["milliseconds"])
        return result

    def _keep(self, step: Mapping[str, Any], result: Any, took: float | None = None) -> None:
        self._results[step["key"]] = self._last = result
        branch = str(bool(result)).lower() if step["type"] == CONDITION else None
        self.entries.append(
            {"key": step["key"], "status": COMPLETED, "duration": took, "branch": branch}
        )

    def _over(self, step: Mapping[str, Any], report: Mapping[str, Any]) -> Any:
        """Note a failure; go on where the step says so.

        Raises:
            _StoppedError: If it does not.
        """
        error = report["error"]
        code = f"{error['code']}: " if error.get("code") else ""
        skipped = step.get("onError") == "skip"
        self.entries.append({"key": step["key"], "status": SKIPPED if skipped else FAILED})
        if not skipped:
            raise _StoppedError(f"'{step['key']}' has failed. {code}{error['message']}")
        self.notes.append(f"{step['key']} was skipped. {code}{error['message']}")
        self._last = {"error": error["message"], "skipped": True}
        self._results[step["key"]] = self._last
        return self._last
