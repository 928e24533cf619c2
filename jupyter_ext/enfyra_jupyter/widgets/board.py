"""The board of flows: how one is built, when it runs, what its runs do, and what they have done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..flows.durations import duration_of
from ..flows.following import RUNS, SHOWN, find_run
from ..flows.instants import clock_of
from ..flows.picture import drawing_of
from ..flows.steps import UNDER_WAY, Step, states_of, steps_of
from ..flows.timeline import Bar, bars_of
from ..flows.views import said_of, why_failed
from ..magics.flow_history import KINDS, LISTED, line_text, lines_of
from ..magics.flowing import FLOWS, find_flow, triggered, view_of
from ..yamls import NotYamlError, read_yaml
from .connected import Connected
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session

# Runs and lines that are shown.
_RUNS, _LINES = 20, 500


class Board(Connected):
    """A flow and its runs.

    Attributes:
        flows: The names of all flows.
        chosen: The flow that is looked at, the run, and the time zone.
        payload: What the next run begins with, as it is written.
    """

    face: ClassVar[str] = "board"
    keeps: ClassVar[tuple[str, ...]] = ("chosen", "payload")
    flows = traitlets.List().tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    payload = traitlets.Unicode("").tag(sync=True)

    def __init__(self, session: Session, flow: str | None) -> None:
        super().__init__(session)
        self._steps: dict[str, tuple[Step, ...]] = {}
        rows = session.client.get(FLOWS, fields="name", sort="name", limit=0)["data"]
        self.flows = [row["name"] for row in rows]
        if flow is not None:
            find_flow(session, flow)
        elif self.flows:
            flow = self.flows[0]
        self.chosen = {"flow": flow, "run": None, "zone": ""}

    # -- a flow ---------------------------------------------------------------------------------

    @action
    def flow(self, name: str, zone: str = "") -> dict[str, Any]:
        """Give a flow: its picture, what sets it off, and its last runs."""
        row = find_flow(self._session, name)
        view = view_of(self._session, row, zone=zone or None)
        steps = self._steps[name] = tuple(view.steps)
        return {
            "title": view.title,
            "notes": list(view.notes),
            "drawing": drawing_of(name, steps, {}).plain(),
            "steps": [one.key for one in steps],
            "runs": self.runs(name),
        }

    @action
    def runs(self, name: str) -> list[dict[str, Any]]:
        """Give the last runs of a flow, the newest first."""
        condition = {"flow": {"name": {"_eq": name}}}
        found = self._session.client.get(
            RUNS, filter=condition, sort="-id", fields=LISTED, limit=_RUNS
        )["data"]
        return [
            {
                "id": one["id"],
                "status": one["status"],
                "trigger": one["trigger"],
                "started": clock_of(one.get("startedAt")),
                "took": duration_of(one.get("duration")) or "",
                "error": (one.get("error") or {}).get("message", ""),
            }
            for one in found
        ]

    # -- a run ----------------------------------------------------------------------------------

    @action
    def run(self, id: int) -> dict[str, Any]:  # noqa: A002 - the face's own word
        """Give a run: how far it is, or how it ended, step by step, and its lines."""
        run = find_run(self._session.client, id, SHOWN)
        name = run["flow"]["name"]
        if name not in self._steps:
            self._steps[name] = steps_of(find_flow(self._session, name).get("steps") or [])
        steps = self._steps[name]
        failed = run["status"] == "failed"
        progress = run.get("progress") or {}
        lines = lines_of(self._session, id, 0)
        return {
            "id": id,
            "flow": name,
            "status": run["status"],
            "over": run["status"] not in UNDER_WAY,
            "said": why_failed(run, name) if failed else said_of(run, name),
            "failed": (run.get("error") or {}).get("failedStep") if failed else None,
            "done": progress.get("done") or 0,
            "total": progress.get("total") or 1,
            "drawing": drawing_of(name, steps, states_of(steps, run)).plain(),
            "bars": [_plain(one) for one in bars_of(run, lines)],
            "logs": [[KINDS.get(one["level"], ""), line_text(one)] for one in lines[-_LINES:]],
        }

    @action
    def start(self, name: str, payload: str = "") -> int:
        """Set a flow off; give the number of the run."""
        return int(triggered(self._session, name, _payload(payload))["executionId"])

    @action
    def cancel(self, id: int) -> None:  # noqa: A002
        """End a run, wherever it is at work."""
        self._session.client.post(f"/admin/flow/cancel/{id}", {})

    @action
    def again(self, id: int, start: str = "", payload: str = "") -> int:  # noqa: A002
        """Run the same again, or go on from a step; give the number of the new run."""
        asked: dict[str, Any] = {"from": start} if start else {}
        if payload.strip():
            asked["payload"] = _payload(payload)
        began = self._session.client.post(f"/admin/flow/rerun/{id}", asked)["data"][0]
        return int(began["executionId"])

    def text(self) -> str:
        """Give the flow in words."""
        name = self.chosen["flow"]
        if name is None:
            return "There are no flows yet; %%enfyra flow NAME writes one"
        if name not in self.flows:
            return f"There is no flow '{name}'.{did_you_mean(name, self.flows)}"
        return repr(view_of(self._session, find_flow(self._session, name)))


def _payload(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return read_yaml(text)
    except NotYamlError as error:
        raise UsageError(f"The payload is neither JSON nor YAML: {error}") from None


def _plain(bar: Bar) -> dict[str, Any]:
    return {
        "key": bar.key, "label": bar.name, "within": bar.within, "status": bar.status,
        "start": bar.start, "length": bar.length, "said": bar.said, "failures": list(bar.failures),
    }  # fmt: skip
