"""`%%enfyra table`: what a cell says about a table, compared with what is, and made so."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.error import UsageError

from ..client import ApiError
from ..definitions import DefinitionError, read_definition
from ..display import Lines, text_of
from ..schema import Schema, TableInfo
from .session import Session, found

PATH = "/table_definition"
_TABLE_FACTS = ("alias", "description", "isSingleRecord", "validateBody", "metadata")
_RELATION_FACTS = {
    "isNullable": "isNullable",
    "onDelete": "onDelete",
    "isPublished": "isPublished",
    "isUpdatable": "isUpdatable",
    "description": "description",
    "inversePropertyName": "inverse",
}
_CONFIRMATION = "SCHEMA_CONFIRMATION_REQUIRED"


def define(session: Session, given: Namespace, body: str) -> Lines:
    """Do `%%enfyra table`."""
    if given.plan and given.apply:
        raise UsageError("--plan and --apply exclude each other")
    try:
        payload = read_definition(body)
    except DefinitionError as error:
        raise UsageError(str(error)) from None
    schema = session.schema()
    before = payload.pop("was", None)
    existing = schema.tables.get(given.table)
    if existing is None and before is not None:
        existing = found(schema, str(before))
        payload["name"] = given.table
    if existing is None:
        return _create(session, given, payload)
    payload.pop("adopt", None)
    return _change(session, given, existing, payload)


def _create(session: Session, given: Namespace, payload: Mapping[str, Any]) -> Lines:
    payload = {"name": given.table, **payload}
    preview = session.client.post(PATH, payload, preview=True)["data"][0]
    lines = differences(preview)
    if given.plan:
        return Lines([("title", f"{given.table} would be created"), *lines])
    session.client.post(PATH, payload)
    table = found(session.schema(), given.table)
    return Lines([("title", f"{given.table} is created"), *lines, _live(session, table)])


def _change(
    session: Session, given: Namespace, table: TableInfo, payload: Mapping[str, Any]
) -> Lines:
    path = f"{PATH}/{table.facts['id']}"
    preview = session.client.patch(path, payload, preview=True)["data"][0]
    lines = [*differences(preview), *quiet_differences(table, payload)]
    if not lines and not preview["schemaChanged"]:
        return Lines([("title", f"{given.table}: nothing to change")])
    if given.plan:
        return Lines(
            [
                ("title", f"{given.table} would be changed"),
                *lines,
                *losses_of(preview),
                *warnings_of(preview),
            ]
        )
    if preview["isDestructive"] and not given.apply:
        return _waiting(given.table, lines, preview)
    confirm = preview["requiredConfirmHash"] if given.apply else None
    try:
        session.client.patch(path, payload, schemaConfirmHash=confirm)
    except ApiError as error:
        if error.code != _CONFIRMATION or given.apply:
            raise
        # Rows have come in since the preview, so that now there is something to lose.
        return _waiting(given.table, lines, error.details)
    changed = found(session.schema(), given.table)
    warnings = warnings_of(preview)
    return Lines(
        [("title", f"{given.table} is changed"), *lines, *warnings, _live(session, changed)]
    )


def _waiting(name: str, lines: list[tuple[str, str]], preview: Mapping[str, Any]) -> Lines:
    return Lines(
        [
            ("title", f"{name} is not changed yet, since data would get lost"),
            *lines,
            *losses_of(preview),
            *warnings_of(preview),
            ("note", f"%%enfyra table {name} --apply makes the change all the same"),
        ]
    )


def losses_of(preview: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what data a change would lose, a line for each."""
    return [("bad", f"! loses {loss}") for loss in preview["losses"]]


def warnings_of(preview: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what will not fit any more, a line for each; servers of before do not say it."""
    return [("bad", f"! {one['message']}") for one in preview.get("warnings", ())]


def _live(session: Session, table: TableInfo) -> tuple[str, str]:
    return ("note", f"live at {session.client.url}{table.path}")


def differences(preview: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what a preview says, a line for each difference.

    Example:
        >>> differences({"addedColumns": [{"name": "title", "type": "varchar"}]})
        [('good', '+ title varchar')]
    """
    lines: list[tuple[str, str]] = []
    for kind, sign, key in (("good", "+", "added"), ("bad", "-", "removed")):
        for one in preview.get(f"{key}Columns", ()):
            lines.append((kind, f"{sign} {one['name']} {one['type']}"))
        for one in preview.get(f"{key}Relations", ()):
            lines.append((kind, f"{sign} {one['name']} {one['type']} {one['target']}"))
        for what in ("unique", "index"):
            groups = f"{key}{'Uniques' if what == 'unique' else 'Indexes'}"
            for one in preview.get(groups, ()):
                lines.append((kind, f"{sign} {what} ({', '.join(one)})"))
    for key in ("renamedColumns", "renamedRelations"):
        for one in preview.get(key, ()):
            lines.append(("", f"~ {one['from']} becomes {one['to']}"))
    for one in preview.get("changedColumns", ()):
        for what, change in one["changes"].items():
            lines.append(("", f"~ {one['name']}: {_changed(what, change['from'], change['to'])}"))
    return lines


def quiet_differences(table: TableInfo, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give differences that the database has no part in, which previews leave out."""
    lines: list[tuple[str, str]] = []
    if payload.get("name", table.name) != table.name:
        lines.append(("", f"~ {table.name} becomes {payload['name']}"))
    for key in _TABLE_FACTS:
        if key in payload and payload[key] != table.facts[key]:
            lines.append(("", f"~ {_changed(key, table.facts[key], payload[key])}"))
    for one in payload.get("relations") or ():
        relation = table.relations.get(one.get("was") or "") or table.relations.get(
            one.get("propertyName", "")
        )
        if relation is None:
            continue
        for key, fact in _RELATION_FACTS.items():
            if key in one and one[key] != relation[fact]:
                change = _changed(key, relation[fact], one[key])
                lines.append(("", f"~ {one['propertyName']}: {change}"))
        if "rules" in one and _rules(one["rules"]) != _rules(relation["rules"]):
            change = _changed("rules", relation["rules"], one["rules"])
            lines.append(("", f"~ {one['propertyName']}: {change}"))
    return lines


def _rules(rules: Sequence[Mapping[str, Any]]) -> str:
    """Give rules as a person names them, in an order of their own."""
    return ", ".join(sorted(map(_rule, rules)))


def _rule(rule: Mapping[str, Any]) -> str:
    value = rule["value"]
    plain = value["v"] if isinstance(value, Mapping) and set(value) == {"v"} else value
    said = f" '{rule['message']}'" if rule.get("message") else ""
    return f"{rule['ruleType']} {text_of(plain)}{said}"


def _changed(what: str, before: Any, after: Any) -> str:
    if what == "rules":
        before, after = _rules(before), _rules(after)
    return f"{what} {text_of(before) or 'none'} becomes {text_of(after) or 'none'}"


def create_inferred(session: Session, name: str, definition: Mapping[str, Any]) -> Schema:
    """Define a table for data that has none yet."""
    session.client.post(PATH, {"name": name, **definition})
    return session.schema()
