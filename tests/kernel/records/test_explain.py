"""explain: how a list is answered, for administrators."""

from __future__ import annotations

import json

import pytest

from tests.api import Api

from .magazine import publish_magazine

pytestmark = pytest.mark.asyncio


async def test_explain_tells_plan_statements_and_the_databases_own_plan(api: Api) -> None:
    await publish_magazine(api)
    answer = await api.get(
        "/author",
        explain="true",
        filter={"name": "O'Hara", "posts": {"views": {"_gt": 12345}}},
        sort="-_count(posts)",
        deep={"posts": {"fields": "title", "limit": 77, "filter": {"status": "hidden"}}},
        meta="*",
    )
    assert answer.status == 200, answer.body
    told = answer.data
    plan = told["plan"]
    assert plan["table"] == "author"
    assert plan["where"] == "(name _eq $0) and (exists posts in post where views _gt $1)"
    assert plan["order"] == ["-count(*) of posts", "-id"]
    assert plan["fields"][-1]["posts"]["where"] == "status _eq $3"
    assert plan["values"]["$1"] == "posts.views (int)"
    assert told["statements"]
    assert len(told["database"]) == len(told["statements"])
    assert all(told["database"])
    statements = json.dumps(told["statements"])
    assert "post" in statements
    # Values are never part of a statement.
    for value in ("O'Hara", "12345", "77", "hidden"):
        assert value not in statements


async def test_explain_is_for_administrators(sqlite_api: Api) -> None:
    await publish_magazine(sqlite_api)
    await sqlite_api.publish("/post", "GET")
    answer = await sqlite_api.anonymous.get("/post", explain="true")
    assert (answer.status, answer.code) == (403, "AUTHORIZATION_ERROR")
    assert (await sqlite_api.get("/post", explain="maybe")).status == 400
    assert isinstance((await sqlite_api.get("/post", explain="false")).data, list)
    grouped = await sqlite_api.get("/post", explain="", dimensions="status", measures="count")
    assert grouped.data["plan"]["groupBy"] == ["status"]
