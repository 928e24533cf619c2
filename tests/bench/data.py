"""What is measured on: 100,000 posts by 1,000 users, as in docs/performance.md."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from enfyra_kernel.encoding import decode_json
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.ast import Query, Shape

USERS = 1_000
POSTS = 100_000
HOOKED = "/hooked"
STATUSES = ("draft", "published", "archived")
LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. " * 6
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

# MongoDB's own keys are no numbers, which the load counts through.
KEY = {"name": "id", "type": "int", "isPrimary": True, "isGenerated": True}
USER = {
    "name": "person",
    "columns": [
        KEY,
        {"name": "name", "type": "varchar", "isNullable": False},
        {"name": "email", "type": "varchar"},
    ],
}
POST = {
    "name": "post",
    "columns": [
        KEY,
        {"name": "title", "type": "varchar", "isNullable": False},
        {"name": "content", "type": "text"},
        {"name": "status", "type": "varchar", "options": {"length": 20}},
        {"name": "views", "type": "int"},
        {"name": "publishedAt", "type": "datetime"},
    ],
    "relations": [{"type": "many-to-one", "propertyName": "author", "targetTable": "person"}],
    "indexes": [["status", "publishedAt"]],
}


def post(number: int) -> dict[str, Any]:
    return {
        "title": f"Post number {number}",
        "content": LOREM[:500],
        "status": STATUSES[number % 3],
        "views": number % 1000,
        "publishedAt": (BEGIN + timedelta(minutes=number)).isoformat(),
        "author": number % USERS + 1,
    }


async def prepare(kernel: Kernel) -> None:
    """Define the tables, fill them, open the routes to everybody."""
    for table in (USER, POST):
        await kernel.definitions.create_table(table)
    only_id = Query(shape=Shape(fields=("id",)))
    people = [{"name": f"Person {n}", "email": f"p{n}@example.com"} for n in range(USERS)]
    await kernel.records.of("person").create_many(people, only_id)
    posts = kernel.records.of("post")
    for start in range(0, POSTS, 10_000):
        await posts.create_many([post(n) for n in range(start, start + 10_000)], only_id)
    await publish(kernel, "/post")
    await hooked(kernel)


async def hooked(kernel: Kernel) -> None:
    """Make a second route to the posts, with one small pre-hook."""
    post = kernel.registry.current.tables["post"].definition.id
    methods = await kernel.records.of("method_definition").rows(Query())
    get = [{"id": one["id"]} for one in methods if one["name"] == "GET"]
    route = {"path": HOOKED, "mainTable": {"id": post}, "availableMethods": get}
    hook = {"name": "small", "sourceCode": "@QUERY.limit = '20'"}
    async with kernel.definitions.changing() as session:
        rows = await kernel.records.of("route_definition").create(
            route | {"publicMethods": get}, session=session
        )
        hook["route"] = {"id": decode_json(rows)[0]["id"]}
        await kernel.records.of("pre_hook_definition").create(hook, session=session)


async def publish(kernel: Kernel, path: str) -> None:
    """Open all methods of a route to everybody."""
    route = next(one for one in kernel.registry.current.routes.routes if one.path == path)
    methods = await kernel.records.of("method_definition").rows(Query())
    body = {"publicMethods": [{"id": one["id"]} for one in methods]}
    async with kernel.definitions.changing() as session:
        await kernel.records.of("route_definition").update(
            route.definition.id, body, session=session
        )
