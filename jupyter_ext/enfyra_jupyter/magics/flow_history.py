"""`%enfyra runs`, `logs`, `timeline`, `schedule`, `cancel`: what flows have done, and will do."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from IPython.core.error import UsageError

from ..display import Lines, Listing, visible
from ..flows.durations import duration_of
from ..flows.following import RUNS, find_run, looks
from ..flows.instants import clock_of, instant_in
from ..flows.steps import UNDER_WAY
from ..flows.timeline import Timeline, bars_of
from ..flows.views import said_of
from .flowing import find_flow, run_of
from .session import Session

_LOGS = "/flow_log_definition"
LISTED = "id,flow.name,status,trigger,startedAt,duration,error"
# Lines that are asked for at once.
_LINES = 1_000
KINDS = {"error": "bad", "warning": "bad", "debug": "note"}


def runs(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra runs`."""
    condition = None
    if given.flow is not None:
        condition = {"flow": {"id": {"_eq": find_flow(session, given.flow)["id"]}}}
    found = session.client.get(
        RUNS, filter=condition, sort="-id", fields=LISTED, limit=given.limit
    )["data"]
    rows = [
        [
            one["id"],
            (one.get("flow") or {}).get("name"),
            one["status"],
            one["trigger"],
            clock_of(one.get("startedAt")),
            duration_of(one.get("duration")),
            (one.get("error") or {}).get("message", ""),
        ]
        for one in found
    ]
    title = f"Runs of {given.flow}" if given.flow else "Runs"
    columns = ("run", "flow", "status", "trigger", "started (UTC)", "took", "error")
    return Listing(title, columns, rows, "" if rows else "There are none yet")


def logs(session: Session, given: Namespace) -> Lines | None:
    """Do `%enfyra logs`."""
    number = run_of(session, given.run)
    run = find_run(session.client, number, "id,status")
    if given.follow:
        _follow(session, number)
        return None
    lines = [(KINDS.get(one["level"], ""), line_text(one)) for one in lines_of(session, number, 0)]
    if not lines:
        more = "; --follow waits for them" if run["status"] in UNDER_WAY else ""
        lines = [("note", f"Run {number} has logged nothing{more}")]
    return Lines(lines)


def _follow(session: Session, number: int) -> None:
    """Write the lines of a run as they come."""
    last = 0
    try:
        for run in looks(session.client, number):
            for one in lines_of(session, number, last):
                sys.stdout.write(visible(f"{line_text(one)}\n"))
                last = one["id"]
            sys.stdout.flush()
            status = run["status"]
    except KeyboardInterrupt:
        raise UsageError(
            f"Run {number} goes on without being watched; %enfyra cancel {number} ends it"
        ) from None
    sys.stdout.write(f"Run {number} is {status}\n")


def lines_of(
    session: Session, number: int, after: int, level: str | None = None
) -> list[Mapping[str, Any]]:
    """Give the lines of a run behind one of them, page by page; those of one level, or all."""
    found: list[Mapping[str, Any]] = []
    while True:
        condition: dict[str, Any] = {"execution": {"id": {"_eq": number}}, "id": {"_gt": after}}
        if level is not None:
            condition["level"] = {"_eq": level}
        page = session.client.get(_LOGS, filter=condition, sort="id", limit=_LINES)["data"]
        found += page
        if len(page) < _LINES:
            return found
        after = page[-1]["id"]


def line_text(row: Mapping[str, Any]) -> str:
    """Give a line of a log as a person reads it."""
    return (
        f"{clock_of(row.get('at'))[11:]}  {row.get('step') or ''}  {row['level']}: {row['message']}"
    )


def timeline(session: Session, given: Namespace) -> Timeline:
    """Do `%enfyra timeline`."""
    number = run_of(session, given.run)
    run = find_run(session.client, number)
    bars = bars_of(run)
    if run["status"] in UNDER_WAY or any(one.retries for one in bars):
        # Only the log tells when it was that steps failed which were tried again.
        bars = bars_of(run, lines_of(session, number, 0, level="error"))
    return Timeline(said_of(run, (run.get("flow") or {}).get("name") or "?"), bars)


def schedule(session: Session, given: Namespace) -> Listing:
    """Do `%enfyra schedule`."""
    zone = given.timezone or "UTC"
    found = session.client.get("/admin/flow/schedule", timezone=zone, times=given.times)["data"]
    rows: list[list[str]] = []
    for one in found:
        first, *others = [instant_in(at) for at in one["next"]] or ["never"]
        rows.append([one["flow"], one["words"], first])
        rows += [["", "", at] for at in others]
    note = "" if rows else "No flow runs at certain times; %%enfyra flow NAME --cron '0 2 * * *'"
    return Listing("Schedule", ("flow", "when", f"next ({zone})"), rows, note)


def cancel(session: Session, given: Namespace) -> Lines:
    """Do `%enfyra cancel`."""
    number = run_of(session, given.run)
    session.client.post(f"/admin/flow/cancel/{number}", {})
    return Lines([("good", f"Run {number} is cancelled")])
