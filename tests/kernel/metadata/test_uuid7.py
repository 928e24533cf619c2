"""UUIDs of version 7: valid, unique, and each greater than the one before."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from enfyra_kernel.metadata import uuid7
from enfyra_kernel.metadata.uuid7 import new_uuid


def test_it_holds_the_time_and_says_what_it_is() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_uuid())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before - 1_000 <= made.int >> 80 <= time.time_ns() // 1_000_000 + 1_000


def test_each_is_greater_than_the_one_before() -> None:
    made = [new_uuid() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_threads_never_make_the_same() -> None:
    made: list[list[str]] = [[] for _ in range(4)]

    def make(mine: list[str]) -> None:
        mine.extend(new_uuid() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 8_000


def test_a_clock_that_is_set_back_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(uuid7.time, "time_ns", lambda: now)
    first = new_uuid()
    monkeypatch.setattr(uuid7.time, "time_ns", lambda: now - 10**12)
    assert first < new_uuid() < new_uuid()


def test_a_millisecond_that_is_used_up_goes_on_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sequence = uuid7._Sequence()
    monkeypatch.setattr(uuid7.time, "time_ns", lambda: 5_000_000)
    monkeypatch.setattr(uuid7.secrets, "randbits", lambda bits: (1 << bits) - 1)
    first, second = sequence.next(), sequence.next()
    assert first == (5, (1 << 74) - 1)
    assert second[0] == 6
    assert second < sequence.next()
