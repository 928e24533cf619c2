"""PostgreSQL through asyncpg."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ....errors import EnfyraError
from ....uri import DatabaseUri
from ..driver import Arguments, Outcome, Row
from ..faults import explain_postgresql, explained
from ..pool import Pool
from ..selecting.found import Found, MayRead
from ..selecting.postgresql import opened

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
CHUNK_BYTES = 1 << 20
CHUNKS_AHEAD = 2
_COUNT = re.compile(r"(\d+)$")
_QUOTED = re.compile(rb"\x01([^\x01]*)\x01")
_LOST = (asyncpg.exceptions.PostgresConnectionError, asyncpg.exceptions.InterfaceError, OSError)

Connection = Any
_connect: Any = getattr(asyncpg, "connect")  # noqa: B009 - its type is not known


class PostgresqlRunner:
    """Runs statements on one connection, in the transaction that is open on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        with explained(explain_postgresql):
            return await self._connection.fetchrow(text, *arguments)

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""
        with explained(explain_postgresql):
            return await self._connection.fetch(text, *arguments)

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        with explained(explain_postgresql):
            return await _run(self._connection, text, arguments, returning)

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write whose parameters are arrays: one for each column."""
        return await self.run(text, list(zip(*rows, strict=True)), returning=returning)


# asyncpg takes the first and the last day and instant that Python knows for "infinity"; here they
# are days and instants like others.
_FIRST_DAY = date(2000, 1, 1).toordinal()
_FIRST_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _day_out(day: date) -> tuple[int]:
    return (day.toordinal() - _FIRST_DAY,)


def _day_in(days: tuple[int]) -> date:
    return date.fromordinal(min(max(days[0] + _FIRST_DAY, 1), date.max.toordinal()))


def _instant_out(instant: datetime) -> tuple[int]:
    return ((instant - _FIRST_INSTANT) // _MICROSECOND,)


def _instant_in(microseconds: tuple[int]) -> datetime:
    try:
        return _FIRST_INSTANT + timedelta(microseconds=microseconds[0])
    except OverflowError:
        return (datetime.max if microseconds[0] > 0 else datetime.min).replace(tzinfo=UTC)


_CODECS = (("date", _day_out, _day_in), ("timestamptz", _instant_out, _instant_in))


async def _run(connection: Connection, text: str, arguments: Arguments, returning: bool) -> Outcome:
    if returning:
        rows = await connection.fetch(text, *arguments)
        return Outcome(len(rows), None, rows)
    status: str = await connection.execute(text, *arguments)
    found = _COUNT.search(status)
    return Outcome(int(found[1]) if found else 0)


class PostgresqlDriver:
    """A pool of asyncpg connections."""

    def __init__(self, uri: DatabaseUri, *, size: int, timeout: float) -> None:
        self._uri = uri
        self._timeout = timeout
        self._pool: Pool[Connection] = Pool(
            self._connect, _close, lambda connection: not connection.is_closed(), size
        )

    async def start(self) -> Mapping[str, str]:
        """Connect once, to find out whether that works and what the server can do."""
        row = await self.fetch_row(
            "SELECT version(), (SELECT collname FROM pg_collation WHERE collname = 'und-x-icu' "
            "LIMIT 1)",
            (),
        )
        return {"version": row[0], "lowerCollation": row[1] or ""} if row is not None else {}

    async def stop(self) -> None:
        """Close all connections."""
        await self._pool.stop()

    def _connect_arguments(self) -> dict[str, Any]:
        uri = self._uri
        arguments: dict[str, Any] = {
            "host": uri.host,
            "port": uri.port,
            "user": uri.user or None,
            "password": uri.password or None,
            "database": uri.database,
            "timeout": CONNECT_TIMEOUT,
            "server_settings": {
                "TimeZone": "UTC",
                "jit": "off",
                "statement_timeout": str(int(self._timeout * 1000)),
                "application_name": "enfyra",
            },
        }
        if "sslmode" in uri.options:
            arguments["ssl"] = uri.options["sslmode"]
        return arguments

    async def _connect(self) -> Connection:
        connection = await _connect(
            **self._connect_arguments(),
            statement_cache_size=1024,
            max_cached_statement_lifetime=0,
        )
        for name, encoder, decoder in _CODECS:
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=encoder, decoder=decoder, format="tuple"
            )
        return connection

    async def _acquire(self) -> Connection:
        with explained(_explain_connecting):
            return await self._pool.acquire()

    # -- each by itself -------------------------------------------------------------------------

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read; once more if the connection turns out to be dead."""
        connection = self._pool.take() or await self._acquire()
        try:
            return await connection.fetchrow(text, *arguments)
        except _LOST as error:
            if not connection.is_closed():
                raise _explained(error) from error
        except Exception as error:
            raise _explained(error) from error
        finally:
            self._pool.release(connection)
        return await self._once(lambda runner: runner.fetch_row(text, arguments))

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read; once more if the connection turns out to be dead."""
        connection = self._pool.take() or await self._acquire()
        try:
            return await connection.fetch(text, *arguments)
        except _LOST as error:
            if not connection.is_closed():
                raise _explained(error) from error
        except Exception as error:
            raise _explained(error) from error
        finally:
            self._pool.release(connection)
        return await self._once(lambda runner: runner.fetch_rows(text, arguments))

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        connection = self._pool.take() or await self._acquire()
        try:
            return await _run(connection, text, arguments, returning)
        except Exception as error:
            raise _explained(error) from error
        finally:
            self._pool.release(connection)

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows."""
        return await self._once(lambda runner: runner.run_many(text, rows, returning=returning))

    async def _once(self, work: Callable[[PostgresqlRunner], Any]) -> Any:
        connection = self._pool.take() or await self._acquire()
        try:
            return await work(PostgresqlRunner(connection))
        finally:
            self._pool.release(connection)

    # -- several together -----------------------------------------------------------------------

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[PostgresqlRunner, None]:
        """Run what is in the block in one transaction."""
        connection = await self._acquire()
        try:
            with explained(explain_postgresql):
                async with connection.transaction():
                    yield PostgresqlRunner(connection)
        except asyncio.CancelledError:
            # How far the server has come is not known: perhaps the transaction has begun.
            connection.terminate()
            raise
        finally:
            self._pool.release(connection)

    async def stream(
        self, text: str, arguments: Arguments, size: int
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Give the rows of a read, some at a time."""
        connection = await self._acquire()
        try:
            with explained(explain_postgresql):
                async with connection.transaction(readonly=True):
                    cursor = await connection.cursor(text, *arguments)
                    while rows := await cursor.fetch(size):
                        yield rows
        except asyncio.CancelledError:
            connection.terminate()
            raise
        finally:
            self._pool.release(connection)

    @asynccontextmanager
    async def selecting(
        self, text: str, arguments: Arguments, seconds: float, may_read: MayRead
    ) -> AsyncGenerator[Found, None]:
        """Open a statement that somebody has written, so that it can only read."""
        connection = await self._acquire()
        try:
            async with opened(connection, text, arguments, seconds) as found:
                yield found
        except asyncio.CancelledError:
            connection.terminate()
            raise
        finally:
            self._pool.release(connection)

    def copy(self, text: str, arguments: Arguments) -> AsyncGenerator[bytes, None]:
        """Give the rows of a read as CSV, cut between rows, about a megabyte at a time."""
        return self._copied(text, arguments, {})

    async def copy_lines(self, text: str, arguments: Arguments) -> AsyncGenerator[bytes, None]:
        """Give the rows of a read that gives JSON, one to a line.

        In JSON there are no control characters, so nothing is quoted by them but a document that
        goes over several lines: an adopted column of the type json keeps it as it was written.
        """
        layout = {"delimiter": "\x02", "quote": "\x01"}
        async with aclosing(self._copied(text, arguments, layout)) as chunks:
            async for chunk in chunks:
                yield _QUOTED.sub(_one_line, chunk) if b"\x01" in chunk else chunk

    async def _copied(
        self, text: str, arguments: Arguments, layout: Mapping[str, str]
    ) -> AsyncGenerator[bytes, None]:
        """Copy.

        The server sends each row in a message of its own, and asyncpg hands on whole messages.
        """
        connection = await self._acquire()
        copying = _Copying(connection, text, arguments, layout)
        try:
            with explained(explain_postgresql):
                while (chunk := await copying.next(self._timeout)) is not None:
                    yield chunk
        finally:
            await copying.end()
            self._pool.release(connection)

    # -- schema ---------------------------------------------------------------------------------

    @cached_property
    def _engine(self) -> AsyncEngine:
        arguments = self._connect_arguments()
        arguments["server_settings"] |= {"statement_timeout": "0", "lock_timeout": "10s"}
        return create_async_engine(
            "postgresql+asyncpg://", connect_args=arguments, poolclass=NullPool
        )

    async def examine(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function that only looks, with a SQLAlchemy connection of its own."""
        with explained(explain_postgresql):
            async with self._engine.connect() as connection:
                return await connection.run_sync(function)

    @asynccontextmanager
    async def schema_connection(
        self, concerned: Collection[str]
    ) -> AsyncGenerator[PostgresqlSchemaConnection, None]:
        """Open a connection for changing the schema, in a transaction of its own."""
        with explained(explain_postgresql):
            async with self._engine.connect() as connection, connection.begin():
                yield await PostgresqlSchemaConnection.open(connection)


def _one_line(quoted: re.Match[bytes]) -> bytes:
    return quoted[1].replace(b"\n", b" ").replace(b"\r", b" ")


class _Copying:
    """A COPY under way, which waits while nobody takes what it gives.

    So a slow reader may take all the time in the world: the database's own limit on the time of a
    statement is lifted, and only who waits for the database gives up.
    """

    def __init__(
        self, connection: Connection, text: str, arguments: Arguments, layout: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(CHUNKS_AHEAD)
        self._parts: list[bytes] = []
        self._size = 0
        self._task = asyncio.ensure_future(self._run(connection, text, arguments, layout))
        self._task.add_done_callback(lambda _: self._chunks.put_nowait(None))

    async def next(self, timeout: float) -> bytes | None:
        """Give the next rows, None at the end."""
        try:
            async with asyncio.timeout(timeout):
                chunk = await self._chunks.get()
        except TimeoutError:
            raise EnfyraError("DATABASE_TIMEOUT") from None
        if chunk is None:
            await self._task
            return None
        self._room.release()
        return chunk

    async def end(self) -> None:
        """Have done with it; of a COPY that is under way, the connection is closed.

        It is closed first: who is cancelled waits for the server's word on that, which stands
        behind rows that nobody takes any more.
        """
        if not self._task.done():
            self._connection.terminate()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(
        self, connection: Connection, text: str, arguments: Arguments, layout: Mapping[str, str]
    ) -> None:
        async with connection.transaction(readonly=True):
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.copy_from_query(
                text, *arguments, output=self._take, format="csv", **layout
            )
        if self._parts:
            self._chunks.put_nowait(b"".join(self._parts))

    async def _take(self, data: bytes) -> None:
        self._parts.append(bytes(data))
        self._size += len(data)
        if self._size >= CHUNK_BYTES:
            # The server waits, too, while nobody takes anything out of the queue.
            await self._room.acquire()
            self._chunks.put_nowait(b"".join(self._parts))
            self._parts.clear()
            self._size = 0


class PostgresqlSchemaConnection:
    """A SQLAlchemy connection whose transaction the runner shares."""

    def __init__(self, connection: AsyncConnection, raw: Connection) -> None:
        self._connection = connection
        self.runner = PostgresqlRunner(raw)

    @classmethod
    async def open(cls, connection: AsyncConnection) -> PostgresqlSchemaConnection:
        """Begin the transaction and give access to the driver's own connection."""
        await connection.execute(sa.text("SELECT 1"))
        raw = await connection.get_raw_connection()
        return cls(connection, raw.driver_connection)

    async def call(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function with a SQLAlchemy connection."""
        with explained(explain_postgresql):
            return await self._connection.run_sync(function)

    async def commit(self) -> None:
        """Do nothing: all is committed together when the connection is left."""

    async def roll_back(self) -> None:
        """Do nothing: an error takes everything back when the connection is left."""


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=5)
    except (*_LOST, TimeoutError):
        connection.terminate()


def _explained(error: Exception) -> Exception:
    from ..faults import explanation

    return explanation(error, explain_postgresql)


def _explain_connecting(error: Exception) -> Exception | None:
    from ..faults import unreachable

    # Whatever keeps us from connecting (a wrong password, too), the database is not there for us.
    return error if isinstance(error, EnfyraError) else unreachable(error)
