"""A database whose encrypted columns are plain to those who use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ...errors import EnfyraError
from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ...storage.database import (
    Database,
    Explanation,
    Page,
    Read,
    SchemaSession,
    Session,
    Values,
    Write,
)
from ...storage.physical import PhysicalTable
from .answers import Sealed, sealed_in
from .keys import Keyring
from .values import Secret

# More rows than that are encrypted on a thread.
_FEW = 50


@dataclass(slots=True)
class _Read:
    """A read whose answer has encrypted fields."""

    plan: Plan
    inner: Read
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class _Write:
    """A write of encrypted columns, or one whose answer has them.

    Attributes:
        secrets: By the position of their value.
    """

    inner: Write
    secrets: tuple[tuple[int, Secret], ...]
    sealed: Sealed | None

    def encrypted(self, values: Values) -> Values:
        """Give the values as they are stored."""
        stored = list(values)
        for position, secret in self.secrets:
            stored[position] = secret.encrypt(stored[position])
        return stored

    def all_encrypted(self, rows: Sequence[Values]) -> Sequence[Values]:
        """Give the values of many records as they are stored."""
        return [self.encrypted(values) for values in rows]


class EncryptedSession:
    """Runs what was prepared by an `EncryptedDatabase`, through a session of the database below."""

    def __init__(self, inner: Session) -> None:
        self._inner = inner

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        if not isinstance(read, _Read):
            return await self._inner.find(read, values, limit, offset)
        page = await self._inner.find(read.inner, values, limit, offset)
        return replace(page, rows=await read.sealed.open_all(page.rows))

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        if not isinstance(write, _Write):
            return await self._inner.write(write, values)
        count, rows = await self._inner.write(write.inner, write.encrypted(values))
        if rows is not None and write.sealed is not None:
            rows = await write.sealed.open_all(rows)
        return count, rows

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert for many rows."""
        if not isinstance(write, _Write):
            return await self._inner.write_many(write, rows)
        if write.secrets:
            few = len(rows) <= _FEW
            stored = write.all_encrypted(rows) if few else await _threaded(write, rows)
        else:
            stored = rows
        count, returned = await self._inner.write_many(write.inner, stored)
        if returned is not None and write.sealed is not None:
            sealed, found = write.sealed, returned
            returned = await asyncio.to_thread(lambda: [sealed.open_record(one) for one in found])
        return count, returned


async def _threaded(write: _Write, rows: Sequence[Values]) -> Sequence[Values]:
    return await asyncio.to_thread(write.all_encrypted, rows)


async def _opened_lines(
    lines: AsyncGenerator[bytes, None], sealed: Sealed
) -> AsyncGenerator[bytes, None]:
    async with aclosing(lines):
        async for piece in lines:
            yield await asyncio.to_thread(_opened, piece, sealed)


def _opened(piece: bytes, sealed: Sealed) -> bytes:
    return b"".join([sealed.open_record(line) + b"\n" for line in piece.splitlines()])


class EncryptedDatabase(EncryptedSession):
    """Encrypts what is written to encrypted columns, and decrypts what is read of them.

    What has nothing to do with encrypted columns goes straight to the database below.

    Attributes:
        engine: `sqlite`, `postgresql`, `mysql` or `mongodb`.
        one_writer: Whether a transaction that writes keeps everybody else from writing.
        transactional_schema: Whether changes of the schema can be rolled back with a transaction.
    """

    def __init__(self, inner: Database, keyring: Keyring) -> None:
        super().__init__(inner)
        self._database = inner
        self._keyring = keyring
        self.engine = inner.engine
        self.one_writer = inner.one_writer
        self.transactional_schema = inner.transactional_schema

    # -- preparing ------------------------------------------------------------------------------

    def read(self, plan: Plan) -> Read:
        """Make a Plan ready to be run."""
        read = self._database.read(plan)
        sealed = sealed_in(plan.selection, plan.table, self._keyring)
        return read if sealed is None else _Read(plan, read, sealed)

    def insert(self, insert: Insert) -> Write:
        """Make an Insert ready to be run."""
        return self._sealed(self._database.insert(insert), insert)

    def update(self, update: Update) -> Write:
        """Make an Update ready to be run.

        Raises:
            EnfyraError: BAD_REQUEST when an encrypted column shall be counted up.
        """
        for column in update.columns:
            if column.encrypted is not None and column.name in update.added:
                raise EnfyraError(
                    "BAD_REQUEST",
                    f"'{column.encrypted.name}' is encrypted; nothing can be added to it",
                )
        return self._sealed(self._database.update(update), update)

    def _sealed(self, write: Write, command: Insert | Update) -> Write:
        secrets = tuple(
            (position, Secret(self._keyring, command.table, column.encrypted))
            for position, column in enumerate(command.columns)
            if column.encrypted is not None
        )
        sealed = sealed_in(command.selection, command.table, self._keyring)
        return _Write(write, secrets, sealed) if secrets or sealed is not None else write

    def delete(self, delete: Delete) -> Write:
        """Make a Delete ready to be run."""
        return self._database.delete(delete)

    # -- running --------------------------------------------------------------------------------

    @asynccontextmanager
    async def rehearsal(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction, which is taken back at its end."""
        async with self._database.rehearsal() as session:
            yield EncryptedSession(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction: all of it or nothing."""
        async with self._database.transaction() as session:
            yield EncryptedSession(session)

    @asynccontextmanager
    async def bulk(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block, all of it or nothing, though it may be many records."""
        async with self._database.bulk() as session:
            yield EncryptedSession(session)

    def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Give all records as record batches."""
        batches = self._database.batches(plan, values, limit)
        sealed = sealed_in(plan.selection, plan.table, self._keyring)
        if sealed is None:
            return batches
        # Only where pyarrow is installed.
        from .stream import opened_batches

        return opened_batches(batches, sealed)

    def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give all records as lines of JSON."""
        lines = self._database.lines(plan, values, limit)
        sealed = sealed_in(plan.selection, plan.table, self._keyring)
        return lines if sealed is None else _opened_lines(lines, sealed)

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered, without answering it."""
        inner = read.inner if isinstance(read, _Read) else read
        return await self._database.explain(inner, values, limit, offset)

    # -- as it is -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect."""
        await self._database.start()

    async def stop(self) -> None:
        """Close all connections."""
        await self._database.stop()

    async def ping(self) -> None:
        """Make sure that the database answers."""
        await self._database.ping()

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the tables that are there, or those of the given names that are."""
        return await self._database.inspect(names)

    async def survey(self) -> list[PhysicalTable]:
        """Describe all tables and views that are there, with what a definition cannot say."""
        return await self._database.survey()

    def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AbstractAsyncContextManager[SchemaSession]:
        """Open a session for changing the schema, given the tables as they are."""
        return self._database.schema_change(tables)
