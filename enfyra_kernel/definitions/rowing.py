"""Rows of definitions, written as requests to their routes would write them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from ..flows.defining import Defining
from ..identity.callers import Caller
from ..lifecycle.context import Context
from ..lifecycle.messages import JSON, Request, Response
from ..metadata.registry import Registry
from ..metadata.routes import Route
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.definitions import Definitions
from ..records.records import Records
from .comparing import ADDED, Change
from .kinds import FLOWS, GUARD_RULE, GUARDS, ROUTES, SYSTEM_TABLES, Item
from .tables import whole_system_table

Operations = Callable[[Route, str], Callable[[Context], Awaitable[Response]]]
# Who may do without having passed a check.
OPENING = ("publicMethods", "skipRoleGuardMethods")


class Rows:
    """Writes rows: all checks that requests meet are met here, too."""

    def __init__(
        self,
        operations: Operations,
        records: Records,
        registry: Registry,
        definitions: Definitions,
        defining: Defining,
    ) -> None:
        self._operations = operations
        self._records = records
        self._registry = registry
        self._definitions = definitions
        self._defining = defining

    async def write(self, change: Change, id_: Any, caller: Caller, item: Item) -> None:
        """Make what a change asks for.

        Args:
            id_: Of the row that is there; None if there is none.
            item: The item of the document, secrets filled in.
        """
        if change.kind.section == FLOWS:
            body = {name: value for name, value in item.items() if name != "name"}
            await self._defining.define(item["name"], body)
            return
        if change.kind.section == SYSTEM_TABLES:
            await self._write_system_table(change)
            return
        table = change.kind.table
        rules = item.pop("rules", None) if change.kind.section == GUARDS else None
        if change.what == ADDED or id_ is None:
            body = {name: value for name, value in item.items() if value is not None}
            row = await self._send("POST", table, body, None, caller)
            id_ = row["id"]
        elif item:
            await self._send("PATCH", table, item, id_, caller)
        if rules is not None:
            await self._replace_rules(id_, rules, caller)

    async def delete(self, change: Change, id_: Any, caller: Caller) -> None:
        """Delete what is in no document; what has gone with something else is gone."""
        if change.kind.section == SYSTEM_TABLES:
            usual = whole_system_table({"name": (change.before or {})["name"]})
            await self._write_system_table(replace(change, after=usual))
            return
        try:
            await self._send("DELETE", change.kind.table, None, id_, caller)
        except EnfyraError as error:
            if error.code != "RESOURCE_NOT_FOUND":
                raise

    async def _write_system_table(self, change: Change) -> None:
        """Make the rules of a table of the system what they shall be, and what is said of it."""
        after = change.after or {}
        table = self._registry.current.tables[after["name"]]
        facts = {"description": after["description"], "validateBody": after["validateBody"]}
        definition = table.definition
        if facts != {
            "description": definition.description,
            "validateBody": definition.validate_body,
        }:
            await self._definitions.update_table(definition.id, facts)
        there = {
            (field, rule.rule_type): rule.id
            for field, rules in (
                *((one.name, one.rules) for one in definition.columns),
                *((one.property_name, one.rules) for one in definition.relations),
            )
            for rule in rules
        }
        for rule in after["rules"]:
            field = rule["field"]
            body = {name: value for name, value in rule.items() if name != "field"}
            known = there.pop((field, rule["ruleType"]), None)
            if known is not None:
                await self._definitions.update_rule(known, body)
                continue
            kind = "column" if field in table.columns else "relation"
            await self._definitions.create_rule({**body, kind: f"{table.name}.{field}"})
        for gone in there.values():
            await self._definitions.drop_rule(gone)

    async def _replace_rules(self, guard: Any, rules: list[Item], caller: Caller) -> None:
        asked = parse({"filter": {"guard": {"id": guard}}, "fields": "id", "limit": 0})
        before = await self._records.of(GUARD_RULE.table).rows(asked, ADMINISTRATOR)
        # First what there shall be: at no moment is there nothing.
        for rule in rules:
            body = {name: value for name, value in rule.items() if value is not None}
            await self._send("POST", GUARD_RULE.table, {**body, "guard": guard}, None, caller)
        for row in before:
            await self._send("DELETE", GUARD_RULE.table, None, row["id"], caller)

    async def _send(
        self, method: str, table: str, body: Mapping[str, Any] | None, id_: Any, caller: Caller
    ) -> Any:
        path = f"/{table}" if id_ is None else f"/{table}/{quote(str(id_), safe='')}"
        snapshot = self._registry.current
        match = snapshot.routes.find(path)
        if match is None:
            raise EnfyraError("ROUTE_NOT_FOUND", f"{method} {path} is turned off here")
        content = b"" if body is None else encode_json(body)
        request = Request(method, path, "", {"content-type": JSON}, content)
        context = Context(request, snapshot, match, caller, ADMINISTRATOR)
        response = await self._operations(match.route, method)(context)
        return decode_json(response.body)["data"][0] if method != "DELETE" else None


def body_of(change: Change, methods: Collection[str] | None = None) -> Item:
    """Give what is written of a change: all of something new, else what differs.

    Args:
        methods: Of a route: the only methods that are open to others yet.
    """
    after = change.after or {}
    names = list(after)
    if change.what != ADDED:
        names = list({one.path.partition(".")[0]: None for one in change.fields})
    body = {name: after[name] for name in names}
    if change.kind.section == ROUTES:
        for name in OPENING:
            if name in body and methods is not None:
                body[name] = [one for one in body[name] if one in methods]
    return body
