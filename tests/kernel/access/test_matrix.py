"""Roles, methods, tables, fields and prefixes, all of them, against an evaluator of its own."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ...api import Api
from .desk import PASSWORD
from .verdicts import Row, Who, World

pytestmark = pytest.mark.asyncio

TABLES = ("book", "shelf")
FIELDS = ("title", "state", "secretNote", "pages")
METHODS = ("GET", "POST", "PATCH", "DELETE")
PREFIXES = ("", "/api", "/enfyra")
# To a request that is let in, but asks for what there is not.
_ANSWERS = {
    "GET": 200,
    "POST": (400, "INVALID_BODY"),
    "PATCH": (400, "INVALID_BODY"),
    "DELETE": (404, "RESOURCE_NOT_FOUND"),
}
CONDITIONS = [
    None, None, {"state": {"_eq": "open"}}, {"owner": {"_eq": "@USER.id"}},
    {"title": {"_neq": "b"}},
]  # fmt: skip


class Library:
    """Two tables, five callers, and permissions at random."""

    def __init__(self, root: Api, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.world = World()
        self.callers: list[tuple[Who, Api]] = []
        self.roles: dict[str, int] = {}

    async def open(self) -> None:
        for role in ("reader", "writer"):
            self.roles[role] = (await self.root.create("/role_definition", {"name": role}))["id"]
        self.callers = [(Who("nobody"), self.root.anonymous)]
        for name, role in (("ann", "reader"), ("ben", "writer"), ("cy", None)):
            body = {"email": f"{name}@example.com", "password": PASSWORD, "role": role}
            id_ = (await self.root.create("/user_definition", body))["id"]
            api = await Api(self.root.kernel).login(body["email"], PASSWORD)
            self.callers.append((Who(name, id_, role), api))
        me = (await self.root.rows("/me"))[0]["id"]
        self.callers.append((Who("root", me, None, root=True), self.root))
        for table in TABLES:
            await self._table(table)
        for _ in range(6):
            await self._route_permission()
        for _ in range(60):
            await self._field_permission()
        for action in ("read", "read", "read", "update", "update", "update", "delete"):
            await self._policy(action)

    def _some(self, items: Any, chance: float = 0.5) -> list[Any]:
        return [one for one in items if self.random.random() < chance]

    async def _table(self, name: str) -> None:
        owner = {"propertyName": "owner", "type": "many-to-one", "targetTable": "user_definition"}
        hidden = {"name": "secretNote", "type": "text", "isPublished": False}
        columns = ["title varchar", "state varchar", "pages int", hidden]
        await self.root.define(name, *columns, relations=[owner])
        self.world.hidden[name] = {"secretNote"}
        self.world.public[name] = set(self._some(["GET"], 0.4))
        self.world.any_login[name] = set(self._some(METHODS, 0.6))
        await self.root.patch(
            f"/route_definition/{await self._route(name)}",
            {
                "publicMethods": sorted(self.world.public[name]),
                "skipRoleGuardMethods": sorted(self.world.any_login[name]),
            },
        )
        owners = [who.id for who, _ in self.callers if who.id]
        await self.root.create(
            f"/{name}",
            [
                {"title": title, "state": state, "secretNote": "x", "pages": number,
                 "owner": {"id": self.random.choice(owners)}}
                for number, (title, state) in enumerate(
                    (title, state) for title in "abc" for state in ("open", "shut", None)
                )
            ],
        )  # fmt: skip

    async def _route(self, table: str) -> int:
        return (await self.root.rows("/route_definition", filter={"path": f"/{table}"}))[0]["id"]

    def _about(self) -> tuple[Row, Row]:
        """Give whom a rule is about: as the world has it, and as it is posted."""
        role = self.random.choice([None, "reader", "writer"])
        users = [one.id for one in self._some([who for who, _ in self.callers if who.id], 0.2)]
        enabled = self.random.random() < 0.85
        known: Row = {"role": role, "users": users, "isEnabled": enabled}
        return known, {
            "role": role, "allowedUsers": [{"id": one} for one in users], "isEnabled": enabled,
        }  # fmt: skip

    async def _route_permission(self) -> None:
        known, posted = self._about()
        if not posted["role"] and not posted["allowedUsers"]:
            return
        methods = self._some(METHODS) or ["GET"]
        table = self.random.choice(TABLES)
        body = {**posted, "route": f"/{table}", "methods": methods}
        await self.root.create("/route_permission_definition", body)
        self.world.routes.append({**known, "table": table, "methods": methods})

    async def _field_permission(self) -> None:
        known, posted = self._about()
        rule = {
            "action": self.random.choice(["read", "create", "update"]),
            "effect": self.random.choice(["allow", "deny", "deny"]),
            "condition": self.random.choice(CONDITIONS),
        }
        table, name = self.random.choice(TABLES), self.random.choice(FIELDS)
        answer = await self.root.post(
            "/field_permission_definition", {**posted, **rule, "column": f"{table}.{name}"}
        )
        # One that is there already, or that would allow what is allowed anyway.
        assert answer.status in {201, 400, 409}, answer.body
        if answer.status == 201:
            self.world.fields.append({**known, **rule, "table": table, "field": name})

    async def _policy(self, action: str) -> None:
        known, posted = self._about()
        rule = {"action": action, "filter": self.random.choice(CONDITIONS), "name": action}
        table = self.random.choice(TABLES)
        await self.root.create("/row_policy_definition", {**posted, **rule, "table": table})
        self.world.policies.append({**known, **rule, "table": table})


@pytest.mark.parametrize("seed", range(3))
async def test_matrix(sqlite_api: Api, seed: int) -> None:
    library = Library(sqlite_api, seed)
    await library.open()
    for table in TABLES:
        rows = await sqlite_api.rows(f"/{table}", sort="id", fields="*,owner.id", limit=0)
        for who, api in library.callers:
            await _check_routes(library.world, who, api, table)
            await _check_reading(library.world, who, api, table, rows)
            await _check_writing(library, who, api, table)


async def _check_routes(world: World, who: Who, api: Api, table: str) -> None:
    for prefix in PREFIXES:
        for method in METHODS:
            path = f"{prefix}/{table}" + ("" if method in {"GET", "POST"} else "/999999")
            body = {"nothing": 1} if method in {"POST", "PATCH"} else None
            answer = await api.send(method, path, body)
            wanted = world.route(who, method, table)
            if wanted == 200:
                found = 200 if answer.status == 200 else (answer.status, answer.code)
                assert found == _ANSWERS[method], (who, method, path, answer.body)
            else:
                assert answer.status == wanted, (who, method, path, answer.body)


async def _check_reading(world: World, who: Who, api: Api, table: str, rows: list[Row]) -> None:
    if world.route(who, "GET", table) != 200:
        return
    seen = [row for row in rows if world.reaches(who, table, "read", row)]
    got = await api.rows(f"/{table}", sort="id", limit=0)
    assert [row["id"] for row in got] == [row["id"] for row in seen], who
    for shown, row in zip(got, seen, strict=True):
        for name in FIELDS:
            allowed = world.allows(who, table, name, "read", row)
            if world.depends(who, table, name, "read"):
                assert shown.get(name) == (row[name] if allowed else None), (who, name, row)
            else:
                assert (name in shown) is allowed, (who, table, name)
    for name in FIELDS:
        if world.depends(who, table, name, "read"):
            continue
        wanted = 200 if world.allows(who, table, name, "read", {}) else 403
        for query in ({"fields": name}, {"filter": {name: None}}, {"sort": name}):
            answer = await api.get(f"/{table}", **query)
            assert answer.status == wanted, (who, query, answer.body)


async def _check_writing(library: Library, who: Who, api: Api, table: str) -> None:
    world, root = library.world, library.root
    value: Row = {
        "title": library.random.choice("bz"), "state": library.random.choice(["open", "shut"]),
        "secretNote": "y", "pages": 1,
    }  # fmt: skip
    for name in FIELDS:
        hidden = name in world.hidden[table]
        if world.route(who, "POST", table) == 200:
            made = {"title": None, "state": None, "owner": None, name: value[name]}
            allowed = world.allows(who, table, name, "create", made)
            answer = await api.post(f"/{table}", {name: value[name]})
            if allowed:
                assert answer.status == 201, (who, table, name, answer.body)
                await root.delete(f"/{table}/{answer.row['id']}")
            else:
                refusals = {400, 403} if hidden else {403}
                assert answer.status in refusals, (who, table, name, answer.body)
        if world.route(who, "PATCH", table) == 200:
            rows = await root.rows(f"/{table}", sort="id", fields="*,owner.id", limit=0)
            row = library.random.choice(rows)
            allowed = world.allows(who, table, name, "update", row)
            reached = all(world.reaches(who, table, one, row) for one in ("read", "update"))
            answer = await api.patch(f"/{table}/{row['id']}", {name: value[name]})
            after = {**row, name: value[name]}
            if not reached:
                assert answer.status in {404, 403, 400}, (who, table, name, answer.body)
            elif not allowed:
                refusals = {400, 403} if hidden else {403}
                assert answer.status in refusals, (who, table, name, answer.body)
            elif not world.reaches(who, table, "update", after):
                assert answer.status == 403, (who, table, name, answer.body)
            else:
                assert answer.status == 200, (who, table, name, row, answer.body)
            found = await root.rows(f"/{table}", filter={"id": row["id"]}, fields=name)
            wanted = after if answer.status == 200 else row
            assert found[0][name] == wanted[name]
            await root.patch(f"/{table}/{row['id']}", {name: row[name]})
