"""A worker that is killed in the middle of a job: run by the tests in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from enfyra_kernel.jobs.queue import Job
from enfyra_kernel.kernel import Kernel

from tests.databases import settings


async def main(uri: str) -> None:
    begun = asyncio.Event()

    async def handler(job: Job) -> None:
        begun.set()
        await asyncio.sleep(3600)

    async with Kernel(settings(uri)) as kernel:
        kernel.jobs.register("mail", handler, concurrency=2)
        for number in range(4):
            await kernel.jobs.enqueue("mail", number, job_id=f"mail-{number}")
        await begun.wait()
        while (await kernel.jobs.counts())["mail"].active < 2:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)


asyncio.run(main(sys.argv[1]))
