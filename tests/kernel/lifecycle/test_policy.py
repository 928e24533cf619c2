"""Who may call what: published methods, the root administrator, everybody else."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.api import Api
from tests.arrow import load
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio

EMAIL, PASSWORD = "ann@example.org", "correct horse"


async def somebody(api: Api) -> Api:
    """Give the client of a user without any rights."""
    await api.create("/user_definition", {"email": EMAIL, "password": PASSWORD})
    return await api.anonymous.login(EMAIL, PASSWORD)


async def test_a_new_table_is_for_administrators_only(api: Api) -> None:
    await api.define("post", "title varchar")
    ann = await somebody(api)
    for method, path in (
        ("GET", "/post"), ("POST", "/post"), ("PATCH", "/post/1"), ("PUT", "/post/1"),
        ("DELETE", "/post/1"),
    ):  # fmt: skip
        body = {"title": "x"} if method in {"POST", "PATCH", "PUT"} else None
        nobody = await api.anonymous.send(method, path, body)
        assert (nobody.status, nobody.code) == (401, "AUTHENTICATION_ERROR")
        refused = await ann.send(method, path, body)
        assert (refused.status, refused.code) == (403, "AUTHORIZATION_ERROR")
        assert refused.message == f"You are not allowed to {method} /post"
    assert await api.rows("/post") == []


async def test_a_published_method_is_open_to_everybody_and_the_others_are_not(api: Api) -> None:
    await api.define("post", "title varchar")
    await api.create("/post", {"title": "Hello"})
    ann = await somebody(api)
    await api.publish("/post", "GET")
    for caller in (api.anonymous, ann, Api(api.kernel, "no token at all")):
        assert [row["title"] for row in await caller.rows("/post")] == ["Hello"]
        assert (await caller.send("HEAD", "/post")).status == 200
        assert (await caller.post("/post", {"title": "x"})).status in {401, 403}
    await api.publish("/post", "POST")
    assert (await api.anonymous.post("/post", {"title": "new"})).status == 201
    assert (await api.anonymous.get("/post")).status == 401
    await api.publish("/post")
    assert (await api.anonymous.post("/post", {"title": "new"})).status == 401


async def test_what_everybody_sees_holds_no_unpublished_field(sqlite_api: Api) -> None:
    api = sqlite_api
    notes = {"name": "notes", "type": "text", "isPublished": False}
    await api.define("post", "title varchar", notes)
    await api.create("/post", {"title": "Hello", "notes": "hidden"})
    await api.publish("/post", "GET", "POST", "PATCH")
    row = (await api.anonymous.rows("/post"))[0]
    assert row["title"] == "Hello"
    assert "notes" not in row
    for query in (
        {"fields": "notes"}, {"sort": "notes"}, {"filter": {"notes": {"_contains": "h"}}},
    ):  # fmt: skip
        answer = await api.anonymous.get("/post", **query)
        assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
        assert "hidden" not in answer.message
    assert (await api.anonymous.post("/post", {"notes": "x"})).status == 400
    assert (await api.rows("/post"))[0]["notes"] == "hidden"


HIDDEN = {
    "columns": [
        {"name": "title", "type": "varchar", "isNullable": False},
        {"name": "hushed", "type": "varchar", "isPublished": False, "defaultValue": "whispered"},
        {"name": "hushedNeed", "type": "int", "isPublished": False, "isNullable": False},
    ],
    "uniques": [["hushed", "title"]],
    "indexes": [["hushedNeed"]],
    "relations": [
        {"propertyName": "hushedOne", "type": "many-to-one", "targetTable": "team",
         "inversePropertyName": "hushedMany", "isPublished": False},
        {"propertyName": "team", "type": "many-to-one", "targetTable": "team"},
    ],
}  # fmt: skip


async def test_messages_and_metadata_name_no_unpublished_field(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("team", {"name": "hushed", "type": "varchar", "isPublished": False})
    await api.define("post", **HIDDEN)
    ann = await somebody(api)
    await api.publish("/team", "GET")
    await api.publish("/post", "GET", "POST", "PATCH", "PUT")
    answers = [
        await ann.get("/post", fields="hushe"),
        await ann.get("/post", filter={"hushe": 1}),
        await ann.get("/post", sort="hushe"),
        await ann.get("/post", fields="team.hushe"),
        await ann.get("/post", filter={"hushe": {"x": 1}}),
        await ann.get("/post", filter={"team": {"hushe": 1}}),
        await ann.post("/post", {"hushe": 1, "title": "x"}),
        await ann.get("/metadata"),
        await ann.get("/metadata/post"),
        await ann.get("/metadata/team"),
        await load(ann, "/post", {"title": ["y"], "hushe": ["x"]}),
        await load(ann, "/post", {"title": ["y"], "team.hushe": ["x"]}),
        await load(ann, "/post", {"title": ["y"]}, mode="upsert", key="title"),
    ]
    for number, answer in enumerate(answers):
        shown = json.dumps(answer.body).replace("hushedNeed is required", "")
        assert "hushed" not in shown, (number, shown)
        assert "whispered" not in shown, (number, shown)
    # The names that somebody guesses are not confirmed by their foreign keys, either.
    assert "hushedOne'" not in (await ann.get("/post", sort="hushedOneId")).message
    assert "hushedOne'" not in (await ann.post("/post", {"hushedOneId": 1})).message
    # An administrator sees them all.
    assert "hushed" in (await api.get("/post", fields="hushe")).message
    assert "hushedMany" in json.dumps((await api.get("/metadata/team")).body)


async def test_replacing_a_record_leaves_what_the_caller_cannot_see(api: Api) -> None:
    await api.define("team")
    await api.define("post", **HIDDEN)
    await api.create("/team", {})
    hidden = {"hushed": "kept", "hushedNeed": 5, "hushedOne": {"id": 1}}
    await api.create("/post", {"title": "old", "team": 1, **hidden})
    await api.publish("/post", "PUT")
    answer = await api.anonymous.put("/post/1", {"title": "new"})
    assert (answer.status, answer.row["title"], answer.row["team"]) == (200, "new", None)
    row = (await api.rows("/post"))[0]
    assert {name: row[name] for name in hidden} == hidden
    # Who sees them replaces them.
    assert (await api.put("/post/1", {"title": "x"})).message == "hushedNeed is required"
    row = (await api.put("/post/1", {"title": "x", "hushedNeed": 6})).row
    assert (row["hushed"], row["hushedNeed"], row["hushedOne"]) == ("whispered", 6, None)


@pytest.mark.parametrize(
    "path",
    [
        "/user_definition", "/session_definition", "/role_definition", "/setting_definition",
        "/table_definition", "/route_definition", "/metadata", "/me",
    ],
)  # fmt: skip
async def test_system_tables_are_closed_to_strangers(sqlite_api: Api, path: str) -> None:
    assert (await sqlite_api.anonymous.get(path)).status == 401
    if path not in {"/metadata", "/me"}:
        ann = await somebody(sqlite_api)
        assert (await ann.get(path)).status == 403
        assert (await ann.post(path, {"name": "x"})).status in {403, 405}


async def test_an_unknown_path_is_404_for_everybody(sqlite_api: Api) -> None:
    assert (await sqlite_api.anonymous.get("/nowhere")).status == 404


async def test_a_route_that_is_disabled_is_not_there(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    route = (await api.rows("/route_definition", filter={"path": "/post"}))[0]
    assert (await api.patch(f"/route_definition/{route['id']}", {"isEnabled": False})).status == 200
    assert (await api.get("/post")).status == 404
    assert (await api.patch(f"/route_definition/{route['id']}", {"isEnabled": True})).status == 200
    assert (await api.get("/post")).status == 200


# -- hot ------------------------------------------------------------------------------------------


async def test_a_table_answers_before_its_creation_has_been_answered(api: Api) -> None:
    """The route is there for everybody when the announcement leaves, which is before the answer."""
    seen: list[int] = []
    announce = api.kernel.bus.publish

    async def publish(channel: str, message: object) -> None:
        seen.append((await api.get("/post")).status)
        await announce(channel, message)

    api.kernel.bus.publish = publish  # type: ignore[method-assign]
    await api.define("post", "title varchar")
    # The look at the database that is due at that moment may tell the others, too.
    assert set(seen) == {200}
    assert (await api.post("/post", {"title": "at once"})).status == 201


async def test_a_renamed_and_a_dropped_table_move_at_once(api: Api) -> None:
    table = await api.define("post", "title varchar")
    await api.create("/post", {"title": "kept"})
    answer = await api.patch(f"/table_definition/{table['id']}", {"name": "article"})
    assert answer.status == 200
    paths = [route["path"] for route in await api.rows("/route_definition", limit=0)]
    assert sum(path in {"/post", "/article"} for path in paths) == 1
    moved = "/article" if "/article" in paths else "/post"
    assert [row["title"] for row in await api.rows(moved)] == ["kept"]
    asked = await api.delete(f"/table_definition/{table['id']}")
    assert (asked.status, asked.code) == (409, "SCHEMA_CONFIRMATION_REQUIRED")
    hash_ = asked.body["error"]["details"]["requiredConfirmHash"]
    dropped = await api.delete(f"/table_definition/{table['id']}", schemaConfirmHash=hash_)
    assert dropped.status == 200
    assert (await api.get(moved)).status == 404


async def test_requests_go_on_while_definitions_change(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar")
    await api.create("/post", {"title": "a"})
    statuses: set[int] = set()
    done = asyncio.Event()

    async def read() -> None:
        while not done.is_set():
            statuses.add((await api.get("/post")).status)

    readers = [asyncio.ensure_future(read()) for _ in range(3)]
    for number in range(5):
        await api.define(f"other{number}", "x int")
    done.set()
    await asyncio.gather(*readers)
    assert statuses == {200}
