"""What time it is: a seam, so that tests can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; the kernel asks nobody else."""

    def now(self) -> datetime:
        """Give the current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that only grow, for measuring spans."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Give the current instant, aware, in UTC, to the millisecond.

        Milliseconds are what every supported database and JavaScript keep alike.
        """
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    def monotonic(self) -> float:
        """Give seconds that only grow, for measuring spans."""
        return time.monotonic()
