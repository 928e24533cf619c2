"""Rules that cannot work are refused when they are saved, with what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError

from tests.api import Api
from tests.engines import two_engines  # noqa: F401
from tests.kernel.metadata.builders import body, catalog_of, changed, created, relation

REFUSED = [
    ("int", {"ruleType": "min"}, 'needs its value as {"v": ...}'),
    ("int", {"ruleType": "min", "value": {"x": 1}}, 'needs its value as {"v": ...}'),
    ("int", {"ruleType": "min", "value": {"v": 1, "flags": "i"}}, "knows no 'flags'"),
    ("int", {"ruleType": "min", "value": None}, "needs its value"),
    ("int", {"ruleType": "min", "value": {"v": None}}, "must not be null"),
    ("int", {"ruleType": "min", "value": "x"}, "must be an integer"),
    ("int", {"ruleType": "min", "value": True}, "must be an integer"),
    ("int", {"ruleType": "min", "value": 2**40}, "must be between"),
    ("decimal", {"ruleType": "max", "value": "0.001"}, "at most 2 digits after the point"),
    ("date", {"ruleType": "min", "value": "2026-02-30"}, "must be a date"),
    ("text", {"ruleType": "min", "value": 1}, "does not fit the type text: it is for int, bigint"),
    ("boolean", {"ruleType": "max", "value": 1}, "does not fit the type boolean"),
    ("simple-json", {"ruleType": "minItems", "value": 1}, "does not fit the type simple-json"),
    ("enum", {"ruleType": "minLength", "value": 1}, "does not fit the type enum"),
    ("int", {"ruleType": "pattern", "value": "a"}, "does not fit the type int"),
    ("varchar", {"ruleType": "minLength", "value": -1}, "must be a whole number from 0"),
    ("varchar", {"ruleType": "minLength", "value": 1.5}, "must be a whole number from 0"),
    ("varchar", {"ruleType": "minLength", "value": 300}, "is more than the field's length, 255"),
    ("varchar", {"ruleType": "pattern", "value": "("}, "missing ): ("),
    ("varchar", {"ruleType": "pattern", "value": "a(?=b)"}, "is no pattern that can be used"),
    ("varchar", {"ruleType": "pattern", "value": 5}, "must be a regular expression"),
    ("varchar", {"ruleType": "pattern", "value": ""}, "must be a regular expression"),
    ("varchar", {"ruleType": "pattern", "value": {"v": "a", "flags": "g"}}, "has the flag 'g'"),
    ("varchar", {"ruleType": "pattern", "value": {"v": "a", "flags": 1}}, "flags that are no text"),
    ("varchar", {"ruleType": "format", "value": "emial"}, "Did you mean 'email'?"),
    ("varchar", {"ruleType": "format", "value": 1}, "must be one of email, url"),
    ("varchar", {"ruleType": "minlength", "value": 1}, "Did you mean 'minLength'?"),
    ("varchar", {"ruleType": "custom", "value": 1}, "checked in a pre-hook"),
    ("varchar", {"ruleType": ["min"], "value": 1}, "ruleType must be one of"),
    ("varchar", {"value": 1}, "ruleType is required"),
    ("varchar", {"ruleType": "format", "value": "email", "mesage": "x"}, "Did you mean 'message'?"),
    ("varchar", {"ruleType": "format", "value": "email", "message": 1}, "message must be a text"),
    ("varchar", {"ruleType": "format", "value": "email", "message": "x" * 256}, "at most 255"),
    ("varchar", {"ruleType": "format", "value": "email", "isEnabled": 1}, "true or false"),
    ("varchar", {"ruleType": "format", "value": "email", "id": 7}, "no rule with the id 7"),
    ("varchar", "min", "must be an object"),
]  # fmt: skip


def refused(source: Any, base: Any = None) -> str:
    with pytest.raises(EnfyraError) as caught:
        created(base or catalog_of(), source)
    assert caught.value.code == "VALIDATION_ERROR"
    return caught.value.message


def one_column(type_: str, *rules: Any, **facts: Any) -> Any:
    options = {"options": ["a", "b"]} if type_ == "enum" else {}
    return body("post", {"name": "x", "type": type_, "rules": list(rules), **options, **facts})


@pytest.mark.parametrize(("type_", "rule", "message"), REFUSED)
def test_a_rule_that_cannot_work_is_refused(type_: str, rule: Any, message: str) -> None:
    assert message in refused(one_column(type_, rule))


def test_all_that_is_wrong_is_said_at_once_with_its_place() -> None:
    text = refused(
        one_column("int", {"ruleType": "min", "value": "x"}, {"ruleType": "format", "value": "url"})
    )
    assert "post.x: the rule min has a value that must be an integer" in text
    assert "post.x: the rule format does not fit the type int" in text


@pytest.mark.parametrize(("type_", "options"), [("varchar", "x"), ("decimal", ["x"])])
def test_options_that_are_none_are_refused_beside_rules(type_: str, options: Any) -> None:
    kind, value = ("minLength", 3) if type_ == "varchar" else ("min", 3)
    named = {"length": options} if type_ == "varchar" else {"precision": options}
    column = {"name": "x", "type": type_, "options": named, "defaultValue": "5",
              "rules": [{"ruleType": kind, "value": value}]}  # fmt: skip
    assert "must be a whole number" in refused(body("post", column))


def test_a_second_rule_of_a_kind_is_refused() -> None:
    two = [{"ruleType": "min", "value": 1}, {"ruleType": "min", "value": 2}]
    assert "one of each kind" in refused(one_column("int", *two))


@pytest.mark.parametrize(("type_", "low", "high", "values"), [
    ("int", "min", "max", (5, 4)),
    ("decimal", "min", "max", ("10", "9.5")),
    ("date", "min", "max", ("2026-01-02", "2026-01-01")),
    ("text", "minLength", "maxLength", (5, 4)),
    ("array-select", "minItems", "maxItems", (2, 1)),
])  # fmt: skip
def test_rules_that_no_value_could_meet_are_refused(
    type_: str, low: str, high: str, values: tuple[Any, Any]
) -> None:
    rules = [{"ruleType": low, "value": values[0]}, {"ruleType": high, "value": values[1]}]
    assert f"is more than {high}" in refused(one_column(type_, *rules))
    rules[1]["isEnabled"] = False
    created(catalog_of(), one_column(type_, *rules))
    equal = [{"ruleType": low, "value": values[0]}, {"ruleType": high, "value": values[0]}]
    created(catalog_of(), one_column(type_, *equal))


def test_a_default_has_to_meet_the_rules() -> None:
    rule = {"ruleType": "min", "value": 1, "message": "Not zero"}
    text = refused(one_column("int", rule, defaultValue=0))
    assert "post.x defaultValue breaks a rule: Not zero" in text
    created(catalog_of(), one_column("int", rule, defaultValue=1))
    dated = {"ruleType": "min", "value": "2020-01-01"}
    created(catalog_of(), one_column("date", dated, defaultValue="now"))


def test_relations_take_rules_on_how_many_only() -> None:
    base = catalog_of(body("tag", "name varchar"))

    def with_rule(kind: str, rule: Any) -> Any:
        return body("post", relations=[relation("tags", kind, "tag", "posts", rules=[rule])])

    items = {"ruleType": "minItems", "value": 1}
    for kind in ("many-to-many", "one-to-many"):
        created(base, with_rule(kind, items))
        text = refused(with_rule(kind, {"ruleType": "min", "value": 1}), base)
        assert "takes minItems and maxItems only" in text
    for kind in ("many-to-one", "one-to-one"):
        assert "takes no rules" in refused(with_rule(kind, items), base)


def test_a_type_that_the_rules_do_not_fit_is_refused() -> None:
    catalog = catalog_of(one_column("int", {"ruleType": "min", "value": 1}))
    with pytest.raises(EnfyraError, match="the rule min does not fit the type text"):
        changed(catalog, "post", {"columns": [{"name": "x", "type": "text"}]})
    changed(catalog, "post", {"columns": [{"name": "x", "type": "text", "rules": []}]})


# -- rules as records -----------------------------------------------------------------------------


async def _age(api: Api) -> Any:
    await api.define("person", "age int", "name varchar")
    return await api.create(
        "/column_rule_definition", {"column": "person.age", "ruleType": "min", "value": 5}
    )


@pytest.mark.asyncio
async def test_a_second_rule_record_of_a_kind_is_a_conflict(sqlite_api: Api) -> None:
    rule = await _age(sqlite_api)
    again = await sqlite_api.post(
        "/column_rule_definition", {"column": "person.age", "ruleType": "min", "value": 6}
    )
    assert (again.status, again.code) == (409, "DUPLICATE_RESOURCE")
    assert "'person.age' has a rule min already" in again.message
    assert str(rule["id"]) in again.body["error"]["hint"]
    other = await sqlite_api.create(
        "/column_rule_definition", {"column": "person.age", "ruleType": "max", "value": 9}
    )
    answer = await sqlite_api.patch(f"/column_rule_definition/{other['id']}", {"ruleType": "min"})
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")
    low = await sqlite_api.patch(f"/column_rule_definition/{other['id']}", {"value": 4})
    assert (low.status, low.code) == (422, "VALIDATION_ERROR")


@pytest.mark.asyncio
@pytest.mark.parametrize(("rule", "message"), [
    ({"ruleType": "max", "value": 1}, "needs the column, or the relation"),
    ({"column": "person.age", "relation": 1, "ruleType": "max", "value": 1}, "needs the column"),
    ({"column": "person.nothing", "ruleType": "max", "value": 1}, "must be the id of a column"),
    ({"column": 10**6, "ruleType": "max", "value": 1}, "must be the id of a column"),
    ({"column": [1], "ruleType": "max", "value": 1}, "must be an id, a name, or an object"),
    ({"relation": 10**6, "ruleType": "maxItems", "value": 1}, "must be the id of a relation"),
    ({"column": "person.name", "ruleType": "max", "value": 1}, "does not fit the type varchar"),
    ({"column": "person.createdAt", "ruleType": "min", "value": "2020-01-01"}, "by the server"),
    ({"column": "user_definition.password", "ruleType": "minLength", "value": 8}, "takes no rules"),
])  # fmt: skip
async def test_a_rule_record_that_cannot_work_is_refused(
    sqlite_api: Api, rule: Any, message: str
) -> None:
    await _age(sqlite_api)
    answer = await sqlite_api.post("/column_rule_definition", rule)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert message in answer.message
    assert len(await sqlite_api.rows("/column_rule_definition")) == 1


@pytest.mark.asyncio
async def test_a_rule_stays_with_its_field(sqlite_api: Api) -> None:
    rule = await _age(sqlite_api)
    path = f"/column_rule_definition/{rule['id']}"
    answer = await sqlite_api.patch(path, {"column": "person.name"})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert "the rule belongs to age" in answer.message
    same = await sqlite_api.patch(path, {**rule, "value": {"v": 6}})
    assert same.status == 200, same.body


@pytest.mark.asyncio
async def test_accounts_take_rules_and_definitions_do_not(sqlite_api: Api) -> None:
    made = await sqlite_api.post(
        "/column_rule_definition",
        {"column": "user_definition.email", "ruleType": "format", "value": "email"},
    )
    assert made.status == 201, made.body
    bad = await sqlite_api.post("/user_definition", {"email": "ann", "password": "secret"})
    assert bad.status == 400
    for field in ("table_definition.name", "session_definition.loginProvider"):
        answer = await sqlite_api.post(
            "/column_rule_definition", {"column": field, "ruleType": "minLength", "value": 1}
        )
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")


@pytest.mark.asyncio
async def test_a_preview_of_a_rule_changes_nothing(sqlite_api: Api) -> None:
    rule = await _age(sqlite_api)
    answer = await sqlite_api.patch(
        f"/column_rule_definition/{rule['id']}", {"value": 9}, preview="true"
    )
    assert answer.row["changedColumns"][0]["name"] == "age"
    assert answer.row["schemaChanged"] is False
    assert (await sqlite_api.rows("/column_rule_definition"))[0]["value"] == {"v": 5}
