"""Columns, relations and tables changed by their own routes: live at once, or refused whole."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api

pytestmark = pytest.mark.asyncio

AUTHOR = {"type": "many-to-one", "propertyName": "author", "targetTable": "person"}


@pytest_asyncio.fixture
async def blog(sqlite_api: Api) -> Api:
    """Two tables of which nothing is related; each with a record."""
    await sqlite_api.define("person", "name varchar!")
    await sqlite_api.define("post", "title varchar!", "views int")
    await sqlite_api.create("/person", {"name": "Ann"})
    await sqlite_api.create("/post", {"title": "a", "views": 1})
    return sqlite_api


async def state(api: Api) -> tuple[int, Any, Any]:
    """Give what a refused change must leave as it was."""
    described = [(await api.get(f"/metadata/{name}")).data for name in ("person", "post")]
    return api.kernel.registry.current.version, described, await api.rows("/post")


async def column(api: Api, table: str, name: str) -> str:
    where = {"table": {"name": table}, "name": name}
    (row,) = await api.rows("/column_definition", filter=where)
    return f"/column_definition/{row['id']}"


# -- columns --------------------------------------------------------------------------------------


async def test_a_column_can_be_used_as_soon_as_it_is_answered(blog: Api) -> None:
    answer = await blog.post(
        "/column_definition", {"table": "post", "name": "note", "type": "text"}
    )
    assert (answer.status, answer.row["name"]) == (201, "note")
    assert (await blog.patch("/post/1", {"note": "new"})).row["note"] == "new"
    assert len(await blog.rows("/post", filter={"note": "new"})) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "note", "type": "text"}, "table must be the id or name of a table"),
        ({"table": "psot", "name": "note", "type": "text"}, "table must be the id or name"),
        ({"table": "post", "type": "text"}, "name is required"),
        ({"table": "post", "name": "note"}, "type is required"),
        ({"table": "post", "name": "note", "type": "txet"}, "Did you mean 'text'?"),
        ({"table": "post", "name": "title", "type": "text"}, "has the field 'title' twice"),
        ({"table": "post", "name": "TITLE", "type": "text"}, "case does not count"),
        ({"table": "post", "name": 'a"; drop table', "type": "int"}, "must match"),
        ({"table": "post", "name": "createdAt", "type": "datetime"}, "twice"),
        ({"table": "post", "name": "key", "type": "int", "isPrimary": True}, "primary"),
        ([], "must be an object"),
    ],
)
async def test_a_column_that_makes_no_sense_is_refused(blog: Api, body: Any, said: str) -> None:
    before = await state(blog)
    answer = await blog.post("/column_definition", body)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.body
    assert said in answer.message
    assert await state(blog) == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_the_key_and_the_timestamps_stay(blog: Api, method: str) -> None:
    before = await state(blog)
    for name in ("id", "createdAt"):
        body = {"type": "text"} if method == "PATCH" else None
        answer = await blog.send(method, await column(blog, "post", name), body)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.body
    assert await state(blog) == before


async def test_a_confirmation_is_good_for_one_change_only(blog: Api) -> None:
    views, title = await column(blog, "post", "views"), await column(blog, "post", "title")
    before = await state(blog)
    answer = await blog.delete(views)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    confirm = answer.body["error"]["details"]["requiredConfirmHash"]
    other = await blog.delete(title, schemaConfirmHash=confirm)
    assert (other.status, other.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")
    assert await state(blog) == before
    assert (await blog.delete(views, schemaConfirmHash=confirm)).status == 200
    assert (await blog.delete(views, schemaConfirmHash=confirm)).status == 404


# -- relations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"targetTable": "nowhere"}, "'nowhere' does not exist"),
        ({"targetTable": 4711}, "4711"),
        ({"targetTable": None}, "targetTable is required"),
        ({"type": "many-to-won"}, "Did you mean 'many-to-one'?"),
        ({"propertyName": "title"}, "has the field 'title' twice"),
        ({"propertyName": 'a"b'}, "must match"),
        ({"inversePropertyName": "name"}, "has the field 'name' twice"),
        ({"onDelete": "SET NIL"}, "Did you mean 'SET NULL'?"),
        ({"mappedBy": "posts"}, "posts"),
        ({"sourceTable": "nowhere"}, "sourceTable must be the id or name of a table"),
    ],
)
async def test_a_relation_that_makes_no_sense_is_refused(
    blog: Api, change: dict[str, Any], said: str
) -> None:
    before = await state(blog)
    answer = await blog.post("/relation_definition", {"sourceTable": "post", **AUTHOR, **change})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.body
    assert said in answer.message
    assert await state(blog) == before


async def test_a_relation_goes_with_its_other_side(blog: Api) -> None:
    body = {"sourceTable": "post", **AUTHOR, "inversePropertyName": "posts"}
    made = await blog.post("/relation_definition", body)
    assert made.status == 201, made.body
    assert (await blog.rows("/person", filter={"posts": {"title": "a"}})) == []
    answer = await blog.delete(f"/relation_definition/{made.row['id']}")
    if answer.status == 409:
        confirm = answer.body["error"]["details"]["requiredConfirmHash"]
        path = f"/relation_definition/{made.row['id']}"
        answer = await blog.delete(path, schemaConfirmHash=confirm)
    assert answer.status == 200, answer.body
    assert (await blog.get("/person", filter={"posts": {"title": "a"}})).status == 400
    assert await blog.rows("/relation_definition", filter={"propertyName": "posts"}) == []


# -- all three ------------------------------------------------------------------------------------

KINDS = ("table_definition", "column_definition", "relation_definition")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_there_is_404(blog: Api, kind: str) -> None:
    for key in ("4711", "nothing", "-1", "1e3", "9" * 40):
        for answer in (
            await blog.patch(f"/{kind}/{key}", {"description": "x"}),
            await blog.delete(f"/{kind}/{key}"),
        ):
            assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND"), answer.body


@pytest.mark.parametrize("kind", KINDS)
async def test_definitions_are_not_replaced_by_put(blog: Api, kind: str) -> None:
    answer = await blog.put(f"/{kind}/1", {})
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("kind", KINDS)
async def test_strangers_define_nothing(blog: Api, kind: str) -> None:
    before = await state(blog)
    for answer in (
        await blog.anonymous.post(f"/{kind}", {"name": "mine"}),
        await blog.anonymous.patch(f"/{kind}/1", {"name": "mine"}),
        await blog.anonymous.delete(f"/{kind}/1"),
    ):
        assert answer.status == 401
    assert await state(blog) == before


async def test_fields_and_relations_of_system_tables_are_fixed(blog: Api) -> None:
    secret = await column(blog, "user_definition", "password")
    relation = {"sourceTable": "user_definition", **AUTHOR}
    for answer in (
        await blog.post("/column_definition", {"table": "user_definition", "name": "x",
                                               "type": "int"}),
        await blog.patch(secret, {"isPublished": True}),
        await blog.delete(secret),
        await blog.post("/relation_definition", relation),
    ):  # fmt: skip
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR"), answer.body


async def test_the_older_spelling_of_published_is_understood(blog: Api) -> None:
    body = {"table": "post", "name": "draft", "type": "text", "isHidden": True}
    answer = await blog.post("/column_definition", body)
    assert (answer.status, answer.row["isPublished"]) == (201, False)
