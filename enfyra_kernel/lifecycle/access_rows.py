"""Rows that say who may do what: checked before they are saved, and how they hang together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..access.guard_rules import LISTS, RATES, rule_problems
from ..access.guards import DEEPEST, POST_AUTH, PRE_AUTH
from ..access.origins import origin_problem
from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.tables import Table
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR
from ..records.records import Records
from ..storage.database import Session

ROUTE_PERMISSION = "route_permission_definition"
CORS_ORIGIN = "cors_origin_definition"
GUARD = "guard_definition"
GUARD_RULE = "guard_rule_definition"
# What only the outermost guard has.
_OUTERMOST = ("position", "route", "isGlobal", "methods")


class AccessRows:
    """Refuses rows of permissions and guards that could not work."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def check(self, table: Table, body: Mapping[str, Any], key: str | None) -> None:
        """Refuse a row by what is in it.

        Args:
            key: Of the row that is changed; None for a new one.

        Raises:
            EnfyraError: INVALID_BODY, with all that is wrong.
        """
        problems: list[str] = []
        if table.name == ROUTE_PERMISSION and key is None:
            problems = _idle_permission(body)
        if table.name == GUARD_RULE and ("config" in body or "type" in body):
            whole = body
            if key is not None and not ("config" in body and "type" in body):
                bound = self._records.of(GUARD_RULE).bound_key(key)
                tree = _Tree(self._records, None)
                rows = await tree.rows(GUARD_RULE, "id", [bound], "type,config")
                whole = {**(rows[0] if rows else {}), **body}
            if whole.get("type") in LISTS | RATES:
                problems = rule_problems(whole["type"], whole.get("config"))
        if table.name == CORS_ORIGIN and isinstance(body.get("origin"), str):
            problem = origin_problem(body["origin"])
            problems = [f"origin {problem}"] if problem is not None else []
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)

    async def settle(self, table: Table, written: bytes, session: Session | None) -> None:
        """Refuse a guard or rule, as it has been written, that does not fit the others.

        Args:
            written: The row, in a list, as JSON.

        Raises:
            EnfyraError: INVALID_BODY, with all that is wrong.
        """
        if table.name not in {GUARD, GUARD_RULE}:
            return
        tree = _Tree(self._records, session)
        guard = decode_json(written)[0]["id"]
        if table.name == GUARD_RULE:
            (rule,) = await tree.rows(GUARD_RULE, "id", [guard], "guard")
            guard = rule["guard"]["id"]
        problems = await tree.problems(guard)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)


class _Tree:
    """A guard as it is now, with those that it is part of, and its own parts."""

    def __init__(self, records: Records, session: Session | None) -> None:
        self._records = records
        self._session = session

    async def problems(self, id_: int) -> list[str]:
        way = await self._outwards(id_)
        if isinstance(way, str):
            return [way]
        guard, root = way[0], way[-1]
        if guard is not root:
            given = [name for name in _OUTERMOST if guard[name]]
            if given:
                return [
                    f"{', '.join(given)}: only an outermost guard has this; "
                    f"'{guard['name']}' is part of '{way[1]['name']}'"
                ]
        else:
            found = _root_problems(guard)
            if found:
                return found
        return await self._inwards([guard], len(way), pre_auth=root["position"] == PRE_AUTH)

    async def _outwards(self, id_: int) -> list[dict[str, Any]] | str:
        """Give a guard and those around it, up to the outermost; or what is wrong with that."""
        way: list[dict[str, Any]] = []
        following: int | None = id_
        while following is not None:
            fields = "id,name,parent,position,route,isGlobal,methods"
            (guard,) = await self.rows(GUARD, "id", [following], fields)
            names = [one["name"] for one in (*way, guard)]
            if any(one["id"] == guard["id"] for one in way):
                return f"parent: a guard cannot be part of itself ({' > '.join(names)})"
            way.append(guard)
            if len(way) > DEEPEST:
                return f"parent: guards can be {DEEPEST} deep, no deeper ({' > '.join(names)})"
            following = guard["parent"]["id"] if guard["parent"] is not None else None
        return way

    async def _inwards(
        self, guards: list[dict[str, Any]], depth: int, *, pre_auth: bool
    ) -> list[str]:
        """Give what is wrong with the rules and parts of guards of one depth."""
        ids = [one["id"] for one in guards]
        problems: list[str] = []
        if pre_auth:
            rules = await self.rows(GUARD_RULE, "guard", ids, "id,type,guard.name,users")
            problems = [
                f"rule {rule['id']} of '{rule['guard']['name']}' needs to know who calls: the "
                f"position must be {POST_AUTH}"
                for rule in rules
                if rule["type"] == "rate_limit_by_user" or rule["users"]
            ]
        parts = await self.rows(GUARD, "parent", ids, "id,name")
        if parts and depth == DEEPEST:
            problems.append(f"parent: guards can be {DEEPEST} deep, no deeper")
        elif parts:
            problems += await self._inwards(parts, depth + 1, pre_auth=pre_auth)
        return problems

    async def rows(
        self, table: str, field: str, values: Sequence[Any], fields: str
    ) -> list[dict[str, Any]]:
        """Give the rows in which a field has one of some values."""
        query = parse({"filter": {field: {"_in": values}}, "fields": fields, "limit": 0})
        return await self._records.of(table).rows(query, ADMINISTRATOR, self._session)


def _root_problems(guard: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    if guard["position"] is None:
        problems.append(f"position is required: {PRE_AUTH} or {POST_AUTH}")
    if guard["route"] is None and not guard["isGlobal"]:
        problems.append(
            "route is required, or isGlobal must be true, or parent names the guard it is part of"
        )
    return problems


def _idle_permission(body: Mapping[str, Any]) -> list[str]:
    problems = [f"{name} is required" for name in ("route", "methods") if not body.get(name)]
    if body.get("role") is None and not body.get("allowedUsers"):
        problems.append("role or allowedUsers is required: it would let in nobody")
    return problems
