"""Jobs for operators: dead letters are listed, retried and removed over HTTP."""

from __future__ import annotations

import pytest

from tests.api import Api
from tests.contract.test_queue import Log, settled

pytestmark = pytest.mark.asyncio

JOBS = "/job_definition"


async def _dead(api: Api, log: Log) -> str:
    """Let a job fail; give its id."""
    jobs = api.kernel.jobs
    jobs.register("mail", log)
    await jobs.enqueue("mail", {"to": "ann"}, job_id="order-7", attempts=1)
    await settled(jobs, "mail", failed=1)
    rows = await api.rows(JOBS, filter='{"state":"failed"}')
    assert [(row["name"], row["jobId"], row["data"]) for row in rows] == [
        ("mail", "order-7", {"to": "ann"})
    ]
    assert rows[0]["lastError"] == "ValueError: attempt 0 of mail"
    return rows[0]["id"]


async def test_a_dead_letter_is_retried(sqlite_api: Api) -> None:
    log = Log(failures=1)
    id_ = await _dead(sqlite_api, log)
    assert (await sqlite_api.get("/admin/job")).data == [
        {"name": "mail", "waiting": 0, "active": 0, "delayed": 0, "failed": 1, "completed": 0}
    ]
    assert (await sqlite_api.post(f"/admin/job/{id_}/retry")).status == 200
    await settled(sqlite_api.kernel.jobs, "mail", completed=1, failed=0)
    again = await sqlite_api.post(f"/admin/job/{id_}/retry")
    assert (again.status, again.code) == (409, "CONFLICT")
    assert "completed" in again.message


async def test_a_dead_letter_is_removed(sqlite_api: Api) -> None:
    id_ = await _dead(sqlite_api, Log(failures=1))
    assert (await sqlite_api.delete(f"/admin/job/{id_}")).status == 200
    assert await sqlite_api.rows(JOBS) == []
    assert (await sqlite_api.delete(f"/admin/job/{id_}")).status == 404
    assert (await sqlite_api.post("/admin/job/no-id/retry")).status == 404


async def test_jobs_are_for_administrators_and_written_by_the_server_alone(
    sqlite_api: Api,
) -> None:
    id_ = await _dead(sqlite_api, Log(failures=1))
    await sqlite_api.create(
        "/user_definition", {"email": "ann@example.com", "password": "secret-of-ann"}
    )
    ann = await sqlite_api.anonymous.login("ann@example.com", "secret-of-ann")
    for client, status in ((sqlite_api.anonymous, 401), (ann, 403)):
        assert (await client.get(JOBS)).status == status
        assert (await client.get("/admin/job")).status == status
        assert (await client.post(f"/admin/job/{id_}/retry")).status == status
        assert (await client.delete(f"/admin/job/{id_}")).status == status
    for method in ("POST", "PATCH", "DELETE"):
        path = JOBS if method == "POST" else f"{JOBS}/{id_}"
        assert (await sqlite_api.send(method, path, {"name": "x"})).status == 405
    assert len(await sqlite_api.rows(JOBS)) == 1
