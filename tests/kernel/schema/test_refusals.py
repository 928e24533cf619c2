"""Definitions that are refused: what is there stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.types import ColumnType
from enfyra_kernel.storage.changes import CreateTable
from enfyra_kernel.storage.physical import PhysicalColumn, PhysicalTable

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

from .changing import change

pytestmark = pytest.mark.asyncio


async def test_an_existing_physical_table_is_never_touched(api: Api, kernel: Kernel) -> None:
    async with kernel.database.schema_change({}) as session:
        column = PhysicalColumn(name="id", type=ColumnType.INT, primary=True)
        await session.apply(CreateTable(PhysicalTable(name="legacy", columns=(column,))))
    answer = await api.post("/table_definition", {"name": "legacy", "columns": []})
    assert (answer.status, answer.code) == (409, "TABLE_EXISTS")
    assert "adopt" in answer.body["error"]["hint"]
    post = await api.define("post", "title varchar")
    answer = await change(api, post, {"name": "legacy"})
    assert (answer.status, answer.code) == (409, "TABLE_EXISTS")
    assert await kernel.database.inspect(["legacy"])


async def test_a_table_is_defined_once(sqlite_api: Api) -> None:
    await sqlite_api.define("post", "title varchar")
    answer = await sqlite_api.post("/table_definition", {"name": "post", "columns": []})
    assert (answer.status, answer.code) == (409, "TABLE_EXISTS")


@pytest.mark.parametrize(
    "name",
    ['a"; drop table', "Post", "", "_post", "1", "x" * 57, "auth", "me", "user_definition",
     "enfyra_user", "j_abc", "sqlite_master", "schema_lock", "pöst", "a b", "a\0", 5, None,
     "openapi"],
)  # fmt: skip
async def test_hostile_and_reserved_names_are_refused(sqlite_api: Api, name: Any) -> None:
    answer = await sqlite_api.post("/table_definition", {"name": name, "columns": []})
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), answer.body
    assert answer.message.startswith("name ")


BROKEN: list[tuple[Any, str]] = [
    ([], "must be an object"),
    ({"name": "t", "colums": []}, "Did you mean 'columns'?"),
    ({"name": "t", "columns": [{"name": "a"}]}, "type is required"),
    ({"name": "t", "columns": [{"name": "a", "type": "strng"}]}, "must be one of"),
    ({"name": "t", "columns": [{"name": "a", "type": "int", "lenght": 5}]}, "knows no 'lenght'"),
    ({"name": "t", "columns": [{"name": 'a"b', "type": "int"}]}, "must match"),
    ({"name": "t", "columns": [{"name": "x" * 80, "type": "int"}]}, "at most 56"),
    ({"name": "t", "columns": [{"name": 5, "type": "int"}]}, "name must be a text"),
    ({"name": "t", "columns": [{"name": None, "type": "int"}]}, "name must be a text"),
    ({"name": "t", "columns": [{"type": "int"}]}, "name is required"),
    ({"name": "t", "columns": [], "relations": [
        {"type": "many-to-one", "propertyName": 10**30, "targetTable": "t"}]},
     "propertyName must be a text"),
    ({"name": "t", "columns": [{"name": "a", "type": "int"}] * 2}, "has the field 'a' twice"),
    ({"name": "t", "columns": [{"name": "a", "type": "int"}, {"name": "A", "type": "int"}]},
     "case does not count"),
    ({"name": "t", "columns": [{"name": "createdAt", "type": "date"}]}, "is kept by the server"),
    ({"name": "t", "columns": [{"name": "a", "type": "enum"}]}, "list of the allowed values"),
    ({"name": "t", "columns": [{"name": "a", "type": "varchar", "options": {"length": 0}}]},
     "options.length"),
    ({"name": "t", "columns": [{"name": "a", "type": "int", "defaultValue": "x"}]},
     "defaultValue must be an integer"),
    ({"name": "t", "columns": [{"name": "a", "type": "ObjectId"}]}, "MongoDB only"),
    ({"name": "t", "columns": [{"name": "key", "type": "varchar", "isPrimary": True}]},
     "primary column 'id'"),
    ({"name": "t", "columns": [{"name": "id", "type": "int", "isPrimary": True},
                               {"name": "b", "type": "int", "isPrimary": True}]},
     "exactly one primary"),
    ({"name": "t", "columns": [], "uniques": [["nope"]]}, "which is no field"),
    ({"name": "t", "columns": [{"name": "a", "type": "text"}], "uniques": [["a"]]},
     "too long to be unique"),
    ({"name": "t", "columns": [], "relations": [
        {"type": "many-to-one", "propertyName": "p", "targetTable": "nowhere"}]},
     "'nowhere' does not exist"),
    ({"name": "t", "columns": [], "relations": [
        {"type": "many-to-one", "propertyName": "p"}]}, "targetTable is required"),
    ({"name": "t", "columns": [], "relations": [
        {"type": "one-to-many", "propertyName": "p", "targetTable": "t"}]}, "needs mappedBy"),
    ({"name": "t", "columns": [{"name": "pId", "type": "int"}], "relations": [
        {"type": "many-to-one", "propertyName": "p", "targetTable": "t"}]},
     "in the column 'pId', which 'pId' has already"),
    ({"name": "t", "columns": [], "relations": [
        {"type": "many-to-one", "propertyName": "p", "targetTable": "t", "isNullable": False,
         "onDelete": "SET NULL"}]}, "it is not nullable"),
]  # fmt: skip


async def test_definitions_that_make_no_sense_are_refused(sqlite_api: Api) -> None:
    for body, part in BROKEN:
        answer = await sqlite_api.post("/table_definition", body)
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR"), (body, answer.body)
        assert part in answer.message, (body, answer.message)
    assert await sqlite_api.rows("/table_definition", filter={"isSystem": False}) == []


async def test_an_index_over_a_unique_field_is_refused(sqlite_api: Api) -> None:
    body = {
        "name": "t",
        "columns": [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}],
        "uniques": [["a"]],
        "indexes": [["b", "a"]],
    }
    answer = await sqlite_api.post("/table_definition", body)
    assert (answer.status, answer.code) == (422, "SCHEMA_INDEX_OVER_UNIQUE_FIELD")
    assert answer.body["error"]["details"]["conflicts"][0]["field"] == "a"


async def test_system_tables_stay_as_they_are(sqlite_api: Api) -> None:
    table = (await sqlite_api.rows("/table_definition", filter={"name": "user_definition"}))[0]
    path = f"/table_definition/{table['id']}"
    assert (await sqlite_api.delete(path)).status == 403
    assert (await sqlite_api.patch(path, {"columns": []})).status == 403
    assert (await sqlite_api.patch(path, {"name": "users"})).status == 403
    changed = await sqlite_api.patch(path, {"description": "People", "validateBody": True})
    assert (changed.status, changed.row["description"]) == (200, "People")
