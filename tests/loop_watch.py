"""Fails a test in which something held the event loop: computing for 50 ms, or waiting for 100 ms.

Computing is what the thread used of a processor. Waiting is the rest of the time from a callback's
start to its end, as for a file or a lock, less the time in the run queue because the machine was
busy with something else (the kernel of Linux keeps that figure for each thread). Python's own lock
is waited for too, which is why that limit is the longer one. What the garbage collector took is
left out: the test process has far more for it to look at than a server.

The limits are meant for a machine whose processor does `_work` in 4 ms; a slower one has more time.
On a machine that has more to do than processors for it, everything takes longer, and whoever holds
Python's lock may be the one that waits for a processor; so both limits grow with the load, too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest
import redis.asyncio as redis  # noqa: F401 - instances import it when they need it, in 50 ms


def _work() -> float:
    """Give the seconds of the processor that something takes which is always the same."""
    begin = time.thread_time()
    {str(number): (number,) for number in range(20_000)}
    return time.thread_time() - begin


SLOWER = max(1.0, min(_work() for _ in range(10)) / 0.004)
COMPUTING = 0.050 * SLOWER
WAITING = 0.100 * SLOWER


class _Garbage:
    """How long the garbage collector has worked, in seconds."""

    def __init__(self) -> None:
        self._worked = 0.0
        self._begin: float | None = None

    def __call__(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        elif self._begin is not None:
            self._worked += time.perf_counter() - self._begin
            self._begin = None

    def worked(self) -> float:
        # A collection on another thread may be over without that thread having said so.
        begin = self._begin
        return self._worked + (time.perf_counter() - begin if begin is not None else 0.0)


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
    garbage = _Garbage()
    gc.callbacks.append(garbage)

    def run(self: Any) -> None:
        if threading.get_ident() != main:
            original(self)
            return
        waited, begin, collected = queue.waited(), time.perf_counter(), garbage.worked()
        computed = time.thread_time()
        original(self)
        held = time.perf_counter() - begin - (garbage.worked() - collected)
        if held < COMPUTING:
            return
        collected = garbage.worked() - collected
        computed = time.thread_time() - computed - collected
        waited = held - computed - (queue.waited() - waited)
        busy = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        if computed > COMPUTING * busy or waited > WAITING * busy:
            held_up.append(
                f"{computed * 1000:.0f} ms computing, {waited * 1000:.0f} ms waiting in {self!r}"
            )

    asyncio.events.Handle._run = run  # type: ignore[method-assign]
    try:
        result = yield
    finally:
        asyncio.events.Handle._run = original  # type: ignore[method-assign]
        gc.callbacks.remove(garbage)
        queue.close()
    if held_up:
        pytest.fail("the event loop was held up: " + "; ".join(held_up[:3]))
    return result
