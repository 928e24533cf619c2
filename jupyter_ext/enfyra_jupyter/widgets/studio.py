"""The studio: hooks and handlers of a route, written, tried, saved and brought back."""

from __future__ import annotations

import json
import shlex
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
from ..magics.scripting import ALL, METHODS
from ..schema import Schema
from ..trials import Trial
from ..yamls import NotYamlError, read_yaml
from .connected import Connected
from .part import action
from .scripts import HANDLER, STAGES, RouteScripts, Script, name_of

if TYPE_CHECKING:
    from ..magics.session import Session

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
        drafts: What has been written of other scripts, and is not saved: by stage and id.
    """

    face: ClassVar[str] = "studio"
    faces: ClassVar[tuple[str, ...]] = ("editor", "studio_list", "studio_report")
    keeps: ClassVar[tuple[str, ...]] = ("draft", "drafts")
    facts = traitlets.Dict().tag(sync=True)
    draft = traitlets.Dict().tag(sync=True)
    drafts = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, subject: str) -> None:
        super().__init__(session)
        schema = session.schema()
        self._route = subject if subject.startswith("/") else _table_path(schema, subject)
        self._scripts = RouteScripts(session, self._route)
        self._load(schema)
        first = next((one for one in self.facts["scripts"] if not one["global"]), None)
        self.draft = {**_EMPTY, **(first or {"source": _STARTS["pre"]})}

    def _load(self, schema: Schema) -> None:
        table = next((one for one in schema.tables.values() if one.path == self._route), None)
        self.facts = {
            "route": self._route,
            "stages": STAGES,
            "methods": METHODS,
            "languages": _LANGUAGES,
            "starts": _STARTS,
            "scripts": self._scripts.all(),
            "fields": table.fields if table is not None else [],
            "tables": list(schema.tables),
            "macros": sorted(expansions(Language.PYTHON)),
            "repository": REPOSITORY,
        }

    def _seen(self) -> list[Script]:
        """Give the scripts as they are now, which the list follows."""
        self.facts = {**self.facts, "scripts": self._scripts.all()}
        return self.facts["scripts"]

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
            "method": method,
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
        return _told(Trial(name_of(draft, self._route), report))

    @action
    def save(self, draft: Mapping[str, Any], force: bool = False) -> dict[str, Any]:
        """Try a script, and save it if it has not failed: it is live then.

        Where only its name or its place is another, there is nothing to try. What somebody else
        has saved since it was read, its `base`, is told as `changed`.
        """
        known, base = self._scripts.find(draft), draft.get("base")
        if known and base and known["source"] != base["source"] and not force:
            self._seen()
            return {"failed": False, "saved": False, "changed": True}
        same = known is not None and all(known[one] == draft[one] for one in _runs(draft))
        told = {"failed": False} if force or same else self.run(draft)
        if told["failed"]:
            return {**told, "saved": False}
        saved = self._scripts.save(draft)
        self._load(self._session.schema())
        return {**told, "saved": True, "id": saved}

    @action
    def switch(self, stage: str, script: Any, on: bool) -> None:
        """Have a hook run from now on, or not."""
        self._scripts.switch(stage, script, on=on)
        self._seen()

    @action
    def move(self, stage: str, script: Any, step: int) -> list[Script]:
        """Have a hook run one place earlier or later; give all scripts."""
        self._scripts.move(stage, script, step)
        return self._seen()

    @action
    def delete(self, stage: str, script: Any) -> None:
        """Delete a script."""
        self._scripts.delete(stage, script)
        self._seen()

    @action
    def history(self, draft: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give the versions of a script, the newest first."""
        return self._scripts.history(draft)

    @action
    def rollback(self, draft: Mapping[str, Any], version: int) -> dict[str, Any]:
        """Save an older version again: it is live then."""
        wanted = self._scripts.bring_back(draft, version)
        self._seen()
        return wanted

    def text(self) -> str:
        """Give the cell that tries the script."""
        draft = self.draft
        if draft["stage"] == HANDLER:
            words = f"%%enfyra handler {draft['method']} {self._route}"
        else:
            route = f"* --path {self._route}" if draft["global"] else self._route
            words = f"%%enfyra hook {','.join(draft['methods']) or ALL} {route}"
            words += " --post" if draft["stage"] == "post" else ""
            words += f" --priority {draft['priority']}" if draft["priority"] else ""
            words += f" --name {shlex.quote(draft['name'])}" if draft["name"].strip() else ""
        if draft["language"] != _LANGUAGES[0]:
            words += f" --language {draft['language']}"
        return f"{words}\n{draft['source']}"


_EMPTY: Mapping[str, Any] = {
    "stage": "pre", "id": None, "name": "", "method": "POST", "methods": ["POST"], "priority": 0,
    "enabled": True, "global": False, "language": "python", "source": "",
    "body": "", "query": "", "path": "", "user": "", "sample": False, "alone": False, "base": None,
}  # fmt: skip


def _table_path(schema: Schema, name: str) -> str:
    table = schema.tables.get(name)
    if table is None:
        hint = did_you_mean(name, schema.tables) or " A route begins with /"
        raise UsageError(f"There is no table '{name}'.{hint}")
    return table.path


def _runs(draft: Mapping[str, Any]) -> tuple[str, ...]:
    """Give what makes a script another one to try."""
    place = ("method",) if draft["stage"] == HANDLER else ("methods", "global")
    return ("source", "language", *place)


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
