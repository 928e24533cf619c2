"""Who may write SQL, and what is wrong with what they ask."""

from __future__ import annotations

import logging

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio

ONE = {"sql": "SELECT 'hidden' AS x"}


async def test_sql_is_for_the_administrator(
    sqlite_api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await sqlite_api.anonymous.post("/admin/sql", ONE)).status == 401
    person = {"email": "ann@example.com", "password": "ann's secret"}
    await sqlite_api.create("/user_definition", person)
    ann = await sqlite_api.login(**person)
    assert (await ann.post("/admin/sql", ONE)).status == 403
    # Also where a role may use the route.
    route = (await sqlite_api.rows("/route_definition", filter={"path": "/admin/sql"}))[0]
    post = (await sqlite_api.rows("/method_definition", filter={"name": "POST"}))[0]["id"]
    await sqlite_api.patch(f"/route_definition/{route['id']}", {"skipRoleGuardMethods": [post]})
    refused = await ann.post("/admin/sql", ONE)
    assert refused.status == 403
    assert "no permission of tables or fields holds" in refused.message
    with caplog.at_level(logging.INFO, "enfyra.sql"):
        assert (await sqlite_api.post("/admin/sql", ONE)).data == [{"x": "hidden"}]
        assert (await sqlite_api.post("/admin/sql", {"sql": "DELETE FROM post"})).status == 400
    done, refusal = [record.__dict__ for record in caplog.records if record.name == "enfyra.sql"]
    assert done["statement"] == "SELECT ? AS `x`"
    assert refusal["code"] == "SQL_REFUSED"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "The body must be a JSON object"),
        ({}, "sql must be a statement"),
        ({"sql": ["SELECT 1"]}, "sql must be a statement"),
        ({"sql": "SELECT 1", "limits": 1}, "limits is not allowed. Did you mean 'limit'?"),
        ({"sql": "SELECT 1", "limit": -1}, "limit must be a whole number"),
        ({"sql": "SELECT 1", "limit": True}, "limit must be a whole number"),
        ({"sql": "SELECT 1", "timeout": 0}, "timeout must be a number of seconds"),
        ({"sql": "SELECT 1", "explain": 1}, "explain must be true or false"),
        ({"sql": "SELECT 1", "parameters": [1]}, "parameters must be an object"),
        ({"sql": "SELECT '\0'"}, "sql must not hold a null character"),
    ],
)
async def test_bad_bodies(sqlite_api: Api, body: object, message: str) -> None:
    answer = await sqlite_api.post("/admin/sql", body)
    assert answer.status == 400
    assert message in answer.message


async def test_turned_off(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri, sql=False)) as kernel:
        answer = await (await Api(kernel).login()).post("/admin/sql", ONE)
    assert answer.status == 403
    assert answer.message == "SQL is turned off on this server"


@pytest.mark.parametrize("engine", ["mongodb"], indirect=True)
async def test_mongodb_does_not_speak_it(api: Api) -> None:
    answer = await api.post("/admin/sql", ONE)
    assert (answer.status, answer.body["error"]["code"]) == (400, "SQL_REFUSED")
    assert "dimensions and measures" in answer.body["error"]["hint"]
