"""The query builder: fields, conditions and an order to choose, the cell, and the first page."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets
from enfyra_kernel.metadata.types import DOCUMENTS, NUMBERS, TEXTS, ColumnType
from enfyra_kernel.query.placeholders import spelled

from ..client import ApiError
from ..magics.session import found
from ..schema import Schema, TableInfo
from .candidates import Candidates
from .connected import Connected
from .drafts import field_value
from .part import action

if TYPE_CHECKING:
    from ..magics.session import Session

_MOST = 50
_NONE = ("_is_null", "_is_not_null")
_EQUAL = ("_eq", "_neq", "_in", "_not_in", *_NONE)
_ORDERED = ("_eq", "_neq", "_gt", "_gte", "_lt", "_lte", "_between", "_in", "_not_in", *_NONE)
_TEXTS = ("_contains", "_starts_with", "_ends_with", *_ORDERED)
_LISTS = frozenset({"_in", "_not_in", "_between"})


class Builder(Connected):
    """A query to put together.

    Attributes:
        facts: The fields that it can name, each with its type and operators, and whether it is the
            key of a related record.
        draft: What has been chosen.
    """

    face: ClassVar[str] = "builder"
    faces: ClassVar[tuple[str, ...]] = ("picking",)
    keeps: ClassVar[tuple[str, ...]] = ("draft",)
    facts = traitlets.Dict().tag(sync=True)
    draft = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session)
        schema = session.schema()
        table = found(schema, name)
        fields = _fields(schema, table)
        self._candidates: dict[str, Candidates] = {}
        self.facts = {"table": name, "fields": fields}
        own = [one["path"] for one in fields if "." not in one["path"]]
        self.draft = {"fields": own[:6], "filters": [], "any": False, "sort": [], "limit": 10}

    @action
    def look(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        """Give the cell, and the first page of what it finds."""
        query = self._query(draft)
        table = found(self._session.schema(), self.facts["table"])
        asked = query | {"limit": min(query["limit"] or _MOST, _MOST)}
        answer = self._session.client.get(table.path, **asked, meta="filterCount")
        columns = draft["fields"] or list(table.columns)
        rows = [[_reached(row, path.split(".")) for path in columns] for row in answer["data"]]
        total = answer["meta"]["filterCount"]
        return {"cell": self.cell(draft), "columns": columns, "rows": rows, "total": total}

    @action
    def candidates(self, field: str, text: str, after: str | None = None) -> dict[str, Any]:
        """Give a page of the related records that a text may mean."""
        known = self._candidates.get(field)
        if known is None:
            schema = self._session.schema()
            table = found(schema, self.facts["table"])
            target = schema.follow(table, field.split(".")[:-1])
            if target is None:
                raise ApiError("RESOURCE_NOT_FOUND", f"{field} leads to no table any more")
            known = self._candidates[field] = Candidates(self._session.client, target)
        return known.search(text, after)

    @action
    def cell(self, draft: Mapping[str, Any]) -> str:
        """Give the cell that asks the same."""
        query = self._query(draft)
        lines = [f"%%enfyra query {self.facts['table']}"]
        for name in ("fields", "sort"):
            if query.get(name):
                lines.append(f"{name}: [{', '.join(query[name])}]")
        if query.get("filter"):
            lines.append(f"filter: {json.dumps(spelled(query['filter']), ensure_ascii=False)}")
        if query["limit"]:
            lines.append(f"limit: {query['limit']}")
        return "\n".join(lines)

    def _query(self, draft: Mapping[str, Any]) -> dict[str, Any]:
        kinds = {one["path"]: one["type"] for one in self.facts["fields"]}
        conditions = [
            _condition(one, kinds.get(one["field"], "")) for one in draft["filters"] if one["field"]
        ]
        query: dict[str, Any] = {"fields": draft["fields"] or None, "limit": draft["limit"]}
        if draft["sort"]:
            query["sort"] = [f"{'-' if one['down'] else ''}{one['field']}" for one in draft["sort"]]
        if len(conditions) == 1:
            query["filter"] = conditions[0]
        elif conditions:
            query["filter"] = {"_or" if draft["any"] else "_and": conditions}
        return query

    def text(self) -> str:
        """Give the cell that asks the same."""
        return self.cell(self.draft)


def _fields(schema: Schema, table: TableInfo) -> list[dict[str, Any]]:
    """Give the columns of a table, and those of the tables that its relations lead to."""
    fields = [_field(name, column) for name, column in table.columns.items()]
    for name, relation in table.relations.items():
        target = schema.tables.get(str(relation["targetTable"]))
        if target is None:
            continue
        for inner, column in target.columns.items():
            picks = inner == target.key
            fields.append(_field(f"{name}.{inner}", column) | {"picks": picks})
    return fields


def _field(path: str, column: Mapping[str, Any]) -> dict[str, Any]:
    kind = column["type"]
    operators: tuple[str, ...] = _ORDERED
    if kind in DOCUMENTS:
        operators = _NONE
    elif kind == ColumnType.BOOLEAN:
        operators = ("_eq", *_NONE)
    elif kind in {ColumnType.ENUM, ColumnType.UUID}:
        operators = _EQUAL
    elif kind in TEXTS:
        operators = _TEXTS
    choices = column.get("options") if kind == ColumnType.ENUM else None
    return {
        "path": path,
        "type": kind,
        "operators": operators,
        "choices": choices if isinstance(choices, list) else [],
        "number": kind in NUMBERS,
    }


def _condition(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    operator, text = row["operator"], row["value"]
    value: Any = True
    if operator in _LISTS:
        parts = next(csv.reader([text], skipinitialspace=True), [])
        value = [field_value(kind, one) for one in parts if one.strip()]
    elif operator not in _NONE:
        value = field_value(kind, text)
        if value is None and kind in TEXTS:
            value = ""
    condition: dict[str, Any] = {operator: value}
    for name in reversed(row["field"].split(".")):
        condition = {name: condition}
    return condition


def _reached(row: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(row, list):
            row = [_reached(one, [name]) for one in row]
        else:
            row = row.get(name) if isinstance(row, Mapping) else None
    return row
