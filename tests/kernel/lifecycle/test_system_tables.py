"""CRUD on the system's own tables, and what of it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.query.plan import INTERNAL

from tests.api import Api
from tests.databases import ADMIN_EMAIL
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


async def first(api: Api, table: str, **conditions: Any) -> Any:
    return (await api.rows(f"/{table}", filter=conditions, limit=1))[0]


# -- every system table answers -------------------------------------------------------------------


async def test_every_system_table_can_be_listed(api: Api) -> None:
    tables = await api.rows("/table_definition", filter={"isSystem": True}, limit=0)
    assert len(tables) > 10
    for table in tables:
        answer = await api.get(f"/{table['name']}", limit=1)
        assert answer.status in {200, 404, 405}, (table["name"], answer.body)
        if answer.status == 200:
            assert isinstance(answer.data, list)


async def test_the_newer_names_lead_to_the_same_tables(sqlite_api: Api) -> None:
    older = await sqlite_api.rows("/user_definition")
    assert await sqlite_api.rows("/enfyra_user") == older


async def test_a_role_is_created_changed_replaced_and_deleted(api: Api) -> None:
    role = await api.create("/role_definition", {"name": "editor", "description": "Edits"})
    path = f"/role_definition/{role['id']}"
    assert (await api.patch(path, {"description": "Writes"})).row["description"] == "Writes"
    replaced = await api.put(path, {"name": "author"})
    assert (replaced.row["name"], replaced.row["description"]) == ("author", None)
    again = await api.post("/role_definition", {"name": "author"})
    assert (again.status, again.code) == (409, "DUPLICATE_RESOURCE")
    user = await api.create("/user_definition", {"email": "a@b.c", "role": {"id": role["id"]}})
    assert user["role"] == {"id": role["id"]}
    assert (await api.delete(path)).status in {200, 409}


async def test_system_tables_take_one_record_at_a_time(sqlite_api: Api) -> None:
    answer = await sqlite_api.post("/role_definition", [{"name": "a"}, {"name": "b"}])
    assert (answer.status, answer.code) == (400, "INVALID_BODY")


# -- users ----------------------------------------------------------------------------------------


async def test_passwords_are_shown_to_nobody(api: Api) -> None:
    created = await api.post("/user_definition", {"email": "A@b.c", "password": "hush-hush"})
    assert created.status == 201
    assert created.row["email"] == "a@b.c"
    path = f"/user_definition/{created.row['id']}"
    for answer in (
        created,
        await api.get("/user_definition"),
        await api.patch(path, {"password": "hush-hush-2"}),
        await api.get("/session_definition"),
        await api.get("/me"),
    ):
        text = str(answer.body)
        assert "hush" not in text
        assert "argon2" not in text
        assert "refreshTokenHash" not in text
        assert "password" not in answer.row
    for query in (
        {"fields": "password"}, {"sort": "password"}, {"filter": {"password": {"_contains": "a"}}},
    ):  # fmt: skip
        answer = await api.get("/user_definition", **query)
        assert answer.status in {400, 403}, query
    for query in ({"fields": "refreshTokenHash"}, {"fields": "user.password"}):
        assert (await api.get("/session_definition", **query)).status in {400, 403}


async def test_two_users_cannot_have_one_address(api: Api) -> None:
    await api.create("/user_definition", {"email": "a@b.c"})
    answer = await api.post("/user_definition", {"email": " A@B.c "})
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")


async def test_the_root_administrator_stays(api: Api) -> None:
    root = await first(api, "user_definition", isRootAdmin=True)
    answer = await api.delete(f"/user_definition/{root['id']}")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert (await first(api, "user_definition", isRootAdmin=True))["email"] == ADMIN_EMAIL


async def test_nobody_makes_an_administrator(sqlite_api: Api) -> None:
    body = {"email": "b@b.c", "password": "x"}
    answer = await sqlite_api.post("/user_definition", body | {"isRootAdmin": True})
    assert (answer.status, answer.message) == (400, "isRootAdmin cannot be set")
    created = await sqlite_api.create("/user_definition", body | {"isRootAdmin": False})
    for method in ("PATCH", "PUT"):
        answer = await sqlite_api.send(
            method, f"/user_definition/{created['id']}", {"email": "b@b.c", "isRootAdmin": True}
        )
        assert (answer.status, answer.message) == (400, "isRootAdmin cannot be set")


async def test_an_open_method_does_not_open_the_root(sqlite_api: Api) -> None:
    await sqlite_api.publish("/user_definition", "PATCH")
    root = await first(sqlite_api, "user_definition", isRootAdmin=True)
    answer = await sqlite_api.anonymous.patch(f"/user_definition/{root['id']}", {"email": "me@x.y"})
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")


async def test_another_administrator_cannot_take_over_the_root(api: Api) -> None:
    password = await api.kernel.passwords.hash("x")
    row = {"email": "b@b.c", "password": password, "isRootAdmin": True}
    await api.kernel.records.of("user_definition").create(row, access=INTERNAL)
    other = await api.anonymous.login("b@b.c", "x")
    root = await first(api, "user_definition", email=ADMIN_EMAIL)
    for method in ("PATCH", "PUT"):
        answer = await other.send(
            method, f"/user_definition/{root['id']}", {"email": ADMIN_EMAIL, "password": "mine"}
        )
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert (await other.delete(f"/user_definition/{root['id']}")).status == 403
    await api.anonymous.login()


# -- rows of the system ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "change", "refused"),
    [
        ("table_definition", {"name": "mine"}, {"name": "user_definition"}),
        ("route_definition", {"path": "/mine"}, {"path": "/user_definition"}),
        ("route_definition", {"isEnabled": False}, {"path": "/me"}),
        ("method_definition", {"name": "MINE"}, {"name": "GET"}),
        ("column_definition", {"name": "mine"}, {"name": "email"}),
        ("column_definition", {"type": "int"}, {"name": "email"}),
    ],
)
async def test_rows_of_the_system_cannot_be_changed(
    sqlite_api: Api, table: str, change: Any, refused: Any
) -> None:
    row = await first(sqlite_api, table, **refused)
    answer = await sqlite_api.patch(f"/{table}/{row['id']}", change)
    assert answer.status in {403, 422}, answer.body
    assert await first(sqlite_api, table, id=row["id"]) == row


@pytest.mark.parametrize(
    ("table", "which"),
    [
        ("table_definition", {"name": "user_definition"}),
        ("route_definition", {"path": "/me"}),
        ("method_definition", {"name": "GET"}),
        ("column_definition", {"name": "email"}),
        ("relation_definition", {"propertyName": "role"}),
    ],
)
async def test_rows_of_the_system_cannot_be_deleted(
    sqlite_api: Api, table: str, which: Any
) -> None:
    row = await first(sqlite_api, table, **which)
    answer = await sqlite_api.delete(f"/{table}/{row['id']}")
    assert answer.status in {403, 422}, answer.body
    assert await first(sqlite_api, table, id=row["id"]) == row


async def test_nobody_makes_rows_of_the_system(sqlite_api: Api) -> None:
    role = await sqlite_api.create("/role_definition", {"name": "editor", "isSystem": True})
    row = await first(sqlite_api, "role_definition", id=role["id"])
    assert row.get("isSystem", False) is False


# -- routes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["", "shop", "/", "/a b", "/a//b", "/docs", "/health", "/openapi.json", "/static/x",
     "/api/x", "/a?b", 5, None],
)  # fmt: skip
async def test_a_route_that_could_never_answer_is_refused(sqlite_api: Api, path: Any) -> None:
    answer = await sqlite_api.post("/route_definition", {"path": path})
    assert (answer.status, answer.code) == (400, "INVALID_BODY"), answer.body
    assert answer.message.startswith("path ")


async def test_a_second_route_to_a_table_answers_like_the_first(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", {"title": "Hello"})
    methods = [{"id": one["id"]} for one in await api.rows("/method_definition", limit=0)]
    route = await api.create(
        "/route_definition",
        {"path": "/blog/posts", "mainTable": {"id": table["id"]}, "availableMethods": methods},
    )
    assert [row["title"] for row in await api.rows("/blog/posts")] == ["Hello"]
    assert (await api.patch("/blog/posts/1", {"title": "Changed"})).status == 200
    assert (await api.delete(f"/route_definition/{route['id']}")).status == 200
    assert (await api.get("/blog/posts")).status == 404
    assert [row["title"] for row in await api.rows("/post")] == ["Changed"]
