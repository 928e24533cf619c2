"""Scripts that are checked and tried before they are saved."""

from __future__ import annotations

from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.pools import Domain

from tests.api import Api

pytestmark = pytest.mark.asyncio


async def tried(api: Api, **trial: Any) -> Any:
    answer = await api.post("/admin/test/run", {"route": "/note", "method": "POST", **trial})
    assert answer.status == 200, answer.body
    return answer.row


async def test_validate_tells_all_problems(sqlite_api: Api) -> None:
    answer = await sqlite_api.post("/admin/script/validate", {"sourceCode": "return (1"})
    assert not answer.row["valid"]
    assert answer.row["problems"][0]["line"] == 1
    assert (await sqlite_api.post("/admin/script/validate", {"sourceCode": "pass"})).row["valid"]


async def test_scripts_are_for_administrators(sqlite_api: Api) -> None:
    for path in ("/admin/script/validate", "/admin/test/run"):
        assert (await sqlite_api.anonymous.post(path, {})).status == 401


async def test_nothing_of_a_trial_stays(api: Api) -> None:
    await api.define("note", "title varchar!", "views int")
    await api.create("/note", {"title": "old"})
    source = (
        "ctx.body['title'] += '!'\nctx.logs('hello')\n"
        "await ctx.repos.note.create({'data': {'title': 'beside'}})\n"
        "ctx.share['seen'] = await ctx.repos.note.count()\n"
        "await ctx.trigger('welcome', {'id': 1})\n"
        "await ctx.socket.emitToUser('7', 'made', {'id': 1})"
    )
    report = await tried(api, sourceCode=source, request={"body": {"title": "new"}})
    assert report["status"] == 201
    assert report["result"]["data"][0]["title"] == "new!"
    assert report["before"]["body"] == {"title": "new"}
    assert report["after"]["body"] == {"title": "new!"}
    assert report["after"]["share"] == {"seen": 2}
    assert report["logs"] == ["hello"]
    assert report["triggers"] == [{"flow": "welcome", "payload": {"id": 1}}]
    emitted = {"function": "emitToUser", "arguments": ["7", "made", {"id": 1}]}
    assert report["messages"] == [emitted]
    assert [one["stage"] for one in report["stages"]] == ["pre", "default"]
    verbs = [(one["verb"], one["table"]) for one in report["touched"]]
    assert verbs.count(("create", "note")) == 2
    assert [row["title"] for row in await api.rows("/note")] == ["old"]


async def test_trials_run_beside_what_serves_saved_scripts(
    sqlite_api: Api, sqlite_kernel: Kernel
) -> None:
    saved = sqlite_kernel.scripts.runner(Domain.SAVED)
    assert isinstance(saved, WorkerPool)
    await sqlite_api.define("note", "title varchar!")
    hook = {"name": "mark", "sourceCode": "ctx.body.title += '!'", "methods": ["POST"]}
    await sqlite_api.create("/pre_hook_definition", {**hook, "route": "/note"})
    report = await tried(sqlite_api, sourceCode="pass", request={"body": {"title": "a"}})
    assert report["result"]["data"][0]["title"] == "a!"
    endless = await tried(sqlite_api, sourceCode="while True: pass", timeout=50)
    assert endless["status"] == 504
    # The saved hook was run in the trial as well, but not where it serves.
    assert saved.pids == []
    assert (await sqlite_api.create("/note", {"title": "b"}))["title"] == "b!"
    assert saved.pids


async def test_a_trial_that_breaks_a_constraint_tells_so(api: Api) -> None:
    await api.define("note", "title varchar!", uniques=[["title"]])
    await api.create("/note", {"title": "old"})
    report = await tried(api, sourceCode="pass", request={"body": {"title": "old"}})
    assert report["status"] == 409
    assert "title" in report["result"]["message"]


async def test_a_sample_is_taken_from_the_table(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("note", "title varchar!", "views int")
    report = await api.post(
        "/admin/test/run",
        {"route": "/note", "method": "POST", "sourceCode": "pass", "sample": True},
    )
    assert "no record number 1" in report.message
    await api.create("/note", {"title": "old", "views": 3})
    report = await tried(api, sourceCode="return ctx.body", sample=True)
    assert report["result"] == {"title": "old", "views": 3}
    report = await tried(api, sourceCode="return ctx.params", sample=True, method="DELETE")
    assert report["result"] == {"id": "1"}
    await api.create("/note", {"title": "new", "views": 4})
    report = await tried(api, sourceCode="return ctx.body.title", sample=2)
    assert report["result"] == "old"
    answer = await api.post(
        "/admin/test/run", {"route": "/note", "sourceCode": "pass", "sample": -1}
    )
    assert "sample must be" in answer.message


async def test_a_trial_is_of_the_whole_route_or_of_the_script_alone(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("note", "title varchar")
    saved = await api.create(
        "/pre_hook_definition",
        {"name": "x", "route": "/note", "sourceCode": "ctx.share['saved'] = 1"},
    )
    source = "ctx.share['mine'] = 1"
    assert (await tried(api, sourceCode=source))["after"]["share"] == {"saved": 1, "mine": 1}
    for more in ({"alone": True}, {"id": saved["id"]}):
        assert (await tried(api, sourceCode=source, **more))["after"]["share"] == {"mine": 1}


async def test_a_handler_of_a_route_that_is_not_there_yet(sqlite_api: Api) -> None:
    report = await tried(
        sqlite_api,
        kind="handler",
        route="/report/:year",
        method="GET",
        sourceCode="return [ctx.params.year, ctx.user]",
        request={"path": "/report/2024", "user": None},
    )
    assert report["result"] == ["2024", None]


async def test_a_trial_s_query_is_what_scripts_and_the_route_find(sqlite_api: Api) -> None:
    await sqlite_api.define("note", "title varchar!", "views int")
    await sqlite_api.create("/note", [{"title": "a", "views": 1}, {"title": "b", "views": 9}])
    query = {"filter": {"views": {"_gt": 5}}, "fields": ["title", "views"], "limit": 3, "x": None}
    report = await tried(
        sqlite_api,
        kind="post_hook",
        method="GET",
        sourceCode="ctx.data.asked = [ctx.query.filter, ctx.query.fields, ctx.query.limit]",
        request={"query": query},
    )
    assert report["status"] == 200, report
    assert [row["title"] for row in report["result"]["data"]] == ["b"]
    assert report["result"]["asked"] == [{"views": {"_gt": 5}}, "title,views", "3"]


async def test_it_runs_as_whom_one_likes(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define("note", "title varchar")
    await api.create("/user_definition", {"email": "ann@x.org", "password": "x"})
    report = await tried(api, sourceCode="return ctx.user.email", request={"user": "ann@x.org"})
    assert report["result"] == "ann@x.org"
    answer = await api.post(
        "/admin/test/run",
        {"route": "/note", "sourceCode": "pass", "request": {"user": "bob@x.org"}},
    )
    assert answer.status == 404


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        ({"sourceCode": "pass", "route": "/nte"}, "Did you mean '/note'?"),
        ({"sourceCode": "pass", "kind": "pre_hok"}, "Did you mean 'pre_hook'?"),
        ({"sourceCode": "pass", "requst": {}}, "Did you mean 'request'?"),
        ({"sourceCode": "pass", "request": {"bdy": 1}}, "Did you mean 'body'?"),
        ({"sourceCode": "pass", "request": {"query": [1]}}, "request.query must be an object"),
        ({"sourceCode": "pass", "timeout": 0}, "timeout must be"),
        ({}, "sourceCode must be a text"),
        ({"sourceCode": "pass", "scriptLanguage": "perl"}, "scriptLanguage must be one of"),
        ({"sourceCode": "pass", "route": "/auth/login", "method": "GET"}, "does not answer GET"),
    ],
)
async def test_mistakes_are_told(sqlite_api: Api, trial: Any, said: str) -> None:
    await sqlite_api.define("note", "title varchar")
    answer = await sqlite_api.post("/admin/test/run", {"route": "/note", **trial})
    assert answer.status == 400, answer.body
    assert said in answer.message
