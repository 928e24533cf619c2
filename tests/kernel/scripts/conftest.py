"""A pool that the tests of a module share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from enfyra_kernel.scripts.crew import Isolation
from enfyra_kernel.scripts.pool import WorkerPool


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(Isolation))
async def pool(request: pytest.FixtureRequest) -> AsyncIterator[WorkerPool]:
    """What holds for scripts holds for both kinds of processes."""
    pool = WorkerPool(workers=1, isolation=request.param)
    await pool.start()
    yield pool
    await pool.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def warm() -> AsyncIterator[WorkerPool]:
    """For what only many calls in one process can show."""
    pool = WorkerPool(workers=1)
    yield pool
    await pool.stop()
