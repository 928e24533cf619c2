"""Records written together with those that they are related to, in one transaction."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import SQL_ENGINES
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

RELATIONS = [
    {"type": "many-to-one", "propertyName": "author", "targetTable": "author",
     "inversePropertyName": "posts"},
    {"type": "many-to-many", "propertyName": "tags", "targetTable": "tag",
     "inversePropertyName": "posts"},
    {"type": "one-to-one", "propertyName": "cover", "targetTable": "cover",
     "inversePropertyName": "post"},
]  # fmt: skip


@pytest_asyncio.fixture
async def blog(api: Api) -> Api:
    """Two authors, two tags, and a post of the first author's with both."""
    await api.define("author", "name varchar!", "age int", uniques=[["name"]])
    await api.define("tag", "label varchar!")
    await api.define("cover", "image varchar!")
    await api.define("post", "title varchar!", "views int", relations=RELATIONS)
    await api.create("/author", [{"name": "Ann"}, {"name": "Bob"}])
    await api.create("/tag", [{"label": "red"}, {"label": "green"}])
    await api.create("/post", {"title": "first", "author": 1, "tags": [1, 2]})
    return api


async def count(api: Api, path: str) -> int:
    return (await api.rows(path, measures="count"))[0]["count"]


async def counts(api: Api) -> list[int]:
    return [await count(api, path) for path in ("/post", "/author", "/tag", "/cover")]


WHOLE = "title,author.name,tags.label,cover.image"


# -- created with the record ----------------------------------------------------------------------


async def test_related_records_are_created_with_a_record(blog: Api) -> None:
    body = {
        "title": "new",
        "author": {"name": "Cid", "age": 30},
        "tags": [1, {"label": "blue"}, {"id": 2}],
        "cover": {"image": "c.png"},
    }
    answer = await blog.post("/post", body, fields=WHOLE)
    assert answer.status == 201, answer.body
    assert answer.row == {
        "id": 2,
        "title": "new",
        "author": {"id": 3, "name": "Cid"},
        "tags": [
            {"id": 1, "label": "red"}, {"id": 2, "label": "green"}, {"id": 3, "label": "blue"},
        ],
        "cover": {"id": 1, "image": "c.png"},
    }  # fmt: skip


async def test_children_are_created_with_their_parent(blog: Api) -> None:
    body = {"name": "Cid", "posts": [{"title": "a"}, {"title": "b", "tags": [{"label": "x"}]}, 1]}
    answer = await blog.post("/author", body, deep={"posts": {"fields": "title", "sort": "title"}})
    assert answer.status == 201, answer.body
    assert [post["title"] for post in answer.row["posts"]] == ["a", "b", "first"]
    assert await counts(blog) == [3, 3, 3, 0]
    cover = await blog.post("/cover", {"image": "c", "post": {"title": "d"}}, fields="post.title")
    assert cover.row["post"]["title"] == "d"


async def test_relations_nest_several_levels(blog: Api) -> None:
    body = {
        "image": "deep",
        "post": {"title": "p", "author": {"name": "Cid", "posts": [{"title": "q"}]}},
    }
    answer = await blog.post("/cover", body, fields="post.author.name,post.author.posts.title")
    assert answer.row["post"]["author"]["name"] == "Cid"
    titles = [post["title"] for post in answer.row["post"]["author"]["posts"]]
    assert sorted(titles) == ["p", "q"]


@pytest.mark.parametrize("engine", SQL_ENGINES, indirect=True)
async def test_many_records_nest_as_one_does(blog: Api, kernel: Kernel) -> None:
    bodies: list[Any] = [
        {
            "title": f"post {number}",
            "author": {"name": f"author {number}"} if number % 2 else 1,
            "tags": [1, {"label": f"tag {number}"}],
        }
        for number in range(40)
    ]
    runs: list[str] = []
    _watch(kernel, runs)
    answer = await blog.post("/post", bodies, fields="title,author.name,tags.label")
    assert answer.status == 201, answer.body
    assert [row["title"] for row in answer.data] == [body["title"] for body in bodies]
    assert answer.data[3]["author"]["name"] == "author 3"
    assert answer.data[4]["author"]["name"] == "Ann"
    assert [tag["label"] for tag in answer.data[5]["tags"]] == ["red", "tag 5"]
    assert await counts(blog) == [41, 22, 42, 0]
    # However many records there are.
    assert len(runs) < 15, runs


def _watch(kernel: Kernel, runs: list[str]) -> None:
    """Note each write that is sent to the database."""
    database: Any = kernel.database
    for name in ("write_with", "write_many_with"):
        plain = getattr(database, name)

        async def noted(runner: Any, write: Any, values: Any, plain: Any = plain) -> Any:
            runs.append(write.command.table.name)
            return await plain(runner, write, values)

        setattr(database, name, noted)


# -- changed with the record ----------------------------------------------------------------------


async def test_a_key_alone_relates_and_a_key_with_fields_changes(blog: Api) -> None:
    answer = await blog.patch("/post/1", {"author": {"id": 2, "age": 50}}, fields="author.*")
    assert answer.status == 200, answer.body
    author = answer.row["author"]
    assert (author["id"], author["name"], author["age"]) == (2, "Bob", 50)
    await blog.patch("/post/1", {"tags": [{"id": 1, "label": "pink"}, {"label": "new"}]})
    assert [row["label"] for row in await blog.rows("/tag", sort="id")] == ["pink", "green", "new"]
    tags = (await blog.rows("/post", fields="tags.label"))[0]["tags"]
    assert [tag["label"] for tag in tags] == ["pink", "new"]


async def test_children_that_a_list_leaves_out_are_let_go_not_deleted(blog: Api) -> None:
    await blog.create("/author", {"name": "Cid", "posts": [{"title": "a"}, {"title": "b"}]})
    body = {"posts": [{"id": 2, "title": "changed"}, {"title": "c"}]}
    answer = await blog.patch("/author/3", body, deep={"posts": {"fields": "title"}})
    assert [post["title"] for post in answer.row["posts"]] == ["changed", "c"]
    free = await blog.rows("/post", filter={"author": None}, fields="title")
    assert [row["title"] for row in free] == ["b"]


async def test_a_record_with_what_belongs_to_it_can_be_sent_back(blog: Api) -> None:
    fields = "*,author.*,tags.*"
    before = (await blog.rows("/post", fields=fields))[0]
    answer = await blog.put("/post/1", before, fields=fields)
    assert answer.status == 200, answer.body
    after = answer.row
    for row in (before, after, before["author"], after["author"], *before["tags"], *after["tags"]):
        del row["updatedAt"]
    assert after == before
    author = (await blog.rows("/author", fields="*,posts.*", limit=1))[0]
    answer = await blog.patch("/author/1", author, fields="*,posts.*")
    assert answer.status == 200, answer.body
    assert answer.row["posts"][0]["title"] == "first"


async def test_both_sides_of_a_one_to_one(blog: Api) -> None:
    await blog.patch("/post/1", {"cover": {"image": "one"}})
    await blog.create("/post", {"title": "second"})
    assert (await blog.patch("/cover/1", {"post": 2}, fields="post.title")).status == 200
    rows = await blog.rows("/post", fields="cover.image", sort="id")
    assert [row["cover"] for row in rows] == [None, {"id": 1, "image": "one"}]
    answer = await blog.patch("/cover/1", {"post": {"title": "third"}}, fields="post.title")
    assert answer.row["post"]["title"] == "third"
    assert (await blog.patch("/cover/1", {"post": None})).row["post"] is None
    assert await count(blog, "/post") == 3


async def test_related_records_show_when_they_were_changed(blog: Api) -> None:
    before = (await blog.rows("/post"))[0]["updatedAt"]
    await blog.patch("/author/2", {"posts": [1]})
    attached = (await blog.rows("/post"))[0]["updatedAt"]
    await blog.patch("/author/2", {"posts": []})
    assert before < attached < (await blog.rows("/post"))[0]["updatedAt"]


# -- all or nothing -------------------------------------------------------------------------------


async def test_all_problems_of_a_body_are_named_by_their_places(blog: Api) -> None:
    body = {
        "titel": "x",
        "author": {"age": "old"},
        "tags": [{"label": 5}, "x", {"lable": "y"}, 1],
        "cover": {},
    }
    answer = await blog.post("/post", body)
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    assert answer.body["message"] == [
        "titel is not allowed. Did you mean 'title'?",
        "author.age must be an integer",
        "author.name is required",
        "tags[0].label must be a string",
        "tags[1] must be the id of a 'tag': it must be an integer",
        "tags[2].lable is not allowed. Did you mean 'label'?",
        "tags[2].label is required",
        "cover must name an existing record of 'cover' by its id",
        "title is required",
    ]
    many = await blog.post("/post", [{"title": "a"}, {"title": "b", "author": {}}, {}])
    assert many.body["message"] == [
        "[1].author must name an existing record of 'author' by its id",
        "[2].title is required",
    ]
    assert await counts(blog) == [1, 2, 2, 0]


@pytest.mark.parametrize(
    "body",
    [
        {"title": "x", "cover": {"image": "c"}, "author": {"name": "Ann"}},
        {"title": "x", "cover": {"image": "c"}, "tags": [{"label": "n"}, 99]},
        {"title": "x", "author": {"id": 99, "age": 1}, "tags": [{"label": "n"}]},
        {"title": "x", "author": {"name": "Cid", "posts": [{"title": "y"}, 99]}},
    ],
)
async def test_a_part_that_fails_leaves_nothing(blog: Api, body: Any) -> None:
    for sent in (body, [{"title": "fine"}, body]):
        answer = await blog.post("/post", sent)
        assert answer.status == 409, answer.body
    answer = await blog.patch("/post/1", body)
    assert answer.status == 409
    assert await counts(blog) == [1, 2, 2, 0]
    assert (await blog.rows("/post", fields=WHOLE))[0]["title"] == "first"


async def test_a_nested_record_that_is_not_there_is_named(blog: Api) -> None:
    answer = await blog.patch("/post/1", {"author": {"id": 99, "age": 1}})
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND")
    assert answer.message == "author: There is no 'author' with the id 99"


# -- limits ---------------------------------------------------------------------------------------


async def test_the_record_around_a_nested_one_is_not_named_in_it(blog: Api) -> None:
    answer = await blog.post("/author", {"name": "Cid", "posts": [{"title": "a", "author": 1}]})
    assert answer.body["message"] == ["posts[0].author is the record around it; leave it out"]
    answer = await blog.patch("/author/1", {"posts": [{"title": "a", "author": {"id": 1}}]})
    assert answer.status == 200
    answer = await blog.patch("/author/1", {"posts": [{"title": "a", "author": None}]})
    assert answer.status == 400


async def test_one_record_is_not_changed_in_two_ways(blog: Api) -> None:
    bodies = [
        {"title": "a", "author": {"id": 1, "age": 1}},
        {"title": "b", "author": {"id": 1, "age": 2}},
    ]
    answer = await blog.post("/post", bodies)
    assert (answer.status, answer.message) == (
        400, "[1].author changes the 'author' 1, which [0].author changes, too",
    )  # fmt: skip
    bodies[1]["author"] = {"id": 1, "age": 1}
    assert (await blog.post("/post", bodies)).status == 201
    answer = await blog.post("/author", [{"name": "x", "posts": [1]}, {"name": "y", "posts": [1]}])
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    assert "[1].posts names the 'post' 1, which [0] names, too" in answer.message
    answer = await blog.patch("/author/1", {"posts": [1, {"id": 1, "title": "x"}]})
    assert answer.message == "posts[1] names 1 once more"


async def test_bodies_nest_seven_deep_at_most(blog: Api) -> None:
    def nested(levels: int) -> dict[str, Any]:
        name, inner = ("title", "tags") if levels % 2 == 0 else ("label", "posts")
        return {name: "x", inner: [nested(levels - 1)] if levels else []}

    answer = await blog.post("/post", nested(8))
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    assert answer.message.endswith(".posts[0] is nested too deeply: 7 relations at most")
    assert await counts(blog) == [1, 2, 2, 0]
    assert (await blog.post("/post", nested(6))).status == 201
    assert await counts(blog) == [5, 2, 5, 0]


async def test_a_request_holds_ten_thousand_nested_records_at_most(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("author", "name varchar!")
    author = RELATIONS[0]
    await api.define("post", "title varchar!", relations=[author])
    answer = await api.post("/author", {"name": "x", "posts": [{"title": "t"}] * 10_001})
    assert answer.message == "posts[10000]: a request can hold 10000 nested records"


# -- what a caller may ----------------------------------------------------------------------------


async def test_nested_records_are_written_by_whom_their_own_route_allows(blog: Api) -> None:
    await blog.publish("/post", "GET", "POST", "PATCH")
    nobody = blog.anonymous
    assert (await nobody.post("/post", {"title": "a", "author": 1})).status == 201
    for sent in (
        {"title": "b", "author": {"name": "Eve"}},
        {"title": "b", "author": {"id": 1, "name": "Eve"}},
        [{"title": "b", "tags": [{"label": "evil"}]}],
    ):
        answer = await nobody.post("/post", sent)
        assert answer.status == 401, answer.body
        assert "author: " in answer.message or "[0].tags[0]: " in answer.message
    await blog.publish("/author", "POST")
    assert (await nobody.post("/post", {"title": "b", "author": {"name": "Eve"}})).status == 201
    answer = await nobody.patch("/post/1", {"author": {"id": 1, "name": "Eve"}})
    assert answer.status == 401
    assert [row["name"] for row in await blog.rows("/author", sort="id")] == ["Ann", "Bob", "Eve"]


async def test_fields_keep_their_rules_in_nested_records(api: Api) -> None:
    await api.define(
        "author",
        "name varchar!",
        {"name": "salary", "type": "int", "isPublished": False},
        {"name": "code", "type": "varchar", "isUpdatable": False},
    )
    await api.define("post", "title varchar", relations=[RELATIONS[0]])
    await api.create("/post", {"title": "x", "author": {"name": "Ann", "code": "a", "salary": 1}})
    answer = await api.patch("/post/1", {"author": {"id": 1, "code": "b"}})
    assert answer.message == "author.code cannot be changed"
    for path in ("/post", "/author"):
        await api.publish(path, "GET", "POST", "PATCH")
    answer = await api.anonymous.post("/post", {"author": {"name": "Eve", "salary": 9}})
    assert (answer.status, answer.message) == (400, "author.salary is not allowed.")


async def test_a_fixed_relation_is_set_by_new_records_only(api: Api) -> None:
    await api.define("author", "name varchar")
    fixed = RELATIONS[0] | {"isUpdatable": False}
    await api.define("post", "title varchar", relations=[fixed])
    await api.create("/author", {"name": "Ann", "posts": [{"title": "a"}]})
    answer = await api.post("/author", {"name": "Bob", "posts": [1]})
    assert answer.message == (
        "posts[0] must be a new 'post': author of one that is there cannot be changed"
    )
    assert (await api.patch("/author/1", {"posts": []})).message == "posts cannot be changed"


async def test_the_systems_records_are_not_written_as_parts_of_others(api: Api) -> None:
    owner = {"type": "many-to-one", "propertyName": "owner", "targetTable": "user_definition"}
    await api.define("note", "text varchar", relations=[owner])
    user = (await api.rows("/user_definition"))[0]["id"]
    assert (await api.post("/note", {"owner": {"id": user}})).status == 201
    for given in (
        {"email": "eve@enfyra.local", "password": "x"},
        {"id": user, "isRootAdmin": True},
    ):
        answer = await api.post("/note", {"owner": given})
        assert answer.status == 400
        assert "owner must name an existing record of 'user_definition' by its id" in answer.message
    assert len(await api.rows("/user_definition")) == 1
