"""Deadlines of statements in SQLite, which asks every few instructions whether to go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

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


class Stay:
    """Whether somebody still waits for a statement that a thread runs.

    Example:
        >>> stay, deadline = Stay(), Deadline()
        >>> with stay.until(deadline, float("inf")):
        ...     stay.end()
        ...     print("broken off" if deadline() else "goes on")
        broken off
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deadline: Deadline | None = None
        self._ended = False

    @contextmanager
    def until(self, deadline: Deadline, at: float) -> Generator[None, None, None]:
        """Run a statement under a deadline, which is over as soon as nobody waits any more."""
        with self._lock:
            deadline.at = float("-inf") if self._ended else at
            self._deadline = deadline
        try:
            yield
        finally:
            with self._lock:
                # The next statement of the same thread is somebody else's.
                self._deadline = None

    def end(self) -> None:
        """Wait no longer; called from any thread."""
        with self._lock:
            self._ended = True
            if self._deadline is not None:
                self._deadline.at = float("-inf")


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
