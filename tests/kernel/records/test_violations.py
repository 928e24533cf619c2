"""What the database refuses is said alike on every database, in the words of the definitions."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Answer, Api
from tests.arrow import load

pytestmark = pytest.mark.asyncio


async def define_shop(api: Api) -> None:
    """A city is known by its name and country; a product belongs to one city for each code."""
    await api.define("city", "name varchar!", "country varchar", uniques=[["name", "country"]])
    await api.define(
        "product",
        "code varchar!",
        {"name": "kind", "type": "enum", "options": ["red", "green"]},
        relations=[
            {"type": "many-to-one", "propertyName": "city", "targetTable": "city",
             "inversePropertyName": "products", "onDelete": "RESTRICT"},
            {"type": "one-to-one", "propertyName": "home", "targetTable": "city"},
        ],
        uniques=[["code", "city"]],
    )  # fmt: skip
    await api.create("/city", {"name": "Oslo", "country": "Norway"})
    await api.create("/city", {"name": "Rome", "country": "Italy"})
    await api.create("/product", {"code": "a", "city": 1, "home": 1})


def refused(answer: Answer, code: str, table: str, *fields: str) -> None:
    assert (answer.status, answer.code) == (409, code), answer.body
    assert answer.body["error"]["details"] == {"table": table, "fields": list(fields)}
    assert all(field in answer.message for field in fields)


# -- values that must be unique -------------------------------------------------------------------


async def test_a_value_that_is_taken(api: Api) -> None:
    await define_shop(api)
    taken = {"name": "Oslo", "country": "Norway"}
    refused(await api.post("/city", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    refused(await api.patch("/city/2", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    refused(await api.put("/city/2", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    many = [{"name": "Bergen"}, taken]
    refused(await api.post("/city", many), "DUPLICATE_RESOURCE", "city", "name", "country")
    columns = {"name": ["Bergen", "Oslo"], "country": [None, "Norway"]}
    refused(await load(api, "/city", columns), "DUPLICATE_RESOURCE", "city", "name", "country")
    assert [row["name"] for row in await api.rows("/city", sort="id")] == ["Oslo", "Rome"]


async def test_a_taken_value_is_shown_with_what_was_sent(api: Api) -> None:
    await define_shop(api)
    answer = await api.post("/city", {"name": "Oslo", "country": "Norway"})
    assert answer.message == (
        "name, country must be unique: a 'city' with name 'Oslo', country 'Norway' exists already"
    )


async def test_a_key_that_is_taken(api: Api) -> None:
    await define_shop(api)
    answer = await api.post("/city", {"id": 1, "name": "Bergen"})
    refused(answer, "DUPLICATE_RESOURCE", "city", "id")


async def test_a_group_with_a_relation_names_the_relation(api: Api) -> None:
    await define_shop(api)
    answer = await api.post("/product", {"code": "a", "city": 1})
    refused(answer, "DUPLICATE_RESOURCE", "product", "code", "city")


async def test_a_one_to_one_that_is_taken_names_the_relation(api: Api) -> None:
    await define_shop(api)
    answer = await api.post("/product", {"code": "b", "home": 1})
    refused(answer, "DUPLICATE_RESOURCE", "product", "home")


async def test_nulls_are_never_taken(api: Api) -> None:
    await define_shop(api)
    await api.create("/city", [{"name": "Bergen"}, {"name": "Bergen"}])
    await api.create("/product", [{"code": "a"}, {"code": "a"}])


# -- related records ------------------------------------------------------------------------------


async def test_a_related_record_that_is_not_there(api: Api) -> None:
    await define_shop(api)
    for answer in (
        await api.post("/product", {"code": "b", "city": 77}),
        await api.post("/product", [{"code": "b", "city": 1}, {"code": "c", "city": 77}]),
        await api.patch("/product/1", {"city": 77}),
        await load(api, "/product", {"code": ["b"], "city": [77]}),
    ):
        refused(answer, "RELATION_NOT_FOUND", "product", "city")
        assert answer.body["error"]["hint"] == "Create the 'city' first"
    assert len(await api.rows("/product")) == 1


async def test_a_record_that_others_refer_to(api: Api) -> None:
    await define_shop(api)
    answer = await api.delete("/city/1")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert answer.body["error"]["details"] == {"table": "city", "relations": ["product.city"]}


# -- values that do not fit -----------------------------------------------------------------------


async def test_a_null_or_a_long_text_is_found_before_the_database_is_asked(api: Api) -> None:
    await define_shop(api)
    for body, said in (
        ({"name": None}, "name must not be null"),
        ({}, "name is required"),
        ({"name": "x" * 256}, "name must be at most 255 characters long, not 256"),
    ):
        answer = await api.post("/city", body)
        assert (answer.status, answer.message) == (400, said)


async def test_lengths_count_characters_not_bytes(api: Api) -> None:
    await define_shop(api)
    name = "\U0001f600" * 255
    assert (await api.create("/city", {"name": name}))["name"] == name


async def test_rules_of_the_database_alone_are_explained(
    api: Api, kernel: Kernel, engine: str
) -> None:
    """Another program made a column stricter than its definition says."""
    if engine == "sqlite":
        pytest.skip("SQLite cannot change a column")
    await define_shop(api)
    runner: Any = kernel.database
    quote = "`" if engine == "mysql" else '"'
    column = f"{quote}country{quote}"
    stricter = {
        "postgresql": (f"ALTER COLUMN {column} SET NOT NULL",
                       f"ALTER COLUMN {column} TYPE VARCHAR(8)",
                       f"ADD CONSTRAINT short CHECK (length({column}) < 7)"),
        "mysql": (f"MODIFY {column} VARCHAR(255) NOT NULL",
                  f"MODIFY {column} VARCHAR(8) NOT NULL",
                  f"ADD CONSTRAINT short CHECK (length({column}) < 7)"),
    }  # fmt: skip
    for change in stricter[engine]:
        await runner.driver.run(f"ALTER TABLE city {change}", ())
    missing = await api.post("/city", {"name": "Bergen", "country": None})
    assert (missing.status, missing.message) == (400, "country is required")
    long = await api.post("/city", {"name": "Bergen", "country": "Switzerland"})
    assert (long.status, long.code) == (400, "INVALID_BODY")
    assert "does not fit the field" in long.message
    checked = await api.post("/city", {"name": "Bergen", "country": "Ireland"})
    assert (checked.status, checked.code) == (409, "CONSTRAINT_VIOLATION")
    assert checked.body["error"]["details"]["constraint"] == "short"
