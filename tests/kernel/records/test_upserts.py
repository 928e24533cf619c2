"""Records created, or updated where they are there already."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def shop(api: Api) -> Api:
    """Products told apart by their code, or by their name within a city."""
    await api.define("city", "name varchar!", uniques=[["name"]])
    await api.define(
        "product",
        "code varchar!",
        "name varchar",
        {"name": "price", "type": "int", "defaultValue": 5},
        {"name": "origin", "type": "varchar", "isUpdatable": False},
        relations=[
            {"type": "many-to-one", "propertyName": "city", "targetTable": "city"},
            {"type": "many-to-many", "propertyName": "sold", "targetTable": "city"},
        ],
        uniques=[["code"], ["name", "city"]],
    )
    await api.create("/city", [{"name": "Oslo"}, {"name": "Rome"}])
    await api.create("/product", {"code": "a", "name": "Apple", "price": 1, "origin": "NO"})
    return api


async def upsert(api: Api, body: Any, key: str = "code", **query: Any) -> Any:
    return await api.post("/product", body, mode="upsert", key=key, **query)


async def test_one_record_is_created_and_then_updated(shop: Api) -> None:
    answer = await upsert(shop, {"code": "b", "name": "Bread"})
    assert answer.status == 201, answer.body
    assert (answer.row["id"], answer.row["price"]) == (2, 5)
    assert answer.body["meta"] == {"createdCount": 1, "updatedCount": 0, "outcomes": ["created"]}
    answer = await upsert(shop, {"code": "b", "name": "Brioche"})
    assert answer.status == 200
    assert (answer.row["id"], answer.row["name"]) == (2, "Brioche")
    assert answer.body["meta"] == {"createdCount": 0, "updatedCount": 1, "outcomes": ["updated"]}
    assert answer.row["updatedAt"] > answer.row["createdAt"]


async def test_what_the_server_fills_in_belongs_to_new_records(shop: Api) -> None:
    answer = await upsert(shop, {"code": "a", "origin": "IT"})
    assert answer.status == 200
    row = answer.row
    # Neither the default nor what cannot be changed.
    assert (row["price"], row["origin"], row["name"]) == (1, "NO", "Apple")


async def test_many_records_say_each_what_became_of_them(shop: Api) -> None:
    bodies = [
        {"code": "b", "price": 2},
        {"code": "a", "price": 3},
        {"code": "c", "name": "Cake", "city": {"name": "Bern"}},
    ]
    answer = await upsert(shop, bodies, fields="code,price,city.name")
    assert answer.status == 200
    assert answer.data == [
        {"id": answer.data[0]["id"], "code": "b", "price": 2, "city": None},
        {"id": 1, "code": "a", "price": 3, "city": None},
        {"id": answer.data[2]["id"], "code": "c", "price": 5, "city": {"id": 3, "name": "Bern"}},
    ]
    assert answer.body["meta"]["outcomes"] == ["created", "updated", "created"]


async def test_relations_to_many_are_set(shop: Api) -> None:
    await upsert(shop, [{"code": "a", "sold": [1, 2]}, {"code": "b", "sold": [{"name": "Bern"}]}])
    await upsert(shop, {"code": "a", "sold": [2]})
    rows = await shop.rows("/product", fields="sold", sort="id")
    assert [row["sold"] for row in rows] == [[{"id": 2}], [{"id": 3}]]


async def test_keys_are_the_primary_key_or_a_unique_group(shop: Api) -> None:
    answer = await upsert(shop, [{"id": 1, "code": "z"}, {"id": 9, "code": "y"}], key="id")
    assert answer.body["meta"]["outcomes"] == ["updated", "created"]
    assert [row["code"] for row in answer.data] == ["z", "y"]
    group = {"code": "g", "name": "Gum", "city": 1}
    assert (await upsert(shop, group, key="name,city")).status == 201
    answer = await upsert(shop, group | {"code": "h"}, key="city,name")
    assert (answer.status, answer.row["code"]) == (200, "h")


@pytest.mark.parametrize(
    ("body", "key", "said"),
    [
        ({"code": "b"}, "price", "key must be a unique group of 'product': id; code; name, city"),
        ({"code": "b"}, "", "upsert needs a key"),
        ({"code": "b", "name": None, "city": 1}, "name,city", "name is the key and is required"),
        ([{"code": "b"}, {"code": "b"}], "code", "[1] has the same code as [0]"),
        ([{"code": "b"}, {"price": 1}], "code", "[1].code is required"),
        ([], "code", "The list of records is empty"),
        ("text", "code", "The body must be a JSON object"),
    ],
)
async def test_an_upsert_that_would_not_know_what_to_do(
    shop: Api, body: Any, key: str, said: str
) -> None:
    answer = await upsert(shop, body, key=key)
    assert answer.status == 400, answer.body
    assert said in answer.message
    assert len(await shop.rows("/product")) == 1


async def test_other_unique_values_are_not_taken_over(shop: Api) -> None:
    await shop.create("/product", {"code": "b", "name": "Bread", "city": 1})
    await shop.patch("/product/1", {"city": 1})
    for body in ({"code": "a", "name": "Bread", "city": 1}, {"code": "n", "name": "Bread",
                                                              "city": 1}):  # fmt: skip
        answer = await upsert(shop, [{"code": "x"}, body])
        assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE"), answer.body
        assert answer.body["error"]["details"] == {
            "table": "product", "fields": ["name", "city"], "place": "[1]"
        }  # fmt: skip
    assert len(await shop.rows("/product")) == 2


async def test_parameters_of_an_upsert_are_read_strictly(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("product", "code varchar!", uniques=[["code"]])
    for query, said in (
        ({"mode": "upsurt", "key": "code"}, "Did you mean 'upsert'?"),
        ({"mode": "replace"}, "mode must be one of append, upsert"),
        ({"key": "code"}, "key goes with mode=upsert only"),
        ({"filter": {"code": "a"}}, "filter does not go with POST"),
        ({"limit": 3}, "limit does not go with POST"),
    ):
        answer = await api.post("/product", {"code": "a"}, **query)
        assert (answer.status, answer.code) == (400, "INVALID_QUERY")
        assert said in answer.message


async def test_upserts_at_the_same_time_make_one_record(shop: Api) -> None:
    answers = await asyncio.gather(
        *(upsert(shop, {"code": "new", "price": number}) for number in range(8))
    )
    assert {answer.status for answer in answers} <= {200, 201}, [one.body for one in answers]
    assert len(await shop.rows("/product", filter={"code": "new"})) == 1
