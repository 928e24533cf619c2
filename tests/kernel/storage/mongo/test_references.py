"""References, which MongoDB does not know: kept by ourselves, also while others write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api import Api

pytestmark = pytest.mark.asyncio


def _relation(name: str, target: str, on_delete: str | None = None) -> dict[str, Any]:
    return {
        "type": "many-to-one",
        "propertyName": name,
        "targetTable": target,
        "onDelete": on_delete,
        "inversePropertyName": f"{name}s_of",
    }


async def test_deletes_go_on_through_circles_and_stop_where_one_restricts(api: Api) -> None:
    await api.define("node", "name varchar", relations=[])
    nodes = (await api.get("/metadata/node")).data["id"]
    answer = await api.patch(
        f"/table_definition/{nodes}", {"relations": [_relation("next", "node", "CASCADE")]}
    )
    assert answer.status == 200, answer.body
    await api.define("guard", "name varchar", relations=[_relation("post", "node", "RESTRICT")])
    await api.create("/node", [{"name": str(n)} for n in range(5)])
    for key in range(1, 5):
        await api.patch(f"/node/{key}", {"next": key % 4 + 1})
    await api.create("/guard", {"post": 3})
    answer = await api.delete("/node/1")
    assert (answer.status, answer.code) == (409, "RELATION_IN_USE")
    assert len(await api.rows("/node")) == 5
    assert (await api.delete("/guard/1")).status == 200
    assert (await api.delete("/node/1")).status == 200
    assert [row["id"] for row in await api.rows("/node")] == [5]


async def test_nobody_refers_to_a_record_that_goes_at_that_moment(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[_relation("author", "person", "RESTRICT")])
    for key in range(1, 11):
        await api.create("/person", {"name": "Ann"})
        gone, *made = await asyncio.gather(
            api.delete(f"/person/{key}"),
            *(api.post("/post", {"author": key}) for _ in range(3)),
        )
        statuses = {answer.status for answer in made}
        assert statuses == ({409} if gone.status == 200 else {201}), (gone.body, statuses)
    known = {row["id"] for row in await api.rows("/person")}
    posts = await api.rows("/post", limit=0)
    assert {row["author"]["id"] for row in posts} <= known


async def test_many_refer_to_one_record_at_once(api: Api) -> None:
    await api.define("person", "name varchar")
    await api.define("post", "title varchar", relations=[_relation("author", "person")])
    await api.create("/person", {"name": "Ann"})
    answers = await asyncio.gather(*(api.post("/post", {"author": 1}) for _ in range(40)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.row["id"] for answer in answers}) == 40
