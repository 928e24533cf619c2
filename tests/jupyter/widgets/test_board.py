from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

ORDERS = """%%enfyra flow orders --cron '0 2 * * *' --timezone Asia/Ho_Chi_Minh
- key: total
  type: script
  source: return sum(@FLOW_PAYLOAD.amounts)
- key: large
  type: condition
  source: return @FLOW.total > 5
  then:
    - {key: accept, type: log, config: {message: '<b>{{ @FLOW.total }}</b>'}}
"""
SLOW = "%%enfyra flow slow\n- {key: nap, type: sleep, config: {ms: 60000}}\n- {key: b, type: log}"


@pytest.fixture
def flows(shell: Any, client: Any) -> Iterator[Any]:
    yield shell
    for row in client.get("/flow_definition", fields="id", limit=0)["data"]:
        client.send("DELETE", f"/flow_definition/{row['id']}")


def ask(part: Any, action: str, /, **given: Any) -> Any:
    answer = part.answered({"id": "1", "action": action, "given": given})
    assert "error" not in answer, answer
    return answer["value"]


def seen(part: Any, run: int, until: Any) -> Any:
    end = time.monotonic() + 40
    while not until(said := ask(part, "run", id=run)):
        assert time.monotonic() < end, said
        time.sleep(0.05)
    return said


def texts(shape: list[Any]) -> Iterator[str]:
    for one in shape[2]:
        if isinstance(one, str):
            yield one
        else:
            yield from texts(one)


def test_a_flow_runs_and_is_watched(flows: Any) -> None:
    flows.run(ORDERS)
    board = flows.run("%enfyra board")
    assert board.flows == ["orders"]
    assert repr(board).startswith("orders: every day at 02:00 (Asia/Ho_Chi_Minh)")
    flow = ask(board, "flow", name="orders", zone="UTC")
    assert flow["title"] == "orders: every day at 02:00 (Asia/Ho_Chi_Minh)"
    assert all(" 19:00 (in " in note for note in flow["notes"])
    assert len(flow["notes"]) == 3
    assert (flow["steps"], flow["runs"]) == (["total", "large"], [])
    run = ask(board, "start", name="orders", payload="{amounts: [4, 5]}")
    said = seen(board, run, lambda run: run["over"])
    assert said["status"] == "completed"
    assert [one["key"] for one in said["bars"]][-3:] == ["total", "large", "accept"]
    starts = [one["start"] for one in said["bars"]]
    assert starts == sorted(starts)
    assert "<b>9</b>" in said["logs"][-1][1]
    assert "accept" in set(texts(said["drawing"]))
    assert ask(board, "runs", name="orders")[0]["status"] == "completed"


def test_turns_of_a_loop_are_told_apart(flows: Any) -> None:
    flows.run(
        "%%enfyra flow letters\n"
        "- key: each\n  type: foreach\n  config: {items: '{{ @FLOW_PAYLOAD }}'}\n  children:\n"
        "    - {key: write, type: script, source: return 6 / @FLOW.item, onError: skip}\n"
        "    - {key: even, type: condition, source: return @FLOW.item % 2 == 0,\n"
        "       then: [{key: say, type: log, config: {message: even}}]}\n"
        "- {key: end, type: log}"
    )
    board = flows.run("%enfyra board letters")
    run = ask(board, "start", name="letters", payload="[3, 0, 2]")
    said = seen(board, run, lambda run: run["over"])
    assert said["status"] == "completed"
    bars = [one for one in said["bars"] if one["key"] not in {"", "even"}]
    assert [(one["label"], one["status"]) for one in bars] == [
        ("each", "completed"), ("write · turn 1", "completed"), ("write · turn 2", "skipped"),
        ("say · turn 2", "completed"), ("write · turn 3", "completed"),
        ("say · turn 3", "completed"), ("end", "completed"),
    ]  # fmt: skip
    assert [one["within"] for one in bars[:2]] == [False, True]
    told = " ".join(texts(said["drawing"]))
    assert "3 turns" in told
    assert "1 skipped" in told
    assert "1 false, 2 true" in told


def test_a_failure_goes_on_from_its_step(flows: Any) -> None:
    flows.run(ORDERS)
    board = flows.run("%enfyra board orders")
    run = ask(board, "start", name="orders", payload="{amounts: 5}")
    said = seen(board, run, lambda run: run["over"])
    assert said["failed"] == "total"
    assert "has failed at the step 'total'" in said["said"]
    assert said["bars"][-1]["status"] == "failed"
    again = ask(board, "again", id=run, start="total", payload="{amounts: [1]}")
    said = seen(board, again, lambda run: run["over"])
    assert said["status"] == "completed"
    assert all(one["status"] != "done before" for one in said["bars"])
    answer = board.answered(
        {"id": "1", "action": "start", "given": {"name": "orders", "payload": "{"}}
    )
    assert "The payload is neither" in answer["error"]["message"]


def test_a_run_is_cancelled(flows: Any) -> None:
    flows.run(SLOW)
    board = flows.run("%enfyra board slow")
    run = ask(board, "start", name="slow")
    said = seen(board, run, lambda run: run["bars"] and run["bars"][-1]["key"])
    assert (said["bars"][-1]["key"], said["bars"][-1]["status"]) == ("nap", "running")
    assert not said["over"]
    ask(board, "cancel", id=run)
    assert seen(board, run, lambda run: run["over"])["status"] == "cancelled"
    answer = board.answered({"id": "1", "action": "cancel", "given": {"id": run}})
    assert "is over" in answer["error"]["message"]


def test_names(flows: Any) -> None:
    assert repr(flows.run("%enfyra board")).startswith("There are no flows yet")
    flows.run(SLOW)
    assert "Did you mean 'slow'?" in flows.refused("%enfyra board slwo")
    board = flows.run("%enfyra board slow")
    answer = board.answered({"id": "1", "action": "flow", "given": {"name": "slwo"}})
    assert "Did you mean 'slow'?" in answer["error"]["message"]
