"""Flows as a team would write its first ones, with a clock that goes as fast as the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import settings

from .deck import flow, lines, over, results, runs_of, step

pytestmark = pytest.mark.asyncio


class Calendar(SystemClock):
    """A clock that says what the test wants."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Office:
    """A kernel whose time is the test's."""

    def __init__(self, kernel: Kernel, clock: Calendar) -> None:
        self.kernel = kernel
        self.clock = clock

    async def api(self) -> Api:
        """Give a client; a login of hours ago has expired."""
        return await Api(self.kernel).login()

    async def at(self, text: str) -> None:
        """Let it be so late, and whatever is due happen."""
        self.clock.at = datetime.fromisoformat(text).replace(tzinfo=UTC)
        await self.kernel.flows.schedule.tick()

    async def ended(self, name: str) -> list[dict[str, Any]]:
        """Give the runs of a flow, when all are over."""
        api = await self.api()
        return [await over(api, row["id"]) for row in await runs_of(api, name)]


@pytest_asyncio.fixture
async def office(sqlite_uri: str) -> AsyncIterator[Office]:
    # Not before the administrator was made.
    clock = Calendar(datetime.now(UTC).replace(hour=12, minute=0, second=0) + timedelta(days=1))
    async with Kernel(settings(sqlite_uri), clock=clock) as kernel:
        yield Office(kernel, clock)


async def test_old_orders_go_at_two_at_night_in_ho_chi_minh(office: Office) -> None:
    api = await office.api()
    await api.define("order", "state varchar")
    for state in ("new", "gone", "gone"):
        await api.create("/order", {"state": state})
    await flow(
        api, "cleanup",
        step("old", "query", config={"table": "order", "filter": {"state": "gone"}, "limit": 0}),
        {**step("each", "foreach", config={"items": "{{ @FLOW.old.data }}"}),
         "children": [step("drop", "delete", config={
             "table": "order", "id": "{{ @FLOW.item.id }}"})]},
        step("say", "log", config={"message": "{{ len(@FLOW.each) }} orders are gone"}),
        triggerType="schedule",
        triggerConfig={"cron": "0 2 * * *", "timezone": "Asia/Ho_Chi_Minh"},
    )  # fmt: skip
    day = office.clock.at.date()
    # Two at night there is seven in the evening before in UTC.
    await office.at(f"{day}T18:59:59")
    assert await office.ended("cleanup") == []
    await office.at(f"{day}T19:00:00")
    await office.at(f"{day}T19:00:01")
    [run] = await office.ended("cleanup")
    assert run["status"] == "completed", run["error"]
    assert run["scheduledFor"].startswith(f"{day}T19:00:00")
    api = await office.api()
    assert [row["state"] for row in await api.rows("/order")] == ["new"]
    assert await lines(api, run["id"]) == ["2 orders are gone"]
    shown = await api.get(
        "/admin/flow/schedule", flow="cleanup", timezone="Asia/Ho_Chi_Minh", times=2
    )
    assert [at[10:] for at in shown.row["next"]] == ["T02:00:00+07:00"] * 2
    assert (
        "Did you mean 'cleanup'?" in (await api.get("/admin/flow/schedule", flow="clean")).message
    )
    await office.at(f"{day + timedelta(days=1)}T19:00:00")
    assert len(await office.ended("cleanup")) == 2


async def test_prices_are_refreshed_from_a_csv_at_night(office: Office, tmp_path: Path) -> None:
    """What is new is created, what is known updated, by a key of the supplier's."""
    file = tmp_path / "prices.csv"
    api = await office.api()
    await api.define("price", "code varchar!", "cents int", uniques=[["code"]])
    await api.create("/price", {"code": "tea", "cents": 1})
    read = (
        "import csv\n"
        "with open(flow['vars']['file'], newline='') as file:\n"
        "    rows = list(csv.DictReader(file))\n"
        "print(len(rows), 'prices')\n"
        "[{'code': row['code'], 'cents': round(float(row['price']) * 100)} for row in rows]"
    )
    store = "await @REPOS.price.upsert({'data': @FLOW.read, 'key': ['code']})"
    await flow(
        api, "refresh",
        step("read", "python", read, config={"vars": {"file": str(file)}}),
        step("store", source=store),
        triggerType="schedule", triggerConfig={"cron": "30 1 * * *"},
    )  # fmt: skip
    day = office.clock.at.date()
    for later, text in ((1, "code,price\ntea,2.50\nrice,1.20\n"), (2, "code,price\nrice,1.3\n")):
        file.write_text(text)
        await office.at(f"{day + timedelta(days=later)}T01:29:59")
        await office.at(f"{day + timedelta(days=later)}T01:30:00")
        assert {run["status"] for run in await office.ended("refresh")} == {"completed"}
    api = await office.api()
    assert {row["code"]: row["cents"] for row in await api.rows("/price")} == {
        "tea": 250, "rice": 130
    }  # fmt: skip
    said = [await lines(api, run["id"]) for run in await office.ended("refresh")]
    assert said == [["2 prices"], ["1 prices"]]


async def test_a_payment_from_elsewhere_is_handled_and_told(office: Office) -> None:
    """A webhook, a branch, a record, and a flow that follows."""
    api = await office.api()
    await api.define("order", "total int", "state varchar")
    await api.create("/order", {"total": 40, "state": "new"})
    await flow(
        api, "paid",
        step("order", "query", config={"table": "order", "filter": {
            "id": {"_eq": "{{ @FLOW_PAYLOAD.body.order }}"}}}),
        {**step("enough", "condition", "return @FLOW_PAYLOAD.body.amount >= "
                                       "@FLOW.order.data[0].total"),
         "then": [step("ship", "update", config={
             "table": "order", "id": "{{ @FLOW.order.data[0].id }}", "data": {"state": "paid"}})],
         "else": [step("ask", source="@THROW400('too little')")]},
        triggerType="webhook", triggerConfig={"path": "payments", "secret": "a long secret"},
        alertConfig={"flow": "notify"},
    )  # fmt: skip
    await flow(api, "notify", step("tell", source="return 'call: ' + @FLOW_PAYLOAD.error.message"))
    secret = {"X-Webhook-Secret": "a long secret"}
    for amount in (39, 40):
        answer = await api.anonymous.send(
            "POST", "/trigger/payments", {"order": 1, "amount": amount}, headers=secret
        )
        assert answer.status == 202
        await over(api, answer.row["executionId"])
    assert [row["status"] for row in await office.ended("paid")] == ["failed", "completed"]
    assert [row["state"] for row in await api.rows("/order")] == ["paid"]
    [told] = await office.ended("notify")
    assert results(told) == {"tell": "call: too little"}
