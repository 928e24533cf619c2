"""Figures for Prometheus."""

from __future__ import annotations

import asyncio

import pytest
from enfyra_kernel.lifecycle.messages import Request
from prometheus_client.parser import text_string_to_metric_families

from tests.api import Api
from tests.kernel.flows.deck import flow, ran, step

pytestmark = pytest.mark.asyncio


async def figures(api: Api) -> dict[tuple[str, str], float]:
    headers = {"authorization": f"Bearer {api.token}"}
    answer = await api.kernel.handle(Request("GET", "/metrics", "", headers))
    assert answer.status == 200
    assert answer.content_type.startswith("text/plain")
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_runs_and_jobs_are_counted(sqlite_api: Api) -> None:
    api = sqlite_api
    await flow(api, "good", step("s", source="return 1"))
    await flow(api, "bad", step("s", source="@THROW400('no')"))
    await flow(
        api, "soon", step("s", source="return 1"),
        triggerType="schedule", triggerConfig={"interval": 1},
    )  # fmt: skip
    await ran(api, "good")
    await ran(api, "bad")
    found = await figures(api)
    for _ in range(200):
        if found["enfyra_flow_start_lag_seconds_count", ""]:
            break
        await asyncio.sleep(0.02)
        found = await figures(api)
    assert found["enfyra_flow_start_lag_seconds_count", ""]
    assert found["enfyra_flow_runs", "failed"] == 1
    assert found["enfyra_flow_runs", "completed"] >= 1
    assert found["enfyra_flow_schedules", ""] == 1
    assert found["enfyra_flow_start_lag_seconds_sum", ""] < 60


async def test_figures_are_for_administrators(sqlite_api: Api) -> None:
    assert (await sqlite_api.anonymous.get("/metrics")).status == 401
