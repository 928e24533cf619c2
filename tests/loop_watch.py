"""Fails a test in which something held the event loop for more than 50 ms.

What is counted is the time that a callback had or could have had a processor: from its start to
its end, less the time that the thread waited in the run queue because the machine was busy with
something else. The kernel of Linux keeps that figure for each thread.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

LIMIT = 0.050


class _RunQueue:
    """How long this thread has waited for a processor, in seconds."""

    def __init__(self) -> None:
        try:
            task = threading.get_native_id()
            self._file = os.open(f"/proc/self/task/{task}/schedstat", os.O_RDONLY)
        except OSError:
            self._file = -1

    def waited(self) -> float:
        if self._file < 0:
            return 0.0
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    if item.get_closest_marker("may_block") is not None:
        return (yield)
    original = asyncio.events.Handle._run
    queue = _RunQueue()
    main = threading.get_ident()
    held_up: list[str] = []

    def run(self: Any) -> None:
        if threading.get_ident() != main:
            original(self)
            return
        waited, begin = queue.waited(), time.perf_counter()
        original(self)
        held = time.perf_counter() - begin
        if held > LIMIT and held - (queue.waited() - waited) > LIMIT:
            held_up.append(f"{held * 1000:.0f} ms in {self!r}")

    asyncio.events.Handle._run = run  # type: ignore[method-assign]
    try:
        result = yield
    finally:
        asyncio.events.Handle._run = original  # type: ignore[method-assign]
        queue.close()
    if held_up:
        pytest.fail("the event loop was held up: " + "; ".join(held_up[:3]))
    return result
