"""Changes of tables on real databases: what is defined is what is there, and nothing gets lost."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.metadata.types import ColumnType
from enfyra_kernel.schema.rows import CatalogWriter
from enfyra_kernel.storage.changes import CreateTable
from enfyra_kernel.storage.physical import PhysicalColumn, PhysicalTable

from tests.api import Answer, Api

pytestmark = pytest.mark.asyncio


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()[:12]


async def _physical(kernel: Kernel, name: str) -> PhysicalTable:
    found = await kernel.database.inspect([name])
    assert found, f"{name} is not there"
    return found[0]


async def _change(api: Api, table: Any, body: Any, *, confirm: bool = False) -> Answer:
    answer = await api.patch(f"/table_definition/{table['id']}", body)
    if confirm:
        assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED"), answer.body
        required = answer.body["error"]["details"]["requiredConfirmHash"]
        answer = await api.patch(
            f"/table_definition/{table['id']}", body, schemaConfirmHash=required
        )
    return answer


async def _columns(api: Api, name: str) -> dict[str, Any]:
    described = await api.get(f"/metadata/{name}")
    return {column["name"]: column for column in described.data["columns"]}


# -- what a definition becomes --------------------------------------------------------------------


async def test_physical_names(api: Api, kernel: Kernel) -> None:
    await api.define("person", "name varchar")
    await api.define(
        "blog_post",
        "slug varchar",
        "externalId varchar",
        "day date",
        {"name": "kind", "type": "enum", "options": ["a", "b"]},
        relations=[
            {"type": "many-to-one", "propertyName": "author", "targetTable": "person"},
            {"type": "many-to-many", "propertyName": "fans", "targetTable": "person"},
        ],
        uniques=[["slug", "author"]],
        indexes=[["kind", "day"]],
    )
    table = await _physical(kernel, "blog_post")
    names = [column.name for column in table.columns]
    assert names == [
        "id",
        "slug",
        "externalId",
        "day",
        "kind",
        "createdAt",
        "updatedAt",
        "authorId",
    ]
    indexes = {index.name: (index.columns, index.unique) for index in table.indexes}
    assert indexes["uq_blog_post_slug_authorId"] == (("slug", "authorId"), True)
    assert indexes["idx_blog_post_kind_day"] == (("kind", "day", "id"), False)
    for name in ("authorId", "externalId", "day", "createdAt", "updatedAt"):
        assert indexes[f"idx_blog_post_{name}"] == ((name, "id"), False)
    assert [(one.name, one.target) for one in table.references] == [
        ("blog_post_authorId_foreign", "person")
    ]
    junction = await _physical(kernel, "j_" + _sha("blog_post:fans:person"))
    assert [column.name for column in junction.columns] == ["sourceId", "targetId"]
    assert set(junction.primary) == {"sourceId", "targetId"}
    assert {one.target for one in junction.references} == {"blog_post", "person"}


async def test_a_new_table_comes_with_its_route_closed_to_strangers(api: Api) -> None:
    table = await api.define("post", "title varchar")
    route = (await api.rows("/route_definition", filter={"path": "/post"}))[0]
    assert route["mainTable"] == {"id": table["id"]}
    assert (await api.anonymous.get("/post")).status == 401
    described = (await api.get("/metadata/post")).data["routes"][0]
    assert described["methods"] == ["DELETE", "GET", "PATCH", "POST", "PUT"]
    assert described["publicMethods"] == []


async def test_names_in_any_case_stay_as_they_are(api: Api) -> None:
    await api.define("post", "camelCase varchar", "snake_case varchar", "UPPER varchar",
                     "order int", "select int", "group varchar")  # fmt: skip
    body = {
        "camelCase": "a",
        "snake_case": "b",
        "UPPER": "c",
        "order": 1,
        "select": 2,
        "group": "d",
    }
    row = await api.create("/post", body)
    assert {name: row[name] for name in body} == body
    assert len(await api.rows("/post", filter={"order": 1, "group": "d"}, sort="-select")) == 1


async def test_many_columns_come_back_whole(api: Api) -> None:
    short = {"type": "varchar", "options": {"length": 10}}
    await api.define("wide", *[{"name": f"c{number}", **short} for number in range(150)])
    body = {f"c{number}": str(number) for number in range(150)}
    row = await api.create("/wide", body)
    assert {name: row[name] for name in body} == body
    await api.define(
        "narrow",
        relations=[{"type": "many-to-one", "propertyName": "wide", "targetTable": "wide"}],
    )
    await api.create("/narrow", {"wide": row["id"]})
    nested = (await api.rows("/narrow", fields="wide.*"))[0]["wide"]
    assert {name: nested[name] for name in body} == body


async def test_rows_that_would_be_too_long_are_explained(
    api: Api, kernel: Kernel, engine: str
) -> None:
    columns = [{"name": f"c{number}", "type": "varchar"} for number in range(150)]
    answer = await api.post("/table_definition", {"name": "wide", "columns": columns})
    if engine == "mysql":
        assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
        assert "longer than a row" in answer.message
        assert not kernel.registry.current.tables.get("wide")
    else:
        assert answer.status == 201


async def test_a_column_can_take_the_name_of_one_that_goes(api: Api) -> None:
    table = await api.define("post", "first varchar", "second varchar", uniques=[["second"]])
    await api.create("/post", {"first": "1", "second": "2"})
    first = (await _columns(api, "post"))["first"]
    body = {"columns": [{"id": first["id"], "name": "second", "type": "varchar"}], "uniques": []}
    answer = await _change(api, table, body, confirm=True)
    assert answer.status == 200, answer.body
    row = (await api.rows("/post"))[0]
    assert row["second"] == "1"
    assert "first" not in row


async def test_defaults_fill_what_is_left_out(api: Api) -> None:
    await api.define(
        "post",
        {"name": "status", "type": "varchar", "defaultValue": "it's new: 100%"},
        {"name": "views", "type": "int", "defaultValue": 7},
        {"name": "score", "type": "float", "defaultValue": 0.5},
        {"name": "ok", "type": "boolean", "defaultValue": True},
        {"name": "tags", "type": "array-select", "defaultValue": ["a", "b"]},
        {"name": "meta", "type": "simple-json", "defaultValue": {"a": [1]}},
        {"name": "text", "type": "text", "defaultValue": "long \\ text"},
        {"name": "day", "type": "date", "defaultValue": "2026-01-01"},
        {"name": "at", "type": "datetime", "defaultValue": "now"},
    )
    row = await api.create("/post", {})
    assert row["status"] == "it's new: 100%"
    assert (row["views"], row["score"], row["ok"]) == (7, 0.5, True)
    assert (row["tags"], row["meta"], row["text"]) == (["a", "b"], {"a": [1]}, "long \\ text")
    assert row["day"] == "2026-01-01"
    assert row["at"] == row["createdAt"]
    assert (await api.create("/post", {"views": None}))["views"] is None


# -- adding ---------------------------------------------------------------------------------------


async def test_additive_changes_apply_at_once(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", {"title": "old"})
    body = {
        "columns": [
            {"name": "title", "type": "varchar"},
            {"name": "views", "type": "int", "isNullable": False, "defaultValue": 3},
            {"name": "note", "type": "text"},
        ],
        "relations": [
            {
                "type": "many-to-one",
                "propertyName": "parent",
                "targetTable": "post",
                "inversePropertyName": "children",
            }
        ],
        "indexes": [["views"]],
    }
    assert (await _change(api, table, body)).status == 200
    assert (await api.rows("/post", fields="title,views,note,parent"))[0] == {
        "id": 1, "title": "old", "views": 3, "note": None, "parent": None,
    }  # fmt: skip
    child = await api.create("/post", {"title": "new", "parent": 1})
    assert (child["views"], child["parent"]) == (3, {"id": 1})
    again = await _change(api, table, body)
    assert again.status == 200
    assert len(await _columns(api, "post")) == 6


async def test_a_required_column_without_a_default_needs_an_empty_table(api: Api) -> None:
    table = await api.define("post", "title varchar")
    required = {"name": "slug", "type": "varchar", "isNullable": False}
    body = {"columns": [{"name": "title", "type": "varchar"}, required]}
    await api.create("/post", {"title": "there"})
    answer = await _change(api, table, body)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert "'slug' must be nullable or have a default" in answer.message
    await api.delete("/post/1")
    assert (await _change(api, table, body)).status == 200


async def test_a_unique_over_values_that_are_shared_is_refused(api: Api) -> None:
    table = await api.define("post", "slug varchar", "title varchar")
    await api.create("/post", [{"slug": "a"}, {"slug": "a"}])
    answer = await _change(api, table, {"uniques": [["slug"]]})
    assert (answer.status, answer.code) == (422, "CONVERSION_FAILED"), answer.body
    assert "shall be unique" in answer.message
    assert len(await api.rows("/post")) == 2
    await api.patch("/post/2", {"slug": "b"})
    assert (await _change(api, table, {"uniques": [["slug"]]})).status == 200
    answer = await api.post("/post", {"slug": "b"})
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")
    assert "slug must be unique" in answer.message
    assert answer.body["error"]["details"]["fields"] == ["slug"]


# -- renaming -------------------------------------------------------------------------------------


async def test_a_renamed_table_keeps_its_records_and_moves_its_route(api: Api) -> None:
    person = await api.define("person", "name varchar", uniques=[["name"]])
    author = {"type": "many-to-one", "propertyName": "author", "targetTable": "person"}
    await api.define("post", "title varchar", relations=[author])
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", {"title": "x", "author": 1})
    assert (await _change(api, person, {"name": "human"})).status == 200
    assert (await api.get("/person")).status == 404
    assert [row["name"] for row in await api.rows("/human")] == ["Ann"]
    assert (await api.rows("/post", fields="author.name"))[0]["author"]["name"] == "Ann"
    assert (await api.post("/human", {"name": "Ann"})).status == 409
    assert (await api.post("/post", {"title": "y", "author": 9})).status == 409
    assert (await _change(api, person, {"name": "person"})).status == 200
    assert (await api.create("/post", {"title": "z", "author": 1}))["author"] == {"id": 1}


async def test_a_renamed_column_keeps_its_values_and_groups(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int", uniques=[["title"]])
    await api.create("/post", [{"title": "a", "views": 1}, {"title": "b", "views": 2}])
    columns = await _columns(api, "post")
    renamed = [
        {"id": columns["title"]["id"], "name": "heading", "type": "varchar"},
        {"was": "views", "name": "reads", "type": "int"},
    ]
    answer = await _change(api, table, {"columns": renamed})
    assert answer.status == 200, answer.body
    assert answer.row["uniques"] == [["heading"]]
    assert await api.rows("/post", fields="heading,reads", sort="id") == [
        {"id": 1, "heading": "a", "reads": 1},
        {"id": 2, "heading": "b", "reads": 2},
    ]
    assert (await api.post("/post", {"heading": "a"})).status == 409
    assert (await _change(api, table, {"columns": renamed[1:]}, confirm=True)).status == 200


async def test_two_columns_can_swap_their_names(api: Api) -> None:
    table = await api.define("post", "first varchar", "second varchar")
    await api.create("/post", {"first": "1", "second": "2"})
    columns = await _columns(api, "post")
    swapped = [
        {"id": columns["first"]["id"], "name": "second", "type": "varchar"},
        {"id": columns["second"]["id"], "name": "first", "type": "varchar"},
    ]
    answer = await _change(api, table, {"columns": swapped})
    assert answer.status == 200, answer.body
    assert (await api.rows("/post", fields="first,second"))[0] == {
        "id": 1, "first": "2", "second": "1",
    }  # fmt: skip


async def test_a_column_takes_the_name_that_another_gives_up(api: Api) -> None:
    table = await api.define("post", "first varchar", "second varchar", "third varchar")
    await api.create("/post", {"first": "1", "second": "2", "third": "3"})
    columns = await _columns(api, "post")
    renamed = [
        {"id": columns[old]["id"], "name": new, "type": "varchar"}
        for old, new in (("first", "second"), ("second", "third"), ("third", "fourth"))
    ]
    answer = await _change(api, table, {"columns": renamed})
    assert answer.status == 200, answer.body
    assert (await api.rows("/post", fields="second,third,fourth"))[0] == {
        "id": 1, "second": "1", "third": "2", "fourth": "3",
    }  # fmt: skip


async def test_definitions_that_cannot_be_written_leave_no_trace(
    api: Api, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", {"title": "kept"})
    before = await api.rows("/column_definition", limit=0, sort="id")

    async def refuse(*_: Any) -> None:
        raise EnfyraError("DATABASE_BUSY")

    with monkeypatch.context() as patch:
        # By then the renamed column's row has been written.
        patch.setattr(CatalogWriter, "_insert_columns", refuse)
        body = {"columns": [{"name": "headline", "was": "title"}, {"name": "new", "type": "int"}]}
        assert (await _change(api, table, body)).code == "DATABASE_BUSY"
    assert await api.rows("/column_definition", limit=0, sort="id") == before
    physical = {column.name for column in (await _physical(kernel, "post")).columns}
    assert physical == {"id", "title", "createdAt", "updatedAt"}
    assert [row["title"] for row in await api.rows("/post")] == ["kept"]


async def test_a_renamed_relation_keeps_its_references(api: Api, kernel: Kernel) -> None:
    await api.define("person", "name varchar")
    author = {"type": "many-to-one", "propertyName": "author", "targetTable": "person"}
    tags = {"type": "many-to-many", "propertyName": "likers", "targetTable": "person"}
    table = await api.define("post", "title varchar", relations=[author, tags])
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", {"title": "x", "author": 1, "likers": [1]})
    body = {
        "relations": [
            author | {"propertyName": "writer", "was": "author"},
            tags | {"propertyName": "fans", "was": "likers"},
        ]
    }
    assert (await _change(api, table, body)).status == 200
    assert len(await api.rows("/post", filter={"writer": {"name": "Ann"}, "fans": 1})) == 1
    names = [column.name for column in (await _physical(kernel, "post")).columns]
    assert "writerId" in names
    assert "authorId" not in names


# -- losing ---------------------------------------------------------------------------------------


async def test_a_loss_has_to_be_confirmed(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int")
    await api.create("/post", {"title": "x", "views": 5})
    body = {"columns": [{"name": "title", "type": "varchar"}]}
    answer = await _change(api, table, body)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    preview = answer.body["error"]["details"]
    assert preview["isDestructive"] is True
    assert preview["removedColumns"] == [{"name": "views", "type": "int"}]
    assert preview["losses"] == ["the column 'post.views' and its values"]
    assert (await api.rows("/post"))[0]["views"] == 5
    wrong = await api.patch(f"/table_definition/{table['id']}", body, schemaConfirmHash="0" * 64)
    assert (wrong.status, wrong.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")
    assert (await api.rows("/post"))[0]["views"] == 5
    done = await api.patch(
        f"/table_definition/{table['id']}",
        body,
        schema_confirm_hash=preview["requiredConfirmHash"],
    )
    assert done.status == 200
    assert "views" not in (await api.rows("/post"))[0]


async def test_a_hash_confirms_the_state_that_was_previewed(sqlite_api: Api) -> None:
    api = sqlite_api
    table = await api.define("post", "title varchar", "views int", "note text")
    await api.create("/post", {"title": "x"})
    body = {"columns": [{"name": "title", "type": "varchar"}]}
    first = (await _change(api, table, body)).body["error"]["details"]
    columns = [{"name": n, "type": t} for n, t in (("title", "varchar"), ("views", "int"),
                                                   ("note", "text"), ("extra", "int"))]  # fmt: skip
    assert (await _change(api, table, {"columns": columns})).status == 200
    late = await api.patch(
        f"/table_definition/{table['id']}", body, schemaConfirmHash=first["requiredConfirmHash"]
    )
    assert (late.status, late.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")


async def test_an_empty_table_loses_nothing(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int")
    body = {"columns": [{"name": "title", "type": "varchar"}]}
    assert (await _change(api, table, body)).status == 200
    assert (await api.delete(f"/table_definition/{table['id']}")).status == 200


async def test_a_table_goes_with_everything_that_leads_to_it(api: Api, kernel: Kernel) -> None:
    person = await api.define("person", "name varchar")
    await api.define(
        "post",
        "title varchar",
        relations=[
            {
                "type": "many-to-one",
                "propertyName": "author",
                "targetTable": "person",
                "inversePropertyName": "posts",
            },
            {"type": "many-to-many", "propertyName": "fans", "targetTable": "person"},
        ],
        uniques=[["title", "author"]],
    )
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", {"title": "x", "author": 1, "fans": [1]})
    path = f"/table_definition/{person['id']}"
    answer = await api.delete(path)
    assert (answer.status, answer.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    preview = answer.body["error"]["details"]
    assert set(preview["losses"]) >= {
        "the table 'person' and its records",
        "the column 'post.authorId' and its values",
    }
    done = await api.delete(path, schemaConfirmHash=preview["requiredConfirmHash"])
    assert done.status == 200, done.body
    assert (await api.get("/person")).status == 404
    assert (await api.get("/metadata/person")).status == 404
    assert (await api.rows("/post"))[0] | {"createdAt": 0, "updatedAt": 0} == {
        "id": 1, "title": "x", "createdAt": 0, "updatedAt": 0,
    }  # fmt: skip
    assert await kernel.database.inspect(["person", "j_" + _sha("post:fans:person")]) == []
    assert (await api.get("/table_definition", filter={"name": "person"})).data == []
    assert (await api.get("/route_definition", filter={"path": "/person"})).data == []
    await api.define("person", "name varchar")
    assert await api.rows("/person") == []


# -- types ----------------------------------------------------------------------------------------

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


async def test_types_change_and_values_follow(api: Api) -> None:
    for number, (old, options, values, wanted, converted) in enumerate(CONVERSIONS):
        name = f"t{number}"
        type_, new_options = wanted if isinstance(wanted, tuple) else (wanted, None)
        column = {"name": "v", "type": old, **({"options": options} if options else {})}
        table = await api.define(name, column, "other varchar", indexes=[["v", "other"]]
                                 if old not in {"text", "simple-json", "array-select"}
                                 and type_ not in {"text", "simple-json"} else [])  # fmt: skip
        await api.create(f"/{name}", [{"v": value, "other": "x"} for value in values])
        new = {"name": "v", "type": type_, **({"options": new_options} if new_options else {})}
        body = {"columns": [new, {"name": "other", "type": "varchar"}]}
        answer = await _change(api, table, body)
        if answer.status == 409:
            answer = await _change(api, table, body, confirm=True)
        assert answer.status == 200, (old, wanted, answer.body)
        rows = await api.rows(f"/{name}", sort="id")
        if converted is not None:
            assert [row["v"] for row in rows] == converted, (old, wanted)
        else:
            assert all(isinstance(row["v"], str | None) for row in rows), (old, wanted)
        assert [row["other"] for row in rows] == ["x"] * len(values)
        assert (await api.rows(f"/{name}", filter={"v": {"_is_null": False}})) is not None


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
        answer = await _change(api, table, body)
        assert (answer.status, answer.code) == (422, "CONVERSION_FAILED"), (old, answer.body)
        assert part in answer.message, (old, answer.message)
        assert (await api.rows(f"/{name}"))[0] == created
        assert (await _columns(api, name))["v"]["type"] == old


async def test_some_types_never_become_others(sqlite_api: Api) -> None:
    table = await sqlite_api.define("post", "v date")
    answer = await _change(sqlite_api, table, {"columns": [{"name": "v", "type": "boolean"}]})
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

    assert (await _change(api, table, columns(["a", "c"], 20))).status == 200
    assert (await api.create("/post", {"kind": "c", "title": "x" * 20}))["kind"] == "c"
    assert (await api.post("/post", {"kind": "b"})).status == 400
    refused = await _change(api, table, columns(["c"], 20))
    assert (refused.status, refused.code) == (422, "CONVERSION_FAILED")
    refused = await _change(api, table, columns(["a", "c"], 5))
    assert "at most 5 characters" in refused.message
    assert len(await api.rows("/post")) == 2


async def test_nullability_and_default_change(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", [{"title": "x"}, {"title": None}])
    body = {"columns": [{"name": "title", "type": "varchar", "isNullable": False,
                         "defaultValue": "none"}]}  # fmt: skip
    refused = await _change(api, table, body)
    assert (refused.status, refused.code) == (422, "CONVERSION_FAILED")
    assert "cannot become not nullable" in refused.message
    await api.patch("/post/2", {"title": "y"})
    assert (await _change(api, table, body)).status == 200
    assert (await api.create("/post", {}))["title"] == "none"
    assert (await api.post("/post", {"title": None})).status == 400


# -- refusals -------------------------------------------------------------------------------------


async def test_an_existing_physical_table_is_never_touched(api: Api, kernel: Kernel) -> None:
    async with kernel.database.schema_change({}) as session:
        column = PhysicalColumn(name="id", type=ColumnType.INT, primary=True)
        await session.apply(CreateTable(PhysicalTable(name="legacy", columns=(column,))))
    answer = await api.post("/table_definition", {"name": "legacy", "columns": []})
    assert (answer.status, answer.code) == (409, "TABLE_EXISTS")
    assert "adopt" in answer.body["error"]["hint"]
    post = await api.define("post", "title varchar")
    answer = await _change(api, post, {"name": "legacy"})
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


# -- one at a time --------------------------------------------------------------------------------


async def test_columns_and_relations_change_one_at_a_time(api: Api) -> None:
    await api.define("person", "name varchar")
    table = await api.define("post", "title varchar")
    column = await api.post(
        "/column_definition", {"table": table["id"], "name": "n", "type": "int"}
    )
    assert (column.status, column.row["name"]) == (201, "n")
    relation = await api.post(
        "/relation_definition",
        {
            "sourceTable": {"id": table["id"]},
            "targetTable": "person",
            "type": "many-to-one",
            "propertyName": "author",
            "inversePropertyName": "posts",
        },
    )
    assert relation.status == 201, relation.body
    await api.create("/person", {"name": "Ann"})
    await api.create("/post", {"title": "x", "n": 5, "author": 1})
    path = f"/column_definition/{column.row['id']}"
    assert (await api.patch(path, {"name": "number"})).row["name"] == "number"
    assert (await api.rows("/post"))[0]["number"] == 5
    refused = await api.delete(path)
    assert (refused.status, refused.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    confirm = refused.body["error"]["details"]["requiredConfirmHash"]
    assert (await api.delete(path, schemaConfirmHash=confirm)).status == 200
    path = f"/relation_definition/{relation.row['id']}"
    assert (await api.patch(path, {"propertyName": "writer"})).status == 200
    assert (await api.rows("/post", fields="writer.name"))[0]["writer"]["name"] == "Ann"
    refused = await api.delete(path)
    confirm = refused.body["error"]["details"]["requiredConfirmHash"]
    assert (await api.delete(path, schemaConfirmHash=confirm)).status == 200
    row = (await api.rows("/post"))[0]
    assert "writer" not in row
    assert "number" not in row
    assert "posts" not in (await api.get("/metadata/person")).data["relations"]


async def test_a_preview_changes_nothing(api: Api) -> None:
    table = await api.define("post", "title varchar")
    body = {"columns": [{"name": "title", "type": "varchar"}, {"name": "views", "type": "int"}]}
    answer = await api.patch(f"/table_definition/{table['id']}", body, preview="true")
    assert (answer.status, answer.body["message"]) == (200, "Preview")
    preview = answer.row
    assert preview["addedColumns"] == [{"name": "views", "type": "int"}]
    assert (preview["isDestructive"], preview["operation"]) == (False, "update")
    assert preview["steps"] == ["add column post.views int"]
    assert "views" not in await _columns(api, "post")
    answer = await api.post("/table_definition", {"name": "other", "columns": []}, preview="true")
    assert answer.row["operation"] == "create"
    assert (await api.get("/other")).status == 404


async def test_two_clients_at_once_get_one_state(api: Api) -> None:
    table = await api.define("post", "title varchar")
    path = "/column_definition"
    answers = await asyncio.gather(
        *(
            api.post(path, {"table": table["id"], "name": f"c{number}", "type": "int"})
            for number in range(6)
        )
    )
    made = {answer.row["name"] for answer in answers if answer.status == 201}
    assert {answer.status for answer in answers} <= {201, 423}
    assert made
    columns = await _columns(api, "post")
    assert made == {name for name in columns if name.startswith("c") and name != "createdAt"}
    row = await api.create("/post", dict.fromkeys(made, 1))
    assert all(row[name] == 1 for name in made)


async def test_the_history_of_changes_is_kept(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await _change(api, table, {"indexes": [["title"]]})
    rows = await api.rows("/schema_migration_definition", sort="-id")
    assert [(row["operation"], row["status"]) for row in rows] == [
        ("update", "completed"),
        ("create", "completed"),
    ]
    assert rows[0]["tableName"] == "post"
    assert (await api.delete(f"/schema_migration_definition/{rows[0]['id']}")).status == 405
