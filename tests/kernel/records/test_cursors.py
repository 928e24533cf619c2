"""Cursors: pages that miss nothing and repeat nothing while records come and go."""

from __future__ import annotations

import random
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

from .magazine import publish_magazine

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def magazine(api: Api) -> Api:
    return await publish_magazine(api)


async def _walk(api: Api, path: str, **query: Any) -> list[list[int]]:
    pages: list[list[int]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await api.get(path, cursor=cursor, **query)
        assert answer.status == 200, answer.body
        assert not any("_place" in row for row in answer.data)
        pages.append([row["id"] for row in answer.data])
        cursor = answer.body["meta"]["cursor"]
    return pages


async def test_pages_follow_one_another_in_every_order(magazine: Api) -> None:
    assert await _walk(magazine, "/post", limit=2) == [[1, 2], [3, 4], [5]]
    assert await _walk(magazine, "/post", limit=5) == [[1, 2, 3, 4, 5]]
    orders = ("views", "-views", "-price,title", "author.name,-views", "-author.name,price",
              "_count(tags)", "-_max(tags.label),-id", "status,-views", "createdAt")  # fmt: skip
    for sort in orders:
        whole = [row["id"] for row in await magazine.rows("/post", sort=sort)]
        for limit in (1, 2, 3):
            pages = await _walk(magazine, "/post", limit=limit, sort=sort)
            assert [key for page in pages for key in page] == whole, (sort, limit)
            assert all(len(page) == limit for page in pages[:-1])


async def test_a_cursor_goes_with_a_filter_and_counts(magazine: Api) -> None:
    query: Any = {"limit": 2, "filter": {"status": "live"}, "sort": "-views", "fields": "title"}
    first = await magazine.get("/post", cursor="", meta="*", **query)
    meta = first.body["meta"]
    assert (meta["totalCount"], meta["filterCount"]) == (5, 3)
    second = await magazine.get("/post", cursor=meta["cursor"], meta="*", **query)
    assert second.data == [{"id": 4, "title": "Gale"}]
    assert second.body["meta"] == {"totalCount": 5, "filterCount": 3, "cursor": None}


async def test_pages_are_stable_while_records_come_and_go(magazine: Api) -> None:
    await magazine.create("/post", [{"title": f"t{n}", "views": n % 7} for n in range(60)])
    before = {row["id"] for row in await magazine.rows("/post", limit=0)}
    dice = random.Random(7)
    seen: list[int] = []
    removed: set[int] = set()
    cursor: str | None = ""
    while cursor is not None:
        answer = await magazine.get("/post", cursor=cursor, limit=7, sort="-views", fields="id")
        seen += [row["id"] for row in answer.data]
        cursor = answer.body["meta"]["cursor"]
        gone = dice.choice(sorted(before - removed))
        removed.add(gone)
        assert (await magazine.delete(f"/post/{gone}")).status == 200
        await magazine.create("/post", {"title": "new", "views": dice.randrange(9)})
    assert len(seen) == len(set(seen))
    assert before - removed <= set(seen)


async def test_what_is_no_cursor_is_refused(sqlite_api: Api) -> None:
    api = await publish_magazine(sqlite_api)
    answer = await api.get("/post", cursor="", limit=1, sort="views")
    cursor = answer.body["meta"]["cursor"]
    for wrong in ("x", "!!!!", "W10", "bnVsbA", "A" * 9000, cursor[:-3], "WzEsW11d"):
        answer = await api.get("/post", cursor=wrong, sort="views")
        assert (answer.status, answer.code) == (400, "INVALID_CURSOR"), wrong
    other = await api.get("/post", cursor=cursor, sort="-views")
    assert (other.status, other.code) == (400, "INVALID_CURSOR")
    assert "another sort" in other.message
    both = await api.get("/post", cursor="", page=2)
    assert both.status == 400
    assert "exclude each other" in both.message
