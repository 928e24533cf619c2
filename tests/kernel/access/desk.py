"""A help desk: tickets of requesters and agents, with notes, for tests of who sees what."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...api import Answer, Api

PASSWORD = "secret-word-1"


class Desk(NamedTuple):
    """The administrator, an agent, two requesters, and the ids of what is there."""

    root: Api
    agent: Api
    ann: Api
    ben: Api
    ids: dict[str, Any]

    async def allow(self, name: str, action: str = "read", **more: Any) -> int:
        """Add a field permission; `name` is `table.field`."""
        table, _, field = name.partition(".")
        kind, id_ = await self._field(table, field)
        body = {kind: {"id": id_}, "action": action, "effect": "allow"} | more
        return await self._made("/field_permission_definition", body)

    async def deny(self, name: str, action: str = "read", **more: Any) -> int:
        """Add a field permission that denies."""
        return await self.allow(name, action, **{"effect": "deny"} | more)

    async def policy(self, table: str, action: str = "all", **more: Any) -> int:
        """Add a row policy."""
        body = {"name": f"{action} {table}", "table": table, "action": action}
        return await self._made("/row_policy_definition", body | more)

    async def _field(self, table: str, field: str) -> tuple[str, int]:
        one = self.root.kernel.registry.current.tables[table]
        if field in one.columns:
            return "column", one.columns[field].id
        return "relation", one.relations[field].id

    async def _made(self, path: str, body: dict[str, Any]) -> int:
        answer = await self.root.post(path, body)
        assert answer.status == 201, answer.body
        return answer.row["id"]


async def open_desk(root: Api) -> Desk:
    """Make tables, users and tickets."""
    ids: dict[str, Any] = {}
    for role in ("agent", "requester"):
        ids[role] = (await root.post("/role_definition", {"name": role})).row["id"]
    users: dict[str, Api] = {}
    for name, role in (("agent", "agent"), ("ann", "requester"), ("ben", "requester")):
        body = {
            "email": f"{name}@example.com", "password": PASSWORD, "role": {"id": ids[role]},
        }  # fmt: skip
        ids[f"user {name}"] = (await root.post("/user_definition", body)).row["id"]
        users[name] = await Api(root.kernel).login(f"{name}@example.com", PASSWORD)
    await _tables(root, ids)
    teams = await root.create("/team", [{"name": "north"}, {"name": "south"}])
    for subject, owner, status, place in (
        ("printer", "ann", "open", 0), ("mouse", "ann", "closed", 1), ("screen", "ben", "open", 0),
    ):  # fmt: skip
        body = {
            "subject": subject, "owner": {"id": ids[f"user {owner}"]}, "status": status,
            "internalNote": f"about {subject}", "team": teams[place]["id"], "price": len(subject),
        }  # fmt: skip
        ids[subject] = (await root.create("/ticket", body))["id"]
    for text, ticket in (("hello", "printer"), ("again", "printer"), ("broken", "screen")):
        await root.create("/note", {"text": text, "ticket": ids[ticket]})
    return Desk(root, users["agent"], users["ann"], users["ben"], ids)


async def _tables(root: Api, ids: dict[str, Any]) -> None:
    await root.define("team", "name varchar")
    owner = {"propertyName": "owner", "type": "many-to-one", "targetTable": "user_definition"}
    team = {
        "propertyName": "team", "type": "many-to-one", "targetTable": "team",
        "inversePropertyName": "tickets",
    }  # fmt: skip
    await root.define(
        "ticket", "subject varchar!", "status varchar", "internalNote text", "price int",
        relations=[owner, team],
    )  # fmt: skip
    ticket = {
        "propertyName": "ticket", "type": "many-to-one", "targetTable": "ticket",
        "inversePropertyName": "notes",
    }  # fmt: skip
    await root.define("note", "text varchar", relations=[ticket])
    methods = (await root.get("/method_definition", limit=0)).data
    every = [{"id": one["id"]} for one in methods]
    for name in ("team", "ticket", "note"):
        table = (await root.get("/table_definition", filter={"name": name})).row
        ids[name] = table["id"]
        route = (await root.get("/route_definition", filter={"path": f"/{name}"})).row
        await root.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": every})


async def own_tickets(desk: Desk) -> Desk:
    """Let requesters have their own tickets only, and agents all."""
    await desk.policy("ticket", role={"id": desk.ids["agent"]})
    await desk.policy(
        "ticket", role={"id": desk.ids["requester"]}, filter={"owner": {"id": "@USER.id"}}
    )
    return desk


def refused(answer: Answer, status: int, code: str, *words: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer.body
    for word in words:
        assert word in answer.message


async def relate(root: Api, source: str, name: str, target: str, **more: Any) -> None:
    """Add a relation to a table that is there."""
    tables = root.kernel.registry.current.tables
    body = {
        "propertyName": name, "type": "many-to-one", "targetTable": target,
        "sourceTable": {"id": tables[source].definition.id},
    } | more  # fmt: skip
    answer = await root.post("/relation_definition", body)
    assert answer.status in {200, 201}, answer.body


async def ticket_of(desk: Desk, subject: str) -> dict[str, Any]:
    """Give a ticket as the administrator sees it."""
    return (await desk.root.rows("/ticket", filter={"subject": subject}))[0]


async def teams_of(desk: Desk) -> list[int]:
    """Give the ids of the teams."""
    return [one["id"] for one in await desk.root.rows("/team", sort="id")]
