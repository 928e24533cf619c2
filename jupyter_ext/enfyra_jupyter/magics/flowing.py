"""`%%enfyra flow` and `%enfyra run`: flows that are written in a cell, and watched in one."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError
from IPython.display import display

from ..client import ApiError
from ..definitions import DefinitionError
from ..flows.following import RUNS, SHOWN, Screen, find_run, looks
from ..flows.instants import instant_in
from ..flows.reading import read_flow
from ..flows.steps import steps_of
from ..flows.trying import try_flow
from ..flows.views import FlowView, Outcome, said_of, why_failed
from ..quoting import quoted
from .session import Session

FLOWS = "/flow_definition"
_NEXT = 3


def flow(session: Session, given: Namespace, body: str | None) -> FlowView | Outcome:
    """Do `%%enfyra flow` and `%enfyra flow`."""
    if body is None:
        _refuse_without_cell(given)
        return _look(session, given)
    if given.payload is not None and not (given.run or given.test):
        raise UsageError("--payload is what --run or --test begins with; write both")
    if given.run and given.test:
        raise UsageError("--test saves nothing that --run could run; take one")
    try:
        written = read_flow(body)
        if given.test:
            return try_flow(session.client, given.flow, written, given.payload)
    except DefinitionError as error:
        raise UsageError(str(error)) from None
    before = _found(session, given.flow)
    written |= _trigger(given, written, before)
    answer = session.client.send("PUT", f"/admin/flow/{_escaped(given.flow)}", body=written)
    row = answer["data"][0]
    session.flows.forget()
    view = view_of(session, row, "is changed" if before else "is created", given.timezone)
    if not given.run:
        return view
    display(view)
    return _watched(session, row, triggered(session, row["name"], given.payload))


def run(session: Session, given: Namespace) -> Outcome:
    """Do `%enfyra run`."""
    if given.of is not None and given.start is None:
        raise UsageError("--of names the run that --from goes on with; write both")
    row = find_flow(session, given.flow)
    if given.start is None:
        return _watched(session, row, triggered(session, row["name"], given.payload))
    of = given.of if given.of is not None else run_of(session, given.flow)
    asked = {"from": given.start}
    if given.payload is not None:
        asked["payload"] = given.payload
    began = session.client.post(f"/admin/flow/rerun/{of}", asked)["data"][0]
    if began["flowName"] != row["name"]:
        row = find_flow(session, began["flowName"])
    return _watched(session, row, began)


# -- flows ----------------------------------------------------------------------------------------


def find_flow(session: Session, name: str) -> dict[str, Any]:
    """Give a flow with its steps.

    Raises:
        UsageError: With the nearest name.
    """
    row = _found(session, name)
    if row is None:
        names = session.flows.load()
        hint = did_you_mean(name, names)
        if not hint:
            hint = f" There are: {', '.join(list(names)[:20])}" if names else " There are none yet"
        raise UsageError(f"There is no flow '{name}'.{hint}")
    return row


def _found(session: Session, name: str) -> dict[str, Any] | None:
    rows = session.client.get(
        FLOWS,
        filter={"name": {"_eq": name}},
        fields="*,steps.*",
        deep={"steps": {"limit": 0}},
        limit=1,
    )["data"]
    return rows[0] if rows else None


def run_of(session: Session, word: str) -> int:
    """Give a run by its number, or by the name of the flow whose last one it is.

    Raises:
        UsageError: If there is no such flow, or no run of it yet.
    """
    if word.isascii() and word.isdigit():
        return int(word)
    last = _last_run(session, find_flow(session, word))
    if last is None:
        raise UsageError(f"The flow '{word}' has not run yet; %enfyra run {quoted(word)} does that")
    return int(last["id"])


def _last_run(session: Session, row: Mapping[str, Any]) -> dict[str, Any] | None:
    condition = {"flow": {"id": {"_eq": row["id"]}}}
    found = session.client.get(RUNS, filter=condition, sort="-id", fields=SHOWN, limit=1)["data"]
    return found[0] if found else None


def _look(session: Session, given: Namespace) -> FlowView:
    row = find_flow(session, given.flow)
    last = _last_run(session, row)
    view = view_of(session, row, zone=given.timezone)
    if last is None:
        return view
    say = why_failed if last["status"] == "failed" else said_of
    notes = [say(last, row["name"]), *view.notes]
    return FlowView(view.name, view.title, view.steps, last, notes)


def view_of(
    session: Session, row: Mapping[str, Any], what: str = "", zone: str | None = None
) -> FlowView:
    """Show a flow, with what sets it off.

    Args:
        what: What has become of it.
        zone: The time zone of its next times; its own without one.
    """
    name, kind = row["name"], row.get("triggerType") or "manual"
    config = row.get("triggerConfig") or {}
    notes: list[str] = []
    said = {
        "manual": f"set off by %enfyra run {quoted(name)}",
        "flow": f"set off by the end of {config.get('flow')}",
        "event": f"set off by records of {config.get('table')}",
    }.get(kind, "")
    if kind == "webhook":
        said = f"set off by POST {session.client.links}/trigger/{config.get('path')}"
        if not config.get("secret"):
            notes.append("Whoever knows the address can set it off: --secret VARIABLE closes it")
    if kind == "schedule":
        zone = zone or config.get("timezone") or "UTC"
        said, times = _times(session, name, zone)
        notes += [f"next: {instant_in(at)}" for at in times]
    off = "" if row.get("isEnabled", True) else ", turned off"
    head = f"{name} {what}: {said}" if what else f"{name}: {said}"
    return FlowView(name, head + off, steps_of(row.get("steps") or []), None, notes)


def _times(session: Session, name: str, zone: str) -> tuple[str, list[str]]:
    answer = session.client.get("/admin/flow/schedule", timezone=zone, times=_NEXT)
    for one in answer["data"]:
        if one["flow"] == name:
            return one["words"], one["next"]
    return "on a schedule", []


def _trigger(
    given: Namespace, written: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Give what the line says about when the flow is set off; what else the cell says stays."""
    said = written.get("triggerConfig")
    if said is not None and not isinstance(said, Mapping):
        raise UsageError("triggerConfig must be an object")
    said = said or {}
    config = {key: value for key, value in said.items() if key not in {"cron", "interval", "at"}}
    named = [one for one in ("cron", "every", "webhook") if getattr(given, one) is not None]
    if len(named) > 1:
        raise UsageError(f"--{named[0]} and --{named[1]} are two ways to set it off; take one")
    if given.timezone and given.cron is None:
        raise UsageError("--timezone is that of --cron; write both")
    if given.secret and given.webhook is None:
        raise UsageError("--secret is that of --webhook; write both")
    if given.cron is not None:
        config |= {"cron": given.cron}
        if given.timezone:
            config["timezone"] = given.timezone
        return {"triggerType": "schedule", "triggerConfig": config}
    if given.every is not None:
        return {"triggerType": "schedule", "triggerConfig": {**config, "interval": given.every}}
    if given.webhook is None:
        return {}
    path = given.webhook.strip("/").removeprefix("trigger/")
    config["path"] = path
    known = (before or {}).get("triggerConfig") or {}
    if given.secret:
        config["secret"] = _secret(given.secret)
    elif known.get("path") == path and known.get("secret"):
        # Writing the steps anew must not open the flow to everybody.
        config["secret"] = known["secret"]
    return {"triggerType": "webhook", "triggerConfig": config}


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        # Who has written the secret itself does not read it again below.
        raise UsageError(
            "--secret must be the name of an environment variable with the webhook's secret, "
            "and there is none of that name"
        )
    return value


def _refuse_without_cell(given: Namespace) -> None:
    named = [one for one in ("cron", "every", "webhook", "secret", "payload")
             if getattr(given, one) is not None]  # fmt: skip
    named += [one for one in ("run", "test") if getattr(given, one)]
    if named:
        name = named[0]
        raise UsageError(
            f"--{name} goes with a cell below %%enfyra flow; "
            f"%enfyra run {quoted(given.flow)} runs it"
        )


def _escaped(name: str) -> str:
    return quote(name, safe="")


# -- runs -----------------------------------------------------------------------------------------


def triggered(session: Session, name: str, payload: Any) -> dict[str, Any]:
    """Set a flow off; give the run that it began."""
    asked = {} if payload is None else {"payload": payload}
    answer = session.client.post(f"/admin/flow/trigger/{_escaped(name)}", asked)
    return dict(answer["data"][0])


def _watched(session: Session, row: Mapping[str, Any], began: Mapping[str, Any]) -> Outcome:
    """Show a run until it is over.

    Raises:
        UsageError: If it failed, or was interrupted or cancelled.
    """
    name, number = row["name"], int(began["executionId"])
    screen = Screen(name, steps_of(row.get("steps") or []))
    try:
        for last in looks(session.client, number):
            screen.show(last)
    except KeyboardInterrupt:
        _cancelled(session, number)
        last = find_run(session.client, number)
        screen.show(last)
        if last["status"] == "cancelled":
            raise UsageError(f"Interrupted: run {number} of {name} is cancelled") from None
    if last["status"] == "failed":
        raise UsageError(why_failed(last, name))
    if last["status"] == "cancelled":
        raise UsageError(f"Run {number} of {name} was cancelled by somebody")
    state = find_run(session.client, number, "state").get("state") or {}
    return Outcome(number, name, last["status"], last.get("duration"), state.get("results") or {})


def _cancelled(session: Session, number: int) -> None:
    try:
        session.client.post(f"/admin/flow/cancel/{number}", {})
    except ApiError as error:
        # It was over when the cell was interrupted.
        if error.status != 409:
            raise
