"""Relations to many inside of records: their fields, filters, order and pages."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

from .magazine import publish_magazine

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def magazine(api: Api) -> Api:
    return await publish_magazine(api)


async def _one(api: Api, path: str, key: int, **query: Any) -> Any:
    (row,) = await api.rows(path, filter={"id": key}, **query)
    return row


async def test_relations_are_shown_as_keys_unless_more_is_asked_for(magazine: Api) -> None:
    row = await _one(magazine, "/author", 1)
    assert row["posts"] == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert list(row) == ["id", "name", "fame", "createdAt", "updatedAt", "posts"]
    post = await _one(magazine, "/post", 2)
    assert (post["author"], post["tags"]) == ({"id": 1}, [{"id": 1}, {"id": 2}])
    assert (await _one(magazine, "/author", 3))["posts"] == []
    assert (await _one(magazine, "/author", 1, fields="posts"))["posts"][0] == {"id": 1}
    assert "posts" not in await _one(magazine, "/author", 1, fields="-posts")


async def test_fields_reach_through_relations_to_many(magazine: Api) -> None:
    row = await _one(magazine, "/author", 1, fields="name,posts.title,posts.tags.label")
    assert row == {
        "id": 1,
        "name": "Ann",
        "posts": [
            {"id": 1, "title": "Dawn", "tags": []},
            {"id": 2, "title": "Ebb",
             "tags": [{"id": 1, "label": "sea"}, {"id": 2, "label": "sky"}]},
            {"id": 3, "title": "Fog", "tags": [{"id": 2, "label": "sky"}]},
        ],
    }  # fmt: skip
    included = await _one(magazine, "/author", 2, include="posts")
    assert included["posts"][0]["title"] == "Gale"
    assert included["posts"][0]["author"] == {"id": 2}
    without = await _one(magazine, "/author", 2, fields="name,posts.-price,posts.-views")
    assert "price" not in without["posts"][0]
    assert without["posts"][0]["status"] == "live"


async def test_deep_filters_sorts_and_pages(magazine: Api) -> None:
    deep: Any = {"posts": {"fields": "views", "filter": {"status": "live"}, "sort": "-views"}}
    rows = await magazine.rows("/author", fields="name", deep=deep, sort="id")
    assert [[post["views"] for post in row["posts"]] for row in rows] == [[30, 20], [5], []]
    for page, titles in ((1, ["Dawn", "Ebb"]), (2, ["Fog"]), (3, [])):
        deep = {"posts": {"fields": ["title"], "limit": 2, "page": page}}
        row = await _one(magazine, "/author", 1, deep=deep)
        assert [post["title"] for post in row["posts"]] == titles
    bracketed = await magazine.rows(
        "/author", **{"deep[posts][fields]": "title", "deep[posts][limit]": "1",
                      "deep[posts][filter][views][_gt]": "10", "filter[id]": "1"}
    )  # fmt: skip
    assert [post["title"] for post in bracketed[0]["posts"]] == ["Ebb"]


async def test_deep_goes_on_below(magazine: Api) -> None:
    deep = {
        "posts": {
            "fields": "title",
            "filter": {"tags": {"_count": {"_gt": 0}}},
            "sort": "-_count(tags),title",
            "deep": {
                "tags": {"fields": "label", "sort": "-label", "limit": 1},
                "author": {"fields": "name", "deep": {"posts": {"fields": "title", "limit": 1}}},
            },
        }
    }
    row = await _one(magazine, "/author", 1, fields="id", deep=deep)
    author = {"id": 1, "name": "Ann", "posts": [{"id": 1, "title": "Dawn"}]}
    assert row == {
        "id": 1,
        "posts": [
            {"id": 2, "title": "Ebb", "tags": [{"id": 2, "label": "sky"}], "author": author},
            {"id": 3, "title": "Fog", "tags": [{"id": 2, "label": "sky"}], "author": author},
        ],
    }


async def test_a_filter_on_a_related_record_leaves_others_out(magazine: Api) -> None:
    deep = {"author": {"fields": "name", "filter": {"name": {"_starts_with": "a"}}}}
    rows = await magazine.rows("/post", fields="title", deep=deep, sort="id")
    ann = {"id": 1, "name": "Ann"}
    assert [row["author"] for row in rows] == [ann, ann, ann, None, None]


async def test_ten_related_records_are_shown_and_more_on_request(api: Api) -> None:
    await publish_magazine(api)
    await api.create("/post", [{"title": f"{n:02}", "author": 3} for n in range(30)])
    assert len((await _one(api, "/author", 3))["posts"]) == 10
    assert len((await _one(api, "/author", 3, deep={"posts": {"limit": 25}}))["posts"]) == 25
    assert len((await _one(api, "/author", 3, deep={"posts": {"limit": 0}}))["posts"]) == 30
    rows = await api.rows("/author", sort="id", deep={"posts": {"limit": 2, "sort": "-id"}})
    assert [len(row["posts"]) for row in rows] == [2, 1, 2]


async def test_fields_and_deep_go_together(magazine: Api) -> None:
    deep: Any = {"posts": {"limit": 1, "sort": "-title"}}
    row = await _one(magazine, "/author", 1, fields="name,posts.title", deep=deep)
    assert row["posts"] == [{"id": 3, "title": "Fog"}]


WRONG: list[tuple[str, Any, str]] = [
    ("/author", {"posts": {"page": 2}}, "deep.posts.page needs a limit"),
    ("/author", {"posts": {"limit": -1}}, "deep.posts.limit must be a whole number"),
    ("/author", {"posts": {"limit": 10_001}}, "deep.posts.limit: must be at most 10000"),
    ("/author", {"posts": {"lmit": 1}}, "Did you mean 'limit'?"),
    ("/author", {"post": {}}, "Did you mean 'posts'?"),
    ("/author", {"posts": {"filter": {"titel": "x"}}}, "deep.posts.filter.titel"),
    ("/author", {"posts": {"filter": {"views": "x"}}}, "deep.posts.filter.views"),
    ("/author", {"posts": {"sort": "titel"}}, "deep.posts.sort.titel"),
    ("/author", {"posts": {"fields": "titel"}}, "fields.posts"),
    ("/author", {"name": {}}, "'name' is a column"),
    ("/author", "posts", "malformed"),
    ("/author", ["posts"], "must be an object of relations"),
    ("/post", {"author": {"limit": 1}}, "limit is for relations to many"),
    ("/post", {"author": {"sort": "name"}}, "sort is for relations to many"),
]


async def test_what_deep_cannot_mean_is_refused(sqlite_api: Api) -> None:
    await publish_magazine(sqlite_api)
    for path, deep, part in WRONG:
        answer = await sqlite_api.get(path, deep=deep)
        assert answer.status == 400, (deep, answer.body)
        assert part in answer.message, (deep, answer.message)


async def test_relations_are_followed_as_deep_as_the_settings_say(sqlite_api: Api) -> None:
    await publish_magazine(sqlite_api)
    path = ".".join(["posts", "author"] * 4)
    answer = await sqlite_api.get("/author", fields=path + ".name")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert "7 deep at most" in answer.message
    deep: Any = {}
    for relation in ["author", "posts"] * 6:
        deep = {relation: {"deep": deep}}
    answer = await sqlite_api.get("/author", deep=deep)
    assert answer.status == 400
    assert "7 levels deep" in answer.message


async def test_seven_levels_are_the_same_everywhere(api: Api) -> None:
    await publish_magazine(api)
    for path in ("posts.tags.posts.author.posts.tags.posts", "posts.author.posts.author.posts"):
        row = await _one(api, "/author", 1, fields=f"{path}.title,{path}.price,{path}.views")
        for name in path.split("."):
            row = row[name]
            row = next(one for one in row if one.get("id") != 1) if isinstance(row, list) else row
        assert row["title"] == "Ebb"
        assert row["price"] == "2.20"


async def test_unpublished_fields_of_related_records_stay_hidden(api: Api) -> None:
    await api.define("box", "label varchar")
    await api.define(
        "item",
        "name varchar",
        {"name": "cost", "type": "int", "isPublished": False},
        relations=[{"type": "many-to-one", "propertyName": "box", "targetTable": "box",
                    "inversePropertyName": "items"}],
    )  # fmt: skip
    await api.publish("/box", "GET")
    await api.create("/box", {"label": "b"})
    await api.create("/item", {"name": "i", "cost": 3, "box": 1})
    anybody = api.anonymous
    shown = (await anybody.rows("/box", include="items"))[0]["items"]
    assert "cost" not in shown[0]
    assert shown[0]["name"] == "i"
    hidden = [
        {"fields": "items.cost"},
        {"deep": {"items": {"filter": {"cost": 3}}}},
        {"deep": {"items": {"sort": "cost"}}},
        {"filter": {"items": {"_sum": {"cost": {"_gt": 1}}}}},
        {"sort": "_max(items.cost)"},
        {"aggregate": {"items": {"countRecords": {"cost": 3}}}},
    ]
    for query in hidden:
        answer = await anybody.get("/box", **query)
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR"), query
    assert (await api.rows("/box", include="items"))[0]["items"][0]["cost"] == 3
