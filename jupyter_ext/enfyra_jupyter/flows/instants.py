"""Instants as people say them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def instant_in(text: str, now: datetime | None = None) -> str:
    """Say an instant on the clock of the zone that it is given in, and how far away it is.

    Example:
        >>> now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        >>> instant_in("2026-03-02T02:00:00+07:00", now)
        'Mon 2 Mar 2026 02:00 (in 7 h)'
    """
    at = datetime.fromisoformat(text)
    clock = f"{at:%a} {at.day} {at:%b %Y %H:%M}{f':{at.second:02}' if at.second else ''}"
    return f"{clock} ({_until((at - (now or datetime.now(UTC))).total_seconds())})"


def _until(seconds: float) -> str:
    if seconds < 60:
        return f"in {max(round(seconds), 0)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"in {minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"in {hours} h {rest} min" if rest else f"in {hours} h"
    return f"in {hours // 24} days"


def clock_of(value: Any) -> str:
    """Give an instant of the API without its fraction.

    Example:
        >>> clock_of("2026-03-01T12:00:00.123456Z"), clock_of(None)
        ('2026-03-01 12:00:00', '')
    """
    return str(value)[:19].replace("T", " ") if value else ""
