"""What has been kept long enough is deleted by one instance at a time."""

from __future__ import annotations

import pytest
from enfyra_kernel.kernel import Kernel

from tests.databases import settings

pytestmark = pytest.mark.asyncio


async def test_expired_logins_are_deleted_unless_another_instance_is_at_it(
    sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Kernel(settings(sqlite_uri, refresh_interval=3600)) as kernel:
        pruned: list[str] = []

        async def prune() -> int:
            # It is held all the while.
            async with kernel.locks.attempt("session-cleanup", ttl=1) as lease:
                pruned.append("alone" if lease is None else "unlocked")
            return 0

        monkeypatch.setattr(kernel.sessions, "prune", prune)
        clean_up = kernel.upkeep.prune
        async with kernel.locks.hold("session-cleanup", ttl=3600):
            await clean_up()
        assert pruned == []
        await clean_up()
        assert pruned == ["alone"]
