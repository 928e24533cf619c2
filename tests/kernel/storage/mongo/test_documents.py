"""What is in the database, as other programs see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from bson import Decimal128

from tests.api import Api
from tests.databases import name_of

pytestmark = pytest.mark.asyncio

HARD: list[Any] = [
    {"$where": 1, "a.b": {"": [None, True, 1.0, 2**63 - 1]}},
    2**80,
    {"enfyra:json": "mine"},
    "text",
    [[], {}],
    -0.5,
    {"deep": [2**70]},
]


@pytest.fixture
def database(database_uri: str) -> Iterator[Any]:
    with pymongo.MongoClient(database_uri) as client:
        yield client[name_of(database_uri)]


@pytest.mark.may_block
async def test_values_are_kept_as_documented(api: Api, database: Any) -> None:
    amount = {"name": "amount", "type": "decimal", "options": {"precision": 34, "scale": 4}}
    await api.define("thing", amount, "at datetime", "name varchar", "note varchar", "n int")
    body = {"amount": "1.5", "at": "2026-11-20T14:05:09.500001+01:00", "name": "Crème", "n": 7}
    await api.create("/thing", body)
    found = database.thing.find_one()
    del found["createdAt"], found["updatedAt"]
    assert found == {
        "_id": 1,
        "amount": Decimal128("1.5000"),
        "at": "2026-11-20T13:05:09.500001+00:00",
        "name": "Crème",
        "n": 7,
        "_fold": {"name": "creme"},
    }


@pytest.mark.may_block
async def test_what_searches_compare_follows_the_text(api: Api, database: Any) -> None:
    table = await api.define("thing", "name varchar", "tags array-select")
    await api.create("/thing", {"name": "Über", "tags": ["a", "É"]})

    async def found(text: str) -> int:
        return len(await api.rows("/thing", filter={"name": {"_contains": text}}))

    assert (await found("UBE"), await found("ü")) == (1, 1)
    assert len(await api.rows("/thing", filter={"tags": {"_contains": "e"}})) == 1
    await api.patch("/thing/1", {"name": "Plain"})
    assert (await found("ube"), await found("PLAIN")) == (0, 1)
    assert database.thing.find_one()["_fold"] == {"tags": ["a", "e"]}
    columns = [
        {"name": "title", "type": "text", "was": "name"},
        {"name": "tags", "type": "array-select"},
    ]
    await api.patch("/thing/1", {"name": "Çelik"})
    answer = await api.patch(f"/table_definition/{table['id']}", {"columns": columns})
    assert answer.status == 200, answer.body
    assert len(await api.rows("/thing", filter={"title": {"_starts_with": "cel"}})) == 1


async def test_any_json_comes_back_as_it_was(api: Api) -> None:
    await api.define("thing", "facts simple-json")
    await api.create("/thing", [{"facts": one} for one in HARD])
    rows = await api.rows("/thing", sort="id")
    assert [row["facts"] for row in rows] == HARD
    for key, one in enumerate(reversed(HARD), 1):
        assert (await api.patch(f"/thing/{key}", {"facts": one})).row["facts"] == one


async def test_decimals_are_compared_exactly_with_any_number(api: Api) -> None:
    digits = {"precision": 34, "scale": 2}
    await api.define("price", {"name": "amount", "type": "decimal", "options": digits})
    amounts = ["-1.01", "-1.00", "0.00", "1.00", "1.01", "9" * 32 + ".99"]
    await api.create("/price", [{"amount": one} for one in amounts])

    async def found(**condition: Any) -> list[str]:
        rows = await api.rows("/price", filter={"amount": condition}, sort="id")
        return [row["amount"] for row in rows]

    between = "1.00" + "0" * 200 + "1"
    assert await found(_gt=between) == amounts[4:]
    assert await found(_gte=between) == amounts[4:]
    assert await found(_lt=between) == amounts[:4]
    assert await found(_lte=between) == amounts[:4]
    assert (await found(_eq=between), await found(_in=[between, "1"])) == ([], ["1.00"])
    assert await found(_neq=between) == amounts
    assert (await found(_gt="1e300"), await found(_lt="1e300")) == ([], amounts)
    assert await found(_between=["-1e300", "-1.005"]) == ["-1.01"]


@pytest.mark.may_block
async def test_collections_of_others_are_left_alone(api: Api, database: Any) -> None:
    database.old.insert_one({"x": 1})
    answer = await api.post("/table_definition", {"name": "old"})
    assert (answer.status, answer.code) == (409, "TABLE_EXISTS")
    answer = await api.post("/table_definition", {"name": "old", "adopt": True})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert database.old.count_documents({}) == 1
