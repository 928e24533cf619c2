"""Records that are written set flows off, together with the write or not at all."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

from .deck import all_over, flow, ran, results, runs_of, step

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def listening(api: Api) -> Api:
    await api.define("post", "title varchar!", "views int", uniques=[["title"]])
    await flow(
        api, "seen", step("s", source="return [@FLOW_PAYLOAD.event, @FLOW_PAYLOAD.ids]"),
        triggerType="event", triggerConfig={"table": "post"},
    )  # fmt: skip
    return api


async def told(api: Api) -> list[list[object]]:
    """Give what the flow was told, when all of its runs are over."""
    await all_over(api)
    rows = await runs_of(api, "seen")
    assert {row["status"] for row in rows} <= {"completed"}
    return [results(row)["s"] for row in rows]


async def test_every_kind_of_write_is_told(listening: Api) -> None:
    api = listening
    one = (await api.create("/post", {"title": "a"}))["id"]
    made = await api.post("/post", [{"title": "b"}, {"title": "c"}])
    two, three = [row["id"] for row in made.data]
    await api.patch(f"/post/{one}", {"views": 1})
    await api.send("PUT", f"/post/{one}", {"title": "aa"})
    await api.send("PATCH", "/post", {"views": 2}, filter={"title": {"_in": ["b", "c"]}})
    await api.delete(f"/post/{one}")
    await api.send("DELETE", "/post", None, filter={"views": 2})
    assert await told(api) == [
        ["created", [one]], ["created", [two, three]], ["updated", [one]], ["updated", [one]],
        ["updated", [two, three]], ["deleted", [one]], ["deleted", [two, three]],
    ]  # fmt: skip


async def test_writes_of_other_forms_are_told_too(listening: Api) -> None:
    api = listening
    one = (await api.create("/post", {"title": "a", "views": 1}))["id"]
    patch = json.dumps([{"op": "replace", "path": "/views", "value": 2}]).encode()
    kind = {"content-type": "application/json-patch+json"}
    assert (await api.send("PATCH", f"/post/{one}", raw=patch, headers=kind)).status == 200
    source = (
        "rows = [{'title': 'a', 'views': 3}, {'title': 'b'}]\n"
        "done = await @REPOS.post.upsert({'data': rows, 'key': ['title']})\n"
        "return [row.id for row in done.data]"
    )
    await flow(api, "upserts", step("s", source=source))
    _, two = results(await ran(api, "upserts"))["s"]
    lines = {"content-type": "application/x-ndjson"}
    load = b'{"title": "c"}\n{"title": "d"}\n'
    assert (await api.send("POST", "/post", raw=load, headers=lines)).status == 201
    assert await told(api) == [
        ["created", [one]], ["updated", [one]], ["created", [two]], ["updated", [one]],
        ["created", []],
    ]  # fmt: skip
    rows = await runs_of(api, "seen")
    assert rows[-1]["payload"]["count"] == 2


async def test_a_write_that_fails_sets_nothing_off(listening: Api) -> None:
    api = listening
    await api.create("/post", {"title": "a"})
    assert (await api.post("/post", {"title": "a"})).status == 409
    assert (await api.post("/post", [{"title": "x"}, {"title": "a"}])).status == 409
    assert (await api.patch("/post/99", {"views": 1})).status == 404
    assert len(await told(api)) == 1


async def test_what_a_flow_writes_does_not_set_itself_off(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("post", "title varchar!", "views int")
    source = "await @REPOS.post.update({'id': @FLOW_PAYLOAD.id, 'data': {'views': 1}})"
    for name, event in (("count", "created"), ("again", "updated")):
        await flow(
            api, name, step("s", source=source),
            step("t", "update", config={
                "table": "post", "id": "{{ @FLOW_PAYLOAD.id }}", "data": {"views": 2}}),
            triggerType="event", triggerConfig={"table": "post", "on": [event]},
        )  # fmt: skip
    await api.create("/post", {"title": "a"})
    await all_over(api)
    assert len(await runs_of(api, "count")) == 1
    # Both steps of the first one have set it off, and its own have not.
    found = await runs_of(api, "again")
    assert [row["chain"] for row in found] == [[found[0]["chain"][0]]] * 2


async def test_a_table_that_nobody_listens_to_is_written_as_before(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "title varchar")
    await sqlite_api.create("/note", {"title": "a"})
    assert type(sqlite_api.kernel.records.of("note")).__name__ == "Repository"
