"""A table as a form holds it, where all is text: made of a definition, and made one again."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enfyra_kernel.definitions.files.wording import worded_table
from enfyra_kernel.definitions.files.yamls import write_yaml
from enfyra_kernel.definitions.kinds import trimmed
from enfyra_kernel.definitions.tables import COLUMN_DEFAULTS, RELATION_DEFAULTS
from enfyra_kernel.metadata.types import ColumnType, RelationKind
from enfyra_kernel.metadata.values import listed_options

from ..schema import TableInfo
from ..yamls import NotYamlError, read_yaml

LISTS = frozenset({ColumnType.ENUM, ColumnType.ARRAY_SELECT})
TEXTS = frozenset(
    {ColumnType.VARCHAR, ColumnType.TEXT, ColumnType.CODE, ColumnType.RICHTEXT, ColumnType.ENUM,
     ColumnType.UUID, ColumnType.DATE, ColumnType.DATETIME, ColumnType.TIMESTAMP}
)  # fmt: skip
_SIZES = {ColumnType.VARCHAR: ("length",), ColumnType.DECIMAL: ("precision", "scale")}


# -- from a definition ----------------------------------------------------------------------------


def draft_of(table: TableInfo | None, name: str = "") -> dict[str, Any]:
    """Give a table as a form shows it; a new one if there is none.

    Example:
        >>> draft_of(None, "post")["columns"][0]["name"]
        'title'
    """
    if table is None:
        return {
            "id": None, "was": None, "name": name, "description": "", "relations": [],
            "uniques": "", "indexes": "", "had": [],
            "columns": [{**EMPTY_COLUMN, "name": "title", "required": True}],
        }  # fmt: skip
    facts = table.facts
    alone = {group[0] for group in facts["uniques"] if len(group) == 1}
    relations = [_relation(one) for one in table.relations.values() if not one["mappedBy"]]
    had = {"relations": relations, "indexes": facts["indexes"]}
    return {
        "id": facts["id"],
        "was": table.name,
        "name": table.name,
        "description": facts["description"] or "",
        "columns": [
            _column(one, one["name"] in alone)
            for one in table.columns.values()
            if not one["isSystem"] and not one["isPrimary"]
        ],
        # What another table has begun is changed there.
        "relations": relations,
        "uniques": _lines(group for group in facts["uniques"] if len(group) > 1),
        "indexes": _lines(facts["indexes"]),
        # A cell that leaves a section out leaves it as it is.
        "had": [name for name, found in had.items() if found],
    }


EMPTY_COLUMN: Mapping[str, Any] = {
    "id": None, "was": None, "name": "", "type": "varchar", "options": "", "required": False,
    "default": "", "unique": False, "shown": True, "description": "", "rules": [],
}  # fmt: skip


EMPTY_RELATION: Mapping[str, Any] = {
    "id": None, "was": None, "name": "", "type": RelationKind.MANY_TO_ONE.value, "target": "",
    "required": False, "inverse": "", "onDelete": "", "rules": [],
}  # fmt: skip


def _column(facts: Mapping[str, Any], unique: bool) -> dict[str, Any]:
    return {
        "id": facts["id"],
        "was": facts["name"],
        "name": facts["name"],
        "type": facts["type"],
        "options": _options_text(facts["options"]),
        "required": not facts["isNullable"],
        "default": _text(facts["defaultValue"]),
        "unique": unique,
        "shown": facts["isPublished"],
        "description": facts["description"] or "",
        "rules": [_rule(one) for one in facts["rules"]],
    }


def _rule(facts: Mapping[str, Any]) -> dict[str, Any]:
    value = facts["value"]
    plain = set(value) == {"v"}
    return {
        "id": facts["id"],
        "kind": facts["ruleType"],
        "value": _text(value["v"]) if plain else json.dumps(value, ensure_ascii=False),
        "message": facts["message"] or "",
    }


def _relation(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": facts["id"],
        "was": facts["propertyName"],
        "name": facts["propertyName"],
        "type": facts["type"],
        "target": facts["targetTable"],
        "required": not facts["isNullable"],
        "inverse": facts["inverse"] or "",
        "onDelete": facts["onDelete"] or "",
        "rules": [_rule(one) for one in facts["rules"]],
    }


def _options_text(options: Any) -> str:
    return ", ".join(_quoted(str(one)) for one in listed_options(options))


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if re.search(r'^\s|\s$|[",]', text) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(groups: Iterable[Sequence[str]]) -> str:
    return "\n".join(", ".join(group) for group in groups)


# -- to a definition ------------------------------------------------------------------------------


def payload_of(draft: Mapping[str, Any]) -> dict[str, Any]:
    """Give the API's payload for a form."""
    alone = [[one["name"].strip()] for one in draft["columns"] if one["unique"]]
    return {
        "name": draft["name"].strip(),
        "description": draft["description"].strip() or None,
        "columns": [_column_payload(one) for one in draft["columns"]],
        "relations": [_relation_payload(one) for one in draft["relations"]],
        "uniques": [*alone, *_groups(draft["uniques"])],
        "indexes": _groups(draft["indexes"]),
    }


def _column_payload(column: Mapping[str, Any]) -> dict[str, Any]:
    kind = column["type"]
    payload = {
        "name": column["name"].strip(),
        "type": kind,
        "isNullable": not column["required"],
        "options": _options(kind, column["options"]),
        "defaultValue": field_value(kind, column["default"]),
        "isPublished": column["shown"],
        "description": column["description"].strip() or None,
        "rules": [_rule_payload(kind, one) for one in column["rules"]],
    }
    return _with_id(payload, column)


def _with_id(payload: dict[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    return payload if source.get("id") is None else {"id": source["id"], **payload}


def _options(kind: str, text: str) -> Any:
    parts = next(csv.reader([text], skipinitialspace=True), [])
    parts = [one.strip() for one in parts if one.strip()]
    if kind in LISTS:
        return parts or None
    names = _SIZES.get(ColumnType(kind)) if kind in set(ColumnType) else None
    if names is None or not parts:
        return None
    numbers = [int(one) if one.isascii() and one.isdigit() else one for one in parts]
    if len(names) == 2 and len(numbers) == 1:
        numbers.append(0)
    return dict(zip(names, numbers, strict=False))


def field_value(kind: str, text: str) -> Any:
    """Read a value of a type; what is none is left to the server, which says what is wrong."""
    text = text.strip()
    if not text:
        return None
    if kind in TEXTS:
        return text
    try:
        return read_yaml(text)
    except NotYamlError:
        return text


def _rule_payload(kind: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    text = rule["value"].strip()
    value: Any = text
    if rule["kind"] in {"min", "max"}:
        value = field_value(kind, text)
    elif rule["kind"] not in {"pattern", "format"}:
        value = field_value(ColumnType.INT, text)
    elif text.startswith("{") and rule["kind"] == "pattern":
        value = field_value(ColumnType.SIMPLE_JSON, text)
    payload = {
        "ruleType": rule["kind"],
        "value": value,
        "message": rule["message"].strip() or None,
    }
    return _with_id(payload, rule)


def _relation_payload(relation: Mapping[str, Any]) -> dict[str, Any]:
    payload = {
        "propertyName": relation["name"].strip(),
        "type": relation["type"],
        "targetTable": relation["target"],
        "isNullable": not relation["required"],
        "inversePropertyName": relation["inverse"].strip() or None,
    }
    if relation["onDelete"] and relation["type"] != RelationKind.MANY_TO_MANY:
        payload["onDelete"] = relation["onDelete"]
    if relation["rules"] or relation["type"] == RelationKind.MANY_TO_MANY:
        # Rules say how many records there are; the server refuses them where there is one.
        payload["rules"] = [_rule_payload("", one) for one in relation["rules"]]
    return _with_id(payload, relation)


def _groups(text: str) -> list[list[str]]:
    lines = ([one.strip() for one in line.split(",") if one.strip()] for line in text.splitlines())
    return [line for line in lines if line]


# -- the cell that says the same ------------------------------------------------------------------


def cell_of(draft: Mapping[str, Any]) -> str:
    """Give the cell that does what a form does.

    Example:
        >>> print(cell_of(draft_of(None, "post")))
        %%enfyra table post
        columns:
          title: varchar!
    """
    payload = payload_of(draft)
    item = {
        **payload,
        "was": _former(draft, payload["name"]),
        "columns": [
            trimmed(_said(form, one, one["name"]), COLUMN_DEFAULTS)
            for form, one in zip(draft["columns"], payload["columns"], strict=True)
        ],
        "relations": [
            trimmed(_said(form, one, one["propertyName"]), RELATION_DEFAULTS)
            for form, one in zip(draft["relations"], payload["relations"], strict=True)
        ],
    }
    worded = worded_table(item)
    # A cell that leaves a section out leaves it as it is.
    for name in draft["had"]:
        worded.setdefault(name, {} if name == "relations" else [])
    return f"%%enfyra table {payload['name']}\n{write_yaml(worded)}".rstrip()


def _said(form: Mapping[str, Any], field: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Give a field as a cell names it: by names in the place of ids."""
    said = {key: value for key, value in field.items() if key != "id"}
    if said.get("rules"):
        said["rules"] = [
            {key: value for key, value in one.items() if key != "id" and value is not None}
            for one in said["rules"]
        ]
    former = _former(form, name)
    return said if former is None else {**said, "was": former}


def _former(form: Mapping[str, Any], name: str) -> str | None:
    return form["was"] if form["was"] != name else None
