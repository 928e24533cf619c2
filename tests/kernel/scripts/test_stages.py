"""Pre-hooks, handler and post-hooks of one request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Script, Stage

from .running import run, script, section

pytestmark = pytest.mark.asyncio(loop_scope="module")


def pre(source: str, **options: Any) -> Script:
    return script(source, Stage.PRE, **options)


def post(source: str, **options: Any) -> Script:
    return script(source, Stage.POST, **options)


async def test_the_first_pre_hook_that_returns_gives_the_result(pool: WorkerPool) -> None:
    outcome = await run(
        pool, pre("pass"), pre("return {'n': 1}"), pre("return 2"), "return 3",
        post("ctx.data.n += 1"),
    )  # fmt: skip
    assert json.loads(outcome.result or b"") == {"n": 2}
    assert [(one.stage, one.returned) for one in outcome.ran] == [
        (Stage.PRE, False), (Stage.PRE, True), (Stage.POST, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("return [ctx.data]", [{"n": 1}]),
        ("ctx.data = 7", 7),
        ("ctx.data.n = 2", {"n": 2}),
        ("ctx.data['n']", {"n": 1}),
    ],
)
async def test_post_hooks_replace_the_result(pool: WorkerPool, source: str, result: Any) -> None:
    outcome = await run(pool, "return {'n': 1}", post(source))
    assert json.loads(outcome.result or b"") == result


async def test_post_hooks_alone_see_the_data_that_was_given(pool: WorkerPool) -> None:
    assert (await run(pool, post("ctx.data"), data={"n": 1})).result is None
    assert (await run(pool, post("ctx.data.n = 2"), data={"n": 1})).result == b'{"n":2}'


async def test_data_of_a_pre_hook_is_no_result(pool: WorkerPool) -> None:
    outcome = await run(pool, pre("ctx.data = {'n': 1}"))
    assert outcome.result is None
    assert section(outcome, "data") == {"n": 1}


async def test_a_failed_handler_is_told_to_post_hooks(pool: WorkerPool) -> None:
    outcome = await run(
        pool,
        "ctx.throw.http_404('Nothing', {'a': 1})",
        post("print(ctx.error, ctx.data)\nreturn 1"),
        post("1 / 0"),
        post("print(ctx.error.statusCode)"),
    )
    assert outcome.result is None
    assert outcome.failure is not None
    assert outcome.failure.code == "RESOURCE_NOT_FOUND"
    error = json.loads(outcome.ran[1].logs[0].rpartition(" ")[0])
    assert error.pop("timestamp")
    assert error == {
        "message": "Nothing", "name": "handler script", "code": "RESOURCE_NOT_FOUND",
        "statusCode": 404, "details": {"a": 1},
    }  # fmt: skip
    swallowed = outcome.ran[2].failure
    assert swallowed is not None
    assert swallowed.problem.message.startswith("ZeroDivisionError")
    assert outcome.ran[3].logs == ("404",)


async def test_a_failed_pre_hook_skips_to_the_post_hooks(pool: WorkerPool) -> None:
    outcome = await run(pool, pre("1 / 0"), pre("return 1"), "return 2", post("pass"))
    assert [one.stage for one in outcome.ran] == [Stage.PRE, Stage.POST]
    assert outcome.failure is not None


async def test_a_failed_post_hook_fails_the_request(pool: WorkerPool) -> None:
    outcome = await run(pool, "return 1", post("ctx.throw('no')"), post("print(ctx.error.message)"))
    assert outcome.failure is not None
    assert outcome.failure.problem.message == "no"
    assert outcome.result is None
    assert outcome.ran[2].logs == ("no",)


async def test_an_error_of_the_server_is_told_as_any_other(pool: WorkerPool) -> None:
    outcome = await run(pool, post("1 / 0"), post("print(ctx.error.code)"), error={"code": "X"})
    assert outcome.failure is None
    assert outcome.ran[1].logs == ("X",)


async def test_each_script_has_its_own_time(pool: WorkerPool) -> None:
    slow = "await ctx.helpers.sleep(300)"
    outcome = await run(pool, pre(slow, timeout=20_000), script(slow, timeout=20_000))
    assert outcome.failure is None
    outcome = await run(
        pool, pre(slow, timeout=20_000), script(slow, timeout=100), post("return 1")
    )
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.script) == (
        "SCRIPT_TIMEOUT_ERROR", "handler script",
    )  # fmt: skip
    assert [one.stage for one in outcome.ran] == [Stage.PRE, Stage.HANDLER, Stage.POST]


STUBBORN = """
print("before")
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""


async def test_post_hooks_run_although_the_worker_had_to_be_killed(pool: WorkerPool) -> None:
    outcome = await run(
        pool, pre("ctx.share.n = 1"), script(STUBBORN, timeout=200),
        post("print(ctx.error.code, ctx.data)\nreturn 1"), body={"a": 1},
    )  # fmt: skip
    assert outcome.failure is not None
    assert outcome.failure.code == "SCRIPT_TIMEOUT_ERROR"
    assert outcome.failure.problem.message == "It took longer than 200 ms"
    assert [one.stage for one in outcome.ran] == [Stage.HANDLER, Stage.POST]
    assert outcome.ran[1].logs == ("SCRIPT_TIMEOUT_ERROR null",)
    assert outcome.result is None


async def test_the_first_failure_decides_although_a_post_hook_is_killed(pool: WorkerPool) -> None:
    outcome = await run(pool, "ctx.throw.http_409('first')", post(STUBBORN, timeout=200))
    assert outcome.failure is not None
    assert outcome.failure.problem.message == "first"
    last = outcome.ran[-1].failure
    assert last is not None
    assert last.code == "SCRIPT_TIMEOUT_ERROR"
