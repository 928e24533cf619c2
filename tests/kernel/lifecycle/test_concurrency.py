"""Requests that meet each other, or a change of the definitions, are answered all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from enfyra_kernel.schema.rows import CatalogWriter

from tests.api import Api

pytestmark = pytest.mark.asyncio


async def test_requests_wait_for_a_change_that_is_half_made(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = await api.define("post", "title varchar", "n int")
    await api.create("/post", {"title": "old", "n": 0})
    write = CatalogWriter.write
    begun = asyncio.Event()

    async def write_slowly(self: CatalogWriter, *catalogs: Any) -> None:
        # On MariaDB the column has its new name by now, and the definitions still the old one.
        begun.set()
        await asyncio.sleep(0.3)
        await write(self, *catalogs)

    monkeypatch.setattr(CatalogWriter, "write", write_slowly)
    body = {"columns": [{"name": "headline", "was": "title"}, {"name": "n"}]}
    change = asyncio.ensure_future(api.patch(f"/table_definition/{table['id']}", body))
    await begun.wait()
    read, created, changed = await asyncio.gather(
        api.get("/post", sort="id"), api.post("/post", {"n": 1}), api.patch("/post/1", {"n": 2})
    )
    assert (read.status, created.status, changed.status) == (200, 201, 200), (
        read.body, created.body, changed.body,
    )  # fmt: skip
    assert (await change).status == 200
    rows = await api.rows("/post", sort="id", fields="headline,n")
    assert [(row["headline"], row["n"]) for row in rows] == [("old", 2), (None, 1)]


async def test_writers_that_get_in_each_others_way_all_succeed(api: Api) -> None:
    tags = {"propertyName": "tags", "type": "many-to-many", "targetTable": "tag"}
    await api.define("tag", "name varchar")
    await api.define("post", "n int", relations=[tags])
    await api.create("/tag", [{"name": "a"}, {"name": "b"}])
    await api.create("/post", [{"n": 0}] * 40)
    for turn in ([1, 2], [2], [2, 1]):
        answers = await asyncio.gather(
            *(api.patch(f"/post/{key}", {"n": key, "tags": turn}) for key in range(1, 41))
        )
        assert {answer.status for answer in answers} == {200}
    tagged = await api.rows("/post", filter={"tags": {"name": "a"}}, limit=0, sort="id")
    assert [(row["id"], row["n"]) for row in tagged] == [(key, key) for key in range(1, 41)]
