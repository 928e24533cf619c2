"""Tables whose keys MongoDB makes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Api

pytestmark = pytest.mark.asyncio

NOBODY = "0123456789abcdef01234567"
AUTHOR = {
    "type": "many-to-one",
    "propertyName": "author",
    "targetTable": "person",
    "inversePropertyName": "posts",
}
FANS = {"type": "many-to-many", "propertyName": "fans", "targetTable": "person"}


async def _define(api: Api, name: str, *names: str, **facts: Any) -> None:
    """Define a table as people do, without a key; `Api.define` would add one."""
    columns = [{"name": one, "type": "varchar"} for one in names]
    answer = await api.post("/table_definition", {"name": name, "columns": columns, **facts})
    assert answer.status == 201, answer.body


@pytest_asyncio.fixture
async def blog(api: Api) -> Api:
    await _define(api, "person", "name")
    await _define(api, "post", "title", relations=[AUTHOR, FANS])
    return api


async def test_a_table_without_a_key_gets_one_that_mongodb_makes(blog: Api) -> None:
    described = (await blog.get("/metadata/post")).data
    key = described["columns"][0]
    assert (key["name"], key["type"], key["isPrimary"]) == ("id", "ObjectId", True)
    post = await blog.create("/post", {"title": "Dawn"})
    assert re.fullmatch("[0-9a-f]{24}", post["id"])
    assert await blog.rows("/post", filter={"id": post["id"].upper()}) == [post]


async def test_records_are_addressed_and_related_by_it(blog: Api) -> None:
    ann, bob = await blog.create("/person", [{"name": "Ann"}, {"name": "Bob"}])
    facts = {"title": "Dawn", "author": ann["id"], "fans": [{"id": ann["id"]}, bob["id"]]}
    post = await blog.create("/post", facts)
    assert post["author"] == {"id": ann["id"]}
    assert post["fans"] == [{"id": ann["id"]}, {"id": bob["id"]}]
    (person,) = await blog.rows("/person", filter={"posts": {"id": post["id"]}})
    assert person["name"] == "Ann"
    answer = await blog.patch(f"/post/{post['id']}", {"author": bob["id"]})
    assert (answer.status, answer.row["author"]) == (200, {"id": bob["id"]})
    assert (await blog.delete(f"/person/{bob['id']}")).status == 200
    (left,) = await blog.rows("/post")
    assert (left["author"], left["fans"]) == (None, [{"id": ann["id"]}])


async def test_one_that_is_none_is_not_found_in_a_path_and_refused_elsewhere(blog: Api) -> None:
    for key in ("1", "xyz", NOBODY):
        assert (await blog.patch(f"/post/{key}", {"title": "x"})).status == 404
        assert (await blog.delete(f"/post/{key}")).status == 404
    answer = await blog.get("/post", filter={"id": "7"})
    assert (answer.status, answer.code) == (400, "INVALID_VALUE")
    answer = await blog.post("/post", {"author": "7"})
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    answer = await blog.post("/post", {"author": NOBODY})
    assert (answer.status, answer.code) == (409, "RELATION_NOT_FOUND")


async def test_pages_go_on_by_it(blog: Api) -> None:
    await blog.create("/post", [{"title": str(n % 3)} for n in range(10)])
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        answer = await blog.get("/post", sort="-title", limit=3, cursor=cursor)
        seen += [row["id"] for row in answer.data]
        cursor = answer.body["meta"]["cursor"]
    assert len(seen) == len(set(seen)) == 10
