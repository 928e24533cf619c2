"""Deadlines of statements in SQLite, which asks every few instructions whether to go on."""

from __future__ import annotations

import time

# Seconds that are over before computing is looked at, and seconds of computing after that.
SHORT = 0.0005
# Waiting for the disk holds the loop up without computing.
SHORT_WAIT = 0.02
# Seconds that a statement which was broken off goes to the threads; doubled each time.
PENANCE, MAX_PENANCE = 0.5, 60.0


class Deadline:
    """Breaks a statement off when its time is over."""

    def __init__(self) -> None:
        self.at = float("inf")

    def __call__(self) -> int:
        """Say, to SQLite, whether to break off: 1, or 0 to go on."""
        return 1 if time.perf_counter() > self.at else 0


class ShortDeadline:
    """Breaks a statement off that takes a millisecond of computing.

    That the process had to wait for a processor says nothing about the statement. How much it has
    computed is asked of the system, and so only once a statement is not over by itself.
    """

    def __init__(self) -> None:
        self._begin = 0.0
        self._computed: float | None = None
        self._until: dict[str, float] = {}
        self._penance: dict[str, float] = {}

    def __call__(self) -> int:
        """Say, to SQLite, whether to break off: 1, or 0 to go on."""
        waited = time.perf_counter() - self._begin
        if waited < SHORT:
            return 0
        if self._computed is None:
            self._computed = time.thread_time()
        return 1 if waited > SHORT_WAIT or time.thread_time() - self._computed > SHORT else 0

    def begin(self) -> None:
        """Note that a statement begins."""
        self._begin = time.perf_counter()
        self._computed = None

    def allows(self, text: str) -> bool:
        """Say whether a statement may be tried on the loop."""
        until = self._until.get(text)
        return until is None or time.perf_counter() > until

    def was_short(self, text: str) -> None:
        """Forgive a statement that was broken off before: the machine may have been busy."""
        if text in self._penance:
            del self._penance[text], self._until[text]

    def was_broken_off(self, text: str) -> None:
        """Send a statement to the threads for a while."""
        penance = min(self._penance.get(text, PENANCE / 2) * 2, MAX_PENANCE)
        self._penance[text] = penance
        self._until[text] = time.perf_counter() + penance
