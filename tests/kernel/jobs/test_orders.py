"""What can be put into a queue, and by whom it is run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.jobs.queue import (
    check_concurrency,
    check_name,
    error_text,
    kept_result,
    order_of,
    pause_after,
)

GIVEN: dict[str, Any] = {"name": "mail", "data": None, "job_id": None, "delay": None, "attempts": 3}


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 3}, "name"),
        ({"data": object()}, "data"),
        ({"data": float("nan")}, "data"),
        ({"data": "\0"}, "data"),
        ({"data": "x" * (1 << 20)}, "data"),
        ({"job_id": ""}, "job_id"),
        ({"job_id": 7}, "job_id"),
        ({"job_id": "x" * 151}, "job_id"),
        ({"job_id": "\0"}, "job_id"),
        ({"delay": -1}, "delay"),
        ({"delay": float("inf")}, "delay"),
        ({"delay": "soon"}, "delay"),
        ({"attempts": 0}, "attempts"),
        ({"attempts": True}, "attempts"),
        ({"attempts": 1.5}, "attempts"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], argument: str) -> None:
    with pytest.raises(EnfyraError) as caught:
        order_of(**{**GIVEN, **given})
    assert caught.value.kind.code == "INVALID_ARGUMENT"
    assert caught.value.message.startswith(f"{argument} ")
    assert caught.value.details == {"argument": argument}


def test_a_handler_needs_a_name_and_a_number() -> None:
    for name in ("", "a b", None):
        with pytest.raises(EnfyraError, match="name must be"):
            check_name(name)
    for concurrency in (0, -1, "many", 1.5, True):
        with pytest.raises(EnfyraError, match="concurrency must be"):
            check_concurrency(concurrency)  # pyright: ignore[reportArgumentType]


def test_data_is_what_its_json_is() -> None:
    order = order_of(**{**GIVEN, "data": {"at": datetime(2026, 1, 2, tzinfo=UTC), "n": (1, 2)}})
    assert order.data == {"at": "2026-01-02T00:00:00Z", "n": [1, 2]}


def test_a_delay_is_seconds_or_a_span() -> None:
    for delay, seconds in ((None, 0), (0, 0), (1.5, 1.5), (timedelta(minutes=1), 60)):
        assert order_of(**{**GIVEN, "delay": delay}).delay == seconds


def test_pauses_grow_up_to_a_year() -> None:
    assert [pause_after(made) for made in range(1, 5)] == [5, 10, 20, 40]
    assert pause_after(500) == 366 * 86_400


def test_of_a_result_that_is_no_json_nothing_is_kept() -> None:
    assert kept_result({"a": [1]}) == {"a": [1]}
    assert kept_result(object()) is None
    assert kept_result("x" * (1 << 20)) is None


def test_an_error_is_kept_with_its_kind_and_not_beyond_measure() -> None:
    assert error_text(KeyError("a")) == "KeyError: 'a'"
    assert len(error_text(ValueError("x" * 100_000))) == 4000
    assert "\0" not in error_text(ValueError("a\0b"))
