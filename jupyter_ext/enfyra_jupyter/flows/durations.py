"""How long something took, in words."""

from __future__ import annotations

from typing import Any


def duration_of(milliseconds: Any) -> str:
    """Say how long something took.

    Example:
        >>> duration_of(12.4), duration_of(1500), duration_of(200_000), duration_of(None)
        ('12 ms', '1.5 s', '3 min 20 s', '')
    """
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
