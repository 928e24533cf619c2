"""The machine's clock, as the kernel asks it."""

from __future__ import annotations

from datetime import timedelta

from enfyra_kernel.clock import SystemClock


def test_now_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_now_has_whole_milliseconds() -> None:
    assert all(SystemClock().now().microsecond % 1000 == 0 for _ in range(50))


def test_now_never_lies_in_the_past_of_an_earlier_now() -> None:
    clock = SystemClock()
    instants = [clock.now() for _ in range(50)]
    assert instants == sorted(instants)


def test_the_monotonic_clock_only_grows() -> None:
    clock = SystemClock()
    seconds = [clock.monotonic() for _ in range(50)]
    assert seconds == sorted(seconds)
