"""What steps do, and what becomes of a run when they fail."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.api import Api

from .deck import (
    at_once,
    begin,
    entries,
    flow,
    lines,
    over,
    ran,
    results,
    run_of,
    runs_of,
    step,
    until,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def api(sqlite_api: Api) -> Api:
    return sqlite_api


async def test_results_are_handed_on(api: Api) -> None:
    await flow(
        api,
        "chain",
        step("one", source="return {'n': @FLOW_PAYLOAD.n + 1}"),
        step("two", source="return @FLOW_LAST.n * 10"),
        step(
            "three",
            source="return $ctx.$flow.one.n + $ctx.$flow.$last",
            scriptLanguage="javascript",
        ),
        step("four", source="pass"),
    )
    row = await ran(api, "chain", {"n": 1})
    assert results(row) == {"one": {"n": 2}, "two": 20, "three": 22, "four": None}
    assert (row["status"], row["progress"]) == ("completed", {"done": 4, "total": 4})
    assert [one["type"] for one in row["completedSteps"]] == ["script"] * 4
    assert row["currentStep"] is None


async def test_who_and_what_set_it_off_is_known(api: Api) -> None:
    await flow(
        api, "who", step("me", source="return [@USER.email, @FLOW_META.flowName, @FLOW_META.depth]")
    )
    row = await ran(api, "who")
    assert results(row)["me"] == ["admin@enfyra.local", "who", 0]
    assert row["trigger"] == "manual"


async def test_records_are_read_and_written(api: Api) -> None:
    await api.define("post", "title varchar", "views int")
    await flow(
        api,
        "records",
        step("make", "create", config={"table": "post", "data": {"title": "a", "views": 1}}),
        step("change", "update", config={
            "table": "post", "id": "{{ @FLOW.make.data[0].id }}", "data": {"views": 5}}),
        step("look", "query", config={"table": "post", "filter": {"views": {"_gt": 4}}}),
        step("gone", "delete", config={"table": "post", "filter": {"views": 5}}),
    )  # fmt: skip
    row = await ran(api, "records")
    assert row["status"] == "completed", row["error"]
    assert [one["title"] for one in results(row)["look"]["data"]] == ["a"]
    assert await api.rows("/post") == []


@pytest.mark.parametrize(("n", "branch"), [(5, "true"), (1, "false")])
async def test_a_condition_chooses_what_follows(api: Api, n: int, branch: str) -> None:
    await flow(
        api,
        "branches",
        {
            **step("big", "condition", "return @FLOW_PAYLOAD.n > 3"),
            "then": [step("large", source="return 'large'")],
            "else": [step("small", source="return 'small'")],
        },
        step("end", source="return @FLOW_LAST"),
    )
    row = await ran(api, "branches", {"n": n})
    chosen = {"true": "large", "false": "small"}[branch]
    assert results(row) == {"big": n > 3, chosen: chosen, "end": chosen}
    assert row["completedSteps"][0]["branch"] == branch


async def test_loops_and_parallel_steps(api: Api) -> None:
    await flow(
        api,
        "many",
        {
            **step("each", "foreach", config={"items": "{{ @FLOW_PAYLOAD }}", "concurrency": 3}),
            "children": [
                step("double", source="return @FLOW.item * 2"),
                step("plus", source="return @FLOW.double + @FLOW.index"),
            ],
        },
        {
            **step("both", "parallel"),
            "children": [step("a", source="return 1"), step("b", source="return 2")],
        },
    )
    row = await ran(api, "many", [10, 20, 30, 40])
    assert results(row) == {"each": [20, 41, 62, 83], "both": {"a": 1, "b": 2}}
    assert entries(row) == [("each", "completed"), ("both", "completed")]
    # Each turn is told apart, in the order in which they were over.
    turns = sorted((one["within"], one.get("turn", []), one["key"]) for one in row["turns"])
    assert turns == [
        ("both", [], "a"), ("both", [], "b"),
        *(("each", [n], key) for n in range(4) for key in ("double", "plus")),
    ]  # fmt: skip
    assert {one["status"] for one in row["turns"]} == {"completed"}


async def test_expressions_compute_and_keep_their_type(api: Api) -> None:
    config = {
        "message": {
            "sum": "{{ @FLOW_PAYLOAD.a + 1 }}",
            "list": "{{ @FLOW_PAYLOAD.items }}",
            "text": "a is {{ @FLOW_PAYLOAD.a }}, {{ @FLOW_PAYLOAD.nothing.here }}.",
        }
    }
    await flow(api, "filled", step("say", "log", config=config))
    run = await begin(api, "filled", {"a": 2, "items": [1, {"x": 2}]})
    await over(api, run)
    assert await lines(api, run) == ['{"sum":3,"list":[1,{"x":2}],"text":"a is 2, ."}']


# -- failing --------------------------------------------------------------------------------------


async def test_a_failure_stops_the_run_and_says_where(api: Api) -> None:
    await flow(
        api,
        "fails",
        step("good", source="return 1"),
        step("bad", source="x = 1\nraise ValueError('no')"),
        step("never", source="return 2"),
    )
    row = await ran(api, "fails")
    assert (row["status"], row["error"]["failedStep"]) == ("failed", "bad")
    assert "no" in row["error"]["message"]
    assert "line 2" in row["error"]["message"]
    assert entries(row) == [("good", "completed"), ("bad", "failed")]


async def test_a_failure_may_be_skipped(api: Api) -> None:
    await flow(
        api, "skips",
        step("bad", source="@THROW400('not now')", onError="skip"),
        step("after", source="return @FLOW.bad.skipped"),
    )  # fmt: skip
    row = await ran(api, "skips")
    assert results(row) == {"bad": {"error": "not now", "skipped": True}, "after": True}


async def test_retries_wait_longer_each_time(api: Api) -> None:
    waited = at_once(api.kernel)
    source = (
        "tries = (await @CACHE.get('tries') or 0) + 1\nawait @CACHE.set('tries', tries, 60000)\n"
    )
    source += "if tries < 4:\n    @THROW500('again')\nreturn tries"
    await flow(api, "retries", step("try", source=source, onError="retry", retryAttempts=5))
    row = await ran(api, "retries")
    assert results(row) == {"try": 4}
    assert row["completedSteps"][0]["retries"] == 3
    assert [low <= one <= 2 * low for low, one in zip((0.5, 1, 2), waited, strict=True)] == [
        True
    ] * 3


async def test_retries_come_to_an_end(api: Api) -> None:
    waited = at_once(api.kernel)
    await flow(
        api, "gives-up", step("no", source="@THROW500('no')", onError="retry", retryAttempts=7)
    )
    row = await ran(api, "gives-up")
    assert (row["status"], len(waited), max(waited) <= 30) == ("failed", 7, True)


async def test_a_step_that_takes_too_long_is_broken_off(api: Api) -> None:
    await flow(
        api, "slow",
        step("loop", source="while True:\n    pass", timeout=300, onError="skip"),
        step("wait", "sleep", config={"ms": 60_000}, timeout=100),
    )  # fmt: skip
    row = await ran(api, "slow")
    assert row["status"] == "failed"
    assert row["error"]["code"] == "FLOW_TIMEOUT"
    assert results(row)["loop"]["skipped"] is True


async def test_a_run_that_takes_too_long_is_broken_off(api: Api) -> None:
    await flow(api, "whole", step("wait", "sleep", config={"ms": 60_000}), timeout=100)
    row = await ran(api, "whole")
    assert (row["error"]["code"], row["error"]["failedStep"]) == ("FLOW_TIMEOUT", "wait")


async def test_what_fails_in_a_loop_breaks_off_the_rest(api: Api) -> None:
    await flow(
        api, "loop",
        {**step("each", "foreach", config={"items": "{{ [3, 2, 1, 0] }}", "concurrency": 2}),
         "children": [step("over", source="return 6 / @FLOW.item")]},
    )  # fmt: skip
    row = await ran(api, "loop")
    assert (row["status"], row["error"]["failedStep"]) == ("failed", "over")
    (failed,) = [one for one in row["turns"] if one["status"] == "failed"]
    assert (failed["key"], failed["turn"]) == ("over", [3])
    assert "zero" in failed["error"]


async def test_loops_within_loops_begin_anew(api: Api) -> None:
    inner = {
        **step("inner", "foreach", config={"items": "{{ @FLOW.item }}"}),
        "children": [step("twice", source="return @FLOW.item * 2")],
    }
    again = (
        "n = (await @CACHE.get('n') or 0) + 1\nawait @CACHE.set('n', n, 60000)\nreturn 1 / (n - 1)"
    )
    await flow(
        api, "nested",
        {**step("outer", "foreach", config={"items": [[1, 2], [3]]}),
         "children": [inner, step("once", source=again)], "onError": "retry", "retryAttempts": 1},
        step("end", source="return 1"),
    )  # fmt: skip
    row = await ran(api, "nested")
    assert row["status"] == "completed", row["error"]
    # Of the try that failed, nothing is left.
    assert [(one["key"], one["turn"]) for one in row["turns"]] == [
        ("twice", [0, 0]), ("twice", [0, 1]), ("inner", [0]), ("once", [0]),
        ("twice", [1, 0]), ("inner", [1]), ("once", [1]),
    ]  # fmt: skip


async def test_of_many_turns_the_last_ones_are_kept(api: Api) -> None:
    await flow(
        api, "long",
        {**step("each", "foreach", config={"items": list(range(250))}),
         "children": [step("say", "log", config={"message": "x"})]},
    )  # fmt: skip
    row = await ran(api, "long")
    assert [one["turn"] for one in row["turns"]] == [[n] for n in range(50, 250)]
    answer = await api.post(f"/admin/flow/rerun/{row['id']}", {"from": "each"})
    assert answer.status == 202


async def test_results_that_are_too_large_fail_the_step(api: Api) -> None:
    await flow(api, "large", *[step(f"s{n}", source="return 'x' * 900_000") for n in range(10)])
    row = await ran(api, "large")
    assert row["error"]["code"] == "PAYLOAD_TOO_LARGE"
    assert row["error"]["failedStep"] == "s4"


# -- beginning and ending -------------------------------------------------------------------------


async def test_a_run_can_be_cancelled(api: Api) -> None:
    await flow(api, "long", step("wait", "sleep", config={"ms": 60_000}))
    run = await begin(api, "long")
    answer = await api.post(f"/admin/flow/cancel/{run}")
    assert answer.status == 200
    assert (await over(api, run))["status"] == "cancelled"
    workers = api.kernel.flows.workers
    await until(lambda: workers.running == 0)
    assert (await api.post(f"/admin/flow/cancel/{run}")).status == 409
    assert (await api.post("/admin/flow/cancel/999")).status == 404


async def test_a_run_can_be_done_again_from_a_step_on(api: Api) -> None:
    count = "n = (await @CACHE.get('n') or 0) + 1\nawait @CACHE.set('n', n, 60000)\nreturn n"
    await flow(
        api, "again",
        step("first", source=count),
        step("second", source="return [@FLOW.first, @FLOW_PAYLOAD.ok]"),
    )  # fmt: skip
    row = await ran(api, "again", {"ok": False})
    assert results(row) == {"first": 1, "second": [1, False]}
    answer = await api.post(
        f"/admin/flow/rerun/{row['id']}", {"from": "second", "payload": {"ok": True}}
    )
    second = await over(api, answer.row["executionId"])
    assert results(second) == {"first": 1, "second": [1, True]}
    assert (second["trigger"], second["rerunOf"]["id"]) == ("rerun", row["id"])
    third = await over(api, (await api.post(f"/admin/flow/rerun/{row['id']}")).row["executionId"])
    assert results(third) == {"first": 2, "second": [2, False]}
    wrong = await api.post(f"/admin/flow/rerun/{row['id']}", {"from": "secnd"})
    assert "Did you mean 'second'?" in wrong.message


async def test_runs_that_are_over_are_forgotten_in_time(api: Api) -> None:
    await flow(api, "short", step("s", source="return 1"), maxExecutions=3)
    for _ in range(6):
        last = await ran(api, "short")
    kept = await runs_of(api, "short")
    assert len(kept) <= 4
    assert kept[-1]["id"] == last["id"]


async def test_only_so_many_runs_go_on_at_once(api: Api) -> None:
    await flow(api, "few", step("wait", "sleep", config={"ms": 100}), maxConcurrent=1)
    runs = [await begin(api, "few") for _ in range(3)]
    rows = [await over(api, run) for run in runs]
    spans = sorted((row["startedAt"], row["completedAt"]) for row in rows)
    assert all(end <= begun for (_, end), (begun, _) in pairwise(spans))


async def test_flows_set_each_other_off_but_not_in_circles(api: Api) -> None:
    await flow(api, "a", step("s", source="return 1"))
    await flow(api, "b", step("back", "trigger_flow", config={"flow": "a", "payload": {"x": 1}}))
    await flow(api, "a", step("on", "trigger_flow", config={"flow": "b"}))
    first = await ran(api, "a")
    second = await over(api, results(first)["on"]["executionId"])
    assert second["chain"] == [first["flow"]["id"]]
    assert second["status"] == "failed"
    assert "circle" in second["error"]["message"]


async def test_a_flow_follows_another_and_alerts_when_it_fails(api: Api) -> None:
    await flow(api, "work", step("s", source="if @FLOW_PAYLOAD:\n    @THROW400('bad')"),
               alertConfig={"flow": "alarm"})  # fmt: skip
    await flow(api, "alarm", step("s", source="return @FLOW_PAYLOAD.error.message"))
    await flow(api, "next", step("s", source="return @FLOW_PAYLOAD.executionId"),
               triggerType="flow", triggerConfig={"flow": "work"})  # fmt: skip
    good = await ran(api, "work")
    bad = await ran(api, "work", True)
    workers = api.kernel.flows.workers
    await until(lambda: workers.running == 0)
    assert [results(one)["s"] for one in await runs_of(api, "next")] == [good["id"]]
    assert [results(one)["s"] for one in await runs_of(api, "alarm")] == ["bad"]
    assert bad["status"] == "failed"


async def test_what_is_turned_off_is_not_set_off(api: Api) -> None:
    await flow(api, "off", step("s", source="return 1"), isEnabled=False)
    answer = await api.post("/admin/flow/trigger/off")
    assert (answer.status, "turned off" in answer.message) == (400, True)
    assert "Did you mean 'off'?" in (await api.post("/admin/flow/trigger/ofg")).message
    huge = await api.post("/admin/flow/trigger/off", {"payload": "x"})
    assert huge.status == 400


async def test_a_payload_that_is_too_large_is_refused(api: Api) -> None:
    await flow(api, "small", step("s", source="return 1"))
    answer = await api.post("/admin/flow/trigger/small", {"payload": "x" * (1 << 20)})
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")
    assert await runs_of(api, "small") == []


async def test_a_trigger_in_a_transaction_begins_when_it_is_committed(api: Api) -> None:
    await flow(api, "later", step("s", source="return @FLOW_PAYLOAD"))
    source = (
        "try:\n    async with @TRANSACTION():\n        await @TRIGGER('later', {how!r})\n"
        "        if {how!r} == 'rollback':\n            @THROW400('no')\n"
        "except Exception:\n    pass\nreturn 1"
    )
    for how in ("commit", "rollback"):
        await flow(api, f"by-{how}", step("s", source=source.format(how=how)))
        row = await ran(api, f"by-{how}")
        assert row["status"] == "completed", row["error"]
    found = await runs_of(api, "later")
    assert [one["payload"] for one in found] == ["commit"]
    assert (await over(api, found[0]["id"]))["status"] == "completed"


async def test_webhooks_begin_flows_for_those_who_know_the_secret(api: Api) -> None:
    config = {"path": "pay.ments-1", "secret": "a long secret"}
    await flow(api, "paid", step("s", source="return @FLOW_PAYLOAD.body.n"),
               triggerType="webhook", triggerConfig=config)  # fmt: skip
    nobody = api.anonymous
    path = "/trigger/pay.ments-1"
    assert (await nobody.post(path, {"n": 1})).status == 401
    wrong = {"X-Webhook-Secret": "another one"}
    assert (await nobody.send("POST", path, {"n": 1}, headers=wrong)).status == 401
    right = {"X-Webhook-Secret": "a long secret"}
    answer = await nobody.send("POST", path, {"n": 7}, headers=right)
    assert answer.status == 202
    assert results(await over(api, answer.row["executionId"])) == {"s": 7}
    assert (await nobody.post("/trigger/other", {})).status == 404
    assert (await run_of(api, answer.row["executionId"]))["trigger"] == "webhook"
