"""Scripts as rows: checked before they are saved, and every version is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..encoding import decode_json
from ..errors import EnfyraError, did_you_mean
from ..metadata.hooks import DEFAULT_LANGUAGE
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, INTERNAL
from ..records.records import Records
from ..scripts.script import Language, ScriptRunner
from ..storage.database import Session
from .script_tools import refuse_problems

HANDLER = "route_handler_definition"
BOOTSTRAP = "bootstrap_script_definition"
VERSION = "script_version_definition"
SOURCE = "sourceCode"
# What the source was called in earlier versions of Enfyra.
_OLD_NAMES = ("code", "logic")
_LANGUAGES = list(Language)


class ScriptRows:
    """Prepares rows that hold scripts, and keeps what they held before."""

    def __init__(self, runner: ScriptRunner, records: Records) -> None:
        self._runner = runner
        self._records = records

    async def prepared(
        self, table: Table, body: dict[str, Any], snapshot: Snapshot, *, creating: bool
    ) -> dict[str, Any]:
        """Give a row as it is going to be written.

        Raises:
            EnfyraError: SCRIPT_SYNTAX_ERROR for a source that cannot run; INVALID_BODY.
        """
        for old in _OLD_NAMES:
            if old in body and SOURCE not in body:
                body = {**{k: v for k, v in body.items() if k != old}, SOURCE: body[old]}
        if isinstance(body.get("route"), str):
            body = body | {"route": {"id": _route_id(body["route"], snapshot)}}
        if creating:
            _check_place(table, body)
        source = body.get(SOURCE)
        language = body.get("scriptLanguage", DEFAULT_LANGUAGE)
        if isinstance(source, str) and language in _LANGUAGES:
            await refuse_problems(self._runner, Language(language), source)
        return body

    async def keep(
        self, table: Table, rows: bytes, caller: str | None, session: Session | None
    ) -> None:
        """Keep what a script is from now on, as the next of its versions."""
        row = decode_json(rows)[0]
        versions = self._records.of(VERSION)
        found = parse({"filter": {"scriptTable": table.name, "scriptId": row["id"]}})
        count = await versions.count(found, ADMINISTRATOR, session)
        version: dict[str, Any] = {
            "scriptTable": table.name,
            "scriptId": row["id"],
            "version": count + 1,
            SOURCE: row[SOURCE],
            "scriptLanguage": row["scriptLanguage"],
        }
        if caller:
            version["savedBy"] = {"id": caller}
        await versions.create(version, access=INTERNAL, session=session)


def _check_place(table: Table, body: Mapping[str, Any]) -> None:
    """Refuse a script that nothing would ever run."""
    problems: list[str] = []
    if not body.get(SOURCE):
        problems.append(f"{SOURCE} is required")
    placed = table.name == BOOTSTRAP or (table.name != HANDLER and body.get("isGlobal"))
    if body.get("route") is None and not placed:
        hint = "" if table.name == HANDLER else ", or isGlobal must be true"
        problems.append(f"route is required{hint}")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)


def _route_id(path: str, snapshot: Snapshot) -> int:
    for route in snapshot.route_definitions:
        if route.path == path:
            return route.id
    hint = did_you_mean(path, (route.path for route in snapshot.route_definitions))
    raise EnfyraError("INVALID_BODY", problems=[f"route: there is no route {path}.{hint}"])
