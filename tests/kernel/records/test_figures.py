"""Figures: of related records in filters and sorts, beside a page, and for groups."""

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


FILTERS: list[tuple[Any, list[str]]] = [
    ({"_count": {"_gt": 1}}, ["Ann"]),
    ({"_count": 0}, ["Cy"]),
    ({"_count": {"_gte": 1, "_lt": 3}}, ["Bob"]),
    ({"_count": {"_in": [0, 3]}}, ["Ann", "Cy"]),
    ({"_count": {"_not": {"_in": [0, 3]}}}, ["Bob"]),
    ({"_sum": {"views": {"_gt": 5}}}, ["Ann"]),
    ({"_sum": {"views": {"_is_null": True}}}, ["Cy"]),
    ({"_sum": {"views": None}}, ["Cy"]),
    ({"_sum": {"views": {"_not": {"_gt": 5}}}}, ["Bob", "Cy"]),
    ({"_sum": {"price": {"_eq": "3.30"}}}, ["Ann"]),
    ({"_avg": {"views": 25}}, ["Ann"]),
    ({"_avg": {"price": {"_between": [1.6, 1.7]}}}, ["Ann"]),
    ({"_min": {"views": {"_lte": 20}}}, ["Ann", "Bob"]),
    ({"_max": {"title": {"_eq": "Fog"}}}, ["Ann"]),
    ({"_min": {"views": {"_gt": 1}, "title": "Gale"}}, ["Bob"]),
    ({"_count": {"_gt": 0}, "status": "draft"}, ["Ann"]),
]


async def test_filters_by_figures_of_related_records(magazine: Api) -> None:
    for condition, names in FILTERS:
        rows = await magazine.rows("/author", filter={"posts": condition}, sort="id")
        assert [row["name"] for row in rows] == names, condition
    below = {"author": {"posts": {"_count": 3}}, "tags": {"_count": {"_gt": 1}}}
    assert [row["title"] for row in await magazine.rows("/post", filter=below)] == ["Ebb"]
    rows = await magazine.rows("/tag", filter={"posts": {"_max": {"views": {"_gt": 25}}}})
    assert [row["label"] for row in rows] == ["sky"]


async def test_sorts_by_figures_of_related_records(magazine: Api) -> None:
    for sort, names in (
        ("_count(posts)", ["Cy", "Bob", "Ann"]),
        ("-_count(posts)", ["Ann", "Bob", "Cy"]),
        ("-_max(posts.views)", ["Ann", "Bob", "Cy"]),
        ("_min(posts.views)", ["Cy", "Bob", "Ann"]),
        ("_max(posts.title)", ["Cy", "Ann", "Bob"]),
    ):
        rows = await magazine.rows("/author", sort=sort)
        assert [row["name"] for row in rows] == names, sort
    rows = await magazine.rows("/tag", sort="-_count(posts),-label")
    assert [row["label"] for row in rows] == ["sky", "sea", "sun"]


async def test_figures_beside_a_page(magazine: Api) -> None:
    asked: Any = {
        "views": {"count": True, "sum": True, "avg": True, "min": True, "max": True},
        "price": {"sum": True, "max": True, "avg": True},
        "title": {"min": True},
        "tags": {"countRecords": True},
        "author": {"countRecords": True},
    }
    answer = await magazine.get("/post", aggregate=asked, limit=1, meta="filterCount")
    assert len(answer.data) == 1
    assert answer.body["meta"] == {
        "filterCount": 5,
        "aggregate": {
            "views": {"count": 4, "sum": 95, "avg": 23.75, "min": 5, "max": 40},
            "price": {"sum": "13.34", "max": "9.99", "avg": 3.335},
            "title": {"min": "Dawn"},
            "tags": {"countRecords": 4},
            "author": {"countRecords": 4},
        },
    }


async def test_figures_are_of_what_the_filter_and_their_conditions_let_through(
    magazine: Api,
) -> None:
    asked: Any = {
        "views": {"count": {"_gte": 20}, "sum": {"_lt": 30}},
        "tags": {"countRecords": {"label": "sky"}},
    }
    answer = await magazine.get("/post", aggregate=asked, filter={"status": "live"})
    assert answer.body["meta"]["aggregate"] == {
        "views": {"count": 2, "sum": 25},
        "tags": {"countRecords": 2},
    }
    nothing = await magazine.get("/post", aggregate=asked, filter={"title": "none"})
    assert nothing.body["meta"]["aggregate"] == {
        "views": {"count": 0, "sum": None},
        "tags": {"countRecords": 0},
    }


async def test_sums_of_large_integers_are_exact(magazine: Api) -> None:
    answer = await magazine.get("/author", aggregate={"fame": {"sum": True, "avg": True}})
    assert answer.body["meta"]["aggregate"]["fame"] == {"sum": 3 * 2**62, "avg": float(2**62)}
    grouped = await magazine.rows("/author", measures="sum(fame)")
    assert grouped == [{"sum_fame": 3 * 2**62}]


async def test_groups(magazine: Api) -> None:
    rows = await magazine.rows("/post", dimensions="status", measures="count,sum(views),min(title)")
    assert rows == [
        {"status": "draft", "count": 2, "sum_views": 40, "min_title": "Dawn"},
        {"status": "live", "count": 3, "sum_views": 55, "min_title": "Ebb"},
    ]
    rows = await magazine.rows(
        "/post",
        dimensions="author.name,status",
        measures={"n": "count", "worth": {"sum": "price"}, "priced": {"count": "price"}},
        sort="-n,author.name",
    )
    assert rows == [
        {"author.name": "Ann", "status": "live", "n": 2, "worth": "2.20", "priced": 1},
        {"author.name": None, "status": "draft", "n": 1, "worth": "9.99", "priced": 1},
        {"author.name": "Ann", "status": "draft", "n": 1, "worth": "1.10", "priced": 1},
        {"author.name": "Bob", "status": "live", "n": 1, "worth": "0.05", "priced": 1},
    ]
    paged = await magazine.get(
        "/post", dimensions="views", sort="-views", limit=2, page=2, meta="*",
        filter={"views": {"_gt": 1}},
    )  # fmt: skip
    assert paged.data == [{"views": 20}, {"views": 5}]
    assert paged.body["meta"] == {"totalCount": 5, "filterCount": 4}
    assert await magazine.rows("/post", measures="count", filter={"title": "none"}) == [
        {"count": 0}
    ]
    assert await magazine.rows("/post", dimensions="title", filter={"title": "none"}) == []


WRONG: list[tuple[str, Any, str]] = [
    ("/author", {"filter": {"posts": {"_count": {"_contains": "x"}}}}, "searches in texts"),
    ("/author", {"filter": {"posts": {"_count": "many"}}}, "filter.posts._count: must be"),
    ("/author", {"filter": {"posts": {"_sum": {"title": {"_gt": 1}}}}}, "sum needs numbers"),
    ("/author", {"filter": {"posts": {"_sum": {"vews": {"_gt": 1}}}}}, "Did you mean 'views'?"),
    ("/author", {"filter": {"posts": {"_sum": 3}}}, "must name a field"),
    ("/author", {"filter": {"posts": {"_sum": {}}}}, "must name a field"),
    ("/author", {"filter": {"posts": {"_count": {"x": 1}}}}, "must be compared with values"),
    ("/author", {"filter": {"posts": {"_total": 1}}}, "there is no operator '_total'"),
    ("/author", {"filter": {"name": {"_count": 1}}}, "'name' is a column, not a relation"),
    ("/post", {"filter": {"author": {"_count": 1}}}, "'author' holds one record"),
    ("/author", {"sort": "_sum(posts.views)"}, "is no figure"),
    ("/author", {"sort": "_max(posts)"}, "must name a relation and a field"),
    ("/author", {"sort": "_count(post)"}, "Did you mean 'posts'?"),
    ("/author", {"sort": "_count(posts"}, "is no figure"),
    ("/author", {"sort": "posts"}, "such as _count(posts)"),
    ("/author", {"sort": "posts.views"}, "holds many records"),
    ("/post", {"sort": "_count(author)"}, "'author' holds one record"),
    ("/post", {"sort": "_max(author.posts.views)"}, "name a relation of 'post'"),
    ("/post", {"aggregate": {"views": {"summ": True}}}, "Did you mean 'sum'?"),
    ("/post", {"aggregate": {"views": True}}, "names no figure"),
    ("/post", {"aggregate": {"views": {"sum": 3}}}, "must be true or an object"),
    ("/post", {"aggregate": {"title": {"avg": True}}}, "avg needs numbers"),
    ("/post", {"aggregate": {"tags": {"sum": True}}}, "which knows countRecords"),
    ("/post", {"aggregate": {"views": {"countRecords": True}}}, "is a column, not a relation"),
    ("/post", {"aggregate": [1]}, "must be an object of fields"),
    ("/post", {"dimensions": "state"}, "Did you mean 'status'?"),
    ("/post", {"dimensions": "tags.label"}, "holds many records"),
    ("/post", {"dimensions": "status", "sort": "views"}, "groups are sorted by"),
    ("/post", {"dimensions": "status", "fields": "status"}, "fields does not go with groups"),
    ("/post", {"dimensions": "status", "cursor": ""}, "cursor does not go with groups"),
    ("/post", {"measures": "median(views)"}, "knows count, sum, avg, min, max"),
    ("/post", {"measures": "sum"}, "is no figure"),
    ("/post", {"measures": {"n'": "count"}}, "is no name"),
    ("/post", {"measures": {"status": "count"}, "dimensions": "status"}, "is there twice"),
    ("/post", {"dimensions": ""}, "are both empty"),
]


async def test_figures_that_make_no_sense_are_refused(sqlite_api: Api) -> None:
    await publish_magazine(sqlite_api)
    for path, query, part in WRONG:
        answer = await sqlite_api.get(path, **query)
        assert answer.status == 400, (query, answer.body)
        assert part in answer.message, (query, answer.message)


async def test_a_sum_beyond_what_a_number_can_be_is_refused(api: Api, engine: str) -> None:
    if engine == "mysql":
        pytest.skip("MariaDB gives the largest number that there is")
    await api.define("star", "mass float")
    await api.create("/star", [{"mass": 1.7e308}, {"mass": 1.7e308}])
    for query in ({"aggregate": {"mass": {"sum": True}}}, {"measures": "sum(mass)"}):
        answer = await api.get("/star", **query)
        assert (answer.status, answer.code) == (400, "INVALID_QUERY"), answer.body
    assert (await api.rows("/star", measures="max(mass)")) == [{"max_mass": 1.7e308}]


async def test_sums_of_decimals_are_exact(api: Api) -> None:
    price = {"name": "price", "type": "decimal", "options": {"precision": 15, "scale": 4}}
    await api.define("line", "kind varchar", price)
    prices = ["99999999999.9999"] * 9 + ["0.1", "0.2", "-0.0001"] + ["0.1"] * 3
    kinds = ["many"] * 9 + ["few"] * 3 + ["same"] * 3
    lines = [{"kind": kind, "price": one} for kind, one in zip(kinds, prices, strict=True)]
    await api.create("/line", lines)
    measures = {"total": {"sum": "price"}, "mean": {"avg": "price"}}
    rows = await api.rows("/line", dimensions="kind", measures=measures)
    assert rows == [
        {"kind": "few", "total": "0.2999", "mean": 0.2999 / 3},
        {"kind": "many", "total": "899999999999.9991", "mean": 899999999999.9991 / 9},
        {"kind": "same", "total": "0.3000", "mean": 0.3 / 3},
    ]
    asked = {"price": {"sum": True}}
    answer = await api.get("/line", aggregate=asked, filter={"kind": "many"})
    assert answer.body["meta"]["aggregate"]["price"]["sum"] == "899999999999.9991"
