"""Many records changed or deleted at once: each by its key, or all that meet a filter."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.query.parse import parse

from tests.api import Api

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def posts(api: Api) -> Api:
    """Ten posts by two authors."""
    await api.define("author", "name varchar!")
    await api.define("tag", "label varchar!")
    await api.define(
        "post",
        "title varchar!",
        "views int",
        {"name": "price", "type": "decimal", "options": {"precision": 6, "scale": 2}},
        "data simple-json",
        "on date",
        "at datetime",
        "flag boolean",
        relations=[
            {"type": "many-to-one", "propertyName": "author", "targetTable": "author"},
            {"type": "many-to-many", "propertyName": "tags", "targetTable": "tag"},
            {"type": "many-to-one", "propertyName": "parent", "targetTable": "post"},
        ],
    )
    await api.create("/author", [{"name": "Ann"}, {"name": "Bob"}])
    await api.create("/tag", {"label": "red"})
    bodies = [{"title": f"t{n}", "views": n, "author": n % 2 + 1} for n in range(10)]
    await api.create("/post", bodies)
    return api


async def views(api: Api) -> list[Any]:
    rows = await api.rows("/post", fields="views", sort="id", limit=0)
    return [row["views"] for row in rows]


# -- each by its key ------------------------------------------------------------------------------


async def test_a_list_changes_each_record_by_its_key(posts: Api) -> None:
    values = {
        "price": "19.99", "data": {"a": [1, None]}, "on": "2026-11-20",
        "at": "2026-11-20T13:00:00.123456+00:00", "flag": True,
    }  # fmt: skip
    bodies: list[Any] = [
        {"id": 3, "title": "three", **values},
        {"id": 1, "title": "one", "price": None, "data": None, "on": None, "at": None,
         "flag": None},
        {"id": 2, "views": 50, "author": {"name": "Cid"}},
        {"id": 4, "tags": [1, {"label": "new"}]},
    ]  # fmt: skip
    answer = await posts.patch("/post", bodies)
    assert answer.status == 200, answer.body
    assert [row["id"] for row in answer.data] == [3, 1, 2, 4]
    three, one, two, four = answer.data
    assert {name: three[name] for name in values} == values
    assert (three["title"], one["title"], two["title"]) == ("three", "one", "t1")
    assert (two["views"], two["author"], four["tags"]) == (50, {"id": 3}, [{"id": 1}, {"id": 2}])
    assert one["updatedAt"] > one["createdAt"]


async def test_hundreds_of_records_change_together(posts: Api) -> None:
    made = await posts.create("/post", [{"title": str(number)} for number in range(600)])
    bodies = [{"id": row["id"], "title": f"new {row['title']}", "views": 7} for row in made]
    answer = await posts.patch("/post", bodies, fields="title")
    assert [row["title"] for row in answer.data] == [f"new {number}" for number in range(600)]
    assert await views(posts) == [*range(10), *[7] * 600]


async def test_a_list_is_done_whole_or_not_at_all(posts: Api) -> None:
    answer = await posts.patch("/post", [{"id": 1, "views": 99}, {"id": 77, "views": 99}])
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    assert answer.message == "[1]: There is no 'post' with the id 77"
    answer = await posts.patch(
        "/post", [{"id": 1, "views": "x"}, {"views": 1}, {"id": "x"}, 5, {"id": 2, "titel": 1}]
    )
    assert answer.body["message"] == [
        "[0].views must be an integer",
        "[1].id is required",
        "[2].id must be an integer",
        "[3] must be a JSON object",
        "[4].titel is not allowed. Did you mean 'title'?",
    ]
    answer = await posts.patch("/post", [{"id": 1, "views": 5}, {"id": 1, "views": 5}])
    assert answer.message == "[1] changes the 'post' 1, which [0] changes, too"
    assert await views(posts) == list(range(10))


# -- all that meet a filter -----------------------------------------------------------------------


async def test_a_filter_says_which_records_change(posts: Api) -> None:
    answer = await posts.patch("/post", {"views": 0}, filter={"views": {"_gte": 5}})
    assert answer.status == 200, answer.body
    assert answer.body == {"statusCode": 200, "message": "Success", "meta": {"affectedCount": 5}}
    assert await views(posts) == [0, 1, 2, 3, 4, 0, 0, 0, 0, 0]
    none = await posts.patch("/post", {"views": 1}, filter={"title": "nowhere"})
    assert (none.status, none.body["meta"]) == (200, {"affectedCount": 0})


async def test_the_records_are_shown_if_fields_are_asked_for(posts: Api) -> None:
    answer = await posts.patch(
        "/post", {"views": 0, "author": {"name": "New"}}, filter={"author": {"name": "Ann"}},
        fields="views,author.name",
    )  # fmt: skip
    assert answer.body["meta"] == {"affectedCount": 5}
    # None of them meets the filter any more.
    assert [row["id"] for row in answer.data] == [1, 3, 5, 7, 9]
    assert {row["author"]["name"] for row in answer.data} == {"New"}
    gone = await posts.delete("/post", filter={"author": {"name": "New"}}, fields="title")
    assert [row["title"] for row in gone.data] == ["t0", "t2", "t4", "t6", "t8"]
    assert gone.body["message"] == "Deleted"


async def test_filters_reach_through_relations_to_the_same_table(posts: Api) -> None:
    await posts.patch("/post", {"parent": 1}, filter={"views": {"_gt": 7}})
    where = {"parent": {"title": "t0"}}
    assert (await posts.patch("/post", {"views": 70}, filter=where)).body["meta"] == {
        "affectedCount": 2
    }
    assert (await posts.delete("/post", filter=where)).body["meta"] == {"affectedCount": 2}
    assert await views(posts) == list(range(8))


async def test_a_filter_is_needed_and_says_something(posts: Api) -> None:
    for send in (
        lambda **query: posts.patch("/post", {"views": 0}, **query),
        lambda **query: posts.delete("/post", **query),
    ):
        for query in ({}, {"filter": {}}, {"fields": "title"}):
            answer = await send(**query)
            assert (answer.status, answer.code) == (400, "INVALID_QUERY")
            assert "A filter is needed" in answer.message
        assert (await send(filter={"titel": 1})).code == "UNKNOWN_FIELD"
        assert (await send(filter={"views": 1}, sort="id")).status == 400
    assert await views(posts) == list(range(10))


async def test_more_records_than_thought_are_left_alone(posts: Api) -> None:
    for answer in (
        await posts.patch("/post", {"views": 0}, filter={"author": 1}, maxAffected=4),
        await posts.patch("/post", {"views": 0}, filter={"author": 1}, maxAffected=4, fields="id"),
        await posts.delete("/post", filter={"author": 1}, maxAffected=0),
    ):
        assert (answer.status, answer.code) == (409, "TOO_MANY_RECORDS")
        assert answer.body["error"]["details"] == {"maxAffected": 4 if "4" in answer.message else 0}
    assert await views(posts) == list(range(10))
    assert (await posts.delete("/post", filter={"author": 1}, maxAffected=5)).status == 200
    answer = await posts.delete("/post", filter={"author": 1}, maxAffected="many")
    assert answer.status == 400


async def test_what_a_filter_cannot_set(posts: Api) -> None:
    answer = await posts.patch("/post", {"tags": [1]}, filter={"views": 1})
    assert answer.message == (
        "tags cannot be set by a filter; send a list of records with their keys"
    )
    assert (await posts.patch("/post", {}, filter={"views": 1})).status == 400
    assert (await posts.patch("/post", [{"id": 1}], filter={"views": 1})).status == 400
    assert (await posts.put("/post", {"title": "x"}, filter={"views": 1})).status == 405
    answer = await posts.send(
        "PATCH", "/post", {"views": 1}, headers={"If-Match": '"a"'}, filter={"views": 1}
    )
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def test_a_condition_on_one_record_makes_others_not_there(posts: Api) -> None:
    where = {"author": {"name": "Ann"}}
    assert (await posts.patch("/post/1", {"views": 5}, filter=where)).status == 200
    for answer in (
        await posts.patch("/post/2", {"views": 5}, filter=where),
        await posts.put("/post/2", {"title": "x"}, filter=where),
        await posts.delete("/post/2", filter=where),
    ):
        assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    # The condition holds before, not after.
    answer = await posts.patch("/post/1", {"author": 2}, filter=where, deep={"tags": {"limit": 1}})
    assert (answer.status, answer.row["author"]) == (200, {"id": 2})
    assert (await posts.delete("/post/3", filter=where)).status == 200


async def test_system_tables_are_changed_one_record_at_a_time(sqlite_api: Api) -> None:
    for method in ("PATCH", "DELETE"):
        answer = await sqlite_api.send(
            method, "/user_definition", {"email": "x"}, filter={"email": {"_is_null": False}}
        )
        assert answer.status == 405
        assert method not in answer.headers["Allow"]


# -- adding to numbers ----------------------------------------------------------------------------


@pytest_asyncio.fixture
async def numbers(api: Api) -> Api:
    """Two records with numbers of all kinds; the second one has none."""
    price = {"name": "price", "type": "decimal", "options": {"precision": 6, "scale": 2}}
    await api.define(
        "stock", "count int", "total bigint", "weight float", price, "data simple-json"
    )
    await api.create("/stock", {"count": 5, "total": 2**53, "weight": 1.5, "price": "0.10"})
    await api.create("/stock", {})
    return api


CHANGE = {
    "count": {"_inc": 3}, "total": {"_inc": 1}, "weight": {"_dec": 0.5}, "price": {"_inc": "0.20"},
}  # fmt: skip


async def test_numbers_are_added_to_what_is_there(numbers: Api) -> None:
    names = ("count", "total", "weight", "price")
    row = (await numbers.patch("/stock/1", CHANGE)).row
    assert [row[name] for name in names] == [8, 2**53 + 1, 1.0, "0.30"]
    assert len(await numbers.rows("/stock", filter={"price": "0.30"})) == 1
    row = (await numbers.patch("/stock/2", CHANGE)).row
    assert [row[name] for name in names] == [3, 1, -0.5, "0.20"]
    assert (await numbers.patch("/stock", CHANGE, filter={"count": {"_gt": 0}})).status == 200
    many = await numbers.patch(
        "/stock", [{"id": 1, "count": {"_dec": 1}}, {"id": 2, "count": {"_dec": 2}}]
    )
    assert [row["count"] for row in many.data] == [10, 4]


async def test_a_document_may_hold_what_looks_like_an_increment(numbers: Api) -> None:
    row = (await numbers.patch("/stock/1", {"data": {"_inc": 3}})).row
    assert row["data"] == {"_inc": 3}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": {"_inc": "x"}}, "count _inc must be an integer"),
        ({"count": {"_inc": None}}, "count _inc must be a number"),
        ({"count": {"_inc": 1, "_dec": 1}}, "count must hold _inc or _dec and nothing else"),
        ({"price": {"_inc": "0.001"}}, "price _inc must have at most 2 digits after the point"),
        ({"count": {"_dec": -(2**31)}}, "count _dec must be between -2147483648 and 2147483647"),
    ],
)
async def test_what_cannot_be_added(sqlite_api: Api, change: Any, said: str) -> None:
    price = {"name": "price", "type": "decimal", "options": {"precision": 6, "scale": 2}}
    await sqlite_api.define("stock", "count int", price)
    await sqlite_api.create("/stock", {"count": 1})
    assert (await sqlite_api.patch("/stock/1", change)).message == said
    answer = await sqlite_api.post("/stock", {"count": {"_inc": 1}})
    assert answer.message == "count must be an integer"


@pytest.mark.parametrize(
    ("field", "amount"),
    [
        ("count", 2**31 - 1), ("total", 2**63 - 1), ("weight", 1.7e308), ("price", "9999.95"),
        ("count", -(2**31)), ("total", -(2**63)),
    ],
)  # fmt: skip
async def test_a_sum_that_does_not_fit_changes_nothing(
    numbers: Api, field: str, amount: Any
) -> None:
    if field == "weight":
        await numbers.patch("/stock/1", {"weight": 1e308})
    if str(amount).startswith("-"):
        await numbers.patch("/stock/1", {field: -1})
    before = (await numbers.rows("/stock", limit=1))[0]
    change = {field: {"_inc": amount}}
    for answer in (
        await numbers.patch("/stock/1", change),
        await numbers.patch("/stock", [{"id": 2, "count": 1}, {"id": 1, **change}]),
        await numbers.patch("/stock", change, filter={"id": 1}),
    ):
        assert (answer.status, answer.code) == (409, "CONSTRAINT_VIOLATION"), answer.body
        assert answer.body["error"]["details"]["fields"] == [field]
        assert f"{field} does not fit the field" in answer.message
    assert (await numbers.rows("/stock", limit=1))[0] == before


async def test_clients_that_add_at_the_same_time_lose_nothing(numbers: Api) -> None:
    await asyncio.gather(
        *(numbers.patch("/stock/1", {"count": {"_inc": 1}}, fields="count") for _ in range(20)),
        *(
            numbers.patch("/stock", {"count": {"_inc": 1}}, filter={"total": {"_gt": 0}})
            for _ in range(5)
        ),
    )
    assert (await numbers.rows("/stock", limit=1))[0]["count"] == 30


# -- asking only ----------------------------------------------------------------------------------


async def test_records_are_counted_without_being_shown(posts: Api) -> None:
    rows = await posts.rows("/post", measures="count", filter={"views": {"_gt": 6}})
    assert rows == [{"count": 3}]
    repository = posts.kernel.records.of("post")
    some = parse({"filter": {"views": {"_gt": 6}}})
    none = parse({"filter": {"views": {"_gt": 60}}})
    assert (await repository.count(), await repository.count(some)) == (10, 3)
    assert (await repository.exists(some), await repository.exists(none)) == (True, False)
