"""Default CRUD on a table's route, word for word as the architecture overview has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

POST = (
    "title varchar!",
    "content text",
    {"name": "status", "type": "enum", "options": ["draft", "published"], "defaultValue": "draft"},
)
HELLO = {
    "title": "Hello Enfyra",
    "content": "This post was created through a generated API.",
    "status": "draft",
}


async def _posts(api: Api) -> list[Any]:
    await api.define("post", *POST)
    return await api.create(
        "/post",
        [HELLO, {"title": "Second", "status": "published"}, {"title": "Third"}],
    )


async def test_create_a_post(api: Api) -> None:
    await api.define("post", *POST)
    answer = await api.post("/post", HELLO)
    assert answer.status == 201
    assert answer.body["statusCode"] == 201
    assert answer.body["message"] == "Success"
    row = answer.row
    assert row["id"] == 1
    assert {name: row[name] for name in HELLO} == HELLO
    assert row["createdAt"] == row["updatedAt"]
    assert row["createdAt"].endswith("+00:00")


async def test_list_posts(api: Api) -> None:
    created = await _posts(api)
    answer = await api.get("/post", limit=20)
    assert answer.status == 200
    assert answer.body == {"statusCode": 200, "message": "Success", "data": created}


async def test_a_list_holds_ten_records_unless_told_otherwise(api: Api) -> None:
    await api.define("post", *POST)
    await api.create("/post", [{"title": str(number)} for number in range(25)])
    assert len(await api.rows("/post")) == 10
    assert len(await api.rows("/post", limit=0)) == 25
    assert [row["title"] for row in await api.rows("/post", limit=10, page=3)] == [
        str(number) for number in range(20, 25)
    ]


async def test_fetch_one_record_by_filtering(api: Api) -> None:
    await _posts(api)
    rows = await api.rows("/post", filter={"id": {"_eq": 2}}, limit=1)
    assert [row["title"] for row in rows] == ["Second"]


async def test_there_is_no_get_of_one_record(api: Api) -> None:
    await _posts(api)
    answer = await api.get("/post/1")
    assert answer.status == 405
    assert answer.headers["Allow"] == "DELETE, PATCH, PUT"
    assert 'filter={"id":{"_eq":"1"}}' in answer.body["error"]["hint"]


async def test_change_a_post(api: Api) -> None:
    created = await _posts(api)
    answer = await api.patch("/post/1", {"status": "published"})
    assert answer.status == 200
    assert answer.row == created[0] | {
        "status": "published",
        "updatedAt": answer.row["updatedAt"],
    }
    assert answer.row["updatedAt"] >= created[0]["updatedAt"]


async def test_replace_a_post(api: Api) -> None:
    created = await _posts(api)
    answer = await api.put("/post/1", {"title": "New"})
    assert answer.status == 200
    row = answer.row
    assert (row["title"], row["content"], row["status"]) == ("New", None, "draft")
    assert row["createdAt"] == created[0]["createdAt"]


async def test_a_replacement_needs_what_creation_needs(api: Api) -> None:
    await _posts(api)
    answer = await api.put("/post/1", {"content": "no title"})
    assert (answer.status, answer.body["message"]) == (400, ["title is required"])


async def test_delete_a_post(api: Api) -> None:
    await _posts(api)
    answer = await api.delete("/post/1")
    assert (answer.status, answer.body) == (200, {"statusCode": 200, "message": "Deleted"})
    assert [row["id"] for row in await api.rows("/post")] == [2, 3]


@pytest.mark.parametrize("key", ["99", "x", "1.5", "", "9" * 40, "1%00"])
@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_an_unknown_id_is_404(sqlite_api: Api, method: str, key: str) -> None:
    await _posts(sqlite_api)
    answer = await sqlite_api.send(method, f"/post/{key or '%20'}", {"title": "x"})
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")


async def test_an_unknown_id_is_404_everywhere(api: Api) -> None:
    await _posts(api)
    for answer in (
        await api.patch("/post/99", {"title": "x"}),
        await api.put("/post/99", {"title": "x"}),
        await api.delete("/post/99"),
    ):
        assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")


async def test_an_empty_change_gives_the_record_back(api: Api) -> None:
    created = await _posts(api)
    answer = await api.patch("/post/2", {})
    assert (answer.status, answer.row) == (200, created[1])


async def test_answers_hold_the_fields_asked_for(api: Api) -> None:
    await _posts(api)
    assert await api.rows("/post", fields="title", limit=1) == [{"id": 1, "title": "Hello Enfyra"}]
    answer = await api.post("/post", {"title": "Short"}, fields="title")
    assert answer.row == {"id": 4, "title": "Short"}
    answer = await api.patch("/post/4", {"title": "Shorter"}, fields="id,title,status")
    assert answer.row == {"id": 4, "title": "Shorter", "status": "draft"}


async def test_excluded_fields_are_left_out(api: Api) -> None:
    await _posts(api)
    row = (await api.rows("/post", fields="-content,-createdAt,-updatedAt", limit=1))[0]
    assert row == {"id": 1, "title": "Hello Enfyra", "status": "draft"}


async def test_counts(api: Api) -> None:
    await _posts(api)
    answer = await api.get("/post", filter={"status": "draft"}, meta="*", limit=1)
    assert len(answer.data) == 1
    assert answer.body["meta"] == {"totalCount": 3, "filterCount": 2}
    beyond = await api.get("/post", meta="totalCount", page=9)
    assert (beyond.data, beyond.body["meta"]) == ([], {"totalCount": 3})


async def test_sort(api: Api) -> None:
    await _posts(api)
    rows = await api.rows("/post", sort="-status,title")
    assert [row["title"] for row in rows] == ["Second", "Hello Enfyra", "Third"]
    rows = await api.rows("/post", **{"sort[title]": "desc"})
    assert [row["title"] for row in rows] == ["Third", "Second", "Hello Enfyra"]


async def test_every_violation_of_a_body_is_named_at_once(api: Api) -> None:
    await api.define("post", *POST, "views int")
    answer = await api.post("/post", {"titel": "x", "status": "unknown", "views": "many"})
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    assert answer.body["message"] == [
        "titel is not allowed. Did you mean 'title'?",
        "status must be one of: draft, published",
        "views must be an integer",
        "title is required",
    ]
    assert await api.rows("/post") == []


async def test_the_timestamps_are_the_servers(api: Api) -> None:
    await api.define("post", *POST)
    old = "2001-01-01T00:00:00+00:00"
    row = await api.create("/post", {"title": "x", "createdAt": old, "updatedAt": old})
    assert row["createdAt"] > "2026"


async def test_many_records_are_created_together_or_not_at_all(api: Api) -> None:
    await api.define("post", *POST)
    bodies: list[Any] = [{"title": str(number)} for number in range(1200)]
    created = await api.create("/post", bodies)
    assert [row["title"] for row in created] == [body["title"] for body in bodies]
    assert [row["id"] for row in created] == list(range(1, 1201))
    answer = await api.post("/post", [{"title": "fine"}, {"status": "draft"}, {"title": 5}])
    assert answer.body["message"] == ["[1].title is required", "[2].title must be a string"]
    assert (await api.get("/post", meta="totalCount")).body["meta"]["totalCount"] == 1200


async def test_records_of_different_fields_keep_their_order(api: Api) -> None:
    await api.define("post", *POST)
    created = await api.create(
        "/post", [{"title": "a"}, {"title": "b", "content": "c"}, {"title": "d"}]
    )
    assert [row["title"] for row in created] == ["a", "b", "d"]


async def test_an_empty_list_is_refused(sqlite_api: Api) -> None:
    await sqlite_api.define("post", *POST)
    assert (await sqlite_api.post("/post", [])).status == 400


async def test_a_key_can_be_given(api: Api) -> None:
    await api.define("post", *POST)
    assert (await api.create("/post", {"id": 100, "title": "x"}))["id"] == 100
    assert (await api.create("/post", {"title": "next"}))["id"] == 101
    answer = await api.post("/post", {"id": 100, "title": "again"})
    assert (answer.status, answer.code) == (409, "DUPLICATE_RESOURCE")
    assert answer.body["error"]["details"]["fields"] == ["id"]


async def test_uuid_keys_are_made_by_the_server(api: Api) -> None:
    await api.define("note", {"name": "id", "type": "uuid", "isPrimary": True}, "text varchar")
    first = await api.create("/note", {"text": "a"})
    second = await api.create("/note", {"text": "b"})
    assert first["id"][14] == "7"
    assert first["id"] < second["id"]
    assert (await api.patch(f"/note/{first['id']}", {"text": "c"})).row["text"] == "c"
    many = await api.create("/note", [{"text": str(number)} for number in range(600)])
    assert [row["text"] for row in many] == [str(number) for number in range(600)]


async def test_a_single_record_table_holds_one(sqlite_api: Api) -> None:
    await sqlite_api.define("config", "theme varchar", isSingleRecord=True)
    await sqlite_api.create("/config", {"theme": "dark"})
    assert (await sqlite_api.post("/config", {"theme": "light"})).status == 400
    assert (await sqlite_api.delete("/config/1")).status == 400
    assert (await sqlite_api.patch("/config/1", {"theme": "light"})).row["theme"] == "light"


async def test_unvalidated_tables_ignore_what_they_do_not_know(sqlite_api: Api) -> None:
    await sqlite_api.define("inbox", "subject varchar", validateBody=False)
    row = await sqlite_api.create("/inbox", {"subject": "hi", "extra": 1})
    assert "extra" not in row
