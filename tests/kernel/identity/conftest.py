"""Accounts to log in with, and a clock that can be moved."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.clock import SystemClock
from enfyra_kernel.kernel import Kernel

from tests.api import Answer, Api
from tests.databases import settings

EMAIL, PASSWORD = "ann@example.org", "correct horse"


class MovingClock(SystemClock):
    """The machine's clock, so many seconds ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime.datetime:
        return super().now() + datetime.timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class People:
    """Logs people in and out."""

    def __init__(self, admin: Api) -> None:
        self.admin = admin
        self.kernel = admin.kernel

    async def sign_up(self, **facts: Any) -> Any:
        return await self.admin.create(
            "/user_definition", {"email": EMAIL, "password": PASSWORD, **facts}
        )

    async def log_in(
        self,
        email: str = EMAIL,
        password: str = PASSWORD,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        body = {"email": email, "password": password, **more}
        return await self.admin.anonymous.send("POST", "/auth/login", body, headers=headers)

    async def refresh(self, token: str) -> Answer:
        return await self.admin.anonymous.post("/auth/refresh-token", {"refreshToken": token})

    def as_(self, answer: Answer) -> Api:
        assert answer.status == 200, answer.body
        return Api(self.kernel, answer.body["accessToken"])


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest_asyncio.fixture
async def people(sqlite_uri: str, clock: MovingClock) -> AsyncIterator[People]:
    """The people of a kernel on SQLite whose clock is `clock`."""
    async with Kernel(settings(sqlite_uri), clock=clock) as kernel:
        yield People(await Api(kernel).login())
