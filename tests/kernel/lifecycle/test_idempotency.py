"""Requests with an Idempotency-Key are done once, however often they are sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.records.repository import Repository

from tests.api import Answer, Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio

KEYS = "/idempotency_key_definition"


@pytest_asyncio.fixture
async def posts(api: Api) -> Api:
    await api.define("post", "title varchar!", "views int", uniques=[["title"]])
    return api


async def post(api: Api, body: Any, once: str = "k", path: str = "/post", **query: Any) -> Answer:
    return await api.send("POST", path, body, headers={"Idempotency-Key": once}, **query)


async def test_a_repeated_request_gets_the_first_answer(posts: Api) -> None:
    first = await post(posts, {"title": "a"})
    assert first.status == 201
    assert "Idempotency-Replayed" not in first.headers
    await posts.patch("/post/1", {"title": "changed"})
    again = await post(posts, {"title": "a"})
    assert (again.status, again.body) == (201, first.body)
    assert again.headers == first.headers | {"Idempotency-Replayed": "true"}
    assert len(await posts.rows("/post")) == 1
    # The same path by another name, and the key as the draft standard writes it.
    again = await post(posts, {"title": "a"}, once='"k"', path="/api/post")
    assert again.body == first.body
    other = await post(posts, {"title": "b"}, "other")
    assert other.row["id"] == 2


async def test_lists_upserts_and_changes_are_done_once_too(posts: Api) -> None:
    many = [{"title": "a"}, {"title": "b"}]
    assert (await post(posts, many)).body == (await post(posts, many)).body
    query = {"mode": "upsert", "key": "title"}
    first = await post(posts, {"title": "c"}, "u", **query)
    again = await post(posts, {"title": "c"}, "u", **query)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    await posts.patch("/post/1", {"views": 1})
    for _ in range(2):
        answer = await posts.send(
            "PATCH", "/post/1", {"views": {"_inc": 5}}, headers={"Idempotency-Key": "i"}
        )
        assert answer.row["views"] == 6
    assert len(await posts.rows("/post")) == 3


async def test_a_key_is_for_one_request(posts: Api) -> None:
    await post(posts, {"title": "a"})
    for answer in (
        await post(posts, {"title": "b"}),
        await post(posts, {"title": "a"}, fields="id"),
        await post(posts, {"label": "a"}, path="/post"),
    ):
        assert (answer.status, answer.code) == (422, "IDEMPOTENCY_MISMATCH")
    assert len(await posts.rows("/post")) == 1


async def test_keys_of_others_are_others(posts: Api) -> None:
    await posts.publish("/post", "POST", "GET")
    assert (await post(posts, {"title": "a"})).row["id"] == 1
    assert (await post(posts.anonymous, {"title": "b"})).row["id"] == 2
    assert [row["caller"] for row in await posts.rows(KEYS, sort="id")][1] == ""


async def test_an_error_is_not_kept(posts: Api) -> None:
    await posts.create("/post", {"title": "taken"})
    assert (await post(posts, {"title": "taken"})).status == 409
    assert (await post(posts, {"titel": "x"})).status == 400
    assert await posts.rows(KEYS) == []
    assert (await post(posts, {"title": "free"})).status == 201


async def test_what_was_answered_is_nobodys_to_read(posts: Api) -> None:
    await post(posts, {"title": "a"})
    (row,) = await posts.rows(KEYS)
    assert (row["key"], row["status"]) == ("k", 201)
    assert "answer" not in row
    assert (await posts.post(KEYS, {"key": "x"})).status == 405


async def test_a_failure_leaves_neither_record_nor_key(
    posts: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Repository.update

    async def fails(repository: Repository, *values: Any, **more: Any) -> bytes:
        if repository.table.name == "idempotency_key_definition":
            raise RuntimeError("the power went out")
        return await update(repository, *values, **more)

    with monkeypatch.context() as patched:
        # Of the class: definitions that are loaded anew bring new repositories.
        patched.setattr(Repository, "update", fails)
        assert (await post(posts, {"title": "a"})).status == 500
    assert await posts.rows("/post") == []
    assert await posts.rows(KEYS) == []
    assert (await post(posts, {"title": "a"})).status == 201


async def test_a_request_that_is_still_running_is_not_begun_again(
    posts: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()
    create = Repository.create

    async def slow(self: Repository, body: Any, *given: Any, **more: Any) -> bytes:
        if body == {"title": "a"}:
            begun.set()
            await goes_on.wait()
        return await create(self, body, *given, **more)

    monkeypatch.setattr(Repository, "create", slow)
    first = asyncio.ensure_future(post(posts, {"title": "a"}))
    await begun.wait()
    refused = await post(posts, {"title": "a"})
    assert (refused.status, refused.code) == (409, "IDEMPOTENCY_IN_PROGRESS")
    goes_on.set()
    assert (await first).status == 201
    assert (await post(posts, {"title": "a"})).headers["Idempotency-Replayed"] == "true"


async def test_instances_know_each_others_keys(posts: Api, database_uri: str) -> None:
    async with Kernel(settings(database_uri)) as other:
        instances = [posts, Api(other, posts.token)]
        for number in range(4):
            answers = await asyncio.gather(
                *(post(one, {"title": f"t{number}"}, f"key-{number}") for one in instances)
            )
            assert [answer.status for answer in answers] == [201, 201], answers
            assert answers[0].body == answers[1].body
    assert len(await posts.rows("/post")) == 4


class _Later(SystemClock):
    """A clock that can be put forward."""

    ahead = timedelta(0)

    def now(self) -> Any:
        return super().now() + self.ahead


async def test_answers_are_kept_for_a_day_and_then_forgotten(database_uri: str) -> None:
    clock = _Later()
    # The kernel itself looks for old answers, too; not while this test does.
    ages = {"access_token_ttl": 10**9, "refresh_token_ttl": 10**9, "refresh_interval": 10**6}
    kept = settings(database_uri, **ages)
    async with Kernel(kept, clock=clock) as kernel:
        api = await Api(kernel).login()
        await api.define("post", "title varchar!")
        await post(api, {"title": "a"})
        await post(api, {"title": "b"}, "other")
        clock.ahead = timedelta(hours=23)
        assert await kernel.idempotency.prune() == 0
        assert (await post(api, {"title": "a"})).row["id"] == 1
        clock.ahead = timedelta(hours=25)
        assert (await post(api, {"title": "a"})).row["id"] == 3
        assert await kernel.idempotency.prune() == 1
        assert len(await api.rows(KEYS)) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256])
async def test_keys_that_are_none(sqlite_api: Api, key: str) -> None:
    await sqlite_api.define("post", "title varchar!")
    answer = await post(sqlite_api, {"title": "a"}, key)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def test_where_nothing_would_be_kept_the_header_is_refused(sqlite_api: Api) -> None:
    for path, body in (
        ("/table_definition", {"name": "x"}), ("/menu_definition", {"label": "a"})
    ):  # fmt: skip
        answer = await post(sqlite_api, body, path=path)
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
        assert "Idempotency-Key is not for" in answer.message


async def test_an_answer_too_large_to_keep_is_not_given(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "text text")
    body = {"text": "x" * (5 << 20)}
    answer = await post(sqlite_api, body, path="/note")
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert await sqlite_api.rows("/note", fields="id") == []
    assert (await post(sqlite_api, body, path="/note", fields="id")).status == 201


async def test_what_one_may_not_see_any_more_is_not_given_again(sqlite_api: Api) -> None:
    api = sqlite_api
    table = await api.define("post", "title varchar", "note varchar")
    columns = await api.rows("/column_definition", filter={"table": table["id"]}, limit=0)
    note = next(one["id"] for one in columns if one["name"] == "note")
    await api.create("/role_definition", {"name": "writer"})
    await api.create("/role_definition", {"name": "reader"})
    body = {"email": "ann@example.org", "password": "secret", "role": "writer"}
    user = await api.create("/user_definition", body)
    for role in ("writer", "reader"):
        permission = {"route": "/post", "role": role, "methods": ["GET", "POST"]}
        await api.create("/route_permission_definition", permission)
    ann = await api.anonymous.login("ann@example.org", "secret")
    row = {"title": "a", "note": "whispered"}

    async def changed(path: str, change: Any) -> None:
        assert (await api.patch(path, change)).status == 200

    async def asked(once: str) -> tuple[int, bool]:
        answer = await post(ann, row, once)
        return answer.status, "whispered" in str(answer.body)

    assert await asked("one") == (201, True)
    # What has nothing to do with it.
    await api.define("other", "x int")
    await changed("/role_definition/1", {"description": "another"})
    assert await asked("one") == (201, True)
    # A permission of the field, and the role.
    denied = {"column": note, "role": "reader", "action": "read", "effect": "deny"}
    await api.create("/field_permission_definition", denied)
    assert await asked("one") == (201, True)
    await changed(f"/user_definition/{user['id']}", {"role": "reader"})
    answer = await post(ann, row, "one")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert "was done when it was first sent" in answer.message
    await changed(f"/user_definition/{user['id']}", {"role": "writer"})
    assert await asked("one") == (201, True)
    # A field that is not published any more.
    await changed(f"/column_definition/{note}", {"isPublished": False})
    assert await asked("one") == (403, False)
    assert len(await api.rows("/post")) == 1
    # An administrator sees everything, before and after.
    assert (await post(api, row, "root")).status == 201
    await changed(f"/column_definition/{note}", {"isPublished": True})
    assert (await post(api, row, "root")).headers["Idempotency-Replayed"] == "true"
