"""MariaDB and MySQL through asyncmy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any, TypeVar

import asyncmy
import sqlalchemy as sa
from asyncmy.constants.CLIENT import FOUND_ROWS
from asyncmy.cursors import SSCursor
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from ....errors import EnfyraError
from ....uri import DatabaseUri
from ..driver import Arguments, Outcome, Row
from ..faults import explain_mysql, explained, unreachable
from ..pool import Pool
from ..selecting.found import Found, MayRead
from ..selecting.mysql import opened

T = TypeVar("T")

CONNECT_TIMEOUT = 10
ONE_STATEMENT = 1 << 30
_MODES = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)

Connection = Any


class MysqlRunner:
    """Runs statements on one connection, in the transaction that is open on it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        rows = await self.fetch_rows(text, arguments)
        return rows[0] if rows else None

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""
        with explained(explain_mysql):
            async with self._connection.cursor() as cursor:
                await cursor.execute(text, tuple(arguments))
                return await cursor.fetchall()

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        with explained(explain_mysql):
            async with self._connection.cursor() as cursor:
                await cursor.execute(text, tuple(arguments))
                return Outcome(cursor.rowcount, cursor.lastrowid or None)

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run an insert for many rows, in one statement."""
        with explained(explain_mysql):
            async with self._connection.cursor() as cursor:
                # One statement for all, whose counted keys are consecutive.
                cursor.max_stmt_length = ONE_STATEMENT
                await cursor.executemany(text, [tuple(row) for row in rows])
                return Outcome(cursor.rowcount, cursor.lastrowid or None)


class MysqlDriver:
    """A pool of asyncmy connections."""

    def __init__(self, uri: DatabaseUri, *, size: int, timeout: float) -> None:
        self._uri = uri
        self._timeout = timeout
        self._is_mariadb = True
        self._pool: Pool[Connection] = Pool(
            self._connect, _close, lambda connection: connection.connected, size
        )

    async def start(self) -> Mapping[str, str]:
        """Connect once, to find out whether that works and what the server is."""
        row = await self.fetch_row("SELECT VERSION()", ())
        version = str(row[0]) if row is not None else ""
        self._is_mariadb = "mariadb" in version.lower()
        return {"version": version} if version else {}

    async def stop(self) -> None:
        """Close all connections."""
        await self._pool.stop()

    def _connect_arguments(self) -> dict[str, Any]:
        return {
            "host": self._uri.host,
            "port": self._uri.port,
            "user": self._uri.user,
            "password": self._uri.password,
            "database": self._uri.database,
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_TIMEOUT,
            "client_flag": FOUND_ROWS,
            "init_command": f"SET time_zone = '+00:00', sql_mode = '{_MODES}'",
        }

    async def _connect(self) -> Connection:
        return await asyncmy.connect(  # pyright: ignore[reportUnknownMemberType]
            **self._connect_arguments(), autocommit=True
        )

    async def _acquire(self) -> Connection:
        with explained(_explain_connecting):
            return await self._pool.acquire()

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        rows = await self.fetch_rows(text, arguments)
        return rows[0] if rows else None

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read; once more if the connection turns out to be dead."""
        try:
            return await self._once(lambda runner: runner.fetch_rows(text, arguments))
        except EnfyraError as error:
            if error.code != "DATABASE_CONNECTION_ERROR":
                raise
        return await self._once(lambda runner: runner.fetch_rows(text, arguments))

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        return await self._once(lambda runner: runner.run(text, arguments))

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows: all of them or, on an error, none."""
        async with self.transaction() as runner:
            return await runner.run_many(text, rows)

    async def _once(self, work: Callable[[MysqlRunner], Any]) -> Any:
        connection = await self._acquire()
        thread = connection.thread_id()
        try:
            return await _bounded(connection, work(MysqlRunner(connection)), self._timeout)
        except (EnfyraError, asyncio.CancelledError):
            if not connection.connected:
                await asyncio.shield(self._kill(thread))
            raise
        finally:
            self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[MysqlRunner, None]:
        """Run what is in the block in one transaction."""
        connection = await self._acquire()
        try:
            with explained(explain_mysql):
                await connection.begin()
                try:
                    yield MysqlRunner(connection)
                    await connection.commit()
                except BaseException:
                    await _roll_back(connection)
                    raise
        finally:
            self._pool.release(connection)

    async def stream(
        self, text: str, arguments: Arguments, size: int
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Give the rows of a read, some at a time."""
        connection = await self._acquire()
        finished = False
        try:
            with explained(explain_mysql):
                async with connection.cursor(SSCursor) as cursor:
                    await cursor.execute(text, tuple(arguments))
                    while rows := await cursor.fetchmany(size):
                        yield rows
                    finished = True
        finally:
            if not finished:
                # The rest of the rows is still on the wire.
                connection.close()
            self._pool.release(connection)

    @asynccontextmanager
    async def selecting(
        self, text: str, arguments: Arguments, seconds: float, may_read: MayRead
    ) -> AsyncGenerator[Found, None]:
        """Open a statement that somebody has written, so that it can only read."""
        connection = await self._acquire()
        thread = connection.thread_id()
        try:
            async with opened(
                connection, text, arguments, seconds, mariadb=self._is_mariadb
            ) as found:
                yield found
        except asyncio.CancelledError:
            await asyncio.shield(self._kill(thread))
            raise
        finally:
            connection.close()
            self._pool.release(connection)

    async def _kill(self, thread: int) -> None:
        """End what a connection is doing: the server does not see by itself that nobody waits."""
        with suppress(Exception):
            connection = await self._connect()
            try:
                async with connection.cursor() as cursor:
                    await cursor.execute(f"KILL {thread}")
            finally:
                await _close(connection)

    @cached_property
    def _engine(self) -> AsyncEngine:
        return create_async_engine(
            "mysql+asyncmy://", connect_args=self._connect_arguments(), poolclass=NullPool
        )

    async def examine(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function that only looks, with a SQLAlchemy connection of its own."""
        with explained(explain_mysql):
            async with self._engine.connect() as connection:
                return await connection.run_sync(function)

    @asynccontextmanager
    async def schema_connection(
        self, concerned: Collection[str]
    ) -> AsyncGenerator[MysqlSchemaConnection, None]:
        """Open a connection for changing the schema; each change is final at once."""
        with explained(explain_mysql):
            async with self._engine.connect() as connection:
                opened = await MysqlSchemaConnection.open(connection)
                yield opened
                await opened.commit()


class MysqlSchemaConnection:
    """A SQLAlchemy connection whose transaction the runner shares."""

    def __init__(self, connection: AsyncConnection, raw: Connection) -> None:
        self._connection = connection
        self.runner = MysqlRunner(raw)

    @classmethod
    async def open(cls, connection: AsyncConnection) -> MysqlSchemaConnection:
        """Begin and give access to the driver's own connection."""
        await connection.execute(sa.text("SELECT 1"))
        raw = await connection.get_raw_connection()
        return cls(connection, raw.driver_connection)

    async def call(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function with a SQLAlchemy connection."""
        with explained(explain_mysql):
            return await self._connection.run_sync(function)

    async def commit(self) -> None:
        """Make the writes so far final."""
        with explained(explain_mysql):
            await self._connection.commit()

    async def roll_back(self) -> None:
        """Take back the writes since the last commit."""
        with explained(explain_mysql):
            await self._connection.rollback()


async def _bounded(connection: Connection, work: Any, timeout: float) -> Any:
    """Give up a statement after a time; the connection is closed then."""
    try:
        async with asyncio.timeout(timeout):
            return await work
    except TimeoutError:
        connection.close()
        raise EnfyraError("DATABASE_TIMEOUT") from None
    except asyncio.CancelledError:
        connection.close()
        raise


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.rollback()
    except Exception:
        connection.close()


async def _close(connection: Connection) -> None:
    await connection.ensure_closed()


def _explain_connecting(error: Exception) -> Exception | None:
    return error if isinstance(error, EnfyraError) else unreachable(error)
