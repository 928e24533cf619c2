"""UUIDs of version 7: in the order in which they are made, so that indexes stay in order."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

_RANDOM_BITS = 74
# How much is added within a millisecond: what comes next cannot be guessed, and there is room.
_STEP_BITS = 40


class _Sequence:
    """Makes numbers that grow, on all threads together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._random = 0

    def next(self) -> tuple[int, int]:
        """Give the time in milliseconds and 74 random bits; together more than the last ones."""
        now = time.time_ns() // 1_000_000
        with self._lock:
            if now > self._milliseconds:
                self._milliseconds = now
                self._random = secrets.randbits(_RANDOM_BITS)
            else:
                # The same millisecond, or a clock that was set back.
                self._random += 1 + secrets.randbits(_STEP_BITS)
                if self._random >> _RANDOM_BITS:
                    self._milliseconds += 1
                    self._random = secrets.randbits(_RANDOM_BITS - 1)
            return self._milliseconds, self._random


_sequence = _Sequence()


def new_uuid() -> str:
    """Make a UUID of version 7, greater than all that this process has made before.

    Example:
        >>> first, second = new_uuid(), new_uuid()
        >>> first[14], first < second
        ('7', True)
    """
    milliseconds, random = _sequence.next()
    number = (milliseconds & ((1 << 48) - 1)) << 80
    number |= 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)
    return str(uuid.UUID(int=number))


def read_uuid(text: str) -> str | None:
    """Give a UUID as it is stored, whatever way of writing it somebody chose; None for no UUID.

    Example:
        >>> read_uuid("{0199C2F4-6B1E-7C3D-9A55-3F1F0E6B8A11}"), read_uuid("7")
        ('0199c2f4-6b1e-7c3d-9a55-3f1f0e6b8a11', None)
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
