"""What a query cannot ask is a 400 that names the place."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.query.ast import Function, Operator
from enfyra_kernel.query.parse import parse_string

from .asking import planned, refused

# Columns of each type with values that no such column can be compared with.
WRONG_VALUES: dict[str, list[Any]] = {
    "views": ["x", "1.5", 1.5, True, 2**63, -(2**63) - 1, "9" * 41, "", "0x1", "1e3", "١"],
    "stock": ["x", 2**64, False, "NaN"],
    "weight": ["x", "NaN", "Infinity", "-inf", "1e999", True, "", "1_0"],
    "price": ["x", "NaN", "sNaN", "Infinity", True, "1e500", "1e-500", "9" * 401, "1,5", ""],
    "active": ["maybe", 2, "", "yes", 1.5],
    "title": ["a\0b", "half \ud800 a pair"],
    "body": ["\0"],
    "status": ["\0"],
    "token": ["x", "123", 5, "g" * 32, ""],
    "day": ["2026-02-30", "yesterday", "2026-1-1", "", 5, "2026-01-01T00:00:00Z", "10000-01-01"],
    "soldAt": ["2026-02-30T00:00:00Z", "now", "", 5, "2026-01-01T25:00:00Z", "2026-01-01T00:00+99",
               "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
    "seenAt": ["2026-13-01", "x"],
}  # fmt: skip
COMPARISONS = [one for one in Operator if one.value not in {"_in", "_not_in", "_between"}]
SEARCHES = ["_contains", "_starts_with", "_ends_with"]
TEXTS = {"title", "body", "status"}


@pytest.mark.parametrize("column", WRONG_VALUES)
def test_values_of_the_wrong_type(column: str) -> None:
    for value in WRONG_VALUES[column]:
        for operator in COMPARISONS:
            if operator.value in SEARCHES and column not in TEXTS:
                continue
            if column == "active" and operator.value not in {"_eq", "_neq"}:
                continue
            error = _wrong({column: {operator.value: value}})
            assert error.code == "INVALID_VALUE", (operator, value)
            assert error.message.startswith(f"filter.{column}: "), error.message
        for listed in ({"_in": [value]}, {"_not_in": [value]}, {"_between": [value, value]}):
            if column == "active" and "_between" in listed:
                continue
            assert _wrong({column: listed}).code == "INVALID_VALUE", (listed, value)


def _wrong(where: Any) -> EnfyraError:
    with pytest.raises(EnfyraError) as found:
        planned({"filter": where})
    assert found.value.status == 400
    return found.value


def test_operators_that_a_type_does_not_know() -> None:
    numbers = ["views", "stock", "weight", "price", "active", "token", "day", "soldAt", "seenAt"]
    for column in [*numbers, "extra"]:
        for operator in SEARCHES:
            assert "searches in texts" in refused({"filter": {column: {operator: "1"}}}).message
    for operator in Operator:
        value = [] if operator.value in {"_in", "_not_in"} else "x"
        value = ["x", "y"] if operator is Operator.BETWEEN else value
        if operator.value != "_contains":
            assert refused({"filter": {"sizes": {operator.value: value}}}).code == "INVALID_QUERY"
        assert refused({"filter": {"extra": {operator.value: value}}}).code == "INVALID_QUERY"
    for operator in ("_gt", "_gte", "_lt", "_lte"):
        error = refused({"filter": {"active": {operator: True}}})
        assert "needs an order" in error.message


SHAPES: list[tuple[dict[str, Any], str]] = [
    ({"filter": {"views": {"_in": 5}}}, "filter.views._in must be a list"),
    ({"filter": {"views": {"_between": [1, 2, 3]}}}, "two values"),
    ({"filter": {"views": {"_between": "1"}}}, "two values"),
    ({"filter": {"views": {"_eq": [1]}}}, "must be one value"),
    ({"filter": {"views": {"_eq": {"a": 1}}}}, "must be one value"),
    ({"filter": {"views": {"_in": [[1]]}}}, "plain values"),
    ({"filter": {"views": {"_gt": None}}}, "use _is_null"),
    ({"filter": {"views": {"_is_null": 1}}}, "true or false"),
    ({"filter": {"_and": 5}}, "filter._and must be a list"),
    ({"filter": {"_or": [5]}}, "filter._or.0 must be an object"),
    ({"filter": {"_not": []}}, "filter._not must be an object"),
    ({"filter": {"_and": [{"views": {"_gtt": 1}}]}}, "there is no operator '_gtt'"),
    ({"filter": {"owner": {"city": {"nme": "x"}}}}, "filter.owner.city.nme: 'city' has no field"),
    ({"filter": {"owner": {"name": {"first": "x"}}}}, "'name' is a column, not a relation"),
    ({"filter": {"views": {"_count": {"_gt": 1}}}}, "'views' is a column, not a relation"),
    ({"filter": {"owner": {"_count": {"_gt": 1}}}}, "figures are made of relations to many"),
    ({"filter": {"ownerId": 5}}, "Use the relation 'owner'"),
    ({"filter": {"owner": "x"}}, "filter.owner: must be an integer"),
    ({"filter": {"owner": {"_gt": {}}}}, "must be one value"),
    ({"sort": "extra"}, "a simple-json field has no order"),
    ({"sort": "owner"}, "'owner' is a relation; sort by one of its fields"),
    ({"sort": "views.x"}, "'views' is a column, not a relation"),
    ({"sort": "_count(views)"}, "'views' is a column, not a relation"),
    ({"sort": "_count(owner)"}, "figures are made of relations to many"),
    ({"sort": "_count("}, "is no figure"),
    ({"sort": "_max(tags)"}, "must name a relation and a field"),
    ({"sort": {"views": "down"}}, "asc or desc"),
    ({"sort": ",".join(["views"] * 33)}, "32 fields at most"),
    ({"sort": ".".join(["owner.boss"] * 10)}, "a path has 16 names at most"),
    ({"fields": "title,-title"}, "'title' is both asked for and left out"),
    ({"fields": "owner.name,-owner"}, "'owner' is both asked for and left out"),
    ({"fields": "-*"}, "leave nothing"),
    ({"fields": "title.x"}, "is a column"),
    ({"fields": "owner."}, "is not a path of names"),
    ({"fields": ".".join(["owner"] * 60)}, "too long a path"),
    ({"fields": "owner.boss.boss.boss.boss.boss.boss.boss.boss"}, "followed 7 deep at most"),
    ({"fields": "title", "select": "title"}, "give one of them"),
    ({"deep": {"title": {}}}, "is a column"),
    ({"deep": {"owner": {"limit": 5}}}, "'owner' holds one record"),
    ({"deep": {"owner": {"sort": "name"}}}, "'owner' holds one record"),
    ({"deep": {"tags": {"page": 2}}}, "deep.tags.page needs a limit"),
    ({"deep": {"tags": {"limit": -1}}}, "deep.tags.limit must be a whole number"),
    ({"deep": {"tags": {"limit": 10_001}}}, "must be at most 10000"),
    ({"deep": {"tags": {"filter": {"lable": 1}}}}, "Did you mean 'label'?"),
    ({"deep": {"tags": {"filters": {}}}}, "Did you mean 'filter'?"),
    ({"deep": {"tags": 5}}, "deep.tags must be an object"),
    ({"deep": [1]}, "deep must be an object"),
    ({"aggregate": {"views": {"median": True}}}, "aggregate.views knows"),
    ({"aggregate": {"title": {"sum": True}}}, "sum needs numbers"),
    ({"aggregate": {"extra": {"min": True}}}, "min needs an order"),
    ({"aggregate": {"views": {"sum": {"_gt": "x"}}}}, "must be an integer"),
    ({"aggregate": {"tags": {"countRecords": {"lable": 1}}}}, "Did you mean 'label'?"),
    ({"dimensions": "extra", "measures": "count"}, "cannot be grouped by"),
    ({"dimensions": "tags.label"}, "a path goes through to-one relations"),
    ({"dimensions": "views", "sort": "title"}, "groups are sorted by"),
    ({"dimensions": "views", "fields": "title"}, "does not go with groups"),
    ({"measures": {"1x": "count"}}, "is no name"),
    ({"measures": {"n": {"sum": "views", "avg": "views"}}}, "must be one figure"),
    ({"dimensions": ",".join(["views", *[f"owner.{'boss.' * n}name" for n in range(16)]])}, "16"),
    ({"meta": "count"}, "filterCount"),
    ({"limit": "5;"}, "whole number"),
    ({"limit": "٥"}, "whole number"),
    ({"page": "0"}, "between 1"),
    ({"page": "1", "cursor": ""}, "exclude each other"),
    ({"cursor": "nonsense"}, "not one that an answer gave"),
    ({"cursor": "WzFd"}, "not one that an answer gave"),
    ({"explain": "perhaps"}, "true or false"),
    ({"nonsense": 1}, "There is no query parameter 'nonsense'"),
]


@pytest.mark.parametrize(("parameters", "part"), SHAPES, ids=lambda one: str(one)[:60])
def test_queries_that_make_no_sense(parameters: dict[str, Any], part: str) -> None:
    error = refused(parameters)
    assert error.status == 400
    assert part in error.message


HOSTILE = [
    "'; DROP TABLE product; --", '"', "`", "\\", "%", "_", "$where", "$ne", "a.b", "a[b]", "a\0b",
    "__class__", "con-structor", "title'--", "title)", "(select 1)", "1=1", "${7*7}", "{{7*7}}",
    "\u202e", "😀", "-" * 100, "x" * 10_000, "/etc/passwd", "$.a", "title::text", "*/",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda one: ascii(one)[:30])
def test_hostile_names(name: str) -> None:
    for parameters in (
        {"filter": {name: 1}},
        {"filter": {"owner": {name: 1}}},
        {"filter": {"views": {f"_{name}": 1}}},
        {"filter": {"tags": {"_max": {name: {"_gt": 1}}}}},
        {"sort": f"-{name}"},
        {"sort": {name: "desc"}},
        {"sort": f"_count({name})"},
        {"sort": f"_max(tags.{name})"},
        {"fields": [f"owner.{name}"]},
        {"fields": [f"-{name}"]},
        {"deep": {name: {}}},
        {"deep": {"tags": {"fields": [name]}}},
        {"deep": {"tags": {"sort": f"-{name}"}}},
        {"aggregate": {name: {"count": True}}},
        {"aggregate": {"views": {name: True}}},
        {"dimensions": f"owner.{name}"},
        {"measures": {name: "count"}},
        {"measures": {"n": {"sum": name}}},
        {"measures": f"sum({name})"},
        {"meta": f"filterCount,{name}."},
        {"direction": name, "sort": "views"},
        {"limit": name},
        {"page": name},
        {"cursor": f"{name}!"},
        {name: "1"},
    ):
        with pytest.raises(EnfyraError) as found:
            planned(parameters)
        assert found.value.status == 400, parameters


def test_hostile_values_stay_values() -> None:
    for text in HOSTILE:
        if "\0" in text or len(text) > 500:
            continue
        made, values = planned({"filter": {"title": {"_contains": text, "_neq": text}}})
        assert values == (text, text)
        assert made == planned({"filter": {"title": {"_contains": "a", "_neq": "b"}}})[0]


@pytest.mark.parametrize("depth", [21, 150, 900, 10_000])
def test_what_is_nested_too_deeply(depth: int) -> None:
    def nested(open_: str, inner: str, close: str) -> str:
        return open_ * depth + inner + close * depth

    for parameters in (
        {"filter": nested('{"_not":', '{"views":1}', "}")},
        {"filter": nested('{"_and":[', '{"views":1}', "]}")},
        {"filter": '{"views":' + nested('{"_not":', "1", "}") + "}"},
        {"filter": nested('{"owner":', "1", "}")},
        {"filter": '{"tags":{"_count":' + nested('{"_not":', '{"_gt":1}', "}") + "}}"},
        {"filter": nested("[", "", "]")},
        {"deep": nested('{"owner":{"deep":', "{}", "}}")},
        {"deep": '{"tags":{"filter":' + nested('{"_not":', '{"label":1}', "}") + "}}"},
        {"sort": nested("[", "", "]")},
        {"aggregate": '{"views":{"sum":' + nested('{"_not":', '{"_gt":1}', "}") + "}}"},
        {"measures": nested('{"a":', "1", "}")},
        {"fields": nested("[", "", "]")},
        {"meta": nested("[", "", "]")},
    ):
        with pytest.raises(EnfyraError) as found:
            planned(parameters)
        assert found.value.status == 400, parameters


def test_structured_values_nested_too_deeply() -> None:
    value: Any = 1
    for _ in range(50_000):
        value = {"_not": value}
    for parameters in ({"filter": value}, {"filter": {"views": value}}, {"deep": {"tags": value}}):
        with pytest.raises(EnfyraError) as found:
            planned(parameters)
        assert found.value.status == 400


def test_limits_of_size() -> None:
    assert planned({"filter": {"views": {"_in": list(range(10_000))}}})
    assert "at most 10000" in refused({"filter": {"views": {"_in": list(range(10_001))}}}).message
    assert planned({"filter": {"_or": [{"views": number} for number in range(249)]}})
    error = refused({"filter": {"_or": [{"views": number} for number in range(500)]}})
    assert "more than 500 conditions" in error.message
    error = refused({"filter": {"views": {"_not": {"_gt": 1, "_lt": 2}}, **{
        f"_{name}": [{"views": 1}] * 260 for name in ("or", "and")}}})  # fmt: skip
    assert "more than 500 conditions" in error.message
    error = refused({"aggregate": {"views": {"sum": {"_not": {"_eq": 1}}}}} | {
        "filter": {"_and": [{"views": {"_gt": 1}}] * 300}})  # fmt: skip
    assert "more than 500 conditions" in error.message
    with pytest.raises(EnfyraError, match="more than 1000 parameters"):
        parse_string("&".join(["fields=id"] * 1001))


def test_every_operator_and_function_is_tried() -> None:
    """The lists above know all operators there are."""
    assert {one.value for one in Operator} == {
        "_eq", "_neq", "_gt", "_gte", "_lt", "_lte", "_in", "_not_in", "_between", *SEARCHES,
    }  # fmt: skip
    assert {one.value for one in Function} == {"count", "sum", "avg", "min", "max"}
