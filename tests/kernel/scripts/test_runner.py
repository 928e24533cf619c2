"""The pool of workers: what scripts get, what stops them, and what becomes of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Outcome, Script, Stage

pytestmark = pytest.mark.asyncio

EMPTY = {"body": b"{}", "query": b"{}", "share": b"{}", "params": b"{}"}


class Recorder:
    """Answers what scripts ask for, and keeps it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.held = asyncio.Event()
        self.held.set()

    async def call(self, name: str, arguments: bytes) -> bytes:
        self.asked.append((name, json.loads(arguments)))
        await self.held.wait()
        if name == "cache.get":
            raise EnfyraError("RATE_LIMIT_EXCEEDED", "Later", details={"after": 5})
        return json.dumps({"data": [{"id": len(self.asked)}]}).encode()


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    one = WorkerPool(workers=1)
    await one.start()
    yield one
    await one.stop()


def script(source: str, stage: Stage = Stage.HANDLER, **facts: Any) -> Script:
    return Script(name=f"{stage} script", stage=stage, source=source, **facts)


async def run(pool: WorkerPool, *scripts: Script, host: Recorder | None = None) -> Outcome:
    return await pool.run(scripts, EMPTY, host or Recorder())


async def result(pool: WorkerPool, source: str, **facts: Any) -> Any:
    outcome = await run(pool, script(source, **facts))
    assert outcome.failure is None, outcome.failure
    return None if outcome.result is None else json.loads(outcome.result)


async def problem(pool: WorkerPool, source: str, **facts: Any) -> str:
    outcome = await run(pool, script(source, **facts))
    assert outcome.failure is not None, outcome.result
    return outcome.failure.problem.marked()


# -- what scripts can do --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "returned"),
    [
        ("return 1 + 1", 2),
        ("import math, json\nreturn json.loads(json.dumps([math.floor(2.5)]))", [2]),
        ("from datetime import date\nreturn date(2026, 1, 2)", "2026-01-02"),
        ("from decimal import Decimal\nreturn Decimal('1.10')", "1.10"),
        ("import uuid\nreturn len(str(uuid.uuid4()))", 36),
        ("import zoneinfo\nreturn zoneinfo.ZoneInfo('Europe/Berlin').key", "Europe/Berlin"),
        ("import hashlib\nreturn hashlib.sha256(b'').hexdigest()[:6]", "e3b0c4"),
        ("import urllib.parse\nreturn urllib.parse.quote('ä b')", "%C3%A4%20b"),
        ("from urllib.parse import urlencode\nreturn urlencode({'a': 1})", "a=1"),
        ("class A:\n    x = 1\na = A()\na.x = 2\nreturn a.x", 2),
        ("def f(n):\n    return n * 2\nreturn [f(n) for n in range(3)]", [0, 2, 4]),
        ("return (@BODY.missing, @BODY['missing'], @USER)", [None, None, None]),
        ("@BODY.a = {'b': [1]}\nreturn @BODY.a['b']", [1]),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    return str(error)",
         "division by zero"),
        ("return @HELPERS.autoSlug('Über die Brücke!')", "uber-die-brucke"),
        ("return len(@HELPERS.crypto.randomUUID())", 36),
        ("return sorted({3, 1, 2})", [1, 2, 3]),
        ("match @BODY:\n    case {}:\n        return 'empty'", "empty"),
        ("x = 5\nreturn f'{x:>3} {@BODY.none}'", "  5 None"),
    ],
)  # fmt: skip
async def test_scripts_are_python(pool: WorkerPool, source: str, returned: Any) -> None:
    assert await result(pool, source) == returned


async def test_only_what_changed_comes_back(pool: WorkerPool) -> None:
    outcome = await run(pool, script("@BODY.a = 1\n@QUERY.get('x')\n@SHARE['n'] = [1]"))
    assert {name: json.loads(text) for name, text in outcome.sections.items()} == {
        "body": {"a": 1},
        "share": {"n": [1]},
    }


async def test_the_host_answers_or_refuses(pool: WorkerPool) -> None:
    host = Recorder()
    source = (
        "rows = await #post.find({'filter': {'a': 1}}, )\n"
        "async with ctx.transaction():\n"
        "    await @REPOS.secure.post.create(data={'a': 2})\n"
        "try:\n    await @CACHE.get('x')\n"
        "except Exception as error:\n    return [rows.data[0].id, error.code, error.details]\n"
    )
    outcome = await run(pool, script(source), host=host)
    assert outcome.result == b'[1,"RATE_LIMIT_EXCEEDED",{"after":5}]'
    assert [name for name, _ in host.asked] == [
        "repos.find", "transaction.begin", "repos.create", "transaction.commit", "cache.get",
    ]  # fmt: skip
    assert host.asked[2][1][:2] == ["post", "secure"]
    assert host.asked[2][1][3] == {"data": [{"id": 2}]}


async def test_what_the_host_refuses_is_the_requests_error(pool: WorkerPool) -> None:
    failure = (await run(pool, script("await @CACHE.get('x')"))).failure
    assert failure is not None
    assert (failure.code, failure.status, failure.thrown) == ("RATE_LIMIT_EXCEEDED", 429, True)


@pytest.mark.parametrize(
    ("source", "status", "code", "message"),
    [
        ("@THROW404('No such')", 404, "RESOURCE_NOT_FOUND", "No such"),
        ("@THROW403()", 403, "AUTHORIZATION_ERROR", "Forbidden"),
        ("@THROW('Not so')", 400, None, "Not so"),
        ("@THROW.http(418, 'Tea', {'cup': 1})", 418, "BAD_REQUEST", "Tea"),
        ("@THROW.not_found('Post', 7)", 404, "RESOURCE_NOT_FOUND",
         "Post with identifier '7' not found"),
        ("@THROW.notFound('Post')", 404, "RESOURCE_NOT_FOUND", "Post not found"),
        ("@THROW.duplicate('Post', 'slug', 'a')", 409, "DUPLICATE_RESOURCE",
         "Post with slug 'a' already exists"),
    ],
)  # fmt: skip
async def test_what_scripts_throw(
    pool: WorkerPool, source: str, status: int, code: str | None, message: str
) -> None:
    failure = (await run(pool, script(source))).failure
    assert failure is not None
    assert failure.thrown
    assert (failure.status, failure.problem.message) == (status, message)
    assert code is None or failure.code == code


# -- stages ---------------------------------------------------------------------------------------


async def test_stages_follow_one_another(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("@SHARE.a = 1", Stage.PRE),
        script("return {'a': @SHARE.a}", Stage.HANDLER),
        script("@DATA.b = 2", Stage.POST),
        script("return [@DATA]", Stage.POST),
    )
    assert outcome.result == b'[{"a":1,"b":2}]'
    assert [one.returned for one in outcome.ran] == [False, True, False, True]


async def test_a_pre_hook_that_returns_ends_the_others(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("return 'mine'", Stage.PRE),
        script("return 'other'", Stage.PRE),
        script("return 'handler'", Stage.HANDLER),
        script("@SHARE.seen = @DATA", Stage.POST),
    )
    assert outcome.result == b'"mine"'
    assert outcome.sections["share"] == b'{"seen":"mine"}'


async def test_post_hooks_see_the_error_of_a_handler(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        script("@THROW409('Taken')"),
        script("raise ValueError('worse')", Stage.POST),
        script("@SHARE.seen = [@ERROR.statusCode, @ERROR.message, @DATA]\nreturn 1", Stage.POST),
    )
    assert outcome.failure is not None
    assert outcome.failure.status == 409
    assert outcome.result is None
    assert outcome.sections["share"] == b'{"seen":[409,"Taken",null]}'


# -- errors point into the author's source --------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "marked"),
    [
        ("x = None\nreturn x.title", "line 2: return x.title"),
        ("@BODY.a = @NOTHING", "There is no macro @NOTHING"),
        ("y = 1\nfor n in [1]:\n    @BODY.b.c.d = n", "line 3:     @BODY.b.c.d = n"),
        ("def f():\n    return {}['k']\nreturn f()", "line 2:     return {}['k']"),
        ("return object()", "object"),
        ("return ().__class__", "__class__"),
        ("import json\njson.dumps = 1", "cannot be"),
        ("return await #post.finds()", "finds"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)  # fmt: skip
async def test_errors_have_their_place(pool: WorkerPool, source: str, marked: str) -> None:
    assert marked in await problem(pool, source)


# -- nothing is left of a call --------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "import json\njson.x = 1",
        "import decimal\ndecimal.getcontext().prec = 1",
        "import random\nrandom.seed(1)",
        "import collections\ncollections.Counter.x = 1",
        "@SHARE.x = 1\n@BODY.x = 1",
        "ctx.x = 1",
        "class A(dict):\n    pass\nA.x = 1",
    ],
)
async def test_the_next_call_finds_nothing(pool: WorkerPool, source: str) -> None:
    await run(pool, script(source))
    look = (
        "import json, decimal, collections\n"
        "return [hasattr(json, 'x'), decimal.getcontext().prec, "
        "hasattr(collections.Counter, 'x'), @SHARE.x, @BODY.x, hasattr(ctx, 'x')]"
    )
    assert await result(pool, look) == [False, 28, False, None, None, False]


# -- time and memory ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "while True:\n    pass",
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except Exception:\n        pass",
        "import re\nreturn re.match('(a+)+$', 'a' * 40 + 'b')",
        "return 9 ** 9 ** 9",
        "await @HELPERS.sleep(30_000)",
        "return sum(1 for _ in iter(int, 1))",
    ],
)
async def test_a_script_that_does_not_end_is_stopped(pool: WorkerPool, source: str) -> None:
    outcome = await run(
        pool, script(source, timeout=200), script("@SHARE.after = @ERROR.code", Stage.POST)
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_TIMEOUT_ERROR"
    assert outcome.sections["share"] == b'{"after":"SCRIPT_TIMEOUT_ERROR"}'
    assert await result(pool, "return 'alive'") == "alive"


@pytest.mark.parametrize(
    "source",
    [
        "return len('x' * 10 ** 10)",
        "a = []\nwhile True:\n    a.append('x' * 1_000_000)",
        "return len(list(range(10 ** 9)))",
        "a = [0]\nwhile True:\n    a = a * 2",
    ],
)
async def test_memory_is_limited(pool: WorkerPool, source: str) -> None:
    assert "memory" in await problem(pool, source)
    assert await result(pool, "return 'alive'") == "alive"


async def test_many_at_once(pool: WorkerPool) -> None:
    async def one(number: int) -> Any:
        return await result(pool, f"rows = await #post.find()\nreturn [{number}, 1]")

    numbers = [first for first, _ in await asyncio.gather(*map(one, range(200)))]
    assert numbers == list(range(200))


async def test_more_scripts_than_are_kept(pool: WorkerPool) -> None:
    for number in range(600):
        assert await result(pool, f"return {number}") == number
    assert await result(pool, "return 0") == 0


async def test_a_call_that_is_given_up_is_broken_off(pool: WorkerPool) -> None:
    class Leaving(Recorder):
        """Is left as soon as it has answered, and before anything else arrives."""

        async def call(self, name: str, arguments: bytes) -> bytes:
            answer = await super().call(name, arguments)
            asyncio.get_running_loop().call_soon(task.cancel)
            return answer

    host = Leaving()
    source = "await #post.find()\nawait @HELPERS.sleep(200)\nawait #post.find()"
    task = asyncio.ensure_future(run(pool, script(source), host=host))
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.4)
    assert len(host.asked) == 1


async def test_too_many_requests_end_the_worker(pool: WorkerPool) -> None:
    host = Recorder()
    source = "while True:\n    await @CACHE.set('a', 1, 1)"
    outcome = await run(pool, script(source), host=host)
    assert outcome.failure is not None
    assert len(host.asked) <= 10_000
