"""Relations by their property names: written, shown, filtered and sorted by."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

AUTHOR = {
    "type": "many-to-one",
    "propertyName": "author",
    "targetTable": "person",
    "inversePropertyName": "posts",
}
TAGS = {
    "type": "many-to-many",
    "propertyName": "tags",
    "targetTable": "tag",
    "inversePropertyName": "posts",
}
PROFILE = {
    "type": "one-to-one",
    "propertyName": "profile",
    "targetTable": "profile",
    "inversePropertyName": "person",
}


@pytest_asyncio.fixture
async def blog(api: Api) -> Api:
    """Two people with a profile each, three tags, four posts."""
    await api.define("tag", "label varchar!")
    await api.define("profile", "bio text")
    await api.define("person", "name varchar!", relations=[PROFILE])
    await api.define("post", "title varchar!", "views int", relations=[AUTHOR, TAGS])
    await api.create("/tag", [{"label": label} for label in ("red", "green", "blue")])
    await api.create("/profile", [{"bio": "likes tea"}, {"bio": "likes coffee"}])
    await api.create("/person", {"name": "Ann", "profile": 1})
    await api.create("/person", {"name": "Bob", "profile": {"id": 2}})
    await api.create("/post", {"title": "a", "views": 1, "author": 1, "tags": [1, 2]})
    await api.create("/post", {"title": "b", "views": 2, "author": {"id": 1}, "tags": [{"id": 3}]})
    await api.create("/post", {"title": "c", "views": 3, "author": 2, "tags": [1]})
    await api.create("/post", {"title": "d", "views": 4})
    return api


async def _titles(api: Api, where: Any, **more: Any) -> list[str]:
    return [row["title"] for row in await api.rows("/post", filter=where, sort="title", **more)]


async def test_a_record_related_to_itself_is_answered_as_it_was_written(api: Api) -> None:
    boss = {"propertyName": "boss", "type": "one-to-one", "targetTable": "person",
            "inversePropertyName": "deputy"}  # fmt: skip
    await api.define("person", "name varchar", relations=[boss])
    await api.create("/person", {"name": "old"})
    row = (await api.patch("/person/1", {"name": "new", "boss": 1}, fields="name,boss.name")).row
    assert row == {"id": 1, "name": "new", "boss": {"id": 1, "name": "new"}}
    row = (await api.patch("/person/1", {"name": "newer"})).row
    assert (row["boss"], row["deputy"]) == ({"id": 1}, {"id": 1})
    row = (await api.patch("/person/1", {"boss": None})).row
    assert (row["boss"], row["deputy"]) == (None, None)
    body = [{"id": 7, "boss": 7}, {"id": 8, "boss": None}, {"id": 9, "boss": 8}]
    rows = await api.create("/person", body)
    assert [row["deputy"] for row in rows] == [{"id": 7}, {"id": 9}, None]


async def test_a_to_one_relation_shows_as_its_key(blog: Api) -> None:
    rows = await blog.rows("/post", fields="title,author", sort="title")
    assert [row["author"] for row in rows] == [{"id": 1}, {"id": 1}, {"id": 2}, None]
    assert "authorId" not in (await blog.rows("/post", limit=1))[0]


async def test_relations_expand_by_fields_and_by_deep(blog: Api) -> None:
    wanted = {"id": 1, "title": "a", "author": {"id": 1, "name": "Ann"}}
    by_fields = await blog.rows("/post", fields="title,author.name", filter={"id": 1})
    by_deep = await blog.rows(
        "/post", fields="title,author", deep={"author": {"fields": "id,name"}}, filter={"id": 1}
    )
    assert by_fields == by_deep == [wanted]


async def test_relations_expand_through_relations(blog: Api) -> None:
    rows = await blog.rows("/post", fields="author.profile.bio", sort="id")
    assert [row["author"] for row in rows] == [
        {"id": 1, "profile": {"id": 1, "bio": "likes tea"}},
        {"id": 1, "profile": {"id": 1, "bio": "likes tea"}},
        {"id": 2, "profile": {"id": 2, "bio": "likes coffee"}},
        None,
    ]
    nested = await blog.rows(
        "/post",
        fields="id",
        deep={"author": {"fields": "name", "deep": {"profile": {"fields": "bio"}}}},
        filter={"id": 3},
    )
    assert nested[0]["author"]["profile"]["bio"] == "likes coffee"


async def test_all_fields_of_a_relation(blog: Api) -> None:
    row = (await blog.rows("/post", fields="*,author.*", filter={"id": 1}))[0]
    assert row["author"]["name"] == "Ann"
    assert row["author"]["profile"] == {"id": 1}
    included = (await blog.rows("/post", include="author", filter={"id": 1}))[0]
    assert included == row


async def test_the_inverse_of_a_one_to_one_is_one_record(blog: Api) -> None:
    rows = await blog.rows("/profile", fields="bio,person.name", sort="id")
    assert [row["person"] for row in rows] == [
        {"id": 1, "name": "Ann"},
        {"id": 2, "name": "Bob"},
    ]


async def test_filters_go_through_relations(blog: Api) -> None:
    assert await _titles(blog, {"author": {"id": {"_eq": 1}}}) == ["a", "b"]
    assert await _titles(blog, {"author": 1}) == ["a", "b"]
    assert await _titles(blog, {"author": {"_in": [2, 3]}}) == ["c"]
    assert await _titles(blog, {"author": {"name": {"_contains": "B"}}}) == ["c"]
    assert await _titles(blog, {"author": None}) == ["d"]
    assert await _titles(blog, {"author": {"_is_null": False}}) == ["a", "b", "c"]
    assert await _titles(blog, {"author": {"profile": {"bio": {"_contains": "TEA"}}}}) == ["a", "b"]
    assert await _titles(blog, {"_not": {"author": {"name": "Ann"}}}) == ["c", "d"]


async def test_filters_ask_whether_a_related_record_exists(blog: Api) -> None:
    assert await _titles(blog, {"tags": {"label": "red"}}) == ["a", "c"]
    assert await _titles(blog, {"tags": {"_is_null": True}}) == ["d"]
    assert await _titles(blog, {"tags": {"id": {"_in": [2, 3]}}}) == ["a", "b"]
    assert await _titles(blog, {"tags": 3}) == ["b"]
    people = await blog.rows("/person", filter={"posts": {"views": {"_gt": 2}}})
    assert [row["name"] for row in people] == ["Bob"]
    people = await blog.rows("/person", filter={"posts": {"tags": {"label": "blue"}}})
    assert [row["name"] for row in people] == ["Ann"]
    people = await blog.rows("/person", filter={"_not": {"posts": {"views": {"_lt": 3}}}})
    assert [row["name"] for row in people] == ["Bob"]
    tags = await blog.rows("/tag", filter={"posts": {"author": {"name": "Ann"}}}, sort="-label")
    assert [row["label"] for row in tags] == ["red", "green", "blue"]


async def test_both_conditions_are_about_the_same_related_record(blog: Api) -> None:
    where = {"posts": {"views": {"_gt": 1}, "tags": {"label": "red"}}}
    assert [row["name"] for row in await blog.rows("/person", filter=where)] == ["Bob"]


async def test_sort_through_relations(blog: Api) -> None:
    rows = await blog.rows("/post", sort="-author.name,title", fields="title")
    assert [row["title"] for row in rows] == ["c", "a", "b", "d"]
    rows = await blog.rows("/post", sort="author.profile.bio,-title", fields="title")
    assert [row["title"] for row in rows] == ["d", "c", "b", "a"]
    answer = await blog.get("/post", sort="tags.label")
    assert answer.status == 400
    assert "to-one" in answer.message
    answer = await blog.get("/post", sort="author")
    assert "author.id" in answer.message


async def test_a_relation_is_changed_by_its_name(blog: Api) -> None:
    assert (await blog.patch("/post/4", {"author": {"id": 2}})).row["author"] == {"id": 2}
    assert (await blog.patch("/post/4", {"author": None})).row["author"] is None


async def test_many_to_many_lists_replace_what_was_there(blog: Api) -> None:
    assert (await blog.patch("/post/1", {"tags": [3]})).status == 200
    assert await _titles(blog, {"tags": {"label": "blue"}}) == ["a", "b"]
    assert await _titles(blog, {"tags": {"label": "red"}}) == ["c"]
    assert (await blog.patch("/tag/2", {"posts": [4, 4, 3]})).status == 200
    assert await _titles(blog, {"tags": {"label": "green"}}) == ["c", "d"]
    assert (await blog.patch("/post/1", {"tags": []})).status == 200
    assert await _titles(blog, {"tags": {"_is_null": True}}) == ["a"]


async def test_one_to_many_lists_attach_and_detach(blog: Api) -> None:
    assert (await blog.patch("/person/2", {"posts": [1, 4]})).status == 200
    assert await _titles(blog, {"author": 2}) == ["a", "d"]
    assert await _titles(blog, {"author": None}) == ["c"]
    created = await blog.create("/person", {"name": "Cid", "posts": [{"id": 3}]})
    assert await _titles(blog, {"author": created["id"]}) == ["c"]


async def test_a_required_relation_cannot_be_left_out_or_let_go(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define(
        "post", "title varchar", relations=[AUTHOR | {"isNullable": False, "onDelete": "RESTRICT"}]
    )
    answer = await api.post("/post", {"title": "x"})
    assert answer.body["message"] == ["author is required"]
    assert (await api.post("/post", {"title": "x", "author": None})).status == 400
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", {"title": "x", "author": 1})
    answer = await api.patch("/person/1", {"posts": []})
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    answer = await api.delete("/person/1")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert answer.body["error"]["details"]["relations"] == ["post.author"]


async def test_a_related_record_must_exist(blog: Api) -> None:
    for body in ({"title": "x", "author": 99}, {"title": "x", "tags": [1, 99]}):
        answer = await blog.post("/post", body)
        assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND"), body
        name = "author" if "author" in body else "tags"
        assert answer.body["error"]["details"]["fields"] == [name]
    answer = await blog.patch("/post/1", {"author": 99})
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND")
    answer = await blog.patch("/person/1", {"posts": [1, 99]})
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND")
    answer = await blog.post("/post", [{"title": "x", "author": 1}, {"title": "y", "author": 99}])
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND")
    assert len(await blog.rows("/post", limit=0)) == 4
    assert len(await blog.rows("/person", filter={"posts": {"id": 1}})) == 1


async def test_a_one_to_one_is_shared_by_nobody(blog: Api) -> None:
    answer = await blog.post("/person", {"name": "Cid", "profile": 1})
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")
    assert answer.body["error"]["details"]["fields"] == ["profile"]


async def test_deleting_follows_the_relations_rule(blog: Api) -> None:
    await blog.delete("/person/1")
    assert await _titles(blog, {"author": None}) == ["a", "b", "d"]
    await blog.delete("/tag/1")
    assert await _titles(blog, {"tags": {"_is_null": True}}) == ["c", "d"]


async def test_deleting_cascades_where_it_shall(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[AUTHOR | {"onDelete": "CASCADE"}])
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", [{"title": "x", "author": 1}, {"title": "y"}])
    await api.delete("/person/1")
    assert await _titles(api, {}) == ["y"]


async def test_foreign_key_columns_are_not_fields(blog: Api) -> None:
    answer = await blog.get("/post", filter={"authorId": 1})
    assert (answer.status, answer.code) == (400, "UNKNOWN_FIELD")
    assert "Use the relation 'author'" in answer.message
    answer = await blog.post("/post", {"title": "x", "authorId": 1})
    assert answer.body["message"] == ["authorId is not allowed. Use the relation 'author'"]


async def test_unknown_names_behind_a_relation(blog: Api) -> None:
    for parameters in (
        {"filter": {"author": {"nme": "x"}}},
        {"fields": "author.nme"},
        {"sort": "author.nme"},
        {"deep": {"author": {"fields": "nme"}}},
    ):
        answer = await blog.get("/post", **parameters)
        assert (answer.status, answer.code) == (400, "UNKNOWN_FIELD"), parameters
        assert "Did you mean 'name'?" in answer.message


async def test_a_relation_to_itself(api: Api) -> None:
    created = await api.define("employee")
    relation = {
        "type": "many-to-one",
        "propertyName": "boss",
        "targetTable": "employee",
        "inversePropertyName": "reports",
    }
    columns = [{"name": "name", "type": "varchar"}]
    changed = await api.patch(
        f"/table_definition/{created['id']}", {"columns": columns, "relations": [relation]}
    )
    assert changed.status == 200, changed.body
    await api.create("/employee", [{"name": "Ann"}])
    await api.create("/employee", [{"name": "Bob", "boss": 1}, {"name": "Cid", "boss": 1}])
    rows = await api.rows("/employee", fields="name,boss.name", sort="id")
    assert [row["boss"] for row in rows] == [
        None,
        {"id": 1, "name": "Ann"},
        {"id": 1, "name": "Ann"},
    ]
    rows = await api.rows("/employee", filter={"reports": {"name": "Cid"}})
    assert [row["name"] for row in rows] == ["Ann"]
    created_boss = await api.create("/employee", {"name": "Dot", "boss": 3})
    assert created_boss["boss"] == {"id": 3}
