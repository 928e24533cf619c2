"""Scripts in JavaScript that fail: what is told, where it happened, and that they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from enfyra_kernel.errors import CATALOGUE
from enfyra_kernel.scripts.javascript import Limits, run_javascript
from enfyra_kernel.scripts.throws import NAMED, STATUSES

from .hosts import HostError, Recorder, run

GONE = HostError("RESOURCE_NOT_FOUND", 404, "post 7 does not exist", {"id": 7})
SMALL = Limits(memory=16 << 20, seconds=0.15)


@pytest.mark.parametrize(
    ("source", "status", "message", "details"),
    [
        ("@THROW404()", 404, "Not found", None),
        ("@THROW404('No such post', {id: 7})", 404, "No such post", {"id": 7}),
        ("$ctx.$throw['409']('Taken')", 409, "Taken", None),
        ("@THROW.http(418, 'tea', [1])", 418, "tea", [1]),
        ("@THROW.notFound('Project', 'p1')", 404, "Project with identifier 'p1' not found", None),
        ("@THROW.notFound('Project')", 404, "Project not found", None),
        ("@THROW.notFound()", 404, "Not found", None),
        (
            "@THROW.duplicate('Project', 'slug', 'demo')",
            409,
            "Project with slug 'demo' already exists",
            None,
        ),
        ("@THROW.businessLogic('Closed')", 400, "Closed", None),
        ("@THROW('Closed', 1)", 400, "Closed", 1),
        ("async function f() { @THROW403('no') }; await f()", 403, "no", None),
        ("try { @THROW403('no') } catch (error) { throw error }", 403, "no", None),
    ],
)
def test_throwing_on_purpose(source: str, status: int, message: str, details: Any) -> None:
    failure = run(source).failure
    assert failure.thrown
    assert (failure.status, failure.problem.message, failure.details) == (status, message, details)
    assert failure.code in CATALOGUE


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_words(status: int) -> None:
    failure = run(f"@THROW{status}()").failure
    way = STATUSES[status]
    assert (failure.status, failure.code, failure.problem.message) == (
        status,
        way.code,
        way.message,
    )


@pytest.mark.parametrize("name", NAMED)
def test_every_name_has_its_code(name: str) -> None:
    failure = run(f"@THROW.{name}()").failure
    assert (failure.code, failure.status) == (NAMED[name].code, CATALOGUE[NAMED[name].code].status)


def test_what_was_thrown_can_be_caught() -> None:
    source = (
        "try { @THROW422('bad', {a: 1}) } catch (e) { return [e.statusCode, e.message, e.details] }"
    )
    assert run(source).result == [422, "bad", {"a": 1}]


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("throw new Error('bad')", 1, 11, "bad"),
        ("\n\n  throw new RangeError('bad')", 3, 13, "RangeError: bad"),
        ("const é = 'ü'; @BODY.a.b", 1, 16, "TypeError: cannot read property 'b' of undefined"),
        ("@BODY; @BODY.x.y", 1, 8, "TypeError: cannot read property 'y' of undefined"),
        ("function f() {\n  nothing()\n}\nf()", 2, 3, "ReferenceError: nothing is not defined"),
        ("@BODY.x()", 1, 7, "TypeError: x is not a function"),
        ("await null\n@BODY.x()", 2, 7, "TypeError: x is not a function"),
        ("@THROW404('no')", 1, 1, "no"),
        ("@BODDY", 1, 1, "There is no macro @BODDY"),
        ("let x = 1\nlet y y", 2, 7, "SyntaxError: expecting ';'"),
        ("f(1", 1, 2, "'(' was never closed"),
        ("'use strict'; mine = 1", 1, 15, "ReferenceError: mine is not defined"),
        ("(function f() { f() })()", 1, 17, "The calls are nested too deeply"),
        ("return @BODY.a.b.c", 1, 8, "TypeError: cannot read property 'b' of undefined"),
    ],
)
def test_an_error_has_its_place(source: str, line: int, column: int, message: str) -> None:
    problem = run(source).failure.problem
    assert (problem.line, problem.column, problem.message) == (line, column, message)
    assert problem.text == source.split("\n")[line - 1]


@pytest.mark.parametrize("source", ["f(1", "@BODDY", "let y y"])
def test_what_cannot_be_read_has_a_code_of_its_own(source: str) -> None:
    assert run(source).failure.code == "SCRIPT_SYNTAX_ERROR"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("setTimeout(() => 1, 5)", "$sleep"),
        ("await fetch('x')", "@FETCH"),
        ("require('fs')", "packages"),
        ("process.env", "@ENV"),
        ("@LOGS(None)", "null"),
        ("ctx.body", "$ctx"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(source: str, hint: str) -> None:
    assert hint in (run(source).failure.problem.hint or "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("$ctx.$bdy", "$ctx has no '$bdy'; it has"),
        ("$ctx.$bdy = 1", "$ctx has no '$bdy' that could be set"),
        ("@USER = {id: 1}", "$user cannot be replaced"),
        ("await #post.findOne({})", "The repository 'post' has no 'findOne'; it has find, exists"),
        ("await @CACHE.del('a')", "$cache has no 'del'; it has get"),
        ("@THROW.nofound()", "$throw has no 'nofound'"),
        ("@HELPERS.$slug", "$helpers has no '$slug'"),
        ("%lodash.chunk([])", "JavaScript has no packages; 'lodash'"),
        ("@SOCKET['a b']()", "$socket has no function of that name"),
        ("@THROW.http(200, 'fine')", "200 is not the status of an error"),
    ],
)
def test_a_name_that_does_not_exist_is_told(source: str, message: str) -> None:
    problem = run(source).failure.problem
    assert message in problem.message
    assert problem.line == 1


def test_an_error_of_the_host_is_at_the_place_that_asked() -> None:
    source = "const é = 1\n\nconst x = await #post.delete({id: 7})"
    failure = run(source, answers={"repos.delete": GONE}).failure
    assert (failure.code, failure.status, failure.details) == ("RESOURCE_NOT_FOUND", 404, {"id": 7})
    assert failure.thrown
    assert (failure.problem.line, failure.problem.column) == (3, 23)
    assert failure.problem.hint == "about RESOURCE_NOT_FOUND"


def test_an_error_of_the_host_can_be_caught() -> None:
    source = """try { await #post.delete({id: 7}) } catch (e) {
      return [e instanceof Error, e.name, e.code, e.statusCode, e.message, e.details] }"""
    expected = [True, "EnfyraError", "RESOURCE_NOT_FOUND", 404, "post 7 does not exist", {"id": 7}]
    assert run(source, answers={"repos.delete": GONE}).result == expected


@pytest.mark.parametrize(
    "source",
    ["#post.delete({id: 7})", "#post.delete({id: 7}); await @CACHE.get('a'); return 1"],
)
def test_an_error_that_nobody_awaits_is_not_lost(source: str) -> None:
    failure = run(source, answers={"repos.delete": GONE}).failure
    assert (failure.code, failure.problem.line) == ("RESOURCE_NOT_FOUND", 1)


@pytest.mark.parametrize(
    "source",
    [
        "await #post.delete({id: 7}).catch(() => 1)",
        "const p = #post.delete({id: 7}); await @CACHE.get('a'); await p.then(null, () => 1)",
        "await Promise.allSettled([#post.delete({id: 7})])",
    ],
)
def test_an_error_that_is_dealt_with_is_none(source: str) -> None:
    assert run(source, answers={"repos.delete": GONE}).result is None


def test_an_undefined_value_in_a_filter_is_refused() -> None:
    """JSON would drop it, and every record would meet the filter."""
    failure = run("await #post.find({filter: {author: [{id: @BODY.nobody}]}})").failure
    assert failure.problem.message == "filter.author[0].id is undefined"
    assert (failure.code, failure.status) == ("INVALID_QUERY", 400)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("const a = {}; a.a = a; return a", "What the script returns is not JSON"),
        ("@BODY.a = @BODY", "$body is not JSON"),
        ("throw {a: 1}", '{"a":1}'),
        ("throw 'text'", "text"),
        ("throw null", "The script has thrown null"),
        ("await new Promise(() => {})", "The script waits for something that never comes"),
    ],
)
def test_other_ways_to_fail(source: str, message: str) -> None:
    failure = run(source, body={}).failure
    assert message in failure.problem.message
    assert failure.code == "SCRIPT_EXECUTION_ERROR"
    assert not failure.thrown


def test_the_error_counts_and_not_what_is_left_behind() -> None:
    assert run("@BODY.a = @BODY; @THROW403('no')").failure.status == 403


@pytest.mark.parametrize("answer", [b"not JSON", b"", b"[1,"])
def test_an_answer_that_is_not_json_is_an_error_of_the_script(answer: bytes) -> None:
    failure = run("await @CACHE.get('a')", answers={"cache.get": answer}).failure
    assert failure.code == "SCRIPT_EXECUTION_ERROR"


# -- limits ---------------------------------------------------------------------------------------


@pytest.mark.may_block
@pytest.mark.parametrize(
    "source",
    [
        "for (;;) {}",
        "for (;;) await 0",
        "await 0; for (;;) { try { for (;;) {} } catch {} finally { continue } }",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "await @CACHE.get('a'); for (;;) {}",
    ],
)
def test_a_script_that_never_ends_is_ended(source: str) -> None:
    failure = run(f"@LOGS('begun');\n{source}", limits=SMALL).failure
    assert failure.code == "SCRIPT_TIMEOUT_ERROR"
    assert "more than 0.15 seconds" in failure.problem.message


@pytest.mark.may_block
def test_what_was_logged_before_the_end_is_kept() -> None:
    assert run("@LOGS('begun'); for (;;) {}", limits=SMALL).host.logs == ["begun"]


@pytest.mark.may_block
@pytest.mark.parametrize(
    "source",
    [
        "const all = []; for (;;) all.push(new Array(1000).fill(1.5))",
        "let text = 'x'; for (;;) text += text + 1",
        "for (;;) @LOGS('x'.repeat(10_000))",
        "const again = () => Promise.resolve().then(again); await again()",
        "await 0; return new Uint8Array(1e9).length",
    ],
)
def test_a_script_that_takes_all_memory_is_ended(source: str) -> None:
    failure = run(source, limits=Limits(memory=16 << 20, seconds=2)).failure
    assert failure.code in {"SCRIPT_EXECUTION_ERROR", "SCRIPT_TIMEOUT_ERROR"}


@pytest.mark.may_block
def test_waiting_does_not_count() -> None:
    source = "for (let n = 0; n < 8; n++) await @HELPERS.$sleep(25); return 1"
    assert run(source, limits=SMALL).result == 1


def test_two_scripts_run_while_each_waits() -> None:
    async def both() -> list[bytes | None]:
        hosts = [Recorder({}, {}), Recorder({}, {})]
        source = "for (let n = 0; n < 20; n++) await @CACHE.get('a'); return 1"
        return list(await asyncio.gather(*(run_javascript(source, host) for host in hosts)))

    assert asyncio.run(both()) == [b"1", b"1"]


def test_a_run_that_is_cancelled_leaves_nothing_behind() -> None:
    class Silent(Recorder):
        async def call(self, name: str, arguments: bytes) -> bytes:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def cancelled() -> int:
        task = asyncio.create_task(run_javascript("await @CACHE.get('a')", Silent({}, {})))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return len(asyncio.all_tasks())

    asked = asyncio.Event()
    assert asyncio.run(cancelled()) == 1
