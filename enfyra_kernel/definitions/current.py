"""What is defined now, read into a document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..metadata.definitions import METHODS
from ..metadata.registry import Registry
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.records import Records
from ..schema.catalog import Catalog
from .flows import steps_of
from .kinds import (
    FLOWS,
    FORMAT,
    GUARD_RULE,
    GUARDS,
    KINDS,
    NAMED_BY,
    ROUTES,
    SYSTEM_TABLES,
    TABLES,
    Document,
    Item,
    Kind,
    trimmed,
)
from .routes import RouteDefaults
from .secrets import CONFIGURED, named, prefix_of
from .tables import system_items, table_items

FLOW_STEPS = "flow_step_definition"
_OF_CATALOG = {TABLES: table_items, SYSTEM_TABLES: system_items}
# What is part of other items.
_PARTS = frozenset({FLOW_STEPS, GUARD_RULE.table})
# Columns and relations are named with their table.
_FIELDS = frozenset({"column_definition", "relation_definition"})


@dataclass(frozen=True, slots=True)
class Current:
    """The definitions as they are.

    Attributes:
        document: All sections, sorted, with secrets named.
        ids: The ids of the items of each section, in the order of the document.
        secrets: What the names of secrets stand for.
    """

    document: Document
    ids: Mapping[str, Sequence[Any]]
    secrets: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


class CurrentDefinitions:
    """Reads what has been defined by people; what the system brings along is left out."""

    def __init__(self, records: Records, registry: Registry) -> None:
        self._records = records
        self._registry = registry

    async def read(self) -> Current:
        """Read everything."""
        snapshot = self._registry.current
        document: Document = {"format": FORMAT}
        ids: dict[str, list[Any]] = {}
        secrets: dict[str, Any] = {}
        defaults = RouteDefaults.of(snapshot)
        for kind in KINDS.values():
            if kind.section in _OF_CATALOG:
                catalog = Catalog(snapshot.definitions)
                # Of thousands of tables, the event loop need not wait for that.
                items = await asyncio.to_thread(_OF_CATALOG[kind.section], catalog)
                document[kind.section] = items
                ids[kind.section] = [snapshot.tables[one["name"]].definition.id for one in items]
                continue
            found = await self._rows(kind, snapshot)
            if kind.section == FLOWS:
                await self._add_steps(found, secrets)
            pairs = [(self._item(kind, row, defaults), row["id"]) for row in found]
            if kind.section == ROUTES:
                pairs = [pair for pair in pairs if len(pair[0]) > 1]
            pairs.sort(key=lambda pair: sort_key(kind, pair[0]))
            document[kind.section] = [item for item, _ in pairs]
            ids[kind.section] = [id_ for _, id_ in pairs]
        return Current(document, ids, secrets)

    # -- rows -----------------------------------------------------------------------------------

    async def _rows(self, kind: Kind, snapshot: Snapshot) -> list[Item]:
        table = snapshot.tables[kind.table]
        names = [
            one
            for one in kind.fields
            if one in table.columns
            or (one in table.relations and table.relations[one].target not in _PARTS)
        ]
        keep_system = kind.single or kind.section == ROUTES or "isSystem" not in table.columns
        extra = ["id", *(["isSystem"] if kind.section == ROUTES else [])]
        rows = await self._asked(
            table, [*extra, *names], snapshot, {} if keep_system else {"isSystem": False}
        )
        if kind.section == GUARDS:
            await self._add_rules(rows, snapshot)
        return rows

    async def _asked(
        self, table: Table, names: list[str], snapshot: Snapshot, where: Mapping[str, Any]
    ) -> list[Item]:
        """Give rows in which what they refer to has its name."""
        fields: list[str] = []
        deep: dict[str, Any] = {}
        for name in names:
            relation = table.relations.get(name)
            if relation is None:
                fields.append(name)
            elif relation.target in _FIELDS:
                own = "name" if relation.target == "column_definition" else "propertyName"
                owner = "table" if relation.target == "column_definition" else "sourceTable"
                fields += [f"{name}.{own}", f"{name}.{owner}.name"]
            else:
                fields.append(f"{name}.{NAMED_BY[relation.target]}")
                if not relation.kind.to_one:
                    deep[name] = {"limit": 0}
        query: dict[str, Any] = {"filter": where, "fields": fields, "deep": deep, "limit": 0}
        asked = parse({key: value for key, value in query.items() if value or key == "limit"})
        rows = await self._records.of(table.name).rows(asked, ADMINISTRATOR)
        return [_with_names(row, table) for row in rows]

    async def _add_rules(self, guards: list[Item], snapshot: Snapshot) -> None:
        table = snapshot.tables[GUARD_RULE.table]
        # The name of a guard need not be the only one.
        asked = parse({"fields": "id,guard", "limit": 0})
        of = {
            row["id"]: row["guard"]["id"]
            for row in await self._records.of(table.name).rows(asked, ADMINISTRATOR)
        }
        within: dict[Any, list[Item]] = {guard["id"]: [] for guard in guards}
        rows = await self._asked(table, ["id", *GUARD_RULE.fields], snapshot, {})
        for row in sorted(rows, key=lambda row: row["id"]):
            rule = trimmed({name: row[name] for name in GUARD_RULE.fields}, GUARD_RULE.defaults)
            within.get(of.get(row["id"]), []).append(rule)
        for guard in guards:
            guard["rules"] = sorted(within[guard["id"]], key=_text)

    async def _add_steps(self, flows: list[Item], secrets: dict[str, Any]) -> None:
        asked = parse({"fields": "*,flow,parent", "limit": 0})
        steps = steps_of(await self._records.of(FLOW_STEPS).rows(asked, ADMINISTRATOR))
        for flow in flows:
            prefix = prefix_of("flow", flow["name"])
            for name in CONFIGURED:
                flow[name] = named(flow[name], prefix, secrets)
            flow["steps"] = _without_secrets(steps.get(flow["id"], []), prefix, secrets)

    def _item(self, kind: Kind, row: Item, routes: RouteDefaults) -> Item:
        item = {name: row[name] for name in kind.fields if name in row}
        defaults = kind.defaults
        if kind.section == ROUTES:
            return trimmed(item, routes.of_path(row["path"]) or defaults)
        return {
            name: value
            for name, value in trimmed(item, defaults).items()
            if value is not None or name in defaults
        }


def sort_key(kind: Kind, item: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what items of a section are put in order by, the same on every database."""
    key = [str(item.get(name) if item.get(name) is not None else "") for name in kind.key]
    return (*key, _text(item))


def _text(item: Any) -> str:
    return json.dumps(item, sort_keys=True, ensure_ascii=False)


def _without_secrets(steps: list[Item], prefix: str, secrets: dict[str, Any]) -> list[Item]:
    found: list[Item] = []
    for step in steps:
        changed = dict(step)
        if "config" in step:
            changed["config"] = named(step["config"], f"{prefix}_{step['key']}", secrets)
        for within in ("then", "else", "children"):
            if within in step:
                changed[within] = _without_secrets(step[within], prefix, secrets)
        found.append(changed)
    return found


def _with_names(row: Item, table: Table) -> Item:
    return {
        name: _named(value, table.relations[name].target) if name in table.relations else value
        for name, value in row.items()
    }


def _named(value: Any, target: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        names = [_named(one, target) for one in value]  # pyright: ignore[reportUnknownVariableType]
        if target == "method_definition":
            return sorted(names, key=lambda one: (METHODS.index(one) if one in METHODS else 9, one))
        return sorted(names)
    if target in _FIELDS:
        owner = value.get("table") or value.get("sourceTable")
        return f"{owner['name']}.{value.get('name') or value.get('propertyName')}"
    return value[NAMED_BY[target]]
