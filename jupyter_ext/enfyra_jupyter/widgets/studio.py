"""The studio: hooks and handlers of a route, written, tried, saved and brought back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from enfyra_kernel.errors import did_you_mean
from enfyra_kernel.scripts.macros.names import METHODS as REPOSITORY
from enfyra_kernel.scripts.macros.names import expansions
from enfyra_kernel.scripts.script import Language
from IPython.core.error import UsageError

from ..client import ApiError
from ..magics.scripting import ALL, HANDLERS, HOOKS, METHODS, make_route, versions_of
from ..schema import Schema
from ..trials import Trial
from ..yamls import NotYamlError, read_yaml
from .connected import Connected
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session

HANDLER = "handler"
_STAGES = (*HOOKS, HANDLER)
_SYNTAX = "SCRIPT_SYNTAX_ERROR"
_LANGUAGES = ("python", "javascript")
_STARTS = {
    "pre": "# Runs before the record is written; what it returns is the answer.\n",
    "post": "# Runs after it; @DATA is the answer.\n",
    HANDLER: "return {'hello': 'world'}\n",
}


class Studio(Connected):
    """An editor for the scripts of a route.

    Attributes:
        facts: What is known of the route: its scripts, and what they may name.
        draft: The script that is written, and the request that it is tried with.
    """

    face: ClassVar[str] = "studio"
    faces: ClassVar[tuple[str, ...]] = ("editor",)
    keeps: ClassVar[tuple[str, ...]] = ("draft",)
    facts = traitlets.Dict().tag(sync=True)
    draft = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, subject: str) -> None:
        super().__init__(session)
        schema = session.schema()
        self._route = subject if subject.startswith("/") else _table_path(schema, subject)
        self._load(schema)
        first = next(iter(self.facts["scripts"]), None)
        self.draft = {**_EMPTY, **(first or {"source": _STARTS["pre"]})}

    def _load(self, schema: Schema) -> None:
        table = next((one for one in schema.tables.values() if one.path == self._route), None)
        self.facts = {
            "route": self._route,
            "stages": _STAGES,
            "methods": METHODS,
            "languages": _LANGUAGES,
            "starts": _STARTS,
            "scripts": self._scripts(),
            "fields": table.fields if table is not None else [],
            "tables": list(schema.tables),
            "macros": sorted(expansions(Language.PYTHON)),
            "repository": REPOSITORY,
        }

    def _scripts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for stage in _STAGES:
            several = stage != HANDLER
            rows = self._session.client.get(
                HOOKS.get(stage, HANDLERS),
                filter={"route": {"path": {"_eq": self._route}}},
                fields=f"*,{'methods' if several else 'method'}.name",
                sort="priority,id" if several else "id",
                limit=0,
            )["data"]
            for row in rows:
                methods = row["methods"] if several else [row["method"]]
                found.append(_script(stage, row, [one["name"] for one in methods]))
        return found

    # -- what the face asks for -----------------------------------------------------------------

    @action
    def editor(self) -> str:
        """Give the editor's own script, which a page asks for once."""
        return _editor()

    @action
    def validate(self, source: str, language: str) -> list[dict[str, Any]]:
        """Say what is wrong with a script, and where."""
        asked = {"sourceCode": source, "scriptLanguage": language}
        answer = self._session.client.post("/admin/script/validate", asked)["data"][0]
        return list(answer["problems"])

    @action
    def run(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Try a script with the request; nothing of it stays."""
        stage, method = draft["stage"], draft["method"]
        asked: dict[str, Any] = {
            "kind": HANDLER if stage == HANDLER else f"{stage}_hook",
            "method": "GET" if method == ALL else method,
            "route": self._route,
            "sourceCode": draft["source"],
            "scriptLanguage": draft["language"],
            "request": _request(draft),
            "sample": 1 if draft["sample"] else 0,
            "alone": bool(draft["alone"]),
        }
        if stage != HANDLER:
            asked["priority"] = draft["priority"]
            if draft["id"] is not None:
                asked["id"] = draft["id"]
        try:
            report = self._session.client.post("/admin/test/run", asked)["data"][0]
        except ApiError as error:
            if error.code != _SYNTAX:
                raise
            return {
                "failed": True,
                "headline": error.message,
                "problems": error.details["problems"],
            }
        return _told(Trial(_name(draft, self._route), report))

    @action
    def save(self, draft: Mapping[str, Any], force: bool = False) -> dict[str, Any]:
        """Try a script, and save it if it has not failed: it is live then."""
        told = {"failed": False} if force else self.run(draft)
        if told["failed"]:
            return {**told, "saved": False}
        client, stage, method = self._session.client, draft["stage"], draft["method"]
        row: dict[str, Any] = {
            "route": self._route,
            "sourceCode": draft["source"],
            "scriptLanguage": draft["language"],
        }
        if stage == HANDLER:
            if method == ALL:
                raise UsageError("A handler answers one method")
            make_route(self._session, self._route, method)
            row["method"] = method
        else:
            row["methods"] = [] if method == ALL else _methods(draft)
            row |= {"name": _name(draft, self._route), "priority": draft["priority"]}
        path = HOOKS.get(stage, HANDLERS)
        if draft["id"] is None:
            saved = client.post(path, row)["data"][0]
        else:
            saved = client.patch(f"{path}/{draft['id']}", row)["data"][0]
        self._load(self._session.schema())
        return {**told, "saved": True, "id": saved["id"]}

    @action
    def history(self, draft: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the versions of a script, the newest first."""
        if draft["id"] is None:
            return []
        path = HOOKS.get(draft["stage"], HANDLERS)
        return [
            {
                "version": one["version"],
                "at": one["createdAt"],
                "by": (one.get("savedBy") or {}).get("email"),
                "source": one["sourceCode"],
                "language": one["scriptLanguage"],
            }
            for one in versions_of(self._session, path, {"id": draft["id"]})
        ]

    @action
    def rollback(self, draft: Mapping[str, Any], version: int) -> dict[str, Any]:
        """Save an older version again: it is live then."""
        wanted = [one for one in self.history(draft) if one["version"] == version]
        if not wanted:
            raise UsageError(f"There is no version {version} any more")
        body = {"sourceCode": wanted[0]["source"], "scriptLanguage": wanted[0]["language"]}
        path = HOOKS.get(draft["stage"], HANDLERS)
        self._session.client.patch(f"{path}/{draft['id']}", body)
        self._load(self._session.schema())
        return wanted[0]

    def text(self) -> str:
        """Give the cell that tries the script."""
        draft = self.draft
        command = "handler" if draft["stage"] == HANDLER else "hook"
        words = f"%%enfyra {command} {draft['method']} {self._route}"
        if draft["stage"] == "post":
            words += " --post"
        if draft["language"] != _LANGUAGES[0]:
            words += f" --language {draft['language']}"
        return f"{words}\n{draft['source']}"


_EMPTY: Mapping[str, Any] = {
    "stage": "pre", "id": None, "name": "", "method": "POST", "methods": [], "priority": 0,
    "language": "python", "source": "", "body": "", "query": "", "path": "", "user": "",
    "sample": False, "alone": False,
}  # fmt: skip


def _table_path(schema: Schema, name: str) -> str:
    table = schema.tables.get(name)
    if table is None:
        hint = did_you_mean(name, schema.tables) or " A route begins with /"
        raise UsageError(f"There is no table '{name}'.{hint}")
    return table.path


def _script(stage: str, row: Mapping[str, Any], methods: list[str]) -> dict[str, Any]:
    return {
        "stage": stage,
        "id": row["id"],
        "name": row.get("name") or f"{methods[0]} handler",
        "method": methods[0] if methods else ALL,
        "methods": methods,
        "priority": row.get("priority") or 0,
        "language": row["scriptLanguage"],
        "source": row["sourceCode"],
    }


def _name(draft: Mapping[str, Any], route: str) -> str:
    given = draft["name"].strip()
    return given or f"{draft['stage']} {draft['method']} {route}"


def _methods(draft: Mapping[str, Any]) -> list[str]:
    """Give the methods of a hook: those that it has, if the one that is tried is among them."""
    known = list(draft["methods"])
    return known if draft["method"] in known else [draft["method"]]


def _request(draft: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    for name in ("body", "query"):
        text = draft[name].strip()
        if not text:
            continue
        try:
            request[name] = read_yaml(text)
        except NotYamlError as error:
            raise UsageError(f"The {name} is neither JSON nor YAML: {error}") from None
    if draft["path"].strip():
        request["path"] = draft["path"].strip()
    user = draft["user"].strip()
    if user:
        request["user"] = None if user == "nobody" else user
    return request


def _told(trial: Trial) -> dict[str, Any]:
    """Give what a trial has shown, as a face takes it."""
    report = trial.report
    result = report["result"]
    error = (result.get("error") or {}) if trial.failed and isinstance(result, Mapping) else {}
    details = error.get("details")
    place = details if isinstance(details, Mapping) and details.get("line") else None
    problems = [{**place, "message": error["message"], "hint": None}] if place is not None else []
    return {
        "failed": trial.failed,
        "headline": trial.headline,
        "problems": problems,
        "error": trial.error,
        "before": _pretty(report["before"]),
        "after": _pretty(report["after"]),
        "changes": trial.changes(),
        "logs": list(report["logs"]),
        "stages": [[one["stage"], one["name"], one["milliseconds"]] for one in report["stages"]],
        "touched": [[one["verb"], one["table"], one["records"]] for one in report["touched"]],
        "triggers": [[one["flow"], one["payload"]] for one in report["triggers"]],
        "answer": _pretty(result),
    }


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@cache
def _editor() -> str:
    return files(__package__).joinpath("vendor", "codemirror.js").read_text("utf-8")
