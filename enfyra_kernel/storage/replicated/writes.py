"""When each caller last wrote, for as long as a replica may not have it."""

from __future__ import annotations

from math import inf

# Code of the process itself, outside of any request, counts as one caller.
PROGRAM = ""


class Writes:
    """The moment of each caller's last write, by the monotonic clock of this process.

    Example:
        >>> writes = Writes()
        >>> writes.note("ann", 5.0)
        >>> writes.last("ann"), writes.last("bob")
        (5.0, -inf)
        >>> writes.note_everybody(6.0)
        >>> writes.last("ann"), writes.last(None)
        (6.0, 6.0)
    """

    def __init__(self) -> None:
        self._by_caller: dict[str, float] = {}
        self._everybody = -inf

    def __len__(self) -> int:
        return len(self._by_caller)

    def note(self, caller: str, moment: float) -> None:
        """Note a write of a caller."""
        self._by_caller[caller] = moment

    def note_everybody(self, moment: float) -> None:
        """Note a write that concerns all callers, those who are not known included."""
        self._everybody = moment

    def last(self, caller: str | None) -> float:
        """Give the moment before which a caller may not read; None is one who is not known."""
        if caller is None:
            return self._everybody
        return max(self._by_caller.get(caller, -inf), self._everybody)

    def forget_before(self, moment: float) -> None:
        """Let go of writes that every replica in use is known to have."""
        old = [caller for caller, noted in self._by_caller.items() if noted < moment]
        for caller in old:
            del self._by_caller[caller]
