"""One server that can answer reads, and how it is."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

from ...errors import EnfyraError
from ...logs import get_logger
from ..database import Database
from .progress import Probe, Standing, Timeline
from .retired import Retired

_log = get_logger("replicas")

T = TypeVar("T")

# Seconds that a server has to answer a check.
PATIENCE = 2.0
# Where servers do not say how far they are: seconds after which a replica is taken to have a write.
SETTLING = 5.0
OK = "ok"
UNREACHABLE = "cannot be reached"


class Server(ABC):
    """One server in the rotation.

    Args:
        name: Its address, without the password.

    Attributes:
        state: `ok`, or why it is left out.
        has_all_before: The moment before which it has all writes.
    """

    has_all_before = -inf

    def __init__(self, name: str, probe: Probe, database: Database) -> None:
        self.name = name
        self.state = "has not been asked yet"
        self.database = database
        self._probe = probe

    @abstractmethod
    async def check(self) -> None:
        """Find out how the server is; whatever is wrong with it becomes its state."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._probe.stop()
        await self.database.stop()

    async def run(self, read: Callable[[Database], Awaitable[T]]) -> T:
        """Run a read.

        Raises:
            EnfyraError: DATABASE_CONNECTION_ERROR also when the server is left out meanwhile.
        """
        return await read(self.database)

    def leave_out(self, reason: str, cause: Exception | None = None) -> None:
        """Read no more from the server until a check finds it well."""
        if self.state != reason:
            facts = {"server": self.name, "reason": reason}
            if cause is not None:
                facts["cause"] = repr(cause.__cause__ or cause)
            _log.warning("server left out", extra=facts)
        self.state = reason

    def _take_in(self) -> None:
        if self.state != OK:
            _log.info("server takes part", extra={"server": self.name})
        self.state = OK

    async def _answer(self) -> Standing | None:
        """Ask the server; None when it does not answer, which is noted."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._probe.ask()
        except Exception as error:
            # Whatever keeps us from asking, the server is not there for us.
            self.leave_out(UNREACHABLE, error)
            return None


class Primary(Server):
    """The server that takes the writes; what it says of itself is the replicas' measure."""

    has_all_before = inf

    def __init__(
        self,
        name: str,
        probe: Probe,
        database: Database,
        timeline: Timeline,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(name, probe, database)
        self._timeline = timeline
        self._monotonic = monotonic

    async def check(self) -> None:
        """Ask where the primary stands."""
        moment = self._monotonic()
        standing = await self._answer()
        if standing is None:
            return
        if standing.is_replica:
            self.leave_out("is a replica itself")
            return
        self._timeline.note(moment, standing)
        self._take_in()


class Replica(Server):
    """A server that follows the primary.

    Args:
        connect: Gives a database that is not connected yet.
        most_behind: Seconds that it may be behind the primary.
    """

    def __init__(
        self,
        name: str,
        probe: Probe,
        connect: Callable[[], Database],
        timeline: Timeline,
        monotonic: Callable[[], float],
        retired: Retired,
        *,
        most_behind: float,
    ) -> None:
        super().__init__(name, probe, connect())
        self._connect = connect
        self._timeline = timeline
        self._monotonic = monotonic
        self._retired = retired
        self._most_behind = most_behind
        self._connected = False
        self._running: set[asyncio.Timeout] = set()

    async def run(self, read: Callable[[Database], Awaitable[T]]) -> T:
        """Run a read, until the replica is left out."""
        until_left_out = asyncio.timeout(None)
        try:
            async with until_left_out:
                self._running.add(until_left_out)
                try:
                    return await read(self.database)
                finally:
                    self._running.discard(until_left_out)
        except TimeoutError:
            if until_left_out.expired():
                raise EnfyraError("DATABASE_CONNECTION_ERROR") from None
            raise

    def leave_out(self, reason: str, cause: Exception | None = None) -> None:
        """Read no more from the replica; what waits for an unreachable one is told so at once."""
        super().leave_out(reason, cause)
        if reason != UNREACHABLE or not self._connected:
            return
        # When it is back, connections of before may hang for minutes.
        self._connected = False
        self._retired.add(self.database)
        self.database = self._connect()
        running, self._running = self._running, set()
        now = asyncio.get_running_loop().time()
        for read in running:
            read.reschedule(now)

    async def check(self) -> None:
        """Find out whether the replica answers, follows the primary, and how far it is."""
        moment = self._monotonic()
        standing = await self._answer()
        if standing is None or not await self._can_connect():
            return
        objection = self._objection(standing, moment)
        if objection is not None:
            self.leave_out(objection)
        else:
            self._take_in()

    async def _can_connect(self) -> bool:
        if self._connected:
            return True
        try:
            async with asyncio.timeout(PATIENCE):
                await self.database.start()
        except Exception as error:
            self.leave_out(UNREACHABLE, error)
            return False
        self._connected = True
        return True

    def _objection(self, standing: Standing, moment: float) -> str | None:
        """Note how far the replica is; say what speaks against reading from it."""
        if standing.is_replica is False:
            return "is not a replica"
        if self._timeline.origin not in {standing.origin, ""}:
            return "follows another primary"
        if standing.position is None or self._timeline.latest == -inf:
            self.has_all_before = moment - SETTLING
            return None
        self.has_all_before = self._timeline.reached_by(standing.position)
        if self._timeline.latest - self.has_all_before > self._most_behind:
            return f"is more than {self._most_behind:g} s behind"
        return None
