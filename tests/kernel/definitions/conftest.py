"""One furnished kernel for all tests of a module that leave no traces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from enfyra_kernel.kernel import Kernel

from tests.api import Api
from tests.databases import Databases, settings

from .estate import furnish


@pytest.fixture(scope="module")
def shared_uri(_database_makers: dict[str, Databases]) -> Iterator[str]:
    uri = _database_makers["sqlite"].fresh()
    yield uri
    _database_makers["sqlite"].drop(uri)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_estate(shared_uri: str) -> AsyncIterator[Api]:
    async with Kernel(settings(shared_uri)) as kernel:
        api = await Api(kernel).login()
        await furnish(api)
        yield api
