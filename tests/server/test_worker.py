"""`enfyra worker` runs what a server leaves to others, and another one goes on after its end."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Process, is_alive

NOTE = "import os\nwith open({file!r}, 'a') as file:\n    print(os.getpid(), file=file)\n"
HOLD = "import time\nwhile not os.path.exists({gate!r}):\n    time.sleep(0.02)\n"


def _pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _wait(process: Process, condition: Callable[[], Any]) -> None:
    process.wait_for(condition)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes as Linux has them")
def test_others_go_on_with_what_a_worker_has_left(sqlite_uri: str, tmp_path: Path) -> None:
    first, second, gate = tmp_path / "first", tmp_path / "second", tmp_path / "gate"
    facts = {"ENFYRA_FLOW_LEASE": "1"}
    with ExitStack() as stack:
        server = stack.enter_context(
            Process(sqlite_uri, tmp_path / "server", settings=facts | {"ENFYRA_FLOW_WORKERS": "0"})
        )

        def worker(name: str) -> Process:
            settings = facts | {"ENFYRA_URL": server.url, "ENFYRA_FLOW_WORKERS": "0"}
            process = Process(
                sqlite_uri, tmp_path / name, "--runs", "2", settings=settings, command="worker"
            )
            stack.callback(process.__exit__)
            _wait(process, lambda: any(line["event"] == "working" for line in process.log))
            return process

        client = stack.enter_context(closing(server.login()))
        asks = "client.get('/me')['data'][0]['email']"
        steps = [
            {"key": "first", "type": "python", "sourceCode": NOTE.format(file=str(first)) + asks},
            {
                "key": "second",
                "type": "python",
                "sourceCode": NOTE.format(file=str(second)) + HOLD.format(gate=str(gate)),
            },
        ]
        assert client.put("/admin/flow/shift", json={"steps": steps}).status_code == 200
        client.post("/admin/flow/trigger/shift", json={})

        def run() -> dict[str, Any]:
            return client.get("/flow_execution_definition").json()["data"][0]

        # Many looks of a server that would run it.
        time.sleep(0.5)
        assert (run()["status"], first.exists()) == ("pending", False)

        killed = worker("a")
        _wait(killed, lambda: len(_pids(second)) == 1)
        killed.process.kill()

        told = worker("b")
        _wait(told, lambda: len(_pids(second)) == 2)
        _wait(told, lambda: not is_alive(_pids(second)[0]))
        assert told.end(signal.SIGTERM) == 0
        assert run()["status"] == "pending"

        last = worker("c")
        _wait(last, lambda: len(_pids(second)) == 3)
        gate.touch()
        _wait(last, lambda: run()["status"] == "completed")
        row = run()
        assert row["state"]["results"]["first"] == "admin@enfyra.local"
        assert (len(_pids(first)), row["fence"]) == (1, 3)
        assert last.end(signal.SIGTERM) == 0
        assert not any(map(is_alive, _pids(second)))
