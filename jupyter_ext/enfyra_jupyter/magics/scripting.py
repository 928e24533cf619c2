"""`%%enfyra hook` and `%%enfyra handler`: scripts that are tried in the cell, and then saved."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enfyra_kernel.errors import did_you_mean
from IPython.core.error import UsageError

from ..client import ApiError
from ..display import Listing
from ..trials import Trial
from .command import object_of
from .session import Session

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
ALL = "ALL"
# Stands for all routes.
EVERYWHERE = "*"
VERBS = ("list", "history", "rollback")
HOOKS = {"pre": "/pre_hook_definition", "post": "/post_hook_definition"}
HANDLERS = "/route_handler_definition"
VERSIONS = "/script_version_definition"


def hook(session: Session, given: Namespace, body: str | None) -> Trial | Listing:
    """Do `%%enfyra hook`, and `%enfyra hook history` and its like."""
    if body is None:
        return _look(session, given, _saved_hooks(session), "hook")
    methods, route = _place(given.words, several=True)
    everywhere = route == EVERYWHERE
    if everywhere and given.path is None:
        raise UsageError("Say by --path, as in --path /post, where a hook of all routes is tried")
    stage = "post" if given.post else "pre"
    name = given.name or f"{stage} {','.join(methods) or ALL} {route}"
    trial = {
        "kind": f"{stage}_hook",
        "method": methods[0] if methods else "GET",
        "priority": given.priority,
    }
    place = {"isGlobal": True} if everywhere else {"route": {"path": route}}
    saved = _found(session, HOOKS[stage], {"name": name, **place})
    if saved is not None:
        trial["id"] = saved["id"]
    on = given.path if everywhere else route
    tried = _tried(session, given, on, body, trial, f"{stage}-hook '{name}'")
    row = {
        "name": name,
        **({"isGlobal": True} if everywhere else {"route": route}),
        "methods": methods,
        "priority": given.priority,
        "sourceCode": body,
        "scriptLanguage": given.language,
    }
    return _saved(session, given, tried, HOOKS[stage], saved, row)


def handler(session: Session, given: Namespace, body: str | None) -> Trial | Listing:
    """Do `%%enfyra handler`, and `%enfyra handler history` and its like."""
    if body is None:
        return _look(session, given, _saved_handlers(session), "handler")
    (method,), route = _place(given.words, several=False)
    trial = {"kind": "handler", "method": method}
    tried = _tried(session, given, route, body, trial, f"handler {method} {route}")
    condition = {"method": {"name": method}, "route": {"path": route}}
    saved = _found(session, HANDLERS, condition)
    row = {
        "route": route,
        "method": method,
        "sourceCode": body,
        "scriptLanguage": given.language,
    }
    if given.save and (given.force or not tried.failed):
        make_route(session, route, method)
    return _saved(session, given, tried, HANDLERS, saved, row)


# -- where ----------------------------------------------------------------------------------------


def _place(words: list[str], *, several: bool) -> tuple[list[str], str]:
    """Read methods and route, as in `GET,POST /post`."""
    known = len(words) == 2 and (words[1].startswith("/") or (several and words[1] == EVERYWHERE))
    if not known:
        example = "POST /post" if several else "GET /dashboard"
        raise UsageError(f"Write the method and the route, as in {example}")
    methods = [one.strip().upper() for one in words[0].split(",") if one.strip()]
    if several and methods == [ALL]:
        return [], words[1]
    known = (*METHODS, ALL) if several else METHODS
    for one in methods:
        if one not in METHODS:
            raise UsageError(f"There is no method '{one}'.{did_you_mean(one, known)}")
    if not methods or (not several and len(methods) > 1):
        raise UsageError("A handler answers one method")
    return methods, words[1]


def make_route(session: Session, path: str, method: str) -> None:
    """Make a route, or have it answer a method, if it does not."""
    found = _found(session, "/route_definition", {"path": path}, fields="*,availableMethods.name")
    if found is None:
        session.client.post("/route_definition", {"path": path, "availableMethods": [method]})
        return
    available = [one["name"] for one in found["availableMethods"]]
    if method not in available:
        body = {"availableMethods": [*available, method]}
        session.client.patch(f"/route_definition/{found['id']}", body)


def _found(
    session: Session, path: str, condition: Mapping[str, Any], fields: str = "*"
) -> dict[str, Any] | None:
    rows = session.client.get(path, filter=condition, fields=fields, limit=1)["data"]
    return rows[0] if rows else None


# -- trying and saving ----------------------------------------------------------------------------


def _tried(
    session: Session,
    given: Namespace,
    route: str,
    body: str,
    trial: Mapping[str, Any],
    title: str,
) -> Trial:
    request: dict[str, Any] = {}
    if given.test is not None:
        request["body"] = _test_body(given.test)
    if given.query is not None:
        request["query"] = given.query
    if given.path is not None:
        request["path"] = given.path
    if given.user is not None:
        request["user"] = None if given.user == "nobody" else given.user
    asked = {
        **trial,
        "route": route,
        "sourceCode": body,
        "scriptLanguage": given.language,
        "request": request,
        "sample": given.sample,
        "alone": given.alone,
    }
    report = session.client.post("/admin/test/run", asked)["data"][0]
    return Trial(title, report)


def _test_body(text: str) -> Any:
    """Read the body of a trial: a file, or JSON or YAML on the line."""
    if text.startswith(("{", "[")):
        try:
            return object_of(text)
        except ArgumentTypeError as error:
            raise UsageError(f"--test {error}") from None
    path = Path(text)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--test: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--test: {path} is not JSON: {error}") from None


def _saved(
    session: Session,
    given: Namespace,
    tried: Trial,
    path: str,
    saved: Mapping[str, Any] | None,
    row: Mapping[str, Any],
) -> Trial:
    if not given.save:
        return Trial(tried.title, tried.report, "not saved; --save does that")
    if tried.failed and not given.force:
        return Trial(tried.title, tried.report, "not saved, since it failed; --force saves it")
    if saved is None:
        session.client.post(path, row)
        return Trial(tried.title, tried.report, "saved: it is live")
    session.client.patch(f"{path}/{saved['id']}", row)
    return Trial(tried.title, tried.report, "saved in the place of the last version: it is live")


# -- looking at what is saved ---------------------------------------------------------------------

Saved = dict[str, tuple[str, dict[str, Any]]]


def _saved_hooks(session: Session) -> Saved:
    found: Saved = {}
    for stage, path in HOOKS.items():
        fields = "*,route.path,methods.name"
        for row in session.client.get(path, fields=fields, limit=0)["data"]:
            found[row["name"]] = (path, row | {"stage": stage})
    return found


def _saved_handlers(session: Session) -> Saved:
    fields = "*,route.path,method.name"
    rows = session.client.get(HANDLERS, fields=fields, limit=0)["data"]
    return {
        f"{row['method']['name']} {row['route']['path']}": (HANDLERS, row | {"stage": "handler"})
        for row in rows
    }


def find_script(session: Session, kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """Give a saved hook or handler, and the path that its kind is at.

    Raises:
        UsageError: With the nearest name.
    """
    saved = _saved_hooks(session) if kind == "hook" else _saved_handlers(session)
    return _named(saved, kind, name)


def _named(saved: Saved, kind: str, name: str) -> tuple[str, dict[str, Any]]:
    if name not in saved:
        hint = did_you_mean(name, saved) or f" There are: {', '.join(saved) or 'none'}"
        raise UsageError(f"There is no {kind} '{name}'.{hint}")
    return saved[name]


def _look(session: Session, given: Namespace, saved: Saved, kind: str) -> Listing:
    verb, *rest = given.words or ["list"]
    if verb not in VERBS:
        raise UsageError(
            f"%enfyra {kind} knows {', '.join(VERBS)}, not '{verb}'.{did_you_mean(verb, VERBS)} "
            f"%%enfyra {kind} begins a cell"
        )
    if verb == "list":
        return _listed(saved, kind)
    name = " ".join(rest)
    path, row = _named(saved, kind, name)
    versions = versions_of(session, path, row)
    if verb == "history":
        return _history(f"{kind} rollback {name}", name, versions)
    return _rolled_back(session, path, row, versions, given.to, name)


def _listed(saved: Saved, kind: str) -> Listing:
    rows = [
        [
            row["stage"],
            name,
            (row.get("route") or {}).get("path", "all routes"),
            ", ".join(one["name"] for one in row.get("methods", [])) or "all",
            row.get("isEnabled", True),
        ]
        for name, (_, row) in sorted(saved.items())
    ]
    note = "" if rows else f"There are none; %%enfyra {kind} writes one"
    return Listing(f"{kind.capitalize()}s", ("stage", "name", "route", "methods", "on"), rows, note)


def versions_of(session: Session, path: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give all versions of a script, the newest first."""
    condition = {"scriptTable": path.strip("/"), "scriptId": row["id"]}
    return list(
        session.client.get(
            VERSIONS, filter=condition, sort="-version", fields="*,savedBy.email", limit=0
        )["data"]
    )


def _history(command: str, name: str, versions: list[dict[str, Any]]) -> Listing:
    rows = [
        [
            one["version"],
            one["createdAt"],
            (one.get("savedBy") or {}).get("email"),
            one["sourceCode"],
        ]
        for one in versions
    ]
    note = f"%enfyra {command} --to N brings a version back"
    return Listing(f"Versions of {name}", ("version", "saved", "by", "source"), rows, note)


def _rolled_back(
    session: Session,
    path: str,
    row: Mapping[str, Any],
    versions: list[dict[str, Any]],
    to: int | None,
    name: str,
) -> Listing:
    by_number = {one["version"]: one for one in versions}
    wanted = to if to is not None else max(by_number) - 1
    if wanted not in by_number:
        known = ", ".join(map(str, sorted(by_number)))
        raise UsageError(f"'{name}' has no version {wanted}; there are {known}")
    source = by_number[wanted]
    body = {name_: source[name_] for name_ in ("sourceCode", "scriptLanguage")}
    try:
        session.client.patch(f"{path}/{row['id']}", body)
    except ApiError as error:
        raise UsageError(f"Version {wanted} cannot be brought back. {error}") from None
    return Listing(f"{name} is version {wanted} again", (), (), "it is live")
