"""Row policies hold for every method, on every database."""

from __future__ import annotations

import pytest
import pytest_asyncio

from ...api import Api
from .desk import Desk, open_desk, own_tickets, refused

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def own(api: Api) -> Desk:
    return await own_tickets(await open_desk(api))


async def test_records_out_of_reach_are_not_there_for_any_method(own: Desk) -> None:
    screen, printer = own.ids["screen"], own.ids["printer"]
    before = await own.root.rows("/ticket", sort="id")
    for method, body in (
        ("PATCH", {"status": "done"}), ("PUT", {"subject": "x"}), ("DELETE", None),
    ):  # fmt: skip
        answer = await own.ann.send(method, f"/ticket/{screen}", body)
        refused(answer, 404, "RESOURCE_NOT_FOUND")
    patch = [{"op": "replace", "path": "/status", "value": "done"}]
    answer = await own.ann.patch(
        f"/ticket/{screen}", patch, headers={"content-type": "application/json-patch+json"}
    )
    refused(answer, 404, "RESOURCE_NOT_FOUND")
    several = [{"id": printer, "status": "done"}, {"id": screen, "status": "done"}]
    refused(await own.ann.patch("/ticket", several), 404, "RESOURCE_NOT_FOUND", "[1]")
    assert await own.root.rows("/ticket", sort="id") == before
    # All that meet a filter: of those within reach.
    everyone = {"id": {"_is_not_null": True}}
    answer = await own.ann.patch("/ticket", {"status": "done"}, filter=everyone)
    assert answer.body["meta"]["affectedCount"] == 2, answer.body
    answer = await own.ann.patch("/ticket", {"status": "new"}, filter=everyone, fields="status")
    assert answer.data == [{"id": one, "status": "new"} for one in (printer, own.ids["mouse"])]
    answer = await own.ben.delete("/ticket", filter=everyone, fields="subject")
    assert [one["subject"] for one in answer.data] == ["screen"]
    answer = await own.ann.delete(f"/ticket/{own.ids['mouse']}")
    assert answer.status == 200, answer.body
    left = await own.root.rows("/ticket", sort="id")
    assert all(one["status"] == "new" for one in left)


async def test_nothing_is_made_that_is_out_of_reach(own: Desk) -> None:
    ids = own.ids
    mine, other = {"id": ids["user ann"]}, {"id": ids["user ben"]}
    answer = await own.ann.post("/ticket", {"subject": "key", "owner": mine})
    assert answer.status == 201
    count = len(await own.root.rows("/ticket", limit=0))
    for body in (
        {"subject": "lock", "owner": other},
        {"subject": "lock"},
        [{"subject": "a", "owner": mine}, {"subject": "b", "owner": other}],
    ):
        refused(await own.ann.post("/ticket", body), 403, "AUTHORIZATION_ERROR", "row policy")
    given = f"/ticket/{ids['printer']}"
    refused(await own.ann.patch(given, {"owner": other}), 403, "AUTHORIZATION_ERROR", "row policy")
    everyone = {"status": "open"}
    answer = await own.ann.patch("/ticket", {"owner": other}, filter=everyone)
    refused(answer, 403, "AUTHORIZATION_ERROR")
    assert len(await own.root.rows("/ticket", limit=0)) == count
    assert (await own.root.rows("/ticket", filter={"subject": "printer"}))[0]["owner"] == mine
    answer = await own.agent.patch(given, {"owner": other})
    assert answer.status == 200
    answer = await own.agent.post("/ticket", {"subject": "lock", "owner": other})
    assert answer.status == 201
