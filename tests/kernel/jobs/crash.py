"""A worker that is killed in the middle of a job: run by the tests in a process of its own.

With the address of a Redis and a name of a cluster, its jobs are BullMQ's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from enfyra_kernel.jobs.bullmq_queue import BullQueue
from enfyra_kernel.jobs.queue import Job, Queue
from enfyra_kernel.kernel import Kernel

from tests.databases import settings


async def main(uri: str, *redis: str) -> None:
    begun = asyncio.Event()

    async def handler(job: Job) -> None:
        begun.set()
        await asyncio.sleep(3600)

    async with Kernel(settings(uri)) as kernel:
        queue: Queue = kernel.jobs
        if redis:
            url, node_name = redis
            queue = BullQueue(url, kernel.records, kernel.clock, node_name=node_name, lease=1.0)
            await queue.start()
        queue.register("mail", handler, concurrency=2)
        for number in range(4):
            await queue.enqueue("mail", number, job_id=f"mail-{number}")
        await begun.wait()
        while (await queue.counts())["mail"].active < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)


asyncio.run(main(*sys.argv[1:]))
