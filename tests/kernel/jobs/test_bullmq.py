"""What only the queue in Redis does: it bears with Redis, and with producers in Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs import connect
from enfyra_kernel.jobs.bullmq_queue import BullQueue
from enfyra_kernel.jobs.queue import Job
from enfyra_kernel.kernel import Kernel

from tests.contract.test_queue import BullLab, Gate, Log, dead_letters, job_rows, settled, until
from tests.databases import settings
from tests.services.redis import Redis

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def lab(sqlite_kernel: Kernel) -> AsyncIterator[BullLab]:
    lab = BullLab(sqlite_kernel)
    yield lab
    await lab.close()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis that the test may stop."""
    redis = Redis()
    redis.start()
    yield redis
    redis.stop()


async def test_while_redis_is_paused_jobs_wait_in_the_database(
    sqlite_kernel: Kernel, own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enfyra_kernel.jobs.bullmq_queue.PATIENCE", 0.2)
    queue = BullQueue(own_redis.url, sqlite_kernel.records, sqlite_kernel.clock, poll=0.1)
    log = Log()
    await queue.start()
    queue.register("mail", log)
    await queue.enqueue("mail", 0)
    await until(lambda: log.data == [0])
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        # It may have been taken: then it is not taken again.
        assert await queue.enqueue("mail", 1, job_id="a") is not None
        assert await queue.enqueue("mail", 2) is not None
        with pytest.raises(EnfyraError, match="Redis gives no answer") as caught:
            await queue.counts()
        assert caught.value.kind.code == "QUEUE_UNAVAILABLE"
        assert len(await job_rows(sqlite_kernel, {"state": "outgoing"})) == 2
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    await until(lambda: len(log.data) >= 3)
    await queue.stop()
    assert sorted(log.data) == [0, 1, 2]


async def test_what_a_crash_left_to_be_sent_is_sent_once(lab: BullLab) -> None:
    queue, log = await lab.make(), Log()
    job = await queue.enqueue("mail", "sent")
    assert job is not None
    # It was sent, and the process died before it could note so.
    rows = queue._rows
    order = (await queue._queue("mail").getWaiting())[0]
    assert order.id == job.id
    from enfyra_kernel.jobs.queue import order_of

    now = lab.kernel.clock.now()
    sent = order_of("mail", "sent", None, None, 3)
    assert await rows.add(sent, now, "outgoing", id_=job.id) is not None
    queue.register("mail", log)

    async def gone() -> bool:
        return not await job_rows(lab.kernel, {"state": "outgoing"})

    await until(gone)
    await settled(queue, "mail", completed=1, waiting=0, active=0)
    assert log.data == ["sent"]


async def test_dead_letters_follow_what_a_dashboard_does(lab: BullLab) -> None:
    queue, log = await lab.make(), Log(failures=2)
    queue.register("mail", log)
    for number in range(2):
        await queue.enqueue("mail", number, attempts=1)
        await until(lambda: len(log.jobs) == number + 1)  # noqa: B023
    first, second = await dead_letters(lab, "mail", 2)
    assert [first["data"], second["data"]] == [0, 1]
    failed = {job.data: job for job in await queue._queue("mail").getFailed()}
    await failed[0].retry()
    (left,) = await dead_letters(lab, "mail", 1)
    assert left["id"] == second["id"]
    await failed[1].remove()
    queue._note("mail")
    await dead_letters(lab, "mail", 0)
    assert log.data == [0, 1, 0]


async def test_a_job_that_takes_its_workers_down_has_failed_the_third_time(lab: BullLab) -> None:
    gate = Gate()
    queues = [await lab.make() for _ in range(4)]
    for number, queue in enumerate(queues):
        queue.register("mail", gate)
        if number == 0:
            await queue.enqueue("mail")
        if number < 3:
            await until(lambda: len(gate.begun) == number + 1)  # noqa: B023
            await lab.lose()
    (dead,) = await dead_letters(lab, "mail", 1)
    assert "stalled" in dead["lastError"]
    assert [job.attempt for job in gate.begun] == [0, 1, 2]
    gate.opened.set()


async def test_a_worker_that_is_killed_loses_no_job(lab: BullLab, sqlite_uri: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.kernel.jobs.crash", sqlite_uri, lab.uri, lab.node_name),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL, output.decode()
    queue, log = await lab.make(lease=1.0), Log()
    queue.register("mail", log)
    await settled(queue, "mail", completed=4)
    assert sorted((job.data, job.attempt) for job in log.jobs) == [(0, 1), (1, 1), (2, 0), (3, 0)]


async def test_who_has_lost_a_job_is_told_to_end(lab: BullLab) -> None:
    queue, gate = await lab.make(lease=1.0), Gate()
    queue.register("mail", gate)
    await queue.enqueue("mail")
    await until(lambda: gate.inside == 1)
    await lab.lose()
    # BullMQ finds out when it prolongs the lease.
    await until(lambda: gate.inside == 0 or len(gate.begun) == 2)
    gate.opened.set()
    await settled(queue, "mail", completed=1, active=0, waiting=0)


async def test_bullmq_needs_redis_and_its_package(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EnfyraError, match="needs REDIS_URI"):
        Kernel(settings(sqlite_uri, jobs="bullmq"))
    monkeypatch.setattr(connect, "find_spec", lambda _: None)
    with pytest.raises(EnfyraError, match="needs the package bullmq"):
        Kernel(settings(sqlite_uri, jobs="bullmq", redis_uri="redis://localhost:1"))


async def test_a_kernel_runs_jobs_by_bullmq(sqlite_uri: str, redis_url: str) -> None:
    node_name = os.urandom(8).hex()
    given = settings(sqlite_uri, jobs="bullmq", redis_uri=redis_url, node_name=node_name)
    log = Log()
    async with Kernel(given) as kernel:
        kernel.jobs.register("mail", log)
        await kernel.jobs.enqueue("mail", 1)
        await settled(kernel.jobs, "mail", completed=1)
    assert isinstance(kernel.jobs, BullQueue)
    assert log.data == [1]


_PRODUCER = """
const { Queue } = require('bullmq');
const [url, prefix] = process.argv.slice(1);
(async () => {
  const at = new URL(url);
  const queue = new Queue('mail%3Asend', {
    prefix, connection: { host: at.hostname, port: Number(at.port) },
  });
  const job = await queue.add('mail:send', { to: 'ann' }, { attempts: 2, jobId: 'of-node' });
  console.log(JSON.stringify(job.id));
  await queue.close();
})();
"""


def _node_modules() -> str | None:
    """Give the folder that holds BullMQ for Node, if somebody has put it there."""
    given = os.environ.get("TEST_NODE_MODULES")
    return given if given and (Path(given) / "bullmq").is_dir() else None


async def test_a_job_of_a_producer_in_node_is_run(lab: BullLab) -> None:
    modules = _node_modules()
    if shutil.which("node") is None or modules is None:
        pytest.skip("node with its package bullmq is not at TEST_NODE_MODULES")
    queue, log = await lab.make(), Log()
    queue.register("mail:send", log)
    process = await asyncio.create_subprocess_exec(
        *("node", "-e", _PRODUCER, "--", lab.uri, queue.prefix),
        env={**os.environ, "NODE_PATH": modules},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert json.loads(output) == "of-node"
    await settled(queue, "mail:send", completed=1)
    (job,) = log.jobs
    expected = Job(id="of-node", name="mail:send", data={"to": "ann"}, attempts=2, fence=1)
    assert job == expected
