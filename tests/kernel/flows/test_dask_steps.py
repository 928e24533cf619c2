"""Steps run on the workers of a real cluster of Dask, in processes that end when told to."""

from __future__ import annotations

import os
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.settings import Settings

from enfyra_server.app import Server
from tests.api import Api
from tests.databases import settings
from tests.processes import is_alive

from .deck import at_once, begin, entries, flow, lines, over, ran, results, step, until

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler, and two workers in processes of their own."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest_asyncio.fixture
async def api(cluster: Any, sqlite_uri: str) -> AsyncIterator[Api]:
    server = Server(Kernel(settings(sqlite_uri, dask_scheduler=cluster.scheduler_address)))
    await server.start()
    try:
        yield await Api(server.kernel).login()
    finally:
        await server.stop()


def on_dask(key: str, source: str, **facts: Any) -> dict[str, Any]:
    config = {"executor": "dask", **facts.pop("config", {})}
    return step(key, "python", source, config=config, **facts)


async def test_a_step_runs_on_a_worker(api: Api) -> None:
    source = """
import os
print("worker", os.getppid())
progress(1, 2)
[n * flow["vars"] for n in flow["payload"]]
"""
    await flow(api, "double", on_dask("it", source, config={"vars": "{{ len(@FLOW_PAYLOAD) }}"}))
    row = await ran(api, "double", [1, 2])
    assert row["error"] is None
    assert results(row) == {"it": [2, 4]}
    [line] = await lines(api, row["id"])
    assert line.startswith("worker ")
    assert line != f"worker {os.getpid()}"


async def test_a_failure_says_what_it_says_locally(api: Api) -> None:
    """With the line, and the traceback in the log."""
    sources = {
        "raises": "def half(n):\n    return n // 0\nhalf(3)",
        "large": "'x' * 9_000_000",
        "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    }
    for name, make in (("here", step), ("there", on_dask)):
        kind = ("python",) if make is step else ()
        await flow(
            api, name,
            *(make(key, *kind, source, onError="skip") for key, source in sources.items()),
        )  # fmt: skip
    there, here = await ran(api, "there"), await ran(api, "here")
    assert results(there) == results(here)
    assert "line 2: ZeroDivisionError" in results(there)["raises"]["error"]
    assert "at most 4 MB" in results(there)["large"]["error"]
    assert "crashed: SIGSEGV" in results(there)["crashes"]["error"]
    assert "Traceback (most recent call last):" in await lines(api, there["id"])
    assert sorted(await lines(api, there["id"])) == sorted(await lines(api, here["id"]))


async def test_a_step_calls_the_api_as_an_administrator(api: Api) -> None:
    """Its token is worth nothing when the step is over."""
    source = "[client.get('/me')['data'][0]['email'], client.auth._access]"
    await flow(api, "calls", on_dask("it", source))
    email, token = results(await ran(api, "calls"))["it"]
    assert email == api.kernel.settings.admin_email
    assert (await Api(api.kernel, token).get("/me")).status == 401


SLEEPER = """
import os, subprocess, sys, time
other = [sys.executable, "-c", "import time; time.sleep(600)"]
pids = [os.getpid(), subprocess.Popen(other, start_new_session=True).pid]
with open(flow["payload"] + ".part", "w") as file:
    file.write(" ".join(map(str, pids)))
os.rename(flow["payload"] + ".part", flow["payload"])
time.sleep(600)
"""


async def sleeping(api: Api, name: str, file: Path) -> tuple[int, list[int]]:
    """Begin a run that sleeps on a worker; give it, and its processes there."""
    run = await begin(api, name, str(file))
    await until(file.exists)
    return run, pids_in(file)


def pids_in(file: Path) -> list[int]:
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


async def gone(pids: list[int]) -> None:
    await until(lambda: not any(map(is_alive, pids)))


async def test_cancelling_and_time_outs_end_the_processes(api: Api, tmp_path: Path) -> None:
    """Their places are free again, too: each of the workers has one."""
    await flow(api, "cancelled", on_dask("it", SLEEPER))
    await flow(api, "late", on_dask("it", SLEEPER, timeout=3_000))
    await flow(api, "quick", on_dask("it", "1"))
    late = await begin(api, "late", str(tmp_path / "late"))
    cancelled, pids = await sleeping(api, "cancelled", tmp_path / "cancelled")
    waits = await begin(api, "quick")
    for run in (waits, cancelled):
        await api.post(f"/admin/flow/cancel/{run}")
    await gone(pids)
    assert (await over(api, late))["error"]["code"] == "FLOW_TIMEOUT"
    await gone(pids_in(tmp_path / "late"))
    assert [results(await ran(api, "quick")) for _ in range(2)] == [{"it": 1}] * 2


def kept(scheduler: Any) -> bytes:
    """Give all that a scheduler knows of its tasks and of what workers have told."""
    tasks = [pickle.dumps(task.run_spec) for task in list(scheduler.tasks.values())]
    return b"".join(tasks) + repr(scheduler.get_events()).encode()


async def test_a_step_ends_when_its_flow_is_not_heard_of(
    api: Api, tmp_path: Path, cluster: Any
) -> None:
    """Nor does the scheduler know what it was."""
    dask = api.kernel.flows.dask
    dask.silence = 1.0
    await flow(api, "left", on_dask("it", SLEEPER))
    run, pids = await sleeping(api, "left", tmp_path / "left")
    known = kept(cluster.scheduler)
    assert b"hold" in known
    assert b"enfyra-steps" in known
    for secret in (b"subprocess", str(tmp_path).encode()):
        assert secret not in known
    await dask.close()
    await gone(pids)
    row = await over(api, run)
    assert (row["status"], row["error"]["code"]) == ("failed", "EXECUTOR_UNAVAILABLE")


async def test_a_loop_spreads_over_the_workers(api: Api, tmp_path: Path) -> None:
    """Each turn waits for the other one, which one worker has no place for."""
    source = """
import os, pathlib, time
folder, me = pathlib.Path(flow["payload"]), str(os.getppid())
(folder / me).touch()
while len(list(folder.iterdir())) < 2:
    time.sleep(0.02)
[flow["item"], me]
"""
    each = step("each", "foreach", config={"items": [1, 2, 3], "executor": "dask"},
                children=[step("one", "python", source)])  # fmt: skip
    await flow(api, "spread", each)
    row = await ran(api, "spread", str(tmp_path))
    assert row["error"] is None
    given = results(row)["each"]
    assert [item for item, _ in given] == [1, 2, 3]
    assert len({worker for _, worker in given}) == 2


KILLER = """
import os, pathlib, signal, time
file = pathlib.Path(flow["payload"])
if file.exists():
    result = "again"
else:
    file.write_text(str(os.getpid()))
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
"""


@pytest.mark.parametrize("policy", ["stop", "retry"])
async def test_a_worker_that_is_killed(api: Api, tmp_path: Path, policy: str) -> None:
    """The step has failed, as its policy says: Dask does not run it again behind its back."""
    at_once(api.kernel)
    file = tmp_path / "killed"
    await flow(api, "killed", on_dask("it", KILLER, onError=policy, retryAttempts=1))
    row = await ran(api, "killed", str(file))
    await gone(pids_in(file))
    if policy == "retry":
        assert (results(row), row["completedSteps"][0]["retries"]) == ({"it": "again"}, 1)
    else:
        assert (entries(row), row["error"]["code"]) == ([("it", "failed")], "EXECUTOR_UNAVAILABLE")
        assert "The Dask worker tcp://" in row["error"]["message"]


async def test_a_scheduler_that_is_not_there(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enfyra_kernel.flows.steps.dask.cluster.CONNECT", 0.2)
    nobody = {"scheduler": "tcp://127.0.0.1:9"}
    await flow(api, "nobody", on_dask("it", "1", config=nobody))
    error = (await ran(api, "nobody"))["error"]
    assert error["code"] == "EXECUTOR_UNAVAILABLE"
    assert f"Dask's scheduler at {nobody['scheduler']} cannot be reached" in error["message"]
    assert "ENFYRA_DASK_SCHEDULER" in error["hint"]


# -- what is refused ------------------------------------------------------------------------------


async def refused(api: Api, config: dict[str, Any]) -> dict[str, Any]:
    one = step("it", "python", "1", config=config)
    answer = await api.send("PUT", "/admin/flow/refused", {"steps": [one]})
    assert (answer.status, answer.code) == (400, "INVALID_BODY")
    return answer.body["error"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"executor": "dusk"}, "Did you mean 'dask'?"),
        ({"executor": "dask", "scheduler": "host"}, "an address such as tcp://host:8786"),
        ({"scheduler": "tcp://host:8786"}, "is for steps whose executor is dask"),
        ({"executor": "dask"}, "nobody has said where Dask's scheduler is"),
    ],
)
async def test_what_is_no_executor_is_refused(
    sqlite_api: Api, config: dict[str, Any], problem: str
) -> None:
    assert problem in str(await refused(sqlite_api, config))


async def test_without_dask_it_is_said_what_to_install(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enfyra_kernel.flows.steps.executors.find_spec", lambda _: None)
    error = await refused(sqlite_api, {"executor": "dask", "scheduler": "tcp://host:8786"})
    assert "Dask is not installed" in str(error)
    assert "enfyra-kernel[dask]" in str(error)


async def test_an_address_of_no_scheduler_is_refused() -> None:
    with pytest.raises(EnfyraError, match=r"ENFYRA_DASK_SCHEDULER.*tcp://host:8786"):
        Settings.load({"ENFYRA_DASK_SCHEDULER": "http://host"}, dotenv=None)
