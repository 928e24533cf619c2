"""Column rules: every way in is checked, all that is wrong is said at once, messages are used."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.registry import DefinitionChange, Update

from tests.api import Answer, Api
from tests.arrow import load
from tests.databases import settings
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


def rule(kind: str, value: Any, **facts: Any) -> dict[str, Any]:
    return {"ruleType": kind, "value": value, **facts}


def column(name: str, type_: str, *rules: Any, **facts: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "rules": list(rules), **facts}


PERSON = (
    column("name", "varchar", rule("minLength", 2), rule("maxLength", 5), isNullable=False),
    column("age", "int", rule("min", 18, message="Adults only"), rule("max", {"v": 120})),
    column("email", "varchar", rule("format", "email")),
    column("code", "varchar", rule("pattern", {"v": "^[a-z]+$", "flags": "i"})),
    column("born", "date", rule("min", "1900-01-01"), rule("max", "2020-12-31")),
    column("price", "decimal", rule("min", "0.50"), rule("max", 99.5)),
    column("seen", "datetime", rule("min", "2020-01-01T00:00:00Z")),
    column("sizes", "array-select", rule("minItems", 1), rule("maxItems", 2)),
    {"name": "status", "type": "enum", "options": ["new", "old"]},
    {"name": "short", "type": "varchar", "options": {"length": 3}},
)
GOOD = {
    "name": "Ann", "age": 18, "email": "ann@example.org", "code": "aBc", "born": "1900-01-01",
    "price": "0.50", "seen": "2020-01-01T00:00:00Z", "sizes": ["s"],
}  # fmt: skip
BAD = {
    "name": "A", "age": 7, "email": "ann", "code": "a1", "born": "2021-01-01", "price": "0.49",
    "seen": "2019-12-31T23:59:59Z", "sizes": ["s", "m", "l"], "status": "x", "short": "long",
    "what": 1,
}  # fmt: skip
WRONG = {
    "name must be at least 2 characters long, not 1",
    "age: Adults only",
    "email must be an email address, such as ann@example.org",
    "code must match the pattern ^[a-z]+$",
    "born must not be after 2020-12-31",
    "price must be at least 0.50",
    "seen must not be before 2020-01-01T00:00:00+00:00",
    "sizes must have at most 2 items, not 3",
    "status must be one of: new, old",
    "short must be at most 3 characters long, not 4",
    "what is not allowed.",
}


async def define(api: Api, *columns: Any, **facts: Any) -> Any:
    return await api.define("person", *columns, **facts)


def wrong(answer: Answer) -> set[str]:
    assert (answer.status, answer.code) == (400, "INVALID_BODY"), answer.body
    return set(answer.body["message"])


# -- every way in ---------------------------------------------------------------------------------


async def test_everything_that_is_wrong_with_a_body_is_said_at_once(api: Api) -> None:
    await define(api, *PERSON)
    assert wrong(await api.post("/person", BAD)) == WRONG
    created = await api.create("/person", GOOD)
    assert wrong(await api.patch(f"/person/{created['id']}", BAD)) == WRONG
    assert wrong(await api.put(f"/person/{created['id']}", BAD)) == WRONG
    in_bulk = wrong(await api.post("/person", [GOOD, BAD]))
    assert in_bulk == {f"[1].{line}" for line in WRONG}
    assert [row["name"] for row in await api.rows("/person")] == ["Ann"]


async def test_loads_are_checked_and_name_the_row(api: Api) -> None:
    await define(api, *PERSON)
    answer = await load(api, "/person", {"name": ["Ann", "Bob"], "age": [20, 7]})
    assert wrong(answer) == {"row 1: age: Adults only"}
    assert answer.body["error"]["details"] == {"row": 1, "field": "age"}
    for field, value, line in (
        ("price", Decimal("0.49"), "price must be at least 0.50"),
        ("born", date(2021, 1, 1), "born must not be after 2020-12-31"),
        ("sizes", ["a", "b", "c"], "sizes must have at most 2 items, not 3"),
        ("code", "a1", "code must match the pattern ^[a-z]+$"),
    ):
        answer = await load(api, "/person", {"name": ["Ann"], field: [value]})
        assert wrong(answer) == {f"row 0: {line}"}
    assert (await load(api, "/person", {"name": ["Ann"], "age": [None]})).status == 201


async def test_a_change_is_checked_in_what_it_names(sqlite_api: Api) -> None:
    await define(sqlite_api, *PERSON)
    created = await sqlite_api.create("/person", {"name": "Ann"})
    path = f"/person/{created['id']}"
    assert (await sqlite_api.patch(path, {"age": 30})).status == 200
    assert wrong(await sqlite_api.patch(path, {"age": 7})) == {"age: Adults only"}
    assert (await sqlite_api.patch(path, {"age": None})).status == 200


async def test_several_rules_of_one_field_are_all_told(sqlite_api: Api) -> None:
    await define(
        sqlite_api,
        column(
            "name",
            "varchar",
            rule("minLength", 3),
            rule("pattern", "^[a-z]*$", message="Small letters, please"),
            options={"length": 5},
        ),
    )
    assert wrong(await sqlite_api.post("/person", {"name": "A"})) == {
        "name must be at least 3 characters long, not 1",
        "name: Small letters, please",
    }
    assert wrong(await sqlite_api.post("/person", {"name": "ABCDEF"})) == {
        "name must be at most 5 characters long, not 6",
        "name: Small letters, please",
    }
    assert wrong(await sqlite_api.post("/person", {"name": 5})) == {"name must be a string"}


async def test_lengths_count_characters_and_limits_are_included(sqlite_api: Api) -> None:
    await define(sqlite_api, column("name", "text", rule("minLength", 2), rule("maxLength", 2)))
    for text in ("ab", "äö", "👍🏽"):
        await sqlite_api.create("/person", {"name": text})
    for text in ("a", "abc", ""):
        assert (await sqlite_api.post("/person", {"name": text})).status == 400


async def test_numbers_are_compared_exactly(sqlite_api: Api) -> None:
    big = 2**63 - 1
    await define(
        sqlite_api,
        column("n", "bigint", rule("min", big - 1)),
        column("x", "float", rule("max", 0.1)),
    )
    await sqlite_api.create("/person", {"n": big - 1, "x": 0.1})
    assert wrong(await sqlite_api.post("/person", {"n": big - 2, "x": 0.1000001})) == {
        f"n must be at least {big - 1}",
        "x must be at most 0.1",
    }


# -- relations to many ----------------------------------------------------------------------------


async def define_order(api: Api, kind: str, **facts: Any) -> None:
    await api.define("item", "name varchar")
    for name in "abc":
        await api.create("/item", {"name": name})
    relation = {
        "propertyName": "items",
        "type": kind,
        "targetTable": "item",
        "rules": [rule("minItems", 1, **facts), rule("maxItems", 2)],
    }
    if kind == "one-to-many":
        relation["inversePropertyName"] = "order"
    await api.define("order", "no int", relations=[relation])


@pytest.mark.parametrize("kind", ["many-to-many", "one-to-many"])
async def test_a_relation_to_many_has_as_many_records_as_its_rules_say(api: Api, kind: str) -> None:
    await define_order(api, kind)
    created = await api.create("/order", {"no": 1, "items": [1, {"id": 2}]})
    few, many = (
        {"items must have at least 1 item, not 0"},
        {"items must have at most 2 items, not 3"},
    )
    path = f"/order/{created['id']}"
    for body in ({"items": []}, {"items": None}, {}):
        assert wrong(await api.post("/order", body)) == few
        assert wrong(await api.put(path, body)) == few
    for answer in (await api.post("/order", {"items": [1, 2, 3]}),
                   await api.patch(path, {"items": [1, 2, 3]})):  # fmt: skip
        assert wrong(answer) == many
    assert wrong(await api.patch(path, {"items": []})) == few
    assert (await api.patch(path, {"no": 2})).status == 200
    # The same record twice is one record.
    assert (await api.patch(path, {"items": [1, 1, 2]})).status == 200
    assert (await api.patch(path, {"items": [3]})).status == 200


async def test_records_without_the_relation_cannot_be_loaded(sqlite_api: Api) -> None:
    await define_order(sqlite_api, "many-to-many", message="An order has something in it")
    answer = await load(sqlite_api, "/order", {"no": [1]})
    assert wrong(answer) == {"items: An order has something in it"}


# -- rules go live --------------------------------------------------------------------------------


async def _column_id(api: Api, name: str) -> int:
    rows = await api.rows("/column_definition", filter={"name": name, "table": {"name": "person"}})
    return rows[0]["id"]


async def test_a_rule_is_a_record_and_live_at_once(api: Api) -> None:
    await define(api, "age int", "name varchar")
    id_ = await _column_id(api, "age")
    made = await api.post("/column_rule_definition", {"column": {"id": id_}, **rule("min", 18)})
    assert made.status == 201, made.body
    assert (made.row["value"], made.row["isEnabled"], made.row["column"]) == (
        {"v": 18},
        True,
        {"id": id_},
    )
    assert wrong(await api.post("/person", {"age": 17})) == {"age must be at least 18"}
    path = f"/column_rule_definition/{made.row['id']}"
    assert (await api.patch(path, {"value": {"v": 16}, "message": "Too young"})).status == 200
    assert wrong(await api.post("/person", {"age": 15})) == {"age: Too young"}
    assert (await api.patch(path, {"message": None})).status == 200
    assert wrong(await api.post("/person", {"age": 15})) == {"age must be at least 16"}
    assert (await api.patch(path, {"isEnabled": False})).status == 200
    await api.create("/person", {"age": 1})
    assert (await api.patch(path, {"isEnabled": True})).status == 200
    assert (await api.post("/person", {"age": 1})).status == 400
    assert (await api.delete(path)).status == 200
    await api.create("/person", {"age": 1})
    assert (await api.delete(path)).status == 404


async def test_a_rule_can_be_named_by_its_field(sqlite_api: Api) -> None:
    await define_order(sqlite_api, "many-to-many")
    made = await sqlite_api.post(
        "/column_rule_definition", {"column": "order.no", **rule("max", 5)}
    )
    assert made.status == 201, made.body
    assert (await sqlite_api.post("/order", {"no": 6, "items": [1]})).status == 400
    rules = await sqlite_api.rows(
        "/column_rule_definition", filter={"relation": {"_is_null": False}}
    )
    assert {one["ruleType"] for one in rules} == {"minItems", "maxItems"}
    second = await sqlite_api.post(
        "/column_rule_definition", {"relation": "order.items", **rule("maxItems", 9)}
    )
    assert (second.status, second.code) == (409, "DUPLICATE_RESOURCE")


async def test_rules_are_changed_with_their_column(api: Api) -> None:
    table = await define(api, column("age", "int", rule("min", 1), rule("max", 9)), "name varchar")
    before = {one["ruleType"]: one["id"] for one in await api.rows("/column_rule_definition")}
    path = f"/table_definition/{table['id']}"

    async def change(*rules: Any, **facts: Any) -> None:
        body = {"columns": [{"name": "age", **facts}, {"name": "name"}]}
        if rules != (None,):
            body["columns"][0]["rules"] = list(rules)
        answer = await api.patch(path, body)
        assert answer.status == 200, answer.body

    async def now() -> dict[str, Any]:
        rows = await api.rows("/column_rule_definition")
        return {one["ruleType"]: (one["id"], one["value"]["v"]) for one in rows}

    await change(None, description="Years")
    assert await now() == {"min": (before["min"], 1), "max": (before["max"], 9)}
    await change(rule("min", 2))
    assert await now() == {"min": (before["min"], 2)}
    await change({"id": before["min"], "value": 3, "ruleType": "max"})
    assert await now() == {"max": (before["min"], 3)}
    assert (await api.post("/person", {"age": 4})).status == 400
    await change()
    assert await now() == {}
    await api.create("/person", {"age": 4})


async def test_rules_follow_a_rename_and_go_with_their_column(api: Api) -> None:
    await define(api, column("age", "int", rule("min", 1)), "name varchar")
    id_ = await _column_id(api, "age")
    assert (await api.patch(f"/column_definition/{id_}", {"name": "years"})).status == 200
    assert wrong(await api.post("/person", {"years": 0})) == {"years must be at least 1"}
    assert (await api.delete(f"/column_definition/{id_}")).status == 200
    assert await api.rows("/column_rule_definition") == []


async def test_rules_go_with_their_table(api: Api) -> None:
    await define_order(api, "many-to-many")
    table = (await api.rows("/table_definition", filter={"name": "order"}))[0]
    assert (await api.delete(f"/table_definition/{table['id']}")).status == 200
    assert await api.rows("/column_rule_definition") == []


async def test_a_rule_is_checked_by_other_instances_and_after_a_start(
    database_uri: str, kernel: Kernel
) -> None:
    async with Kernel(settings(database_uri, refresh_interval=3600)) as peer:
        one, two = await Api(kernel).login(), await Api(peer).login()
        await define(one, "age int")
        made = await one.create(
            "/column_rule_definition", {"column": "person.age", **rule("min", 1)}
        )
        await peer.registry.refresh()
        assert wrong(await two.post("/person", {"age": 0})) == {"age must be at least 1"}
        # A change that a peer hears of is loaded for its tables only.
        await one.patch(f"/column_rule_definition/{made['id']}", {"value": 5})
        table = kernel.registry.current.table("person")
        version = kernel.registry.current.version
        change = DefinitionChange(tables=frozenset({table.definition.id}))
        peer.registry.apply(Update(since=version - 1, version=version, change=change))
        assert await peer.registry.catch_up(version, patience=0) is not None
        assert wrong(await two.post("/person", {"age": 4})) == {"age must be at least 5"}


async def test_checks_are_made_once_for_a_state_of_the_definitions(sqlite_api: Api) -> None:
    await define(sqlite_api, *PERSON)
    records = sqlite_api.kernel.records
    assert records.of("person").bodies is records.of("person").bodies


# -- rules are shown ------------------------------------------------------------------------------


async def test_rules_are_described(api: Api) -> None:
    await define_order(api, "many-to-many")
    await define(api, column("age", "int", rule("min", 18, message="Adults only")))
    person = (await api.get("/metadata/person")).data
    (age,) = [one for one in person["columns"] if one["name"] == "age"]
    (shown,) = age["rules"]
    assert (shown["ruleType"], shown["value"], shown["message"]) == (
        "min",
        {"v": 18},
        "Adults only",
    )
    order = (await api.get("/metadata/order")).data
    assert [one["ruleType"] for one in order["relations"][0]["rules"]] == ["minItems", "maxItems"]
