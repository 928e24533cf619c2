"""Where definitions are loaded from."""

from __future__ import annotations

import itertools

import pytest
from enfyra_kernel.metadata.registry import EVERYTHING
from enfyra_kernel.records.source import SystemSource

from tests.api import Api

pytestmark = pytest.mark.asyncio


async def test_they_are_loaded_also_while_they_never_stay_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.define("post", "title varchar")
    source = api.kernel._source  # pyright: ignore[reportPrivateUsage]
    expected = await source.load(EVERYTHING)
    versions = itertools.count()

    async def version(_: SystemSource) -> int:
        return next(versions)

    monkeypatch.setattr(SystemSource, "version", version)
    assert await source.load(EVERYTHING) == expected
    assert next(versions) > 4
