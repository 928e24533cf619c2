"""A primary and its replicas behind the storage room's Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from math import inf
from typing import Any, TypeVar

from ...background import end
from ...errors import DeadlockError, EnfyraError, StaleDefinitionError
from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ..database import Database, Explanation, Page, Read, SchemaSession, Session, Values, Write
from ..physical import PhysicalTable
from .progress import Timeline
from .reader import current_reader
from .retired import Retired
from .server import OK, SETTLING, UNREACHABLE, Primary, Replica, Server
from .writes import PROGRAM, Writes

T = TypeVar("T")

# Seconds between checks of a server.
INTERVAL = 0.25
# Seconds that a replica may be used after a check, at most and rounded up.
_MARGIN = 10.0
# Errors of a server, not of the request: the primary may answer all the same.
_REPEATED = frozenset({"DATABASE_BUSY", "DATABASE_ERROR"})


class ReplicatedDatabase:
    """Reads go round the replicas; everything else goes to the primary.

    System tables are always read from the primary. So is everything in a context that has written,
    and everything that a caller reads who wrote something that the replicas may not have yet.

    A read that fails on a replica is repeated elsewhere; a replica that cannot be reached is left
    out until it answers again.

    Args:
        read_from_primary: Whether the primary takes its turn in reading.
        most_behind: Seconds that a replica may be behind the primary.
        monotonic: Tells the time.
    """

    def __init__(
        self,
        primary: Primary,
        replicas: Sequence[Replica],
        timeline: Timeline,
        retired: Retired,
        *,
        read_from_primary: bool,
        most_behind: float,
        monotonic: Callable[[], float],
    ) -> None:
        self.primary = primary.database
        self.engine = self.primary.engine
        self.one_writer = self.primary.one_writer
        self.transactional_schema = self.primary.transactional_schema
        self._servers: tuple[Server, ...] = (primary, *replicas)
        self._replicas = tuple(replicas)
        self._rotation = self._servers if read_from_primary else self._replicas
        self._turn = 0
        self._retired = retired
        self._timeline = timeline
        self._most_behind = most_behind
        self._monotonic = monotonic
        self._writes = Writes()
        self._watching: list[asyncio.Task[None]] = []

    # -- starting, stopping, watching -----------------------------------------------------------

    async def start(self) -> None:
        """Connect; replicas that cannot be reached are left out until they can."""
        await self.primary.start()
        await self._servers[0].check()
        await asyncio.gather(*(replica.check() for replica in self._replicas))
        self._watching = [asyncio.ensure_future(self._watch(one)) for one in self._servers]

    async def stop(self) -> None:
        """Close all connections; what is running is finished first."""
        for task in self._watching:
            await end(task)
        self._watching = []
        await asyncio.gather(*(server.stop() for server in self._servers))
        await self._retired.stop()

    async def ping(self) -> None:
        """Make sure that the primary answers."""
        await self.primary.ping()

    def replica_states(self) -> list[str]:
        """Give the state of each replica, in the order of the settings: `ok`, or what is wrong."""
        return [replica.state for replica in self._replicas]

    async def _watch(self, server: Server) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            await server.check()
            self._forget_writes()

    def _forget_writes(self) -> None:
        """Let go of writes that are older than what any replica in use may lack."""
        latest = self._timeline.latest
        certain = self._monotonic() - SETTLING if latest == -inf else latest - self._most_behind
        self._writes.forget_before(certain - _MARGIN)

    # -- who has written ------------------------------------------------------------------------

    def note_write(self, caller: str) -> None:
        """Note that a caller has written, here or by another instance."""
        self._writes.note(caller, self._monotonic())

    def note_write_of_everybody(self) -> None:
        """Note that something was written that nobody may miss, or that nobody knows who wrote."""
        self._writes.note_everybody(self._monotonic())

    def _note(self) -> None:
        reader = current_reader()
        if reader is None:
            self.note_write(PROGRAM)
            return
        reader.wrote = True
        if reader.caller is not None:
            self.note_write(reader.caller)

    def _last_write(self) -> float:
        """Give the moment whose writes this context has to see."""
        reader = current_reader()
        if reader is None:
            return self._writes.last(PROGRAM)
        if reader.fresh or reader.wrote:
            return inf
        return self._writes.last(reader.caller)

    # -- choosing -------------------------------------------------------------------------------

    def _suitable(self, plan: Plan) -> Iterator[Server]:
        """Give the servers that may answer a read, beginning with the one whose turn it is.

        When there is none, or none of them can, the primary has to.
        """
        if plan.table.definition.is_system:
            return
        since = self._last_write()
        first, many = self._turn, len(self._rotation)
        for number in range(first, first + many):
            server = self._rotation[number % many]
            if server.state == OK and server.has_all_before > since:
                self._turn = (number + 1) % many
                yield server

    def _may_go_on(self, server: Server, error: Exception) -> bool:
        """Say whether a read that failed may try the next replica; else, the primary has to do it.

        An error that would be the same everywhere is raised again.
        """
        if isinstance(error, EnfyraError):
            if error.code == "DATABASE_CONNECTION_ERROR":
                server.leave_out(UNREACHABLE, error)
                return True
            if error.code not in _REPEATED:
                raise error
        # The replica does not have a definition yet, or gave the read up for its replay.
        return False

    # -- reading --------------------------------------------------------------------------------

    def read(self, plan: Plan) -> Read:
        """Make a Plan ready to be run; replicas speak the primary's dialect."""
        return self.primary.read(plan)

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        return await self._asked(
            read.plan, lambda database: database.find(read, values, limit, offset)
        )

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered, without answering it."""
        return await self._asked(
            read.plan, lambda database: database.explain(read, values, limit, offset)
        )

    async def _asked(self, plan: Plan, question: Callable[[Database], Awaitable[T]]) -> T:
        for server in self._suitable(plan):
            try:
                return await server.run(question)
            except (EnfyraError, StaleDefinitionError, DeadlockError) as error:
                if not self._may_go_on(server, error):
                    break
        return await question(self.primary)

    def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Give all records as record batches."""
        # For the first batch, the database is not asked.
        return self._streamed(plan, lambda database: database.batches(plan, values, limit), 1)

    def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give all records as lines of JSON."""
        return self._streamed(plan, lambda database: database.lines(plan, values, limit), 0)

    async def _streamed(
        self, plan: Plan, begin: Callable[[Database], AsyncGenerator[T, None]], empty: int
    ) -> AsyncGenerator[T, None]:
        """Give the pieces of a stream.

        Until the first records have come, another server can begin anew.

        Args:
            empty: How many pieces come before those that have records.
        """
        given = 0
        for server in self._suitable(plan):
            try:
                async with aclosing(_pieces(server, begin, empty)) as pieces:
                    async for piece in _after(given, pieces):
                        given += 1
                        yield piece
                return
            except (EnfyraError, StaleDefinitionError, DeadlockError) as error:
                going_on = self._may_go_on(server, error)
                if given > empty:
                    raise
                if not going_on:
                    break
        async with aclosing(begin(self.primary)) as pieces:
            async for piece in _after(given, pieces):
                yield piece

    # -- writing --------------------------------------------------------------------------------

    def insert(self, insert: Insert) -> Write:
        """Make an Insert ready to be run."""
        return self.primary.insert(insert)

    def update(self, update: Update) -> Write:
        """Make an Update ready to be run."""
        return self.primary.update(update)

    def delete(self, delete: Delete) -> Write:
        """Make a Delete ready to be run."""
        return self.primary.delete(delete)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        try:
            return await self.primary.write(write, values)
        finally:
            # Also when it failed, or was given up: it may have been made all the same.
            self._note()

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert for many rows: all of them or none."""
        try:
            return await self.primary.write_many(write, rows)
        finally:
            self._note()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction."""
        try:
            async with self.primary.transaction() as session:
                yield session
        finally:
            self._note()

    def rehearsal(self) -> AbstractAsyncContextManager[Session]:
        """Run everything in the block in one transaction, which is taken back at its end."""
        return self.primary.rehearsal()

    @asynccontextmanager
    async def bulk(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block, all of it or nothing, though it may be many records."""
        try:
            async with self.primary.bulk() as session:
                yield session
        finally:
            self._note()

    # -- schema ---------------------------------------------------------------------------------

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the tables that are there."""
        return await self.primary.inspect(names)

    async def survey(self) -> list[PhysicalTable]:
        """Describe all tables and views that are there, with what a definition cannot say."""
        return await self.primary.survey()

    @asynccontextmanager
    async def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AsyncGenerator[SchemaSession, None]:
        """Open a session for changing the schema, given the tables as they are."""
        try:
            async with self.primary.schema_change(tables) as session:
                yield session
        finally:
            self._note()
            # Whoever reads by the new definitions needs the new tables.
            self.note_write_of_everybody()


async def _pieces(
    server: Server, begin: Callable[[Database], AsyncGenerator[T, None]], empty: int
) -> AsyncGenerator[T, None]:
    """Give a stream; once records have come, it goes on when its server is left out."""
    async with aclosing(begin(server.database)) as pieces:
        for _ in range(empty + 1):
            piece = await server.run(lambda _: anext(pieces, None))
            if piece is None:
                return
            yield piece
        async for piece in pieces:
            yield piece


async def _after(given: int, pieces: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Give a stream without the pieces that were given already."""
    number = 0
    async for piece in pieces:
        number += 1
        if number > given:
            yield piece
