"""Hooks and handlers around what routes do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings
from tests.engines import two_engines  # noqa: F401

pytestmark = pytest.mark.asyncio


async def hook(api: Api, stage: str, source: str, route: str = "/note", **facts: Any) -> Any:
    body = {"name": f"{stage} hook", "route": route, "sourceCode": source, **facts}
    if body.get("isGlobal"):
        del body["route"]
    return await api.create(f"/{stage}_hook_definition", body)


async def handler(api: Api, method: str, source: str, route: str = "/note") -> Any:
    body = {"route": route, "method": method, "sourceCode": source}
    return await api.create("/route_handler_definition", body)


async def note(api: Api) -> None:
    await api.define("note", "title varchar!", "owner varchar", "views int")


async def test_a_pre_hook_may_supply_a_required_field(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await hook(api, "pre", "ctx.body.title = ctx.user.email", methods=["POST"])
    assert (await api.create("/note", {"views": 1}))["title"] == "admin@enfyra.local"
    assert (await api.rows("/note"))[0]["views"] == 1


# -- pre-hooks ------------------------------------------------------------------------------------


async def test_a_value_of_a_pre_hook_is_the_answer(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await hook(api, "pre", "return {'mine': 1}", methods=["GET"], priority=2)
    await hook(api, "pre", "ctx.share['late'] = 1\nreturn {'later': 1}", priority=3)
    await hook(api, "post", "ctx.data['seen'] = ctx.share.late", methods=["GET"])
    answer = await api.get("/note")
    assert (answer.status, answer.body) == (200, {"mine": 1, "seen": None})


async def test_hooks_run_by_priority_and_those_of_all_routes_first(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    add = "ctx.share['order'] = (ctx.share.order or '') + '{}'"
    await hook(api, "pre", add.format("c"), priority=1)
    await hook(api, "pre", add.format("a"))
    await hook(api, "pre", add.format("b"), isGlobal=True, priority=1)
    await hook(api, "pre", add.format("x"), isEnabled=False)
    await hook(api, "pre", add.format("y"), methods=["DELETE"])
    await hook(api, "post", "return ctx.share.order", methods=["GET"])
    assert (await api.get("/note")).body == "abc"


async def test_hooks_of_all_routes_leave_the_way_to_mend_them_open(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    row = await hook(api, "pre", "ctx.throw.http(418, 'No')", isGlobal=True)
    for path in ("/note", "/me", "/user_definition"):
        assert (await api.get(path)).status == 418, path
    assert (await api.anonymous.post("/auth/login", {})).status == 400
    assert (await api.get("/metadata")).status == 200
    answer = await api.patch(f"/pre_hook_definition/{row['id']}", {"isEnabled": False})
    assert answer.status == 200
    assert (await api.get("/note")).status == 200


async def test_a_narrowed_filter_holds_for_all_methods(api: Api) -> None:
    await note(api)
    for owner in ("ann", "bob"):
        await api.create("/note", {"title": owner, "owner": owner})
    narrow = (
        "mine = {'owner': {'_eq': 'ann'}}\n"
        "given = ctx.query.filter\n"
        "ctx.query['filter'] = {'_and': [given, mine]} if given else mine\n"
    )
    await hook(api, "pre", narrow, methods=["GET", "PATCH", "PUT", "DELETE"])
    mine, other = 1, 2
    assert [row["title"] for row in await api.rows("/note")] == ["ann"]
    assert await api.rows("/note", filter={"title": "bob"}) == []
    assert (await api.get("/note", meta="filterCount")).body["meta"]["filterCount"] == 1
    assert (await api.patch(f"/note/{other}", {"views": 1})).status == 404
    assert (await api.put(f"/note/{other}", {"title": "x"})).status == 404
    assert (await api.delete(f"/note/{other}")).status == 404
    assert (await api.patch(f"/note/{mine}", {"views": 1})).status == 200
    assert (await api.delete(f"/note/{mine}")).status == 200


async def test_what_a_hook_throws_is_the_answer(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await hook(api, "pre", "if not ctx.body.owner: ctx.throw.http_403('Whose is it?')")
    answer = await api.post("/note", {"title": "x"})
    assert (answer.status, answer.message) == (403, "Whose is it?")
    assert (await api.post("/note", {"title": "x", "owner": "ann"})).status == 201


# -- post-hooks -----------------------------------------------------------------------------------


async def test_post_hooks_may_change_the_answer_and_its_status(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await hook(api, "post", "ctx.data['data'][0]['title'] += '!'\nctx.status = 202")
    answer = await api.post("/note", {"title": "x"})
    assert (answer.status, answer.row["title"]) == (202, "x!")
    assert answer.headers.get("ETag") is None
    assert (await api.anonymous.get("/note")).status == 401


async def test_post_hooks_see_errors_and_change_nothing_about_them(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.define("log", "text varchar", "code int")
    await hook(
        api,
        "post",
        "if ctx.error:\n"
        "  await ctx.repos.log.create({'data': {'text': ctx.error.message, "
        "'code': ctx.error.statusCode}})\n"
        "  assert ctx.data is None\n"
        "  return {'fine': True}\n",
    )
    await hook(api, "post", "raise ValueError('worse')", priority=-1)
    answer = await api.post("/note", {"titel": "x"})
    assert answer.status == 400
    assert "title" in answer.message
    assert [row["code"] for row in await api.rows("/log")] == [400]


async def test_a_failing_post_hook_fails_the_request(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.publish("/note", "GET")
    await hook(api, "post", "raise ValueError('secret text')", methods=["GET"])
    answer = await api.anonymous.get("/note")
    assert (answer.status, answer.code) == (500, "SCRIPT_EXECUTION_ERROR")
    assert "secret" not in json.dumps(answer.body)
    answer = await api.get("/note")
    assert "secret text" in answer.message
    assert answer.body["error"]["details"]["line"] == 1


# -- handlers -------------------------------------------------------------------------------------


async def test_a_handler_answers_in_the_place_of_crud(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.create("/note", [{"title": "a"}, {"title": "b"}])
    await handler(
        api,
        "GET",
        "found = await ctx.repos.note.find(filter={'title': {'_eq': 'b'}}, fields='id', "
        "meta='filterCount')\n"
        "return {'found': found.meta.filterCount, 'rows': found.data}",
    )
    assert (await api.get("/note")).body == {"found": 1, "rows": [{"id": 2}]}
    assert (await api.post("/note", {"title": "c"})).status == 201


async def test_main_is_the_routes_own_table_with_the_callers_rights(sqlite_api: Api) -> None:
    api = sqlite_api
    await api.define(
        "note", "title varchar", {"name": "secret", "type": "varchar", "isPublished": False}
    )
    await api.create("/note", {"title": "a", "secret": "s"})
    await api.publish("/note", "GET")
    await handler(
        api,
        "GET",
        "return [await ctx.repos.main.find(), await ctx.repos.secure.note.find(), "
        "await ctx.repos.note.find(fields='secret')]",
    )
    await hook(api, "pre", "ctx.query['fields'] = 'title'", methods=["GET"])
    main, secure, trusted = (await api.anonymous.get("/note")).body
    assert main["data"] == [{"id": 1, "title": "a"}]
    assert "secret" not in secure["data"][0]
    assert trusted["data"] == [{"id": 1, "secret": "s"}]


async def test_routes_without_a_table_have_parameters_and_wildcards(sqlite_api: Api) -> None:
    api = sqlite_api
    for path in ("/report/:year", "/files/*path"):
        await api.create("/route_definition", {"path": path, "availableMethods": ["GET"]})
        await handler(api, "GET", "return [ctx.params, ctx.req.method, ctx.query]", route=path)
    assert (await api.get("/report/2024", full="1")).body == [
        {"year": "2024"}, "GET", {"full": "1"},
    ]  # fmt: skip
    assert (await api.get("/files/a/b.txt")).body[0] == {"path": "a/b.txt"}
    assert (await api.post("/report/2024", {})).status == 405


async def test_a_handler_may_say_nothing(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(api, "POST", "ctx.status = 204")
    answer = await api.post("/note", {})
    assert answer.status == 204


async def test_a_status_that_is_none_is_the_scripts_error(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(api, "POST", "ctx.status = 99\nreturn {}")
    assert (await api.post("/note", {})).code == "SCRIPT_EXECUTION_ERROR"


async def test_secrets_of_the_caller_do_not_reach_scripts(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(api, "GET", "return [ctx.req.headers, ctx.user]")
    answer = await api.send("GET", "/note", headers={"Cookie": "a=b", "X-Mine": "yes"})
    assert api.token is not None
    assert api.token not in json.dumps(answer.body)
    assert answer.body[0]["x-mine"] == "yes"
    assert "cookie" not in answer.body[0]
    assert answer.body[1]["email"] == "admin@enfyra.local"
    assert "password" not in answer.body[1]


async def test_the_callers_row_is_that_of_now(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(api, "GET", "return ctx.user.email")
    assert (await api.get("/note")).body == "admin@enfyra.local"
    assert (await api.patch("/me", {"email": "new@enfyra.local"})).status == 200
    assert (await api.get("/note")).body == "new@enfyra.local"


# -- repositories ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("await ctx.repos.nte.find()", "no table 'nte'. Did you mean 'note'?"),
        ("await ctx.repos.note.find(filtr={})", "no option 'filtr'. Did you mean 'filter'?"),
        ("await ctx.repos.note.find(filter={'titel': 1})", "Did you mean 'title'?"),
        ("await ctx.repos.note.exists()", "needs a filter"),
        ("await ctx.repos.note.delete(filter={})", "needs a filter"),
        ("await ctx.repos.note.update(data={'title': 'x'})", "needs a filter"),
        ("await ctx.repos.note.create()", "create needs data"),
        ("await ctx.repos.note.update(id=[1], data={})", "needs an id"),
        ("await ctx.repos.note.update(id=77, data={'title': 'x'})", "id 77"),
        ("await ctx.repos.note.create({'data': {'titel': 'x'}})", "titel"),
        ("await ctx.repos.session_definition.create({'data': {}})", "cannot POST"),
        ("await ctx.repos.user_definition.update(data={}, filter={'id': 1})", "one by one"),
    ],
)
async def test_what_repositories_refuse(sqlite_api: Api, source: str, said: str) -> None:
    api = sqlite_api
    await note(api)
    await handler(api, "GET", source)
    answer = await api.get("/note")
    assert answer.status in {400, 404}, answer.body
    assert said in answer.message


async def test_repositories_write(api: Api) -> None:
    await note(api)
    await handler(
        api,
        "GET",
        "notes = ctx.repos.note\n"
        "made = await notes.create({'data': [{'title': 'a'}, {'title': 'b'}, {'title': 'c'}]})\n"
        "await notes.update(id=made.data[0].id, data={'views': 5}, fields='views')\n"
        "await notes.update(filter={'title': {'_in': ['b', 'c']}}, data={'views': 7})\n"
        "gone = await notes.delete(id=made.data[1].id)\n"
        "return [await notes.count({'views': {'_gt': 0}}), await notes.exists({'title': 'b'}), "
        "gone.message, (await notes.find(sort='id', fields='title,views')).data]",
    )
    counted, exists, message, rows = (await api.get("/note")).body
    assert (counted, exists, message) == (2, False, "Deleted")
    assert [(row["title"], row["views"]) for row in rows] == [("a", 5), ("c", 7)]


async def test_system_rows_are_written_by_their_rules(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(
        api,
        "GET",
        "made = await ctx.repos.user_definition.create("
        "{'data': {'email': 'Ann@x.org', 'password': 'pw'}, 'fields': 'email'})\n"
        "return made.data",
    )
    (row,) = (await api.get("/note")).body
    assert row["email"] == "ann@x.org"
    await Api(api.kernel).login("ann@x.org", "pw")


async def test_a_trigger_begins_its_flow(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.create("/flow_definition", {"name": "welcome"})
    await hook(
        api, "post", "await ctx.trigger('welcome', {'id': ctx.data.data[0].id})", methods=["POST"]
    )
    await api.create("/note", {"title": "x"})
    (run,) = await api.rows("/flow_execution_definition")
    assert (run["trigger"], run["payload"]) == ("manual", {"id": 1})
    await hook(api, "post", "await ctx.trigger('welcom')", methods=["GET"])
    assert "Did you mean 'welcome'?" in (await api.get("/note")).message


# -- traces and logs ------------------------------------------------------------------------------


async def test_administrators_see_logs_and_traces(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.publish("/note", "GET")
    await hook(api, "pre", "ctx.logs('before', 1)")
    await hook(api, "post", "ctx.logs('after äöü')")
    answer = await api.send("GET", "/note", headers={"X-Enfyra-Trace": "1"})
    assert answer.body["logs"] == ["before 1", "after äöü"]
    trace = json.loads(answer.headers["X-Enfyra-Trace"])
    assert [one["stage"] for one in trace["stages"]] == ["pre", "default", "post"]
    assert trace["stages"][2]["logs"] == ["after äöü"]
    public = await api.anonymous.send("GET", "/note", headers={"X-Enfyra-Trace": "1"})
    assert "logs" not in public.body
    assert "X-Enfyra-Trace" not in public.headers


async def test_a_request_without_scripts_is_traced_too(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    answer = await api.send("GET", "/note", headers={"X-Enfyra-Trace": "1"})
    (stage,) = json.loads(answer.headers["X-Enfyra-Trace"])["stages"]
    assert (stage["stage"], stage["name"]) == ("default", "GET /note")
    failed = await api.send("GET", "/note", headers={"X-Enfyra-Trace": "1"}, fields="titel")
    assert failed.status == 400
    assert "titel" in json.loads(failed.headers["X-Enfyra-Trace"])["stages"][0]["error"]


# -- saving ---------------------------------------------------------------------------------------


async def test_a_source_that_cannot_run_is_not_saved(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    body = {"name": "x", "route": "/note", "sourceCode": "a = 1\nreturn (a"}
    answer = await api.post("/pre_hook_definition", body)
    assert (answer.status, answer.code) == (422, "SCRIPT_SYNTAX_ERROR")
    assert "line 2: return (a" in answer.message
    assert answer.body["error"]["details"]["problems"][0]["line"] == 2
    assert await api.rows("/pre_hook_definition") == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "x", "sourceCode": "pass"}, "route is required, or isGlobal"),
        ({"name": "x", "route": "/note"}, "sourceCode is required"),
        ({"name": "x", "route": "/nte", "sourceCode": "pass"}, "Did you mean '/note'?"),
        (
            {"name": "x", "route": "/note", "sourceCode": "pass", "methods": ["POTS"]},
            "Did you mean 'POST'?",
        ),
    ],
)
async def test_what_would_never_run_is_refused(sqlite_api: Api, body: Any, said: str) -> None:
    await note(sqlite_api)
    answer = await sqlite_api.post("/pre_hook_definition", body)
    assert answer.status == 400
    assert said in answer.message


async def test_every_version_is_kept(api: Api) -> None:
    await note(api)
    row = await hook(api, "pre", "ctx.share['n'] = 1")
    path = f"/pre_hook_definition/{row['id']}"
    assert (await api.patch(path, {"code": "ctx.share['n'] = 2"})).status == 200
    assert (await api.patch(path, {"priority": 5})).status == 200
    versions = await api.rows(
        "/script_version_definition",
        filter={"scriptTable": "pre_hook_definition", "scriptId": row["id"]},
        sort="version",
    )
    assert [(one["version"], one["sourceCode"]) for one in versions] == [
        (1, "ctx.share['n'] = 1"),
        (2, "ctx.share['n'] = 2"),
    ]
    assert (await api.delete("/script_version_definition/1")).status == 405


async def test_routes_of_the_server_have_hooks_too(sqlite_api: Api) -> None:
    api = sqlite_api
    await hook(api, "pre", "ctx.share['asked'] = True", route="/me")
    await hook(api, "post", "ctx.data['data'][0]['nick'] = ctx.share.asked", route="/me")
    assert (await api.get("/me")).row["nick"] is True


async def test_a_transaction_is_all_or_nothing(api: Api) -> None:
    await note(api)
    await handler(
        api,
        "POST",
        "async with ctx.transaction():\n"
        "  await ctx.repos.note.create(data={'title': ctx.body.title})\n"
        "  if ctx.body.fails:\n"
        "    ctx.throw('No')\n"
        "  return await ctx.repos.note.count()",
    )
    assert (await api.post("/note", {"title": "a", "fails": True})).status == 400
    assert (await api.post("/note", {"title": "b"})).body == 1
    await handler(
        api,
        "PATCH",
        "await ctx.transaction.run(lambda: ctx.repos.note.create(data={'title': 'c'}))\n"
        "async with ctx.transaction():\n"
        "  await ctx.repos.note.create(data={'title': 'd'})\n"
        "  await ctx.helpers.sleep(30_000)",
    )
    (row,) = await api.rows("/route_handler_definition", filter={"method": {"name": "PATCH"}})
    await api.patch(f"/route_handler_definition/{row['id']}", {"timeout": 300})
    assert (await api.patch("/note/1", {})).status == 504
    assert [row["title"] for row in await api.rows("/note", sort="id")] == ["b", "c"]


async def test_an_answer_is_streamed_while_the_script_runs(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    source = (
        "async def pieces():\n"
        "  for n in range(3):\n"
        "    yield f'{n}\\n'\n"
        "  yield b'end'\n"
        "await ctx.res.stream(pieces(), {'mimetype': 'text/plain', 'statusCode': 203})"
    )
    await handler(api, "GET", source)
    answer = await api.get("/note")
    assert (answer.status, answer.body) == (203, b"0\n1\n2\nend")
    await api.patch("/route_handler_definition/1", {"sourceCode": "await ctx.res.write('x')"})
    assert "Begin the stream" in (await api.get("/note")).message


async def test_raw_bytes_and_forms(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await handler(
        api, "POST", "return [ctx.req.rawBody.hex(), ctx.body, ctx.req.headers['x-signature']]"
    )
    headers = {"X-Signature": "s", "Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.send("POST", "/note", raw=b"a=1&b=x%20y&a=2", headers=headers)
    assert answer.body == [b"a=1&b=x%20y&a=2".hex(), {"a": ["1", "2"], "b": "x y"}, "s"]


@pytest.mark.parametrize(
    "source",
    [
        "return [ctx.req.method, ctx.req.rawBody.decode(), ctx.api.request.method]",
        "req, api = getattr(ctx, 're' + 'q'), getattr(ctx, 'ap' + 'i')\n"
        "return [req.method, req.rawBody.decode(), api.request.method]",
        # Python reads these letters as those of ASCII.
        "return [ctx.\uff52eq.method, ctx.r\uff45q.rawBody.decode(), ctx.\uff41pi.request.method]",
    ],
)
async def test_what_is_made_when_it_is_looked_into_is_found_by_any_name(
    sqlite_api: Api, source: str
) -> None:
    await note(sqlite_api)
    # One that does not look comes first.
    await hook(sqlite_api, "pre", "ctx.share.a = 1", methods=["POST"])
    await handler(sqlite_api, "POST", source)
    answer = await sqlite_api.send("POST", "/note", raw=b'{"a":1}')
    assert answer.body == ["POST", '{"a":1}', "POST"]


async def test_a_javascript_handler_has_the_same_context(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await api.create("/note", {"title": "a"})
    body = {
        "route": "/note",
        "method": "GET",
        "scriptLanguage": "javascript",
        "sourceCode": "const found = await #note.find({ filter: { title: { _eq: 'a' } } })\n"
        "if (!@USER?.email) @THROW403('No')\n"
        "return { found: found.data.length, user: $ctx.$user.email }",
    }
    await api.create("/route_handler_definition", body)
    assert (await api.get("/note")).body == {"found": 1, "user": "admin@enfyra.local"}


async def test_a_script_out_of_time_is_a_gateway_timeout(sqlite_api: Api) -> None:
    api = sqlite_api
    await note(api)
    await hook(api, "pre", "while True: pass", methods=["GET"], timeout=200)
    await hook(api, "post", "ctx.logs(ctx.error.code)", methods=["GET"])
    answer = await api.get("/note")
    assert (answer.status, answer.code) == (504, "SCRIPT_TIMEOUT_ERROR")
    assert answer.body["logs"] == ["SCRIPT_TIMEOUT_ERROR"]
    assert (await api.post("/note", {"title": "a"})).status == 201


async def test_a_request_may_have_processes_of_its_own(sqlite_uri: str) -> None:
    async with Kernel(settings(sqlite_uri, script_isolation="fork")) as kernel:
        api = await Api(kernel).login()
        await note(api)
        await hook(api, "pre", "ctx.share.n = await #note.count()", methods=["POST"])
        await hook(api, "post", "ctx.data['data'][0]['before'] = ctx.share.n", methods=["POST"])
        for before in range(3):
            assert (await api.create("/note", {"title": "a"}))["before"] == before
