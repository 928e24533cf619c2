"""A run that is watched until it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from ..client import ApiError, Client
from ..display import visible
from .steps import CANCELLED, COMPLETED, FAILED, RUNNING, SKIPPED, UNDER_WAY, Step, states_of
from .views import FlowView, said_of

RUNS = "/flow_execution_definition"
SHOWN = (
    "id,status,trigger,currentStep,progress,completedSteps,turns,error,createdAt,startedAt,"
    "duration,flow.name"
)
# Seconds between two looks: short runs are seen to end at once, long ones cost little.
_SHORTEST, _LONGEST = 0.05, 1.0
# Seconds that the server may be away, as it is when it is started again.
PATIENCE = 30.0
# What a terminal is told of: what steps do, and not what they do not.
_SAID = frozenset({RUNNING, COMPLETED, FAILED, SKIPPED, CANCELLED})


def looks(client: Client, run: int) -> Iterator[Mapping[str, Any]]:
    """Give a run's row again and again, at last when it is over.

    Raises:
        ApiError: If the run is not there, or the server is away for long.
    """
    pause, away = _SHORTEST, 0.0
    while True:
        try:
            row = find_run(client, run)
        except ApiError as error:
            if 0 < error.status < 500 or away > PATIENCE:
                raise
            away += _LONGEST
            time.sleep(_LONGEST)
            continue
        away = 0.0
        yield row
        if row["status"] not in UNDER_WAY:
            return
        time.sleep(pause)
        pause = min(pause * 1.3, _LONGEST)


def find_run(client: Client, run: int, fields: str = SHOWN) -> dict[str, Any]:
    """Give a run.

    Raises:
        ApiError: RESOURCE_NOT_FOUND.
    """
    rows = client.get(RUNS, filter={"id": {"_eq": run}}, fields=fields, limit=1)["data"]
    if not rows:
        raise ApiError(
            "RESOURCE_NOT_FOUND",
            f"There is no run {run}",
            hint="%enfyra runs lists them",
            status=404,
        )
    return dict(rows[0])


class Screen:
    """Shows a run: as a picture that changes, or in a terminal line by line."""

    def __init__(self, name: str, steps: Sequence[Step]) -> None:
        self._name = name
        self._steps = steps
        self._last: Mapping[str, Any] = {}
        shell = get_ipython()
        self._update: Callable[[FlowView], None] | None = None
        self._has_pictures = hasattr(shell, "kernel")

    def show(self, run: Mapping[str, Any]) -> None:
        """Show how far a run is."""
        if run == self._last:
            return
        if self._has_pictures:
            self._draw(FlowView(self._name, said_of(run, self._name), self._steps, run))
        else:
            self._write(run)
        self._last = run

    def _draw(self, view: FlowView) -> None:
        if self._update is None:
            handle = display(view, display_id=True)
            self._update = handle.update
        else:
            self._update(view)

    def _write(self, run: Mapping[str, Any]) -> None:
        """Write what has changed."""
        before = states_of(self._steps, self._last) if self._last else {}
        for key, state in states_of(self._steps, run).items():
            if state != before.get(key) and state.word in _SAID:
                note = f", {state.note}" if state.note else ""
                sys.stdout.write(visible(f"{key}: {state.word}{note}\n"))
        sys.stdout.flush()
