"""What tests of flows need: flows written in a line, and runs waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from enfyra_kernel.kernel import Kernel

from tests.api import Api

OVER = {"completed", "failed", "cancelled"}


def step(key: str, kind: str = "script", source: str | None = None, **facts: Any) -> dict[str, Any]:
    """Write a step."""
    made: dict[str, Any] = {"key": key, "type": kind, **facts}
    if source is not None:
        made["sourceCode"] = source
    return made


async def flow(api: Api, name: str, *steps: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """Define a flow."""
    answer = await api.send("PUT", f"/admin/flow/{name}", {"steps": list(steps), **facts})
    assert answer.status == 200, answer.body
    return answer.row


async def begin(api: Api, name: str, payload: Any = None) -> int:
    """Begin a run; give its id."""
    answer = await api.post(f"/admin/flow/trigger/{name}", {"payload": payload})
    assert answer.status == 202, answer.body
    return answer.row["executionId"]


async def over(api: Api, run: int) -> dict[str, Any]:
    """Wait until a run is over; give its row."""
    for _ in range(1500):
        row = await run_of(api, run)
        if row["status"] in OVER:
            return row
        await asyncio.sleep(0.01)
    raise AssertionError(f"run {run} goes on: {row}")


async def all_over(api: Api) -> None:
    """Wait until no run waits or goes on."""
    for _ in range(1500):
        going = {"status": {"_nin": list(OVER)}}
        if not (await api.get("/flow_execution_definition", filter=going)).data:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("runs go on")


async def run_of(api: Api, run: int) -> dict[str, Any]:
    [row] = (await api.get("/flow_execution_definition", filter={"id": run})).data
    return row


async def ran(api: Api, name: str, payload: Any = None) -> dict[str, Any]:
    """Run a flow to its end."""
    return await over(api, await begin(api, name, payload))


async def runs_of(api: Api, name: str) -> list[dict[str, Any]]:
    """Give a flow's runs."""
    answer = await api.get(
        "/flow_execution_definition", filter={"flow": {"name": name}}, sort="id", limit=0
    )
    return answer.data


def results(row: dict[str, Any]) -> dict[str, Any]:
    return row["state"]["results"]


def entries(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["key"], one["status"]) for one in row["completedSteps"]]


async def lines(api: Api, run: int) -> list[str]:
    """Give what a run has logged."""
    answer = await api.get(
        "/flow_log_definition", filter={"execution": {"id": run}}, sort="id", limit=0
    )
    return [one["message"] for one in answer.data]


def at_once(kernel: Kernel) -> list[float]:
    """Have retries wait for nothing; give the list that takes the seconds they would have."""
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    kernel.flows.engine.pause = pause
    return waited


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")
