"""How far a replica has come, as a moment in time.

Positions in a database's log say nothing about when something was written. So the primary is asked
now and then how far it is, and the moment *before* it was asked is kept beside the answer. A
replica that has come as far as one of these positions has everything that was committed before
that moment. No write and no read has to ask for a position, then: to know the time is enough. And
since each instance uses its own clock for its own questions, no clocks have to agree.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol


class Position(Protocol):
    """A place in the log of a database server and its replicas."""

    def covers(self, other: Any) -> bool:
        """Say whether everything up to another position is in this one, too."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of itself.

    Attributes:
        position: How far it has come; None when it does not say.
        is_replica: Whether it follows another server; None when it does not say.
        origin: The same for a primary and its replicas, and for nobody else; "" when unknown.
        delay: Seconds that a commit may be answered before it is in the position.
    """

    position: Position | None = None
    is_replica: bool | None = None
    origin: str = ""
    delay: float = 0.0


class Probe(Protocol):
    """Asks one server where it stands, over a connection of its own.

    Streams may have all of a pool's connections for minutes; that is no sign of ill health.
    """

    async def ask(self) -> Standing:
        """Ask the server; any error means that it is not there for us."""
        ...

    async def stop(self) -> None:
        """Close the connection."""
        ...


class Timeline:
    """Positions of the primary with the moments before which everything is in them.

    Args:
        kept: Seconds that positions are kept; nobody asks for replicas that are further behind.
    """

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._entries: deque[tuple[float, Position]] = deque()
        self.origin = ""

    @property
    def latest(self) -> float:
        """The last moment; -inf when there is none, because the primary says no positions."""
        return self._entries[-1][0] if self._entries else -inf

    def note(self, moment: float, standing: Standing) -> None:
        """Keep what the primary answered to a question that was begun at a moment."""
        self.origin = standing.origin
        if standing.position is None:
            self._entries.clear()
            return
        certain = moment - standing.delay
        self._entries.append((certain, standing.position))
        while self._entries[0][0] < certain - self._kept:
            self._entries.popleft()

    def reached_by(self, position: Position) -> float:
        """Give the moment before which a replica at a position has everything; -inf: too far back.

        Example:
            A replica that stands where the primary stood at 12.0 has all that was committed before.
        """
        for moment, passed in reversed(self._entries):
            if position.covers(passed):
                return moment
        return -inf
