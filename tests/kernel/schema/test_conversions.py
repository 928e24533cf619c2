"""Columns that change their type, options or default: values follow, or nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api

from .changing import change, columns_of

pytestmark = pytest.mark.asyncio


CONVERSIONS: list[tuple[str, Any, list[Any], Any, list[Any]]] = [
    ("int", None, [1, -2, None], "bigint", [1, -2, None]),
    ("int", None, [1, None], "varchar", ["1", None]),
    ("int", None, [1, 0, None], "boolean", [True, False, None]),
    ("int", None, [3], "float", [3.0]),
    ("int", None, [3], "decimal", ["3.00"]),
    ("bigint", None, [7], "int", [7]),
    ("float", None, [2.0, None], "int", [2, None]),
    ("float", None, [0.1, 1e300, -2.5], "varchar", None),
    ("boolean", None, [True, False, None], "int", [1, 0, None]),
    ("boolean", None, [True, False, None], "varchar", ["true", "false", None]),
    ("varchar", None, ["12", " 13", None], "text", ["12", " 13", None]),
    ("varchar", None, ["12", "-3", None], "int", [12, -3, None]),
    ("varchar", None, ["1.5", None], "float", [1.5, None]),
    ("varchar", None, ["1.5"], "decimal", ["1.50"]),
    ("varchar", None, ["true", "0", None], "boolean", [True, False, None]),
    ("varchar", None, ["2026-01-02", None], "date", ["2026-01-02", None]),
    ("text", None, ["2026-01-02T03:04:05Z"], "datetime", ["2026-01-02T03:04:05+00:00"]),
    ("text", None, ["1969-12-31T23:59:59.25+02:00", "2026-01-02", "2026-01-02 03:04 -0130"],
     "timestamp",
     ["1969-12-31T21:59:59.25+00:00", "2026-01-02T00:00:00+00:00", "2026-01-02T04:34:00+00:00"]),
    ("text", None, ['{"a": [1]}', None], "simple-json", [{"a": [1]}, None]),
    ("simple-json", None, [{"a": 1}, None], "text", None),
    ("date", None, ["2026-01-02"], "datetime", ["2026-01-02T00:00:00+00:00"]),
    ("date", None, ["2026-01-02"], "varchar", ["2026-01-02"]),
    ("datetime", None, ["2026-01-02T00:00:00Z"], "date", ["2026-01-02"]),
    ("datetime", None, ["2026-01-02T03:04:05.5Z"], "varchar", ["2026-01-02T03:04:05.5+00:00"]),
    ("datetime", None, ["2026-01-02T03:04:05Z"], "timestamp", ["2026-01-02T03:04:05+00:00"]),
    ("enum", ["a", "b"], ["a", None], "varchar", ["a", None]),
    ("varchar", None, ["a", "b"], ("enum", ["a", "b", "c"]), ["a", "b"]),
    ("uuid", None, ["0190f5d2-0000-7000-8000-000000000001"], "varchar",
     ["0190f5d2-0000-7000-8000-000000000001"]),
    ("varchar", None, ["{0190F5D2-0000-70008000-000000000001}"], "uuid",
     ["0190f5d2-0000-7000-8000-000000000001"]),
    ("array-select", None, [["x", "y"]], "simple-json", [["x", "y"]]),
]  # fmt: skip


def _column(name: str, wanted: Any) -> dict[str, Any]:
    type_, options = wanted if isinstance(wanted, tuple) else (wanted, None)
    return {"name": name, "type": type_, **({"options": options} if options else {})}


async def test_types_change_and_values_follow(api: Api) -> None:
    """All of them in one table and one change, which takes a tenth of the time of one by one."""
    unindexed = {"text", "simple-json", "array-select"}
    before, after, indexes = [], [], []
    rows: list[dict[str, Any]] = [{"other": "x"}, {"other": "x"}, {"other": "x"}]
    for number, (old, options, values, wanted, _) in enumerate(CONVERSIONS):
        name = f"v{number}"
        before.append(_column(name, (old, options)))
        after.append(_column(name, wanted))
        if not {old, after[-1]["type"]} & unindexed:
            indexes.append([name, "other"])
        for row, value in zip(rows, values, strict=False):
            row[name] = value
    other = {"name": "other", "type": "varchar"}
    table = await api.define("post", *before, other, indexes=indexes)
    await api.create("/post", rows)
    answer = await change(api, table, {"columns": [*after, other]}, confirm=True)
    assert answer.status == 200, answer.body
    found = await api.rows("/post", sort="id")
    for number, (old, _, values, wanted, converted) in enumerate(CONVERSIONS):
        now = [row[f"v{number}"] for row in found[: len(values)]]
        if converted is not None:
            assert now == converted, (old, wanted)
        else:
            assert all(isinstance(value, str | None) for value in now), (old, wanted)
        assert await api.rows("/post", filter={f"v{number}": {"_is_null": False}})
    assert [row["other"] for row in found] == ["x"] * 3


IMPOSSIBLE: list[tuple[str, Any, Any, str]] = [
    ("varchar", "ten", "int", "'ten' must be an integer"),
    ("varchar", "12x", "float", "must be a number"),
    ("varchar", "maybe", "boolean", "must be true or false"),
    ("varchar", "2026-02-30", "date", "date of the calendar"),
    ("varchar", "x", "uuid", "must be a UUID"),
    ("text", "{", "simple-json", "must be JSON"),
    ("float", 1.5, "int", "must be an integer"),
    ("bigint", 2**40, "int", "must be between"),
    ("int", 2, "boolean", "must be true or false"),
    ("datetime", "2026-01-02T03:04:05Z", "date", "has a time of day"),
    ("varchar", "c", ("enum", ["a", "b"]), "must be one of: a, b"),
]  # fmt: skip


async def test_values_that_cannot_be_converted_are_named_and_kept(api: Api) -> None:
    for number, (old, value, wanted, part) in enumerate(IMPOSSIBLE):
        name = f"t{number}"
        type_, options = wanted if isinstance(wanted, tuple) else (wanted, None)
        table = await api.define(name, {"name": "v", "type": old})
        created = await api.create(f"/{name}", {"v": value})
        body = {"columns": [{"name": "v", "type": type_, "options": options}]}
        answer = await change(api, table, body)
        assert (answer.status, answer.code) == (422, "CONVERSION_FAILED"), (old, answer.body)
        assert part in answer.message, (old, answer.message)
        assert (await api.rows(f"/{name}"))[0] == created
        assert (await columns_of(api, name))["v"]["type"] == old


async def test_some_types_never_become_others(sqlite_api: Api) -> None:
    table = await sqlite_api.define("post", "v date")
    answer = await change(sqlite_api, table, {"columns": [{"name": "v", "type": "boolean"}]})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert "a date cannot become a boolean" in answer.message


async def test_options_change(api: Api) -> None:
    table = await api.define(
        "post",
        {"name": "kind", "type": "enum", "options": ["a", "b"]},
        {"name": "title", "type": "varchar", "options": {"length": 10}},
    )
    await api.create("/post", {"kind": "a", "title": "0123456789"})

    def columns(kinds: list[str], length: int) -> Any:
        return {
            "columns": [
                {"name": "kind", "type": "enum", "options": kinds},
                {"name": "title", "type": "varchar", "options": {"length": length}},
            ]
        }

    assert (await change(api, table, columns(["a", "c"], 20))).status == 200
    assert (await api.create("/post", {"kind": "c", "title": "x" * 20}))["kind"] == "c"
    assert (await api.post("/post", {"kind": "b"})).status == 400
    refused = await change(api, table, columns(["c"], 20))
    assert (refused.status, refused.code) == (422, "CONVERSION_FAILED")
    refused = await change(api, table, columns(["a", "c"], 5))
    assert "at most 5 characters" in refused.message
    assert len(await api.rows("/post")) == 2


async def test_nullability_and_default_change(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", [{"title": "x"}, {"title": None}])
    body = {"columns": [{"name": "title", "type": "varchar", "isNullable": False,
                         "defaultValue": "none"}]}  # fmt: skip
    refused = await change(api, table, body)
    assert (refused.status, refused.code) == (422, "CONVERSION_FAILED")
    assert "cannot become not nullable" in refused.message
    await api.patch("/post/2", {"title": "y"})
    assert (await change(api, table, body)).status == 200
    assert (await api.create("/post", {}))["title"] == "none"
    assert (await api.post("/post", {"title": None})).status == 400
