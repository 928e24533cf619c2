"""SQLite through the standard library: one writer, many readers.

Short reads run on the event loop itself: they cost less than handing them to a thread. A read
that turns out to need more than a millisecond of computing is broken off and repeated on a thread,
and its statement goes there at once for a while. Writes are made by one thread; those that arrive
while it is busy are committed together.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from ....errors import EnfyraError
from ....query.folding import fold
from ..driver import Arguments, Outcome, Row
from ..faults import explain_sqlite, explained, explanation
from ..selecting.found import Found, MayRead
from ..selecting.sqlite import opened
from .deadlines import Deadline, ShortDeadline, Stay

T = TypeVar("T")

# Instructions of SQLite's machine between two looks at the clock: some 20 microseconds on the event
# loop, some milliseconds on threads, which have to wait for the interpreter before they can look.
SHORT_STEP = 1_000
STEP = 200_000
BUSY_TIMEOUT = 5000
# Bytes of the file that are read where the system has them in memory, without a call to copy them.
MAPPED = 128 << 20
READERS = 4
SAVEPOINT = "enfyra_write"
# Decimal's own context rounds to 28 digits.
_WIDE = Context(prec=60)


class _Write(NamedTuple):
    """A write that waits for its turn."""

    work: Callable[[sqlite3.Connection], Outcome]
    result: asyncio.Future[Outcome]


def _overflow() -> None:
    """Refuse a number that is none, as other databases do."""
    raise ValueError


class _ExactSum:
    """Sums integers of any size: a number as long as SQLite has one, else its digits."""

    def __init__(self) -> None:
        self._sum: int | None = None

    def step(self, value: int | None) -> None:
        """Take a value."""
        if value is not None:
            self._sum = value + (self._sum or 0)

    def finalize(self) -> int | str | None:
        """Give the sum."""
        found = self._sum
        return found if found is None or -(2**63) <= found < 2**63 else str(found)


class _ExactDecimalSum:
    """Sums decimals, which SQLite keeps as floats, without losing digits: as text."""

    def __init__(self) -> None:
        self._units: int | None = None
        self._scale = 0

    def step(self, value: Any, scale: int) -> None:
        """Take a value that has so many digits behind the point; a text counts for nothing."""
        if isinstance(value, int | float):
            self._scale = scale
            self._units = round(value * 10**scale) + (self._units or 0)

    def finalize(self) -> str | None:
        """Give the sum."""
        return (
            None if self._units is None else f"{Decimal(self._units).scaleb(-self._scale, _WIDE):f}"
        )


def _fold(value: Any) -> str | None:
    return fold(str(value)) if value is not None else None


class SqliteDriver:
    """One database file.

    Args:
        path: The file; its folder is made if need be.
        timeout: Seconds after which a read is given up.
    """

    def __init__(self, path: Path, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._short_deadline = ShortDeadline()
        self._short: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="enfyra-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="enfyra-write")
        self._turn = asyncio.Lock()
        self._waiting: list[_Write] = []
        self._draining: asyncio.Task[None] | None = None

    async def start(self) -> Mapping[str, str]:
        """Open the file."""
        with explained(explain_sqlite):
            self._writer = await self._in_writer(self._open_writer)
            self._short = self._open_reader(self._short_deadline, SHORT_STEP)
        return {"version": sqlite3.sqlite_version}

    def _open_writer(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._open()
        _use_wal(connection)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _open_reader(
        self, deadline: Callable[[], int], step: int = STEP, *, mapped: int = MAPPED
    ) -> sqlite3.Connection:
        connection = self._open(mapped)
        connection.execute("PRAGMA query_only=ON")
        connection.set_progress_handler(deadline, step)
        return connection

    def _open(self, mapped: int = MAPPED) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        connection.execute(f"PRAGMA mmap_size={mapped}")
        connection.create_function("enfyra_fold", 1, _fold, deterministic=True)
        connection.create_function("enfyra_overflow", 0, _overflow)
        connection.create_aggregate("enfyra_sum", 1, _ExactSum)  # pyright: ignore[reportArgumentType]
        connection.create_aggregate("enfyra_sum_decimal", 2, _ExactDecimalSum)  # pyright: ignore[reportArgumentType]
        self._opened.append(connection)
        return connection

    async def stop(self) -> None:
        """Finish the writes that wait, then close the file."""
        if self._draining is not None:
            await asyncio.wait([self._draining])
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._writing.shutdown)
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._short = self._writer = None

    def _connection(self) -> sqlite3.Connection:
        if self._writer is None:
            raise EnfyraError("DATABASE_CONNECTION_ERROR", "The database is not open")
        return self._writer

    async def _in_writer(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writing, function, *arguments)

    # -- reading --------------------------------------------------------------------------------

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        short, deadline = self._short, self._short_deadline
        if short is not None and deadline.allows(text):
            deadline.begin()
            try:
                row = short.execute(text, arguments).fetchone()
                deadline.was_short(text)
                return row
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise explanation(error, explain_sqlite) from error
                deadline.was_broken_off(text)
            except Exception as error:
                raise explanation(error, explain_sqlite) from error
        rows = await self._in_reader(text, arguments, 1)
        return rows[0] if rows else None

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""
        return await self._in_reader(text, arguments, None)

    async def _in_reader(self, text: str, arguments: Arguments, most: int | None) -> Sequence[Row]:
        if self._short is None:
            raise EnfyraError("DATABASE_CONNECTION_ERROR", "The database is not open")
        loop = asyncio.get_running_loop()
        stay = Stay()
        try:
            with explained(explain_sqlite):
                return await loop.run_in_executor(
                    self._readers, self._fetch, text, arguments, most, stay
                )
        except asyncio.CancelledError:
            # The thread goes on by itself, and others wait for it.
            stay.end()
            raise

    def _fetch(
        self, text: str, arguments: Arguments, most: int | None, stay: Stay
    ) -> Sequence[Row]:
        connection, deadline = self._local_reader()
        with stay.until(deadline, time.perf_counter() + self._timeout):
            cursor = connection.execute(text, arguments)
            return cursor.fetchall() if most is None else cursor.fetchmany(most)

    def _local_reader(self) -> tuple[sqlite3.Connection, Deadline]:
        if not hasattr(self._local, "reader"):
            deadline = Deadline()
            self._local.reader = (self._open_reader(deadline), deadline)
        return self._local.reader

    async def stream(
        self, text: str, arguments: Arguments, size: int
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Give the rows of a read, some at a time, on a connection of its own."""
        with explained(explain_sqlite):
            # Pages that are read once are not worth keeping.
            connection = await asyncio.to_thread(self._open_reader, Deadline(), mapped=0)
            try:
                cursor = await asyncio.to_thread(connection.execute, text, arguments)
                while rows := await asyncio.to_thread(cursor.fetchmany, size):
                    yield rows
            finally:
                self._opened.remove(connection)
                await asyncio.to_thread(connection.close)

    @asynccontextmanager
    async def selecting(
        self, text: str, arguments: Arguments, seconds: float, may_read: MayRead
    ) -> AsyncGenerator[Found, None]:
        """Open a statement that somebody has written, so that it can only read."""
        deadline = Deadline()
        with explained(explain_sqlite):
            connection = await asyncio.to_thread(self._open_reader, deadline, mapped=0)
        deadline.at = time.perf_counter() + seconds
        try:
            async with opened(connection, text, arguments, may_read) as found:
                yield found
        finally:
            self._opened.remove(connection)
            await asyncio.to_thread(connection.close)

    # -- writing --------------------------------------------------------------------------------

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write, perhaps together with others that wait."""
        return await self._queued(lambda connection: _run(connection, text, arguments, returning))

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows: all of them or, on an error, none."""
        async with self.transaction() as runner:
            return await runner.run_many(text, rows, returning=returning)

    async def _queued(self, work: Callable[[sqlite3.Connection], Outcome]) -> Outcome:
        result: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Write(work, result))
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        return await result

    async def _drain(self) -> None:
        try:
            while self._waiting:
                async with self._turn:
                    batch, self._waiting = self._waiting, []
                    outcomes = await self._in_writer(self._run_batch, [one.work for one in batch])
                for (_, result), outcome in zip(batch, outcomes, strict=True):
                    if result.done():
                        continue
                    if isinstance(outcome, Exception):
                        result.set_exception(explanation(outcome, explain_sqlite))
                    else:
                        result.set_result(outcome)
        finally:
            self._draining = None

    def _run_batch(
        self, batch: Sequence[Callable[[sqlite3.Connection], Outcome]]
    ) -> list[Outcome | Exception]:
        try:
            connection = self._connection()
            if len(batch) == 1:
                return [batch[0](connection)]
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_saved(connection, work) for work in batch]
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        except Exception as error:
            return [error] * len(batch)
        return outcomes

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[SqliteRunner, None]:
        """Run what is in the block in one transaction; other writes wait until it ends."""
        async with self._turn:
            with explained(explain_sqlite):
                connection = self._connection()
                try:
                    # The thread goes on with it, whoever is cancelled meanwhile.
                    await self._in_writer(connection.execute, "BEGIN IMMEDIATE")
                    yield SqliteRunner(connection, self._in_writer)
                    await self._in_writer(connection.execute, "COMMIT")
                except BaseException:
                    await asyncio.shield(self._in_writer(_roll_back, connection))
                    raise

    # -- schema ---------------------------------------------------------------------------------

    async def examine(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function that only looks, with a SQLAlchemy connection of its own."""

        def look() -> T:
            connection = self._open_reader(Deadline())
            try:
                with _engine_on(connection).connect() as opened:
                    return function(opened)
            finally:
                self._opened.remove(connection)
                connection.close()

        with explained(explain_sqlite):
            return await asyncio.to_thread(look)

    @asynccontextmanager
    async def schema_connection(
        self, concerned: Collection[str]
    ) -> AsyncGenerator[SqliteSchemaConnection, None]:
        """Open a connection for changing the schema, in a transaction of its own.

        Tables are changed by copying them, during which foreign keys must rest; they are checked
        before the end.
        """
        async with self._turn:
            with explained(explain_sqlite):
                connection = self._connection()
                # SQLAlchemy rolls back once when it first connects, so this comes first.
                opened = await self._in_writer(_engine_on(connection).connect)
                await self._in_writer(connection.execute, "PRAGMA foreign_keys=OFF")
                try:
                    await self._in_writer(connection.execute, "BEGIN IMMEDIATE")
                    yield SqliteSchemaConnection(connection, opened, self._in_writer)
                    await self._in_writer(_check_references, connection, concerned)
                    await self._in_writer(connection.execute, "COMMIT")
                except BaseException:
                    await asyncio.shield(self._in_writer(_roll_back, connection))
                    raise
                finally:
                    await asyncio.shield(self._in_writer(_leave, connection, opened))


class SqliteRunner:
    """Runs statements in the transaction that is open on the writer."""

    def __init__(self, connection: sqlite3.Connection, in_writer: Callable[..., Any]) -> None:
        self._connection = connection
        self._in_writer = in_writer

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        rows = await self.fetch_rows(text, arguments)
        return rows[0] if rows else None

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""

        def fetch() -> Sequence[Row]:
            return self._connection.execute(text, arguments).fetchall()

        with explained(explain_sqlite):
            return await self._in_writer(fetch)

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        with explained(explain_sqlite):
            return await self._in_writer(_run, self._connection, text, arguments, returning)

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows."""
        with explained(explain_sqlite):
            return await self._in_writer(_run_many, self._connection, text, rows, returning)


class SqliteSchemaConnection:
    """A SQLAlchemy connection on the writer, whose transaction the runner shares."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        opened: sa.Connection,
        in_writer: Callable[..., Any],
    ) -> None:
        self._opened = opened
        self._in_writer = in_writer
        self.runner = SqliteRunner(connection, in_writer)

    async def call(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function with a SQLAlchemy connection, on the writer's thread."""
        with explained(explain_sqlite):
            return await self._in_writer(function, self._opened)

    async def commit(self) -> None:
        """Do nothing: all is committed together when the connection is left."""

    async def roll_back(self) -> None:
        """Do nothing: an error takes everything back when the connection is left."""


def _use_wal(connection: sqlite3.Connection) -> None:
    """Have writers and readers not wait for each other.

    SQLite itself does not wait while another process is about to do the same.
    """
    until = time.monotonic() + BUSY_TIMEOUT / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.02)


def _engine_on(connection: sqlite3.Connection) -> sa.Engine:
    # Our transactions are our own: SQLAlchemy must not roll them back when it lets go.
    return sa.create_engine(
        "sqlite://",
        creator=lambda: connection,
        poolclass=StaticPool,
        pool_reset_on_return=None,
    )


def _run(
    connection: sqlite3.Connection, text: str, arguments: Arguments, returning: bool
) -> Outcome:
    cursor = connection.execute(text, arguments)
    if returning:
        rows = cursor.fetchall()
        return Outcome(len(rows), None, rows)
    return Outcome(cursor.rowcount, cursor.lastrowid)


def _run_many(
    connection: sqlite3.Connection, text: str, rows: Sequence[Arguments], returning: bool
) -> Outcome:
    if not returning:
        cursor = connection.executemany(text, rows)
        return Outcome(cursor.rowcount)
    returned: list[Row] = []
    for arguments in rows:
        returned += connection.execute(text, arguments).fetchall()
    return Outcome(len(returned), None, returned)


def _saved(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Outcome]
) -> Outcome | Exception:
    connection.execute(f"SAVEPOINT {SAVEPOINT}")
    try:
        outcome = work(connection)
    except Exception as error:
        connection.execute(f"ROLLBACK TO {SAVEPOINT}")
        connection.execute(f"RELEASE {SAVEPOINT}")
        return error
    connection.execute(f"RELEASE {SAVEPOINT}")
    return outcome


def _leave(connection: sqlite3.Connection, opened: sa.Connection) -> None:
    opened.close()
    connection.execute("PRAGMA foreign_keys=ON")


def _roll_back(connection: sqlite3.Connection) -> None:
    # A full disk makes SQLite roll back by itself.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _check_references(connection: sqlite3.Connection, tables: Collection[str]) -> None:
    # Not of all tables: large ones that have nothing to do with the change would take seconds.
    there = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for name in {name for (name,) in there} & set(tables):
        broken = connection.execute(
            "SELECT 1, parent FROM pragma_foreign_key_check(?)", (name,)
        ).fetchone()
        if broken is not None:
            raise EnfyraError(
                "CONSTRAINT_VIOLATION",
                f"A record of '{name}' refers to a record of '{broken[1]}' that does not exist",
            )
