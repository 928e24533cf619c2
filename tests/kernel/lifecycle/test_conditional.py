"""ETags, and requests that depend on them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.api import Answer, Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def posts(api: Api) -> Api:
    """One post by one author, with values of many kinds."""
    await api.define("author", "name varchar")
    await api.define("tag", "label varchar")
    price = {"name": "price", "type": "decimal", "options": {"precision": 6, "scale": 2}}
    await api.define(
        "post",
        "title varchar!",
        "views int",
        "weight float",
        price,
        "data simple-json",
        "at datetime",
        {"name": "secret", "type": "varchar", "isPublished": False},
        relations=[
            {"type": "many-to-one", "propertyName": "author", "targetTable": "author",
             "inversePropertyName": "posts"},
            {"type": "many-to-many", "propertyName": "tags", "targetTable": "tag"},
        ],
    )  # fmt: skip
    await api.create("/author", [{"name": "Ann"}, {"name": "Bob"}])
    await api.create("/tag", {"label": "red"})
    return api


POST = {"title": "a", "views": 1, "weight": 0.1, "price": "1.50", "author": 1,
        "data": {"b": [1.5, None], "a": "x"}, "at": "2026-11-20T13:00:00.5Z"}  # fmt: skip


def tag(answer: Answer) -> str:
    assert answer.status < 300, answer.body
    return answer.headers["ETag"]


async def one(api: Api, key: int = 1, **query: Any) -> Answer:
    return await api.get("/post", filter={"id": {"_eq": key}}, **query)


async def sent(api: Api, method: str, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.send(method, "/post/1", body, headers=named)


async def test_every_answer_with_one_record_has_the_same_etag(posts: Api) -> None:
    first = tag(await posts.post("/post", POST))
    assert first.startswith('"')
    assert first == tag(await one(posts))
    changed = tag(await posts.patch("/post/1", {"views": 2}))
    assert changed != first
    assert changed == tag(await one(posts))
    assert changed == tag(await posts.patch("/post/1", {}))
    with_tags = tag(await posts.patch("/post/1", {"views": 2, "tags": [1]}))
    assert with_tags == tag(await one(posts))
    replaced = tag(await posts.put("/post/1", {"title": "b"}))
    assert replaced == tag(await one(posts))
    assert len({first, changed, with_tags, replaced}) == 4
    upserted = await posts.post("/post", POST | {"id": 1}, mode="upsert", key="id")
    assert tag(upserted) == tag(await one(posts))


async def test_an_etag_changes_with_every_change(posts: Api) -> None:
    seen = {tag(await posts.post("/post", POST))}
    for body in (
        {"views": None}, {"weight": 0.2}, {"price": "1.60"}, {"data": {"a": "x"}}, {"author": 2},
        {"at": None}, {"secret": "s"},
    ):  # fmt: skip
        seen.add(tag(await posts.patch("/post/1", body)))
    await posts.patch("/post", {"views": 9}, filter={"title": "a"})
    seen.add(tag(await one(posts)))
    await posts.patch("/post", [{"id": 1, "views": 10}])
    seen.add(tag(await one(posts)))
    await posts.patch("/author/1", {"posts": [1]})
    seen.add(tag(await one(posts)))
    # The database itself takes the author away.
    await posts.delete("/author/1")
    seen.add(tag(await one(posts)))
    assert len(seen) == 12


async def test_what_others_have_of_a_record_does_not_change_it(posts: Api) -> None:
    author = await posts.get("/author", filter={"id": 1})
    await posts.create("/post", POST)
    assert tag(await posts.get("/author", filter={"id": 1})) == tag(author)


async def test_an_answer_that_does_not_show_all_has_no_etag(posts: Api) -> None:
    await posts.create("/post", POST)
    for answer in (
        await one(posts, fields="title"),
        await one(posts, include="author"),
        await posts.get("/post"),
        await posts.get("/post", filter={"id": {"_in": [1]}}),
        await one(posts, 99),
        await posts.patch("/post/1", {"views": 3}, fields="views"),
        await posts.post("/post", [POST]),
    ):
        assert answer.status < 300
        assert "ETag" not in answer.headers


async def test_a_write_depends_on_the_state_that_it_was_decided_on(posts: Api) -> None:
    old = tag(await posts.post("/post", POST))
    new = tag(await sent(posts, "PATCH", {"views": 2}, If_Match=old))
    before = (await one(posts)).row
    for method, body in (
        ("PATCH", {"views": 3}), ("PATCH", {"tags": [1]}), ("PUT", {"title": "x"}), ("DELETE", None)
    ):  # fmt: skip
        answer = await sent(posts, method, body, If_Match=old)
        assert (answer.status, answer.code) == (412, "PRECONDITION_FAILED")
        assert answer.headers["ETag"] == new
        assert answer.body["error"]["details"] == {"etag": new}
    by_patch = [{"op": "replace", "path": "/views", "value": 3}]
    kind = "application/json-patch+json"
    answer = await sent(posts, "PATCH", by_patch, If_Match=old, Content_Type=kind)
    assert answer.status == 412
    assert (await one(posts)).row == before
    new = tag(await sent(posts, "PATCH", by_patch, If_Match=new, Content_Type=kind))
    new = tag(await sent(posts, "PUT", {"title": "x"}, If_Match=f'"other", {new}'))
    assert (await sent(posts, "PATCH", {"views": 4}, If_Match="*")).status == 200
    assert (await sent(posts, "DELETE", None, If_Match=new)).status == 412
    assert (await sent(posts, "DELETE", None, If_Match=tag(await one(posts)))).status == 200
    answer = await sent(posts, "PATCH", {"views": 4}, If_Match="*")
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")


async def test_if_none_match(posts: Api) -> None:
    current = tag(await posts.post("/post", POST))
    assert (await sent(posts, "PUT", {"title": "x"}, If_None_Match="*")).status == 412
    assert (await sent(posts, "PATCH", {"views": 1}, If_None_Match=current)).status == 412
    assert (await sent(posts, "PATCH", {"views": 1}, If_None_Match='"else"')).status == 200
    current = tag(await one(posts))
    query = {"filter": {"id": {"_eq": 1}}}
    for given in (current, f"W/{current}", f'"else", {current}', "*"):
        answer = await posts.send("GET", "/post", headers={"If-None-Match": given}, **query)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, current)
    answer = await posts.send("GET", "/post", headers={"If-None-Match": '"else"'}, **query)
    assert answer.status == 200


async def test_conditions_that_could_not_be_kept_are_refused(posts: Api) -> None:
    await posts.create("/post", POST)
    for header in ("If-Match", "If-None-Match"):
        answer = await posts.send("POST", "/post", POST, headers={header: "*"})
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
        answer = await posts.send("DELETE", "/post", headers={header: "*"}, filter={"views": 1})
        assert answer.status == 400
    for given in ("abc", '"a" "b"', '"a", W/b'):
        answer = await sent(posts, "PATCH", {"views": 1}, If_Match=given)
        assert (answer.status, answer.code) == (400, "BAD_REQUEST"), given
    assert (await sent(posts, "PATCH", {"views": 1}, If_Match='W/"a"')).status == 412


async def test_an_etag_is_of_what_its_owner_sees(posts: Api) -> None:
    await posts.create("/post", POST)
    await posts.publish("/post", "GET", "PATCH")
    nobody = posts.anonymous
    mine, theirs = tag(await one(posts)), tag(await one(nobody))
    assert mine != theirs
    assert tag(await posts.patch("/post/1", {"secret": "s"})) != mine
    renewed = tag(await one(nobody))
    assert (await sent(nobody, "PATCH", {"views": 5}, If_Match=renewed)).status == 200
    assert (await sent(nobody, "PATCH", {"views": 6}, If_Match=mine)).status == 412


async def test_of_clients_with_the_same_etag_one_wins(posts: Api) -> None:
    current = tag(await posts.post("/post", POST))
    answers = await asyncio.gather(
        *(sent(posts, "PATCH", {"views": number}, If_Match=current) for number in range(10, 16))
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200, 412, 412, 412, 412, 412]
    (winner,) = (answer for answer in answers if answer.status == 200)
    assert (await one(posts)).row == winner.row


async def test_system_tables_keep_to_etags(api: Api) -> None:
    menu = await api.post("/menu_definition", {"label": "a", "path": "/a"})
    old = tag(menu)
    path = f"/menu_definition/{menu.row['id']}"
    answer = await api.send("PATCH", path, {"label": "b"}, headers={"If-Match": old})
    assert answer.status == 200
    for method, body in (("PATCH", {"label": "c"}), ("DELETE", None)):
        answer = await api.send(method, path, body, headers={"If-Match": old})
        assert (answer.status, answer.headers["ETag"] != old) == (412, True)
    answer = await api.send(
        "POST", "/table_definition", {"name": "x"}, headers={"If-None-Match": "*"}
    )
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
