"""Records that were created, updated and deleted, told to those who wait for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..clock import Clock
from ..encoding import decode_json
from ..metadata.flows import CREATED, DELETED, UPDATED
from ..metadata.tables import Table
from ..query.ast import EVERYTHING, Query
from ..query.plan import PUBLISHED, Access
from ..storage.database import Session
from .changing import Affected
from .creating import Upserted
from .desk import Permit, anything
from .etags import Preconditions
from .refusals import together
from .repository import Repository
from .workbench import Workbench

if TYPE_CHECKING:
    from .loading import Body, Loaded, LoadOptions


class RecordEvent(NamedTuple):
    """What a write has done.

    Attributes:
        event: `created`, `updated` or `deleted`.
        keys: Of the records, as JSON has them; of a load, none.
        number: Of the records.
    """

    table: str
    event: str
    keys: Sequence[Any]
    number: int


class RecordListener(Protocol):
    """Waits for writes."""

    def listens(self, table: str) -> bool:
        """Say whether it waits for anything that is done to a table's records."""
        ...

    async def happened(self, event: RecordEvent, session: Session | None) -> None:
        """Take in what was done, as a part of the same transaction."""
        ...

    async def committed(self) -> None:
        """Go on: the transaction is over."""
        ...


class ObservedRepository(Repository):
    """The repository of a table that somebody listens to.

    What a write sets off is written down in its transaction: both are there, or neither. Records
    that are nested in a body are told by nobody: it is the table of the request that counts.
    """

    def __init__(
        self, table: Table, workbench: Workbench, clock: Clock, listener: RecordListener
    ) -> None:
        super().__init__(table, workbench, clock)
        self._listener = listener

    @asynccontextmanager
    async def _observing(self, session: Session | None) -> AsyncGenerator[Session, None]:
        async with together(self._desk.database, session) as transaction:
            yield transaction
        await self._listener.committed()

    async def _tell(self, event: str, rows: bytes | None, session: Session) -> None:
        key = self.table.primary.name
        keys = [row[key] for row in decode_json(rows or b"[]")]
        if keys:
            found = RecordEvent(self.table.name, event, keys, len(keys))
            await self._listener.happened(found, session)

    # -- creating -------------------------------------------------------------------------------

    async def create(
        self,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Create a record; as `Repository.create`."""
        async with self._observing(session) as transaction:
            rows = await super().create(body, query, access, transaction, permit=permit)
            await self._tell(CREATED, rows, transaction)
        return rows

    async def create_many(
        self,
        bodies: Sequence[Any],
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Create many records; as `Repository.create_many`."""
        async with self._observing(session) as transaction:
            rows = await super().create_many(bodies, query, access, transaction, permit=permit)
            await self._tell(CREATED, rows, transaction)
        return rows

    async def upsert(
        self,
        body: Any,
        key: tuple[str, ...],
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> Upserted:
        """Create or update records; as `Repository.upsert`."""
        async with self._observing(session) as transaction:
            done = await super().upsert(body, key, query, access, transaction, permit=permit)
            name = self.table.primary.name
            keys = [row[name] for row in decode_json(done.rows)]
            for event in (CREATED, UPDATED):
                some = [
                    one for one, outcome in zip(keys, done.outcomes, strict=True)
                    if outcome == event
                ]  # fmt: skip
                if some:
                    found = RecordEvent(self.table.name, event, some, len(some))
                    await self._listener.happened(found, transaction)
        return done

    async def load(self, body: Body, options: LoadOptions, access: Access = PUBLISHED) -> Loaded:
        """Load many records; as `Repository.load`. It is told afterwards, by number only."""
        loaded = await super().load(body, options, access)
        if not loaded.dry_run and loaded.rows:
            await self._listener.happened(
                RecordEvent(self.table.name, CREATED, (), loaded.rows), None
            )
            await self._listener.committed()
        return loaded

    # -- changing -------------------------------------------------------------------------------

    async def update(
        self,
        key: Any,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        preconditions: Preconditions | None = None,
        permit: Permit = anything,
    ) -> bytes:
        """Change one record; as `Repository.update`."""
        async with self._observing(session) as transaction:
            rows = await super().update(
                key, body, query, access, transaction, preconditions=preconditions, permit=permit
            )
            await self._tell(UPDATED, rows, transaction)
        return rows

    async def replace(
        self,
        key: Any,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        preconditions: Preconditions | None = None,
        permit: Permit = anything,
    ) -> bytes:
        """Set all of one record; as `Repository.replace`."""
        async with self._observing(session) as transaction:
            rows = await super().replace(
                key, body, query, access, transaction, preconditions=preconditions, permit=permit
            )
            await self._tell(UPDATED, rows, transaction)
        return rows

    async def patch(
        self,
        key: Any,
        operations: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        preconditions: Preconditions | None = None,
        permit: Permit = anything,
    ) -> bytes:
        """Apply a JSON Patch; as `Repository.patch`."""
        async with self._observing(session) as transaction:
            rows = await super().patch(
                key, operations, query, access, transaction,
                preconditions=preconditions, permit=permit,
            )  # fmt: skip
            await self._tell(UPDATED, rows, transaction)
        return rows

    async def update_many(
        self,
        bodies: Sequence[Any],
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Change many records by their keys; as `Repository.update_many`."""
        async with self._observing(session) as transaction:
            rows = await super().update_many(bodies, query, access, transaction, permit=permit)
            await self._tell(UPDATED, rows, transaction)
        return rows

    async def update_met(
        self,
        body: Any,
        query: Query,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        most: int | None = None,
        show: bool = False,
        permit: Permit = anything,
    ) -> Affected:
        """Change all records that meet a filter; as `Repository.update_met`."""
        async with self._observing(session) as transaction:
            done = await super().update_met(
                body, query, access, transaction, most=most, show=True, permit=permit
            )
            await self._tell(UPDATED, done.rows, transaction)
        return done if show else replace(done, rows=None)

    # -- deleting -------------------------------------------------------------------------------

    async def delete(
        self,
        key: Any,
        session: Session | None = None,
        *,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        preconditions: Preconditions | None = None,
    ) -> None:
        """Delete one record; as `Repository.delete`."""
        async with self._observing(session) as transaction:
            await super().delete(
                key, transaction, query=query, access=access, preconditions=preconditions
            )
            found = RecordEvent(self.table.name, DELETED, (self.bound_key(key),), 1)
            await self._listener.happened(found, transaction)

    async def delete_met(
        self,
        query: Query,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        most: int | None = None,
        show: bool = False,
    ) -> Affected:
        """Delete all records that meet a filter; as `Repository.delete_met`."""
        async with self._observing(session) as transaction:
            done = await super().delete_met(query, access, transaction, most=most, show=True)
            await self._tell(DELETED, done.rows, transaction)
        return done if show else replace(done, rows=None)
