"""A primary with replicas is a Database like every other: the same suite, with real replication."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from tests.replication import Replication, all_in_use

from .test_database import *  # noqa: F403 - these are the tests


@pytest.fixture
def database_uri(replicated_uri: str) -> str:
    return replicated_uri


@pytest_asyncio.fixture
async def kernel(replication: Replication, replicated_uri: str) -> AsyncIterator[Kernel]:
    async with replication.kernel(replicated_uri) as kernel:
        await all_in_use(kernel)
        yield kernel
