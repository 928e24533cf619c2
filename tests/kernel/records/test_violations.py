"""What the database refuses is said alike on every database, in the words of the definitions."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.plan import ADMINISTRATOR
from enfyra_kernel.records.content import Content
from enfyra_kernel.records.refusals import Refusal

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


def refused(
    answer: Answer, code: str, table: str, *fields: str, place: str = "", row: int | None = None
) -> None:
    assert (answer.status, answer.code) == (409, code), answer.body
    where: dict[str, Any] = {"place": place} if place else {}
    if row is not None:
        where = {"place": (place := f"row {row}"), "row": row}
    assert answer.body["error"]["details"] == {"table": table, "fields": list(fields)} | where
    assert answer.message.startswith(f"{place}: " if place else fields[0])
    assert all(field in answer.message for field in fields)


# -- values that must be unique -------------------------------------------------------------------


async def test_a_value_that_is_taken(api: Api) -> None:
    await define_shop(api)
    taken = {"name": "Oslo", "country": "Norway"}
    refused(await api.post("/city", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    refused(await api.patch("/city/2", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    refused(await api.put("/city/2", taken), "DUPLICATE_RESOURCE", "city", "name", "country")
    many = [{"name": "Bergen"}, taken]
    answer = await api.post("/city", many)
    refused(answer, "DUPLICATE_RESOURCE", "city", "name", "country", place="[1]")
    columns = {"name": ["Bergen", "Oslo"], "country": [None, "Norway"]}
    answer = await load(api, "/city", columns)
    # SQLite does not say which value it was.
    row = None if api.kernel.database.engine == "sqlite" else 1
    refused(answer, "DUPLICATE_RESOURCE", "city", "name", "country", row=row)
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
    many = [{"code": "b", "city": 1}, {"code": "c", "city": 77}]
    for answer, place in (
        (await api.post("/product", {"code": "b", "city": 77}), ""),
        (await api.post("/product", many), "[1]"),
        (await api.patch("/product/1", {"city": 77}), ""),
        (await api.patch("/product", [{"id": 1, "city": 77}]), "[0]"),
        (await api.patch("/product", {"city": 77}, filter={"code": "a"}), ""),
    ):
        refused(answer, "RELATION_NOT_FOUND", "product", "city", place=place)
        assert answer.body["error"]["hint"] == "Create the 'city' first"
    answer = await load(api, "/product", {"code": ["b"], "city": [77]})
    # PostgreSQL alone says which value it was.
    row = 0 if api.kernel.database.engine == "postgresql" else None
    refused(answer, "RELATION_NOT_FOUND", "product", "city", row=row)
    assert len(await api.rows("/product")) == 1


async def test_a_record_that_others_refer_to(api: Api) -> None:
    await define_shop(api)
    for answer in (
        await api.delete("/city/1"),
        await api.delete("/city", filter={"name": {"_starts_with": "O"}}),
        await api.delete("/city", filter={"name": "Oslo"}, fields="name"),
    ):
        assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
        assert answer.body["error"]["details"] == {"table": "city", "relations": ["product.city"]}
    assert len(await api.rows("/city")) == 2


async def test_what_refers_to_records_that_would_go_with_another_one(api: Api) -> None:
    """Deleting a city deletes its streets; a house keeps its street from that."""
    await define_shop(api)
    street = {"type": "many-to-one", "propertyName": "street", "targetTable": "street"}
    city = {"type": "many-to-one", "propertyName": "city", "targetTable": "city"}
    await api.define("street", "name varchar", relations=[city | {"onDelete": "CASCADE"}])
    await api.define("house", "number int", relations=[street | {"onDelete": "RESTRICT"}])
    await api.create("/house", {"number": 1, "street": {"name": "Long", "city": 2}})
    answer = await api.delete("/city/2")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert answer.body["error"]["details"]["relations"] == ["house.street"]


async def test_a_record_of_many_is_named_by_its_place(api: Api) -> None:
    await define_shop(api)
    taken = {"name": "Oslo", "country": "Norway"}
    twice = [{"name": "Bergen", "country": "Norway"}, {"name": "x"}] * 2
    refused(await api.post("/city", twice), "DUPLICATE_RESOURCE", "city", "name", "country",
            place="[2]")  # fmt: skip
    changes = [{"id": 1, "name": "Oslo"}, {"id": 2, **taken}]
    refused(await api.patch("/city", changes), "DUPLICATE_RESOURCE", "city", "name", "country",
            place="[1]")  # fmt: skip
    nested = {"code": "n", "city": {**taken, "products": [{"code": "m"}]}}
    refused(await api.post("/product", nested), "DUPLICATE_RESOURCE", "city", "name", "country",
            place="city")  # fmt: skip
    deeper = [{"name": "Bergen", "products": [{"code": "p", "home": 2}, {"code": "q", "home": 1}]}]
    refused(await api.post("/city", deeper), "DUPLICATE_RESOURCE", "product", "home",
            place="[0].products[1]")  # fmt: skip
    lost = {"name": "Bergen", "products": [{"code": "p"}, {"code": "q", "home": 77}]}
    refused(await api.post("/city", lost), "RELATION_NOT_FOUND", "product", "home",
            place="products[1]")  # fmt: skip
    assert len(await api.rows("/city")) == 2
    assert len(await api.rows("/product")) == 1


async def test_a_value_that_is_none_of_a_list(api: Api, kernel: Kernel) -> None:
    """The database keeps to an enum's values although the body was not checked."""
    await define_shop(api)
    repository: Any = kernel.records.of("product")
    write = repository._desk.statements.update(("kind",), frozenset(), None, (), ADMINISTRATOR)
    content = Content(repository.table, columns={"kind": "blue"})
    with pytest.raises(Refusal) as caught:
        await repository._desk.run(kernel.database, write, ("blue", 1), content)
    error = await caught.value.explain()
    assert (error.status, error.code) == (409, "CONSTRAINT_VIOLATION")
    assert error.details["fields"] == ["kind"]


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
    if engine in {"sqlite", "mongodb"}:
        pytest.skip(f"{engine} cannot change a column")
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
    assert (long.status, long.code) == (409, "CONSTRAINT_VIOLATION")
    assert long.message == "country does not fit the field"
    bodies = [{"name": "Lima", "country": "Peru"}, {"name": "Bern", "country": "Switzerland"}]
    many = await api.post("/city", bodies)
    assert many.message == "[1]: country does not fit the field"
    many = await api.post("/city", [bodies[0], {"name": "Bern", "country": None}])
    assert (many.status, many.message) == (400, "[1].country is required")
    checked = await api.post("/city", {"name": "Bergen", "country": "Ireland"})
    assert (checked.status, checked.code) == (409, "CONSTRAINT_VIOLATION")
    assert checked.body["error"]["details"]["constraint"] == "short"
