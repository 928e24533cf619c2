"""Every operator of the query language means the same on every database."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

BIG = 9_007_199_254_740_993  # more than a double holds exactly
ROWS: list[dict[str, Any]] = [
    {
        "name": "Anna", "views": 1, "big": BIG, "score": 0.1, "price": "1.10", "ok": True,
        "day": "1969-07-20", "at": "1969-07-20T20:17:40Z", "kind": "a", "note": "Crème Brûlée",
    },
    {
        "name": "anna", "views": 2, "big": -BIG, "score": 0.2, "price": "10.00", "ok": False,
        "day": "2026-01-01", "at": "2026-01-01T00:00:00+02:00", "kind": "b", "note": "100% _sure_",
    },
    {
        "name": "Zoë", "views": 3, "big": 0, "score": 0.30000000000000004, "price": "2.00",
        "ok": True, "day": "2026-01-02", "at": "2026-01-01T00:00:00.000001Z", "kind": "b",
        "note": "STRASSE 😀 \\ back",
    },
    {
        "name": "nobody", "views": None, "big": None, "score": None, "price": None, "ok": None,
        "day": None, "at": None, "kind": None, "note": None,
    },
]  # fmt: skip


@pytest_asyncio.fixture
async def people(api: Api) -> Api:
    await api.define(
        "person",
        "name varchar!",
        "views int",
        "big bigint",
        "score float",
        "price decimal",
        "ok boolean",
        "day date",
        "at datetime",
        {"name": "kind", "type": "enum", "options": ["a", "b"]},
        "note text",
    )
    await api.create("/person", ROWS)
    return api


async def _found(api: Api, where: Any) -> list[int]:
    return [row["id"] for row in await api.rows("/person", filter=where, fields="id", sort="id")]


CASES: list[tuple[Any, list[int]]] = [
    ({"name": "Anna"}, [1]),
    ({"name": {"_eq": "anna"}}, [2]),
    ({"name": {"_eq": "anna "}}, []),
    ({"name": {"_neq": "Anna"}}, [2, 3, 4]),
    ({"views": {"_neq": 1}}, [2, 3]),
    ({"views": {"_gt": 1}}, [2, 3]),
    ({"views": {"_gte": 2, "_lt": 3}}, [2]),
    ({"views": {"_lte": 1}}, [1]),
    ({"big": BIG}, [1]),
    ({"big": {"_lt": 0}}, [2]),
    ({"big": {"_eq": BIG - 1}}, []),
    ({"score": 0.1}, [1]),
    ({"score": {"_gte": 0.30000000000000004}}, [3]),
    ({"score": {"_gt": 0.30000000000000004}}, []),
    ({"price": {"_gt": "2.00"}}, [2]),
    ({"price": {"_eq": 2}}, [3]),
    ({"price": {"_in": ["1.10", "10"]}}, [1, 2]),
    ({"price": {"_eq": "1.101"}}, []),
    ({"price": {"_gt": "1.095", "_lt": "1.101"}}, [1]),
    ({"price": {"_in": ["1.101", "9.999"]}}, []),
    ({"price": {"_not_in": ["1.101"]}}, [1, 2, 3]),
    ({"price": {"_lt": "1e399"}}, [1, 2, 3]),
    ({"price": {"_gt": "-1e-400"}}, [1, 2, 3]),
    ({"ok": True}, [1, 3]),
    ({"ok": {"_eq": "false"}}, [2]),
    ({"day": {"_lt": "1970-01-01"}}, [1]),
    ({"day": {"_between": ["2026-01-01", "2026-01-02"]}}, [2, 3]),
    ({"at": "2025-12-31T22:00:00Z"}, [2]),
    ({"at": {"_gt": "2026-01-01T00:00:00Z"}}, [3]),
    ({"at": {"_lt": "1970-01-01"}}, [1]),
    ({"kind": {"_in": ["a", "c"]}}, [1]),
    ({"kind": {"_in": "a,b"}}, [1, 2, 3]),
    ({"kind": {"_in": []}}, []),
    ({"kind": {"_not_in": ["a"]}}, [2, 3]),
    ({"kind": {"_nin": ["a"]}}, [2, 3]),
    ({"kind": {"_not_in": []}}, [1, 2, 3]),
    ({"views": {"_in": [1, 2, 3, 4, 5]}}, [1, 2, 3]),
    ({"id": [1, 4]}, [1, 4]),
    ({"views": {"_between": [2, 3]}}, [2, 3]),
    ({"views": {"_between": "1,2"}}, [1, 2]),
    ({"views": {"_between": [3, 1]}}, []),
    ({"views": None}, [4]),
    ({"views": {"_eq": None}}, [4]),
    ({"views": {"_neq": None}}, [1, 2, 3]),
    ({"views": {"_is_null": True}}, [4]),
    ({"views": {"_is_null": False}}, [1, 2, 3]),
    ({"views": {"_is_not_null": True}}, [1, 2, 3]),
    ({"name": {"_contains": "NN"}}, [1, 2]),
    ({"name": {"_starts_with": "zoe"}}, [3]),
    ({"name": {"_ends_with": "Ë"}}, [3]),
    ({"name": {"_contains": ""}}, [1, 2, 3, 4]),
    ({"note": {"_contains": "creme brulee"}}, [1]),
    ({"note": {"_contains": "% _"}}, [2]),
    ({"note": {"_contains": "%"}}, [2]),
    ({"note": {"_contains": "_sure_"}}, [2]),
    ({"note": {"_ends_with": "\\ BACK"}}, [3]),
    ({"note": {"_contains": "😀"}}, [3]),
    ({"kind": {"_contains": "A"}}, [1]),
    ({"_not": {"kind": "a"}}, [2, 3, 4]),
    ({"kind": {"_not": {"_eq": "a"}}}, [2, 3, 4]),
    ({"_not": {"kind": {"_neq": "a"}}}, [1, 4]),
    ({"_not": {"_not": {"kind": "a"}}}, [1]),
    ({"_and": [{"kind": "b"}, {"ok": True}]}, [3]),
    ({"_or": [{"views": 1}, {"views": None}]}, [1, 4]),
    ({"_or": []}, []),
    ({"_and": []}, [1, 2, 3, 4]),
    ({"_or": [{"_and": [{"kind": "b"}, {"ok": False}]}, {"name": "Anna"}]}, [1, 2]),
    ({"kind": "b", "_or": [{"views": 2}, {"views": 1}]}, [2]),
    ({}, [1, 2, 3, 4]),
]


async def test_filters(people: Api) -> None:
    wrong = {
        str(where): (found, wanted)
        for where, wanted in CASES
        if (found := await _found(people, where)) != wanted
    }
    assert wrong == {}


async def test_a_list_contains_what_one_of_its_texts_does(api: Api) -> None:
    tag = {"type": "many-to-one", "propertyName": "parent", "targetTable": "page"}
    await api.define("page", "tags array-select", relations=[tag])
    lists = [["a", "b"], ["Crème", 'it\'s "x"\\'], [], None, ["new, old", "B"]]
    await api.create("/page", [{"tags": tags} for tags in lists])
    await api.create("/page", {"parent": 2})
    for text, found in (
        ("a", [1]), ("B", [1, 5]), ("creme", [2]), ('"X"', [2]), ("\\", [2]), ("new", [5]),
        (", ", [5]), ('", "', []), ("[", []), ("]", []), ('a","b', []), ("", [1, 2, 5]),
    ):  # fmt: skip
        where: Any = {"tags": {"_contains": text}}
        rows = await api.rows("/page", filter=where, fields="id", sort="id")
        assert [row["id"] for row in rows] == found, text
        rows = await api.rows("/page", filter={"_not": where}, fields="id", sort="id")
        assert [row["id"] for row in rows] == [key for key in range(1, 7) if key not in found]
    where = {"parent": {"tags": {"_contains": "CRÈME"}}}
    assert [row["id"] for row in await api.rows("/page", filter=where, meta="*")] == [6]
    answer = await api.get("/page", filter={"tags": {"_starts_with": "a"}})
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


async def test_the_bracket_form_says_the_same(people: Api) -> None:
    for parameters, wanted in (
        ({"filter[views][_gt]": "1"}, [2, 3]),
        ({"filter[kind][_in]": "a,b", "filter[ok]": "true"}, [1, 3]),
        ({"filter[_or][0][views]": "1", "filter[_or][1][views]": "3"}, [1, 3]),
    ):
        rows = await people.rows("/person", fields="id", sort="id", **parameters)
        assert [row["id"] for row in rows] == wanted


async def test_values_come_back_as_they_were(people: Api) -> None:
    rows = await people.rows("/person", sort="id")
    for row, sent in zip(rows, ROWS, strict=True):
        for name in ("name", "views", "big", "score", "price", "ok", "day", "kind", "note"):
            assert row[name] == sent[name], name
    assert [row["at"] for row in rows] == [
        "1969-07-20T20:17:40+00:00",
        "2025-12-31T22:00:00+00:00",
        "2026-01-01T00:00:00.000001+00:00",
        None,
    ]


async def test_order_is_that_of_code_points_with_nulls_first(people: Api) -> None:
    async def order(sort: str) -> list[int]:
        return [row["id"] for row in await people.rows("/person", sort=sort, fields="id")]

    assert await order("name") == [1, 3, 2, 4]
    assert await order("views") == [4, 1, 2, 3]
    assert await order("-views") == [3, 2, 1, 4]
    assert await order("kind,id") == [4, 1, 2, 3]
    assert await order("-price") == [2, 3, 1, 4]
    assert await order("at") == [4, 1, 2, 3]
    assert await order("ok,-id") == [4, 2, 3, 1]


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"filter": {"nam": "x"}}, "UNKNOWN_FIELD", "Did you mean 'name'?"),
    ({"filter": {"views": {"_gtt": 1}}}, "UNKNOWN_OPERATOR", "Did you mean '_gt'?"),
    ({"filter": {"_nott": {}}}, "UNKNOWN_OPERATOR", "Did you mean '_not'?"),
    ({"filter": {"_eq": 1}}, "INVALID_QUERY", "where a field's name is expected"),
    ({"filter": {"views": "many"}}, "INVALID_VALUE", "must be an integer"),
    ({"filter": {"views": 2**63}}, "INVALID_VALUE", "must be between"),
    ({"filter": {"views": True}}, "INVALID_VALUE", "must be an integer"),
    ({"filter": {"views": {"_contains": "1"}}}, "INVALID_QUERY", "searches in texts"),
    ({"filter": {"ok": {"_gt": True}}}, "INVALID_QUERY", "needs an order"),
    ({"filter": {"day": "2026-02-30"}}, "INVALID_VALUE", "date of the calendar"),
    ({"filter": {"day": "yesterday"}}, "INVALID_VALUE", "must be a date"),
    ({"filter": {"at": "2026-13-01T00:00:00Z"}}, "INVALID_VALUE", "of the calendar"),
    ({"filter": {"views": {"_between": [1]}}}, "INVALID_QUERY", "two values"),
    ({"filter": {"views": {"_in": {"a": 1}}}}, "INVALID_QUERY", "must be a list"),
    ({"filter": {"views": {"_in": [None]}}}, "INVALID_QUERY", "use _is_null"),
    ({"filter": {"views": {"_gt": None}}}, "INVALID_QUERY", "use _is_null"),
    ({"filter": {"views": {"_is_null": "maybe"}}}, "INVALID_QUERY", "true or false"),
    ({"filter": {"name": "a\0b"}}, "INVALID_VALUE", "NUL"),
    ({"filter": {"price": "1e-999999999"}}, "INVALID_VALUE", "at most 400 digits"),
    ({"filter": {"price": {"_in": ["1", "9" * 401]}}}, "INVALID_VALUE", "at most 400 digits"),
    ({"filter": {"views": {}}}, "INVALID_QUERY", "names no operator"),
    ({"filter": "{"}, "INVALID_QUERY", "JSON is malformed"),
    ({"filter": [1]}, "INVALID_QUERY", "must be an object"),
    ({"sort": "nme"}, "UNKNOWN_FIELD", "Did you mean 'name'?"),
    ({"sort[name]": "up"}, "INVALID_QUERY", "asc or desc"),
    ({"fields": "nme"}, "UNKNOWN_FIELD", "Did you mean 'name'?"),
    ({"fields": "-nme"}, "UNKNOWN_FIELD", "Did you mean 'name'?"),
    ({"fields": "-*"}, "INVALID_QUERY", "leave nothing"),
    ({"fields": "name.x"}, "INVALID_QUERY", "is a column"),
    ({"meta": "count"}, "INVALID_QUERY", "filterCount"),
    ({"limit": "ten"}, "INVALID_QUERY", "whole number"),
    ({"limit": "-1"}, "INVALID_QUERY", "whole number"),
    ({"limit": 10_001}, "INVALID_QUERY", "at most 10000"),
    ({"page": 0}, "INVALID_QUERY", "between 1"),
    ({"fitler": "{}"}, "INVALID_QUERY", "Did you mean 'filter'?"),
    ({"deep": {"name": {}}}, "INVALID_QUERY", "is a column"),
    ({"deep": {"nme": {}}}, "UNKNOWN_FIELD", "Did you mean 'name'?"),
]


async def test_mistakes_are_named_and_never_give_rows(sqlite_api: Api) -> None:
    await sqlite_api.define("person", "name varchar!", "views int", "ok boolean", "day date",
                            "at datetime", "price decimal")  # fmt: skip
    for parameters, code, part in MISTAKES:
        answer = await sqlite_api.get("/person", **parameters)
        assert (answer.status, answer.code) == (400, code), (parameters, answer.body)
        assert part in answer.message, (parameters, answer.message)


async def test_hostile_texts_are_only_values(people: Api) -> None:
    hostile = "'; DROP TABLE person; --"
    assert await _found(people, {"name": hostile}) == []
    assert await _found(people, {"name": {"_contains": hostile}}) == []
    assert await _found(people, {"kind": {"_in": [hostile, "a"]}}) == [1]
    await people.create("/person", {"name": hostile})
    assert await _found(people, {"name": hostile}) == [5]


async def test_a_list_of_ten_thousand_values(people: Api) -> None:
    assert await _found(people, {"views": {"_in": list(range(2, 10_002))}}) == [2, 3]
    texts = [f"name {number}" for number in range(200)]
    assert await _found(people, {"name": {"_in": [*texts, "Zoë", "anna"]}}) == [2, 3]
    assert await _found(people, {"name": {"_not_in": [*texts, "Zoë", "anna"]}}) == [1, 4]
    days = [f"2025-01-{day:02}" for day in range(1, 29)] * 5
    assert await _found(people, {"day": {"_in": [*days, "1969-07-20"]}}) == [1]
    instants = [f"{day}T00:00:00Z" for day in days]
    assert await _found(people, {"at": {"_in": [*instants, "1969-07-20T20:17:40Z"]}}) == [1]
    prices = [str(number) for number in range(3, 140)]
    assert await _found(people, {"price": {"_in": [*prices, "1.1"]}}) == [1, 2]
    prices = [f"{number}.10001" for number in range(140)]
    assert await _found(people, {"price": {"_in": [*prices, "10"]}}) == [2]
    assert await _found(people, {"price": {"_not_in": [*prices, "10"]}}) == [1, 3]
    answer = await people.get("/person", filter={"views": {"_in": list(range(10_001))}})
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")
