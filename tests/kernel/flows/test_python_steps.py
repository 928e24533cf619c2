"""Steps of plain Python run in processes of their own, which leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from enfyra_kernel.kernel import Kernel

from enfyra_server.app import Server
from tests.api import Api
from tests.databases import settings
from tests.processes import is_alive

from .deck import begin, flow, lines, over, ran, results, run_of, step, until

pytestmark = pytest.mark.asyncio


@pytest.fixture
def api(sqlite_api: Api) -> Api:
    return sqlite_api


async def test_data_frames_become_records(api: Api) -> None:
    source = """
import pandas as pd
print("reading", len(flow["payload"]))
frame = pd.DataFrame(flow["payload"])
frame["at"] = pd.to_datetime(frame["at"])
sums = frame.groupby("city").agg(total=("n", "sum"), last=("at", "max"))
progress(1, 2, "summed")
sums
"""
    await flow(api, "frames", step("sums", "python", source),
               step("after", source="return @FLOW.sums[0].total"))  # fmt: skip
    payload = [
        {"city": "Berlin", "n": 1, "at": "2026-03-01T10:00:00Z"},
        {"city": "Berlin", "n": 2, "at": None},
        {"city": "Hue", "n": None, "at": None},
    ]
    row = await ran(api, "frames", payload)
    assert row["error"] is None
    assert results(row) == {
        "sums": [
            {"city": "Berlin", "total": 3, "last": "2026-03-01T10:00:00Z"},
            {"city": "Hue", "total": 0, "last": None},
        ],
        "after": 3,
    }
    assert await lines(api, row["id"]) == ["reading 3"]


async def test_a_step_knows_the_run_but_not_the_servers_environment(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "a very secret key")
    monkeypatch.setenv("DB_URI", "sqlite:///elsewhere.db")
    source = """
import os, sys
result = [flow["before"], flow["vars"], flow["meta"]["flowName"], sys.argv[1:],
          [v for k, v in os.environ.items() if k in ("SECRET_KEY", "DB_URI")]]
"ignored"
"""
    config = {"vars": {"n": "{{ @FLOW.before }}"}}
    await flow(
        api, "knows", step("before", source="return 1"), step("it", "python", source, config=config)
    )
    assert results(await ran(api, "knows"))["it"] == [1, {"n": 1}, "knows", [], []]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\nint('one')", "line 2: ValueError: invalid literal"),
        ("import pandas as pd\npd.DataFrame({'a': range(10_001)})", "at most 10000 become"),
        ("'x' * 9_000_000", "at most 4 MB"),
        ("{'a': object()}", "a object, which is no data"),
        ("import os\nos._exit(3)", "has ended with 3, and without a result"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "crashed: SIGSEGV"),
        ("raise SystemExit(4)", "has left with 4"),
        ("client.get('/me')", "Set ENFYRA_URL"),
    ],
)
async def test_a_failure_says_why(api: Api, source: str, problem: str) -> None:
    await flow(api, "fails", step("it", "python", source))
    row = await ran(api, "fails")
    assert (row["status"], row["error"]["code"]) == ("failed", "SCRIPT_EXECUTION_ERROR")
    assert problem in row["error"]["message"]


async def test_nothing_is_left_of_a_step(api: Api, tmp_path: Path) -> None:
    """Whether it ends, takes too long or is cancelled: neither it, nor what it has begun."""
    source = """
import os, subprocess, sys, time
other = [sys.executable, "-c", "import time; time.sleep(600)"]
pids = [subprocess.Popen(other, start_new_session=new).pid for new in (False, True)]
with open(flow["payload"]["file"], "w") as file:
    file.write(" ".join(map(str, [os.getpid(), *pids])))
print("begun", flush=True)
time.sleep(flow["payload"]["seconds"])
"""
    cases: list[tuple[str, float, str]] = [
        ("ends", 0, "completed"), ("late", 600, "failed"), ("cancelled", 600, "cancelled"),
    ]  # fmt: skip
    runs: dict[str, int] = {}
    for name, seconds, _ in cases:
        timeout = 4_000 if name == "late" else None
        await flow(api, name, step("it", "python", source, timeout=timeout))
        file = str(tmp_path / name)
        runs[name] = await begin(api, name, {"file": file, "seconds": seconds})
    await until((tmp_path / "cancelled").exists)
    await api.post(f"/admin/flow/cancel/{runs['cancelled']}")
    for name, _, status in cases:
        assert (await over(api, runs[name]))["status"] == status
    workers = api.kernel.flows.workers
    await until(lambda: workers.running == 0)
    pids = [int(pid) for name in runs for pid in (tmp_path / name).read_text().split()]
    assert len(pids) == 9
    await until(lambda: not [pid for pid in pids if is_alive(pid)])
    assert (await run_of(api, runs["late"]))["error"]["code"] == "FLOW_TIMEOUT"


async def test_lines_and_progress_come_while_a_step_runs(api: Api, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    source = f"print('half')\nprogress(1, 2)\nopen({str(gate)!r}).read()"
    await flow(api, "goes", step("it", "python", source))
    run = await begin(api, "goes")
    seen: dict[str, Any] = {}
    while not seen or not await lines(api, run):
        seen = ((await run_of(api, run))["progress"] or {}).get("step", {})
        await asyncio.sleep(0.02)
    assert await lines(api, run) == ["half"]
    assert (seen["done"], seen["total"]) == (1, 2)
    await asyncio.to_thread(gate.write_text, "")
    assert (await over(api, run))["status"] == "completed"


async def test_a_step_calls_the_api_as_an_administrator(sqlite_uri: str) -> None:
    """Its login is one of its own, begun when it is needed, and ended with the step."""
    server = Server(Kernel(settings(sqlite_uri)))
    await server.start()
    try:
        api = await Api(server.kernel).login()
        await api.define("city", "name varchar")
        source = """
client.post("/city", {"name": "Hue"})
token = client.auth._access
[[one["name"] for one in client.get("/city")["data"]],
 [one["userAgent"] for one in client.get("/me/sessions")["data"]], repr(client.auth), token]
"""
        await flow(api, "calls", step("it", "python", source))
        row = await ran(api, "calls")
        rows, agents, shown, token = results(row)["it"]
        assert (rows, shown) == (["Hue"], "Login(***)")
        assert "step 'it' of the flow 'calls'" in agents
        assert len(await api.rows("/session_definition")) == 1
        assert (await Api(server.kernel, token).get("/me")).status == 401
    finally:
        await server.stop()
