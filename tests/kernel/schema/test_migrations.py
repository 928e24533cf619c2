"""Changes of tables on real databases: what is defined is what is there, and nothing gets lost."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.schema.rows import CatalogWriter
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

from tests.api import Api

from .changing import change, columns_of, physical

pytestmark = pytest.mark.asyncio


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()[:12]


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
    table = await physical(kernel, "blog_post")
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
    junction = await physical(kernel, "j_" + _sha("blog_post:fans:person"))
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


async def test_keywords_of_the_databases_are_names_like_others(api: Api) -> None:
    more = {"nothing", "returning"}
    words = sorted({*SQLiteIdentifierPreparer.reserved_words, *RESERVED_WORDS, *more})
    columns = [{"name": word, "type": "int"} for word in words if word.isalpha()]
    table = await api.define("returning", *columns, uniques=[["nothing", "select"]])
    group = {"type": "many-to-one", "propertyName": "group", "targetTable": "returning"}
    await api.define("nothing", "x int", relations=[group])
    record = await api.create("/returning", {column["name"]: 7 for column in columns})
    assert {record[column["name"]] for column in columns} == {7}
    columns[0] = {"name": columns[0]["name"], "type": "bigint"}
    body = {"columns": columns, "indexes": [["order", "returning"]]}
    answer = await api.patch(f"/table_definition/{table['id']}", body)
    assert answer.status == 200, answer.body
    assert len(await api.rows("/returning", filter={"nothing": 7}, sort="order")) == 1
    assert await api.create("/nothing", {"x": 1, "group": record["id"]})


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
    first = (await columns_of(api, "post"))["first"]
    body = {"columns": [{"id": first["id"], "name": "second", "type": "varchar"}], "uniques": []}
    answer = await change(api, table, body, confirm=True)
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
    assert (await change(api, table, body)).status == 200
    assert (await api.rows("/post", fields="title,views,note,parent"))[0] == {
        "id": 1, "title": "old", "views": 3, "note": None, "parent": None,
    }  # fmt: skip
    child = await api.create("/post", {"title": "new", "parent": 1})
    assert (child["views"], child["parent"]) == (3, {"id": 1})
    again = await change(api, table, body)
    assert again.status == 200
    assert len(await columns_of(api, "post")) == 6


async def test_a_required_column_without_a_default_needs_an_empty_table(api: Api) -> None:
    table = await api.define("post", "title varchar")
    required = {"name": "slug", "type": "varchar", "isNullable": False}
    body = {"columns": [{"name": "title", "type": "varchar"}, required]}
    await api.create("/post", {"title": "there"})
    answer = await change(api, table, body)
    assert (answer.status, answer.code) == (422, "VALIDATION_ERROR")
    assert "'slug' must be nullable or have a default" in answer.message
    await api.delete("/post/1")
    assert (await change(api, table, body)).status == 200


async def test_a_unique_over_values_that_are_shared_is_refused(api: Api) -> None:
    table = await api.define("post", "slug varchar", "title varchar")
    await api.create("/post", [{"slug": "a"}, {"slug": "a"}])
    answer = await change(api, table, {"uniques": [["slug"]]})
    assert (answer.status, answer.code) == (422, "CONVERSION_FAILED"), answer.body
    assert "shall be unique" in answer.message
    assert len(await api.rows("/post")) == 2
    await api.patch("/post/2", {"slug": "b"})
    assert (await change(api, table, {"uniques": [["slug"]]})).status == 200
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
    assert (await change(api, person, {"name": "human"})).status == 200
    assert (await api.get("/person")).status == 404
    assert [row["name"] for row in await api.rows("/human")] == ["Ann"]
    assert (await api.rows("/post", fields="author.name"))[0]["author"]["name"] == "Ann"
    assert (await api.post("/human", {"name": "Ann"})).status == 409
    assert (await api.post("/post", {"title": "y", "author": 9})).status == 409
    assert (await change(api, person, {"name": "person"})).status == 200
    assert (await api.create("/post", {"title": "z", "author": 1}))["author"] == {"id": 1}


async def test_a_renamed_column_keeps_its_values_and_groups(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int", uniques=[["title"]])
    await api.create("/post", [{"title": "a", "views": 1}, {"title": "b", "views": 2}])
    columns = await columns_of(api, "post")
    renamed = [
        {"id": columns["title"]["id"], "name": "heading", "type": "varchar"},
        {"was": "views", "name": "reads", "type": "int"},
    ]
    answer = await change(api, table, {"columns": renamed})
    assert answer.status == 200, answer.body
    assert answer.row["uniques"] == [["heading"]]
    assert await api.rows("/post", fields="heading,reads", sort="id") == [
        {"id": 1, "heading": "a", "reads": 1},
        {"id": 2, "heading": "b", "reads": 2},
    ]
    assert (await api.post("/post", {"heading": "a"})).status == 409
    assert (await change(api, table, {"columns": renamed[1:]}, confirm=True)).status == 200


async def test_two_columns_can_swap_their_names(api: Api) -> None:
    table = await api.define("post", "first varchar", "second varchar")
    await api.create("/post", {"first": "1", "second": "2"})
    columns = await columns_of(api, "post")
    swapped = [
        {"id": columns["first"]["id"], "name": "second", "type": "varchar"},
        {"id": columns["second"]["id"], "name": "first", "type": "varchar"},
    ]
    answer = await change(api, table, {"columns": swapped})
    assert answer.status == 200, answer.body
    assert (await api.rows("/post", fields="first,second"))[0] == {
        "id": 1, "first": "2", "second": "1",
    }  # fmt: skip


async def test_a_column_takes_the_name_that_another_gives_up(api: Api) -> None:
    table = await api.define("post", "first varchar", "second varchar", "third varchar")
    await api.create("/post", {"first": "1", "second": "2", "third": "3"})
    columns = await columns_of(api, "post")
    renamed = [
        {"id": columns[old]["id"], "name": new, "type": "varchar"}
        for old, new in (("first", "second"), ("second", "third"), ("third", "fourth"))
    ]
    answer = await change(api, table, {"columns": renamed})
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
        assert (await change(api, table, body)).code == "DATABASE_BUSY"
    assert await api.rows("/column_definition", limit=0, sort="id") == before
    names = {column.name for column in (await physical(kernel, "post")).columns}
    assert names == {"id", "title", "createdAt", "updatedAt"}
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
    assert (await change(api, table, body)).status == 200
    assert len(await api.rows("/post", filter={"writer": {"name": "Ann"}, "fans": 1})) == 1
    names = [column.name for column in (await physical(kernel, "post")).columns]
    assert "writerId" in names
    assert "authorId" not in names


# -- losing ---------------------------------------------------------------------------------------


async def test_a_loss_has_to_be_confirmed(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int")
    await api.create("/post", {"title": "x", "views": 5})
    body = {"columns": [{"name": "title", "type": "varchar"}]}
    answer = await change(api, table, body)
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
    first = (await change(api, table, body)).body["error"]["details"]
    columns = [{"name": n, "type": t} for n, t in (("title", "varchar"), ("views", "int"),
                                                   ("note", "text"), ("extra", "int"))]  # fmt: skip
    assert (await change(api, table, {"columns": columns})).status == 200
    late = await api.patch(
        f"/table_definition/{table['id']}", body, schemaConfirmHash=first["requiredConfirmHash"]
    )
    assert (late.status, late.code) == (409, "SCHEMA_CONFIRMATION_MISMATCH")


async def test_an_empty_table_loses_nothing(api: Api) -> None:
    table = await api.define("post", "title varchar", "views int")
    body = {"columns": [{"name": "title", "type": "varchar"}]}
    assert (await change(api, table, body)).status == 200
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
    assert "views" not in await columns_of(api, "post")
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
    columns = await columns_of(api, "post")
    assert made == {name for name in columns if name.startswith("c") and name != "createdAt"}
    row = await api.create("/post", dict.fromkeys(made, 1))
    assert all(row[name] == 1 for name in made)


async def test_the_history_of_changes_is_kept(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await change(api, table, {"indexes": [["title"]]})
    rows = await api.rows("/schema_migration_definition", sort="-id")
    assert [(row["operation"], row["status"]) for row in rows] == [
        ("update", "completed"),
        ("create", "completed"),
    ]
    assert rows[0]["tableName"] == "post"
    assert (await api.delete(f"/schema_migration_definition/{rows[0]['id']}")).status == 405
