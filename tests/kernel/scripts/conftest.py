"""A pool that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from enfyra_kernel.scripts.pool import WorkerPool


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(workers=1)
    await pool.start()
    yield pool
    await pool.stop()
