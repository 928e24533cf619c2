"""Flows in a real shell, against a real server."""

from __future__ import annotations

import _thread
import re
import signal
import threading
import time

import pytest
from IPython.core.completer import provisionalcompleter

from enfyra_jupyter.flows.following import Screen
from enfyra_jupyter.flows.reading import read_flow
from enfyra_jupyter.flows.views import FlowView

ORDERS = """%%enfyra flow orders --cron "0 2 * * *" --timezone Asia/Ho_Chi_Minh
description: What happens to orders
steps:
  - key: total
    type: script
    source: |
      return sum(@FLOW_PAYLOAD.amounts)
  - key: large
    type: condition
    source: return @FLOW.total > 1000
    then:
      - {key: ask, type: log, config: {message: "{{ @FLOW.total }} needs a look"}}
    else:
      - {key: accept, type: log, config: {message: '<b>{{ @FLOW.total }}</b> is accepted'}}
  - key: each
    type: foreach
    config: {items: "{{ @FLOW_PAYLOAD.amounts }}"}
    children:
      - {key: one, type: log, config: {message: "{{ @FLOW.item }}"}}
"""
FUNCTIONS = '''%%enfyra flow sums
# What adds up.

@step(retry=2, timeout=3000)
def total(payload):
    """Add the amounts."""
    return sum(payload.amounts)

@condition
def large(total):
    return total > 10

@step(when="large")
def note(total, meta):
    return f"{meta.flowName}: {total}"

@step(unless="large", on_error="skip")
async def quiet(): return None
'''
SLOW = (
    "%%enfyra flow slow\n- {key: nap, type: sleep, config: {ms: 60000}}\n- {key: after, type: log}"
)


def test_functions_of_plain_python_stay_as_they_are():
    source = "def total(payload, rows):\n    return len(rows)"
    (step,) = read_flow(f"@step(type='python')\n{source}\n")["steps"]
    assert step["type"] == "python"
    assert step["sourceCode"] == f'{source}\n\n\ntotal(flow["payload"], flow["rows"])'


@pytest.fixture
def flows(shell, client):
    yield shell
    for row in client.get("/flow_definition", fields="id", limit=0)["data"]:
        client.send("DELETE", f"/flow_definition/{row['id']}")


class TestWriting:
    def test_shows_the_flow_and_its_next_times(self, flows):
        view = flows.run(ORDERS)
        lines = repr(view).splitlines()
        assert lines[0] == "orders is created: every day at 02:00 (Asia/Ho_Chi_Minh)"
        assert lines[1].split() == ["total", "script"]
        assert [line.rstrip() for line in lines if line.strip() in {"true:", "false:"}] == [
            "  true:", "  false:",
        ]  # fmt: skip
        times = [line for line in lines if line.startswith("next: ")]
        assert len(times) == 3
        assert all(" 02:00 (in " in line for line in times)
        assert repr(flows.run(ORDERS)).startswith("orders is changed: ")

    def test_functions_are_steps(self, flows):
        flows.run(FUNCTIONS)
        done = flows.run("%enfyra run sums --payload {amounts: [4, 5, 6]}")
        assert done.results == {"total": 15, "large": True, "note": "sums: 15"}
        assert repr(done).startswith(f"Run {done.id} of sums is completed, after ")
        few = flows.run("%enfyra run sums --payload {amounts: [1]}")
        assert few.results == {"total": 1, "large": False, "quiet": None}

    def test_a_webhook_keeps_its_secret(self, flows, client, monkeypatch):
        cell = "%%enfyra flow paid --webhook payments{}\n- {{key: a, type: log}}"
        assert "Whoever knows the address" in repr(flows.run(cell.format("")))
        assert "there is none of that name" in flows.refused(cell.format(" --secret HOOK"))
        monkeypatch.setenv("HOOK", "a-long-secret")
        shown = flows.run(cell.format(" --secret HOOK"))
        assert "a-long-secret" not in repr(shown) + shown._repr_html_()
        assert "POST /user/ann/enfyra/trigger/payments" in repr(flows.run(cell.format("")))
        config = client.get("/flow_definition", filter={"name": "paid"})["data"][0]["triggerConfig"]
        assert config == {"path": "payments", "secret": "a-long-secret"}

    def test_every_so_often(self, flows):
        shown = repr(flows.run("%%enfyra flow often --every 3600\n- {key: a, type: log}"))
        assert shown.startswith("often is created: every hour")

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("x\nsteps: [", "not valid YAML"),
            ("x\n- {key: a, type: log, config: {message: {{ @FLOW.a }}}}", "need quotes"),
            ("x\njust words", "must hold steps"),
            ("x\n- {key: a, type: lgo}", "log"),
            ("x\n- {key: a, type: script, sorce: return 1}", "Did you mean 'source"),
            ("x --cron '0 2 * *'\n- {key: a, type: log}", "5 fields"),
            ("x --cron '0 2 * * *' --every 5\n- {key: a, type: log}", "take one"),
            ("x --timezone UTC\n- {key: a, type: log}", "that of --cron"),
            ("x --secret A\n- {key: a, type: log}", "that of --webhook"),
            ("x --test --run\n- {key: a, type: log}", "take one"),
            ("x --test\n- {key: a}", "needs a key and a type"),
            ("x --payload {a: 1}\n- {key: a, type: log}", "write both"),
            ("x --cron '0 2 * * *' --timezone Asia/Hanoy\n- {key: a, type: log}", "no time zone"),
            ("x\nimport os\n@step\ndef a(): return 1", "Line 1: only functions"),
            ("x\n@stp\ndef a(): return 1\n@step\ndef b(): return 1", "Did you mean 'step'?"),
            ("x\n@step(retrry=1)\ndef a(): return 1", "Did you mean 'retry'?"),
            ("x\n@step(n)\ndef a(): return 1", "written out"),
            ("x\n@step\nx = 1", "stands a function"),
            ("x\n@step\ndef a():\n", "is empty"),
            ("x\n@step\ndef a(b=1): return 1", "parameters are keys"),
            ("x\n@step(type='query')\ndef a(): return 1", "YAML has all types"),
            ("x\n@step(type='python')\nasync def a(): return 1", "no async function"),
            ("x\n@step(when='b')\ndef a(): return 1", "names a @condition above it"),
            ("x\n@step\ndef a(): return 1\n@step\ndef a(): return 1", "two functions 'a'"),
        ],
    )
    def test_mistakes(self, flows, cell, said):
        assert said in flows.refused(f"%%enfyra flow {cell}")

    def test_options_need_a_cell(self, flows):
        assert "%enfyra run x runs it" in flows.refused("%enfyra flow x --run")

    def test_is_tried_and_not_saved(self, flows, client):
        tried = flows.run(
            ORDERS.replace("Ho_Chi_Minh", "Ho_Chi_Minh --test --payload {amounts: [4, 5]}")
        )
        assert tried.title == "orders: the trial is over, and nothing of it stays"
        text = re.sub(" +", " ", repr(tried))
        assert "total gave 9\n" in text
        assert "accept said: <b>9</b> is accepted\n" in text
        assert "ask log {{ @FLOW.total }} needs a look left out" in text
        assert "each: the first of 2 items\n" in text
        assert "<b>9" not in tried._repr_html_()
        assert client.get("/flow_definition")["data"] == []
        steps = (
            "- {key: a, type: script, source: return 1/0, onError: skip}\n"
            "- {key: both, type: parallel, children: [{key: c, type: sleep, config: {ms: 9}}]}\n"
            "- {key: each, type: foreach, config: {items: 5}}\n- {key: b, type: log}"
        )
        failed = re.sub(" +", " ", repr(flows.run(f"%%enfyra flow x --test\n{steps}")))
        assert failed.startswith("x: 'each' has failed. items is 5, and no list\n")
        assert "a was skipped. SCRIPT_EXECUTION_ERROR: " in failed
        assert "b log not reached" in failed


class TestRunning:
    def test_writes_what_happens(self, flows, capsys):
        flows.run(ORDERS)
        done = flows.run("%enfyra run orders --payload {amounts: [4, 5]}")
        written = capsys.readouterr().out
        assert "total: completed, " in written
        assert "large: completed, false, " in written
        assert done.results["each"]
        drawn = flows.run("%enfyra flow orders")
        text = repr(drawn)
        assert f"Run {done.id} of orders is completed" in text
        assert "left out" in text
        html = drawn._repr_html_()
        assert html.count("<svg") == 1
        assert "left out" in html
        assert "var(--jp-success-color1" in drawn.svg

    def test_the_picture_changes(self, flows, monkeypatch):
        """As in a notebook: one output, which is brought up to date."""
        shown: list[FlowView] = []

        class Handle:
            update = staticmethod(shown.append)

        def display(view, display_id):
            shown.append(view)
            return Handle

        monkeypatch.setattr("enfyra_jupyter.flows.following.display", display)
        monkeypatch.setattr(flows.shell, "kernel", object(), raising=False)
        flows.run(ORDERS + "\n")
        flows.run("%enfyra run orders --payload {amounts: [4, 5]}")
        assert "is completed" in shown[-1].title
        assert "<progress" not in shown[-1]._repr_html_()
        screen = Screen("orders", shown[-1].steps)
        screen.show({**shown[-1].run, "status": "running", "progress": {"done": 1, "total": 5}})
        assert '<progress max="5" value="1">' in shown[-1]._repr_html_()
        assert ": 1 of 5 steps" in shown[-1].title

    def test_a_failure_is_one_paragraph_and_goes_on_from_there(self, flows):
        flows.run(
            "%%enfyra flow f\n- {key: a, type: log}\n- {key: b, type: script, source: return 1/0}"
        )
        said = flows.refused("%enfyra run f")
        assert "\n" not in said
        assert "has failed at the step 'b'" in said
        number = said.split()[1]
        assert f"%enfyra run f --from b --of {number}" in said
        assert "failed" in repr(flows.run("%enfyra flow f"))
        flows.run(
            "%%enfyra flow f\n- {key: a, type: log}\n- {key: b, type: script, source: return 7}"
        )
        assert flows.run("%enfyra run f --from b").results["b"] == 7
        assert "Did you mean 'b'?" in flows.refused(f"%enfyra run f --from bb --of {number}")
        assert "write both" in flows.refused(f"%enfyra run f --of {number}")

    def test_run_with_the_cell(self, flows):
        step = "- {key: a, type: script, source: 'return @FLOW_PAYLOAD'}"
        assert flows.run(f"%%enfyra flow now --run --payload 5\n{step}").results == {"a": 5}

    def test_an_interrupt_cancels(self, flows, client):
        flows.run(SLOW)
        stop = threading.Thread(target=_interrupt_when_running, args=(client,))
        # What is begun in the background of a shell ignores interrupts.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            stop.start()
            said = flows.refused("%enfyra run slow")
        finally:
            stop.join()
            signal.signal(signal.SIGINT, before)
        assert said.startswith("Interrupted: run ")
        last = client.get("/flow_execution_definition", sort="-id", limit=1)["data"][0]
        assert last["status"] == "cancelled"

    def test_names(self, flows):
        assert "There are none yet" in flows.refused("%enfyra run x")
        flows.run(SLOW)
        assert "Did you mean 'slow'?" in flows.refused("%enfyra run slwo")
        assert "has not run yet" in flows.refused("%enfyra logs slow")


def _interrupt_when_running(client):
    end = time.monotonic() + 30
    while not client.get("/flow_execution_definition", filter={"status": "running"})["data"]:
        if time.monotonic() > end:
            return
        time.sleep(0.05)
    _thread.interrupt_main()


class TestLooking:
    def test_runs_logs_and_schedule(self, flows, capsys):
        flows.run(ORDERS)
        done = flows.run("%enfyra run orders --payload {amounts: [4, 5]}")
        listed = flows.run("%enfyra runs orders")
        assert listed.rows[0][:4] == [done.id, "orders", "completed", "manual"]
        assert flows.run("%enfyra runs --limit 1").rows == listed.rows
        said = flows.run(f"%enfyra logs {done.id}")
        assert "accept  info: <b>9</b> is accepted" in repr(said)
        assert "<b>9" not in said._repr_html_()
        capsys.readouterr()
        assert flows.run("%enfyra logs orders --follow") is None
        written = capsys.readouterr().out
        assert repr(said) in written
        assert written.endswith(f"Run {done.id} is completed\n")
        drawn = flows.run("%enfyra timeline orders")
        keys = [one.key for one in drawn.bars]
        assert keys[-6:] == ["total", "large", "accept", "each", "one", "one"]
        assert repr(drawn).startswith(f"Run {done.id} of orders is completed")
        times = flows.run("%enfyra schedule --timezone America/New_York --times 2")
        assert times.columns[-1] == "next (America/New_York)"
        assert times.rows[0][:2] == ["orders", "every day at 02:00 (Asia/Ho_Chi_Minh)"]
        assert len(times.rows) == 2

    def test_cancel(self, flows, client):
        flows.run(SLOW)
        began = client.post("/admin/flow/trigger/slow", {})["data"][0]["executionId"]
        assert "is cancelled" in repr(flows.run("%enfyra cancel slow"))
        assert "is over" in flows.refused(f"%enfyra cancel {began}")
        assert "There is no run 99999" in flows.refused("%enfyra logs 99999")
        assert "has logged nothing" in repr(flows.run(f"%enfyra logs {began}"))

    def test_nothing_yet(self, flows):
        assert "No flow runs at certain times" in repr(flows.run("%enfyra schedule"))


def test_completion(flows):
    flows.run("%%enfyra table post\ncolumns:\n  title: varchar")
    flows.run(ORDERS)
    magics = flows.shell.magics_manager.registry["EnfyraMagics"]
    magics.session.flows.load()
    magics.session.schema()
    for text in (
        "%enfyra run ord|ers",
        "%enfyra logs ord|ers",
        "%enfyra run orders --from la|rge",
        "%enfyra run orders --pay|load",
        "%enfyra schedule --timezone Asia/Ho_|Chi_Minh",
        "%%enfyra flow ord|ers",
        "%%enfyra flow x --web|hook",
        "%%enfyra flow x\n- key: a\n  ty|pe",
        "%%enfyra flow x\nsteps:\n  - key: a\n    type: cond|ition",
        "%%enfyra flow x\nsteps:\n  - key: a\n    con|fig",
        "%%enfyra flow x\n- key: a\n  config:\n    table: po|st",
        "%%enfyra flow x\n- {key: a, type: trigger|_flow",
    ):
        typed, _, rest = text.partition("|")
        with provisionalcompleter():
            found = flows.shell.Completer.completions(typed, len(typed))
            got = [typed[: one.start] + one.text for one in found if one.type == "enfyra"]
        assert got == [typed + rest]
