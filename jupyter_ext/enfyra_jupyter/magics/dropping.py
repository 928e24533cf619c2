"""`%enfyra drop`: tables, flows, hooks and handlers that go."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ..client import ApiError
from ..display import Lines
from ..flows.following import RUNS
from .defining import PATH, losses_of, warnings_of
from .flowing import FLOWS, find_flow
from .scripting import find_script
from .session import Session, found

_Told = list[tuple[str, str]]


def drop(session: Session, given: Namespace) -> Lines:
    """Do `%enfyra drop`."""
    name = " ".join(given.name)
    match given.kind:
        case "table":
            return _drop_table(session, name, sure=given.apply)
        case "flow":
            return _drop_flow(session, name, sure=given.apply)
        case _:
            path, row = find_script(session, given.kind, name)
            session.client.send("DELETE", f"{path}/{row['id']}")
            return Lines([("title", f"The {given.kind} '{name}' is dropped")])


def _drop_table(session: Session, name: str, *, sure: bool) -> Lines:
    table = found(session.schema(), name)
    path = f"{PATH}/{table.facts['id']}"
    preview = _sent(session, path, preview=True)["data"][0]
    told = [*losses_of(preview), *warnings_of(preview)]
    if preview["isDestructive"] and not sure:
        return _waiting("table", name, told)
    confirm = preview["requiredConfirmHash"] if sure else None
    try:
        _sent(session, path, schemaConfirmHash=confirm)
    except ApiError as error:
        if error.code != "SCHEMA_CONFIRMATION_REQUIRED" or sure:
            raise
        # Records have come in since the preview.
        return _waiting("table", name, [*losses_of(error.details), *warnings_of(error.details)])
    session.schema()
    told = [("title", f"The table '{name}' is dropped"), *warnings_of(preview)]
    if table.facts["isAdopted"]:
        told.append(("note", "it was adopted: in the database it stays"))
    return Lines(told)


def _sent(session: Session, path: str, **params: Any) -> Mapping[str, Any]:
    return session.client.send("DELETE", path, params=params)


def _drop_flow(session: Session, name: str, *, sure: bool) -> Lines:
    row = find_flow(session, name)
    if not sure:
        condition = {"flow": {"id": {"_eq": row["id"]}}}
        answer = session.client.get(RUNS, filter=condition, meta="totalCount", limit=1)
        runs = answer["meta"]["totalCount"]
        if runs:
            lost = f"! loses the history of {runs} run{'s' if runs > 1 else ''}"
            return _waiting("flow", name, [("bad", lost)])
    _sent(session, f"{FLOWS}/{row['id']}")
    session.flows.forget()
    return Lines([("title", f"The flow '{name}' is dropped")])


def _waiting(kind: str, name: str, told: _Told) -> Lines:
    return Lines(
        [
            ("title", f"{name} is not dropped yet, since data would get lost"),
            *told,
            ("note", f"%enfyra drop {kind} {name} --apply drops it all the same"),
        ]
    )
