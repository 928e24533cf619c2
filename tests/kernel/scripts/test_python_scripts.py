"""Scripts in Python: what they see, what they may change, and what they ask the server."""

# ruff: noqa: E501 - a table is read best with a case a line
from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Language, Stage

from .running import REFUSED, FakeDatabase, run, script, section, value

pytestmark = pytest.mark.asyncio(loop_scope="module")


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return ctx.body.title", "Hello"),
        ("return ctx.body['title']", "Hello"),
        ("return [ctx.body.missing, ctx.body['missing'], ctx.params.x]", [None, None, None]),
        ("return ctx.body.author.name", "Ann"),
        ("return [one.id for one in ctx.body.tags]", [1, 2]),
        ("return ctx.user", None),
        ("return ctx.share", {}),
        ("return {'when': 1, **ctx.params}", {"when": 1, "id": "7"}),
        ("if ctx.body.title == 'Hello':\n    return 'yes'\nreturn 'no'", "yes"),
        ("import math, json\nreturn json.dumps([math.floor(2.5)])", "[2]"),
        ("from urllib.parse import quote\nreturn quote('a b')", "a%20b"),
        ("import urllib.parse\nreturn urllib.parse.quote('a b')", "a%20b"),
        ("from datetime import datetime\nreturn datetime.strptime('2024','%Y').year", 2024),
        (
            "from zoneinfo import ZoneInfo\nfrom datetime import datetime\n"
            "return datetime(2024, 7, 1, tzinfo=ZoneInfo('Europe/Berlin')).isoformat()",
            "2024-07-01T00:00:00+02:00",
        ),
        ("from decimal import Decimal\nreturn Decimal('1.10')", "1.10"),
        ("return (1, {2}, 'ä')", [1, [2], "ä"]),
        ("class A:\n    def __init__(self, n):\n        self.n = n\na = A(1)\na.n += 1\nreturn a.n", 2),
        ("import asyncio\nasync def f(n):\n    return n\nreturn await asyncio.gather(f(1), f(2))", [1, 2]),
        ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nreturn f(20)", 2432902008176640000),
        ("return ctx.helpers.autoSlug('Hello, World!')", "hello-world"),
        ("return ctx.helpers.auto_slug('Hello, World!', {'separator': '_'})", "hello_world"),
        ("return ctx.helpers.crypto.hmacSha256('a', 'b')[:8]", "cb448b44"),
        ("await ctx.helpers.sleep(1)\nreturn len(ctx.helpers.crypto.randomUUID())", 36),
        ("return getattr(ctx.body, 'title')", "Hello"),
        ("m = ctx.body\nm.title = 'New'\nreturn m", {"title": "New", "author": {"name": "Ann"}, "tags": [{"id": 1}, {"id": 2}]}),
    ],
)  # fmt: skip
async def test_values(pool: WorkerPool, source: str, expected: Any) -> None:
    body = {"title": "Hello", "author": {"name": "Ann"}, "tags": [{"id": 1}, {"id": 2}]}
    assert await value(pool, source, body=body, params={"id": "7"}) == expected


async def test_only_sections_that_changed_travel_back(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("ctx.body.author = {'id': ctx.user.id}\nctx.query.limit\nctx.status = 202", Stage.PRE),
        body={"title": "x"}, query={"limit": 5}, user={"id": 3},
    )  # fmt: skip
    assert outcome.failure is None
    assert outcome.result is None
    assert {name: json.loads(text) for name, text in outcome.sections.items()} == {
        "body": {"title": "x", "author": {"id": 3}},
        "status": 202,
    }


async def test_bytes_that_only_look_different_are_no_change(pool: WorkerPool) -> None:
    outcome = await pool.run(
        [script("ctx.body.a = 1\nctx.query", Stage.PRE)],
        {"body": b'{ "a" : 1 }', "query": b"{}"},
        FakeDatabase(),
    )
    assert outcome.sections == {}


async def test_what_is_not_a_scripts_to_change_stays(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("ctx.user.role = 'admin'", Stage.PRE),
        script("return ctx.user.role"),
        user={"role": "guest"},
    )
    assert outcome.result == b'"guest"'
    assert outcome.sections == {}
    outcome = await run(pool, "ctx.user = {'id': 1}", user={"id": 2})
    assert outcome.failure is not None
    assert "ctx.user cannot be replaced" in outcome.failure.problem.message


async def test_share_goes_from_script_to_script(pool: WorkerPool) -> None:
    outcome = await run(
        pool, script("ctx.share.n = 1", Stage.PRE), script("ctx.share.n += 1\nreturn ctx.share.n")
    )
    assert outcome.result == b"2"
    assert section(outcome, "share") == {"n": 2}


@pytest.mark.parametrize(
    "source",
    ["return object()", "a = []\na.append(a)\nreturn a", "ctx.body = {'x': object()}"],
)
async def test_what_is_not_json_is_an_error_of_the_script(pool: WorkerPool, source: str) -> None:
    outcome = await run(pool, source)
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_EXECUTION_ERROR"


async def test_changing_what_was_returned_changes_nothing(pool: WorkerPool) -> None:
    source = (
        "import asyncio\nresult = {'n': 1}\nasync def later():\n    await ctx.helpers.sleep(5)\n"
        "    result['n'] = 2\nasyncio.create_task(later())\nreturn result"
    )
    assert await value(pool, source) == {"n": 1}


# -- logs -----------------------------------------------------------------------------------------


async def test_logs_belong_to_their_script(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("print('a', 1)\nctx.logs({'x': [1]}, None)", Stage.PRE),
        script("print('second\\nline')"),
    )
    assert [one.logs for one in outcome.ran] == [("a 1", '{"x":[1]} null'), ("second", "line")]


async def test_a_flood_of_output_is_cut(pool: WorkerPool) -> None:
    outcome = await run(pool, "for n in range(100000):\n    print('x' * 10000)")
    assert outcome.failure is None
    logs = outcome.ran[0].logs
    assert max(map(len, logs)) == 4096
    assert sum(map(len, logs)) < 70_000
    assert logs[-1] == "The log is full"


# -- the server -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "arguments"),
    [
        ("await ctx.repos.post.find({'limit': 1})", "repos.find", ["post", "trusted", {"limit": 1}, None]),
        ("await ctx.repos.post.find(limit=1)", "repos.find", ["post", "trusted", {"limit": 1}, None]),
        ("await ctx.repos['post'].count()", "repos.count", ["post", "trusted", {}, None]),
        ("await ctx.repos.secure.post.exists({})", "repos.exists", ["post", "secure", {}, None]),
        ("await ctx.repos.main.find()", "repos.find", [None, "main", {}, None]),
        ("await ctx.repos.post.update(3, {'a': 1})", "repos.update", ["post", "trusted", {"id": 3, "data": {"a": 1}}, None]),
        ("await ctx.repos.post.delete(3)", "repos.delete", ["post", "trusted", {"id": 3}, None]),
        ("await ctx.cache.deleteKey('a')", "cache.deleteKey", ["a"]),
        ("await ctx.cache.delete_key('a')", "cache.deleteKey", ["a"]),
        ("await ctx.cache.set('a', {'b': 1}, 500)", "cache.set", ["a", {"b": 1}, 500]),
        ("await ctx.helpers.bcrypt.hash('x')", "helpers.bcrypt.hash", ["x"]),
        ("await ctx.helpers.rate_limit.by_ip({'maxRequests': 1})", "helpers.rateLimit.byIp", [{"maxRequests": 1}]),
        ("await ctx.helpers.fetch('http://a', {})", "helpers.fetch", ["http://a", {}]),
        ("await ctx.trigger('flow', {'a': 1})", "trigger", ["flow", {"a": 1}]),
        ("await ctx.socket.emit_to_user(1, 'e', {})", "socket.emitToUser", [1, "e", {}]),
    ],
)  # fmt: skip
async def test_requests(pool: WorkerPool, source: str, name: str, arguments: list[Any]) -> None:
    host = FakeDatabase()
    await value(pool, source, host)
    assert host.asked == [(name, arguments)]


async def test_answers_are_records(pool: WorkerPool) -> None:
    host = FakeDatabase({"repos.find": {"data": [{"title": "a"}]}})
    source = "found = await ctx.repos.post.find()\nreturn [found.data[0].title, found.data[0].none]"
    assert await value(pool, source, host) == ["a", None]


async def test_what_was_not_awaited_is_done_all_the_same(pool: WorkerPool) -> None:
    host = FakeDatabase()
    await value(pool, "ctx.trigger('flow')", host)
    assert [name for name, _ in host.asked] == ["trigger"]
    outcome = await run(
        pool,
        "ctx.trigger('flow')\nawait ctx.helpers.sleep(20)",
        host=FakeDatabase({"trigger": REFUSED}),
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "INVALID_BODY"


async def test_what_the_server_refuses_is_an_exception(pool: WorkerPool) -> None:
    host = FakeDatabase({"repos.create": REFUSED})
    source = (
        "try:\n    await ctx.repos.post.create(data={})\nexcept EnfyraError as error:\n"
        "    return [error.code, error.message, error.details.field, error.status]"
    )
    assert await value(pool, source, host) == ["INVALID_BODY", "title: is missing", "title", 400]
    outcome = await run(pool, "await ctx.repos.post.create(data={})", host=host)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.status) == ("INVALID_BODY", 400)
    assert outcome.failure.details == {"field": "title"}
    assert outcome.failure.problem.line == 1


async def test_a_defect_of_the_server_is_not_told(pool: WorkerPool) -> None:
    host = FakeDatabase({"trigger": ValueError("postgresql://user:secret@host")})
    outcome = await run(pool, "await ctx.trigger('x')", host=host)
    assert outcome.failure is not None
    assert outcome.failure.code == "INTERNAL_SERVER_ERROR"
    assert "secret" not in repr(outcome)


async def test_calls_in_a_transaction_carry_it(pool: WorkerPool) -> None:
    host = FakeDatabase({"transaction.begin": "t1"})
    await value(
        pool,
        "async with ctx.transaction():\n    await ctx.repos.a.create(data={})\n"
        "    async with ctx.transaction():\n        await ctx.repos.b.count()\n"
        "await ctx.repos.c.count()",
        host,
    )
    assert [(name, arguments[-1:]) for name, arguments in host.asked] == [
        ("transaction.begin", []),
        ("repos.create", ["t1"]),
        ("repos.count", ["t1"]),
        ("transaction.commit", ["t1"]),
        ("repos.count", [None]),
    ]
    host = FakeDatabase({"transaction.begin": "t1"})
    outcome = await run(
        pool,
        "async def work():\n    await ctx.repos.a.create(data={})\n    ctx.throw('no')\n"
        "await ctx.transaction.run(work)",
        host=host,
    )
    assert outcome.failure is not None
    assert [name for name, _ in host.asked][-1] == "transaction.rollback"


async def test_ten_thousand_at_once_come_to_the_server_bit_by_bit(pool: WorkerPool) -> None:
    most = now = 0

    async def answer(*_: Any) -> int:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return 1

    source = (
        "import asyncio\n"
        "return sum(await asyncio.gather(*(ctx.cache.get(str(n)) for n in range(10000))))"
    )
    assert await value(pool, source, FakeDatabase({"cache.get": answer})) == 10_000
    assert most <= 64


async def test_requests_are_counted(pool: WorkerPool) -> None:
    source = "for n in range(10001):\n    await ctx.cache.get('a')"
    outcome = await pool.run([script(source, timeout=300_000)], {}, FakeDatabase())
    assert outcome.failure is not None
    assert "10000 times" in outcome.failure.problem.message


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "status", "message"),
    [
        ("ctx.throw('No')", "BUSINESS_LOGIC_ERROR", 400, "No"),
        ("ctx.throw.http(418, 'Tea')", "BAD_REQUEST", 418, "Tea"),
        ("ctx.throw.http_404()", "RESOURCE_NOT_FOUND", 404, "Not found"),
        ("ctx.throw.http_409('There')", "CONFLICT", 409, "There"),
        ("ctx.throw.notFound('Post', 7)", "RESOURCE_NOT_FOUND", 404, "Post with identifier '7' not found"),
        ("ctx.throw.not_found('Post')", "RESOURCE_NOT_FOUND", 404, "Post not found"),
        ("ctx.throw.duplicate('Post', 'slug', 'a')", "DUPLICATE_RESOURCE", 409, "Post with slug 'a' already exists"),
        ("raise ctx.throw.rate_limit()", "RATE_LIMIT_EXCEEDED", 429, "Rate limit exceeded"),
    ],
)  # fmt: skip
async def test_throws(pool: WorkerPool, source: str, code: str, status: int, message: str) -> None:
    failure = (await run(pool, source)).failure
    assert failure is not None
    assert failure.thrown
    assert (failure.code, failure.status, failure.problem.message) == (code, status, message)


async def test_a_throw_carries_details(pool: WorkerPool) -> None:
    failure = (await run(pool, "ctx.throw.http_422('Bad', {'fields': ['a']})")).failure
    assert failure is not None
    assert failure.details == {"fields": ["a"]}


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("x = 1\nreturn x / 0", 2, 8, "ZeroDivisionError: division by zero"),
        ("äöü = 1; return äöü / 0", 1, 17, "ZeroDivisionError: division by zero"),
        ("def f():\n    return [][1]\nreturn f()", 2, 12, "IndexError: list index out of range"),
        ("return 1 +", 1, 11, "invalid syntax"),
        ("x = ctx.bodi", 1, 5, "AttributeError: There is no ctx.bodi"),
        ("return nowhere", 1, 8, "NameError: name 'nowhere' is not defined"),
        ("ok = 1\nimport os", 2, 1, "The module 'os' cannot be imported"),
        ("def f():\n    f()\nf()", 2, 5, "RecursionError"),
        ("yield 1", None, None, "A script gives its result with return"),
        ("(" * 5000, 1, 201, "too many nested parentheses"),
    ],
)  # fmt: skip
async def test_errors_name_the_place_in_the_authors_source(
    pool: WorkerPool, source: str, line: int | None, column: int | None, message: str
) -> None:
    failure = (await run(pool, source)).failure
    assert failure is not None
    assert failure.code == "SCRIPT_EXECUTION_ERROR"
    assert not failure.thrown
    problem = failure.problem
    assert problem.message.startswith(message)
    assert (problem.line, problem.column) == (line, column)
    assert problem.text == (source.split("\n")[line - 1] if line else "")[:2000]


async def test_check_runs_nothing(pool: WorkerPool) -> None:
    assert await pool.check(Language.PYTHON, "return 1 / 0") == []
    [problem] = await pool.check(Language.PYTHON, "if True\n    pass")
    assert (problem.line, problem.message) == (1, "Expected ':'")
    [problem] = await pool.check(Language.PYTHON, "x.__class__")
    assert "underscore" in problem.message or "cannot be used" in problem.message


async def test_many_different_scripts(warm: WorkerPool) -> None:
    for _ in range(2):
        answers = await asyncio.gather(*(value(warm, f"return {n}") for n in range(600)))
        assert answers == list(range(600))
