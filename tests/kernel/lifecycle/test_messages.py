"""Answers that come piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from enfyra_kernel.lifecycle.messages import Response, Stream

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_an_answer_lets_go_wherever_its_reader_has_come_to(taken: int) -> None:
    held = ["connection"]

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two"

    async def let_go() -> None:
        held.clear()

    response = Response(200, stream=Stream(pieces(), let_go))
    async with aclosing(response):
        assert response.stream is not None
        for _ in range(taken):
            await anext(aiter(response.stream))
        assert held
    assert held == []
    await Response(200).aclose()
