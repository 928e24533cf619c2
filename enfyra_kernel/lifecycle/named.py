"""Records that a body refers to by what people call them: a role's name, a route's path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from ..query.parse import parse
from ..query.plan import Access
from ..records.records import Records

# What tells records apart for people, where only the database knows them, and what they are called.
_FIELDS = {
    "role_definition": ("name", "role"),
    "method_definition": ("name", "method"),
    "user_definition": ("email", "user"),
    "guard_definition": ("name", "guard"),
}
# Of so many records at most, the nearest name is looked for.
_NEAREST_OF = 1000


class Named:
    """Puts ids in the place of names.

    Names are those of roles, methods and guards, the e-mail addresses of users, the paths of
    routes, the names of tables, and `table.field` for columns and relations. Ids and objects stay
    as they are.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def resolved(
        self, table: Table, body: dict[str, Any], snapshot: Snapshot, access: Access
    ) -> dict[str, Any]:
        """Give a body with ids, nested records included; what the caller cannot see has no name.

        Raises:
            EnfyraError: INVALID_BODY for names that there are not, with the nearest ones.
        """
        problems: list[str] = []
        changed = await _Body(self._records, snapshot, access, problems).record(table, body, "")
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        return changed


class _Body:
    """One body on its way from names to ids."""

    def __init__(
        self, records: Records, snapshot: Snapshot, access: Access, problems: list[str]
    ) -> None:
        self._records = records
        self._access = access
        self._snapshot = snapshot
        self._problems = problems
        self._known: dict[tuple[str, str], Any] = {}

    async def record(self, table: Table, body: dict[str, Any], place: str) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        for name, relation in table.relations.items():
            if body.get(name) is not None:
                target = self._snapshot.tables[relation.target]
                changed[name] = await self._value(target, body[name], f"{place}{name}")
        return body | changed

    async def _value(self, target: Table, value: Any, place: str) -> Any:
        if isinstance(value, str):
            return await self._id(target, value, place)
        if isinstance(value, dict):
            return await self.record(target, cast("dict[str, Any]", value), f"{place}.")
        if isinstance(value, list):
            many = cast("list[Any]", value)
            return [
                await self._value(target, one, f"{place}[{number}]" if len(many) > 1 else place)
                for number, one in enumerate(many)
            ]
        return value

    async def _id(self, target: Table, name: str, place: str) -> Any:
        if name.isdigit():
            return name
        match target.name:
            case "route_definition":
                paths = {one.path: one.id for one in self._snapshot.route_definitions}
                return self._among("route", name, paths, place)
            case "table_definition":
                found = self._snapshot.find(name)
                if found is not None:
                    return found.definition.id
                return self._among("table", name, dict.fromkeys(self._snapshot.tables), place)
            case "column_definition" | "relation_definition":
                return self._field(target.name.partition("_")[0], name, place)
            case "user_definition" if "@" not in name:
                return name
            case kind if kind in _FIELDS:
                return await self._row(kind, name, place)
            case _:
                return name

    def _field(self, kind: str, name: str, place: str) -> Any:
        table_name, dot, field = name.rpartition(".")
        if not dot:
            self._problems.append(f"{place}: write '{name}' with its table, such as 'post.{name}'")
            return name
        table = self._snapshot.find(table_name)
        if table is None:
            return self._among("table", table_name, dict.fromkeys(self._snapshot.tables), place)
        columns = {one.name: one.id for one in table.definition.columns}
        relations = {one.name: one.id for one in table.relations.values()}
        own, other = (columns, relations) if kind == "column" else (relations, columns)
        if field not in own and field in other:
            right = "relation" if kind == "column" else "column"
            self._problems.append(f"{place}: '{name}' is a {right}; name it as {right}")
            return name
        return self._among(kind, name, {f"{table.name}.{one}": own[one] for one in own}, place)

    async def _row(self, table: str, name: str, place: str) -> Any:
        kind = _FIELDS[table][1]
        wanted = {"user": name.lower().strip(), "method": name.upper()}.get(kind, name)
        if (table, wanted) not in self._known:
            self._known[table, wanted] = await self._look_up(table, wanted, place)
        return self._known[table, wanted]

    async def _look_up(self, table: str, name: str, place: str) -> Any:
        field, kind = _FIELDS[table]
        repository = self._records.of(table)
        found = await repository.rows(
            parse({"filter": {field: {"_eq": name}}, "fields": f"id,{field}", "limit": 2}),
            self._access,
        )
        if len(found) == 1:
            return found[0]["id"]
        if found:
            self._problems.append(f"{place}: there are several {kind}s '{name}'; take the id")
            return name
        near = await repository.rows(parse({"fields": field, "limit": _NEAREST_OF}), self._access)
        return self._unknown(kind, name, (row[field] for row in near), place)

    def _among(self, kind: str, name: str, ids: dict[str, Any], place: str) -> Any:
        found = ids.get(name)
        return self._unknown(kind, name, ids, place) if found is None else found

    def _unknown(self, kind: str, name: str, names: Iterable[str], place: str) -> str:
        shown = name[:80]
        self._problems.append(
            f"{place}: there is no {kind} '{shown}'.{did_you_mean(name, names)}".rstrip(".")
        )
        return name
