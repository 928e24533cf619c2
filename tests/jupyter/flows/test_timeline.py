"""The bars of a run over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from enfyra_jupyter.flows.timeline import MOST, Bar, Timeline, bars_of

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def entry(key: str, start: float, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "type": "script", "status": "completed", "startedAt": at(start),
        "duration": seconds * 1000, **more,
    }  # fmt: skip


def run(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "status": "completed", "createdAt": at(-2), "startedAt": at(0), "duration": 9000,
        "completedSteps": list(entries), **more,
    }  # fmt: skip


def test_waiting_work_and_what_was_tried_again() -> None:
    lines = [
        {"step": "load", "level": "error", "at": at(1)},
        {"step": "load", "level": "error", "at": at(2)},
        {"step": "load", "level": "info", "at": at(2)},
        {"step": "other", "level": "error", "at": at(2)},
    ]
    wait, load = bars_of(run(entry("load", 0.5, 3, retries=2)), lines)
    assert (wait.key, wait.status, wait.length) == ("", "waiting", 2000)
    assert (load.start, load.length, load.failures) == (2500, 3000, (3000, 4000))
    assert load.said == "completed, 3.0 s, 2 retries"


def test_what_another_run_has_done_takes_no_time() -> None:
    bars = bars_of(run(entry("a", -50, 1), entry("b", 1, 2)))
    assert [one.said for one in bars] == ["waiting, 2.0 s", "done before", "completed, 2.0 s"]


def test_what_is_at_work_or_was_when_it_ended() -> None:
    under_way = run(entry("a", 0, 1), status="running", currentStep="b", duration=None)
    bars = bars_of(under_way, now=BEGAN + timedelta(seconds=5))
    assert bars[-1] == Bar("b", "", "running", 3000, 4000)
    cancelled = run(entry("a", 0, 1), status="cancelled", currentStep="b")
    assert bars_of(cancelled)[-1] == Bar("b", "", "cancelled", 3000, 8000)
    pending = run(status="pending", startedAt=None, duration=None)
    assert bars_of(pending, now=BEGAN) == [Bar("", "", "waiting", 0, 2000)]
    assert bars_of({"status": "pending"}) == []


def test_the_picture_is_text_and_has_an_end() -> None:
    hostile = "<b>\u202e&\"'"
    entries = [entry(hostile, 0, 3), *(entry(f"s{n}", n, 1 + n / 100) for n in range(99))]
    drawn = Timeline(f"Run of {hostile}", bars_of(run(*entries)))
    for text in (drawn._repr_html_(), drawn.svg):
        assert "<b>" not in text
        assert "\u202e" not in drawn.svg
        assert text.count("<rect") == MOST
    assert "41 shorter ones are left out" in drawn._repr_html_()
    assert len(repr(drawn).splitlines()) == MOST + 2
    assert Timeline("Nothing", [])._repr_html_().count("<svg") == 0
