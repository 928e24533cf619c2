"""`/metadata`: the definitions as the caller may see them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api import Api
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


async def described(api: Api, name: str) -> Any:
    answer = await api.get(f"/metadata/{name}")
    assert answer.status == 200, answer.body
    return answer.data


async def test_everything_is_described_with_the_version_of_the_definitions(api: Api) -> None:
    before = (await api.get("/metadata")).data
    assert before["dbType"] == api.kernel.database.engine
    names = [table["name"] for table in before["tables"]]
    assert {"user_definition", "table_definition", "route_definition"} <= set(names)
    await api.define("post", "title varchar")
    after = (await api.get("/metadata")).data
    assert [table["name"] for table in after["tables"] if table["name"] not in names] == ["post"]
    assert after["version"] > before["version"]


async def test_a_table_is_described_from_both_ends_of_its_relations(api: Api) -> None:
    await api.define("author", "name varchar!")
    relation = {
        "propertyName": "author",
        "type": "many-to-one",
        "targetTable": "author",
        "inversePropertyName": "posts",
        "isNullable": True,
    }
    await api.define("post", "title varchar!", relations=[relation])
    post = await described(api, "post")
    assert post["primary"] == "id"
    assert {"id", "title", "createdAt", "updatedAt"} <= {one["name"] for one in post["columns"]}
    (author,) = post["relations"]
    assert (author["propertyName"], author["type"], author["targetTable"], author["inverse"]) == (
        "author",
        "many-to-one",
        "author",
        "posts",
    )
    assert author["foreignKeyColumn"]
    (route,) = post["routes"]
    assert (route["path"], route["publicMethods"]) == ("/post", [])
    assert set(route["methods"]) == {"GET", "POST", "PATCH", "PUT", "DELETE"}
    (posts,) = (await described(api, "author"))["relations"]
    assert (posts["propertyName"], posts["type"], posts["mappedBy"]) == (
        "posts",
        "one-to-many",
        "author",
    )


async def test_secret_columns_are_described_to_nobody(sqlite_api: Api) -> None:
    user = await described(sqlite_api, "user_definition")
    assert "password" not in {one["name"] for one in user["columns"]}
    assert "isSecret" not in str(user)
    assert "refreshTokenHash" not in str((await sqlite_api.get("/metadata")).body)


async def test_an_unknown_table_suggests_the_nearest(sqlite_api: Api) -> None:
    await sqlite_api.define("article", "title varchar")
    answer = await sqlite_api.get("/metadata/artcle")
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_FOUND")
    assert answer.message == "There is no table 'artcle'. Did you mean 'article'?"


async def test_a_user_sees_only_tables_of_which_something_is_open_to_him(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("open", "x int")
    await api.define("closed", "x int")
    await api.publish("/open", "GET")
    await api.create("/user_definition", {"email": "a@b.c", "password": "x"})
    ann = await api.anonymous.login("a@b.c", "x")
    names = {table["name"] for table in (await ann.get("/metadata")).data["tables"]}
    assert "open" in names
    assert "closed" not in names
    assert (await ann.get("/metadata/closed")).status == 404
    assert "closed" not in (await ann.get("/metadata/close")).message


async def test_a_relation_does_not_name_a_table_that_its_reader_cannot_see(
    sqlite_api: Api,
) -> None:
    api = sqlite_api
    await api.define("vault", "x int")
    relation = {
        "propertyName": "kept",
        "type": "many-to-one",
        "targetTable": "vault",
        "inversePropertyName": "memos",
    }
    await api.define("memo", "x int", relations=[relation])
    await api.publish("/memo", "GET")
    await api.create("/user_definition", {"email": "a@b.c", "password": "x"})
    ann = await api.anonymous.login("a@b.c", "x")
    (kept,) = (await described(ann, "memo"))["relations"]
    assert (kept["propertyName"], kept["targetTable"], kept["inverse"]) == ("kept", None, None)
    assert "vault" not in str((await ann.get("/metadata")).body)
    await api.publish("/vault", "GET")
    (kept,) = (await described(ann, "memo"))["relations"]
    assert (kept["targetTable"], kept["inverse"]) == ("vault", "memos")
