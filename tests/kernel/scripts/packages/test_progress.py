"""What is written of an installation while it goes on."""

from __future__ import annotations

import asyncio

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.packages.progress import told

pytestmark = pytest.mark.asyncio


async def test_the_last_line_is_written_now_and_then() -> None:
    written: list[str] = []

    async def write(line: str) -> None:
        written.append(line)

    async with told(write, seconds=0.05) as say:
        say("a")
        say("b" * 1000)
        say("")
        await asyncio.sleep(0.02)
        assert written == ["b" * 200]
        say("c")
        say("d")
        await asyncio.sleep(0.1)
        assert written[1:] == ["d"]
        say("e")
    assert written[1:] == ["d"]


async def test_what_is_being_written_comes_before_the_end() -> None:
    written: list[str] = []

    async def write(line: str) -> None:
        await asyncio.sleep(0.02)
        written.append(line)

    async with told(write) as say:
        say("a")
        await asyncio.sleep(0.01)
    assert written == ["a"]


async def test_a_database_that_is_away_ends_no_installation() -> None:
    async def write(line: str) -> None:
        raise EnfyraError("DATABASE_TIMEOUT")

    async with told(write) as say:
        say("a")
        await asyncio.sleep(0.01)
