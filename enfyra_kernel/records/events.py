"""Records that were created, updated and deleted, told to those who wait for it.

What a write sets off is written down in its transaction: both are there, or neither. Records that
are nested in a body are told by nobody: it is the table of the request that counts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..clock import Clock
from ..encoding import decode_json
from ..metadata.flows import CREATED, DELETED, UPDATED
from ..metadata.tables import Table
from ..query.ast import Query
from ..query.plan import PUBLISHED, Access
from ..storage.database import Session
from .changing import Affected, Changing, Terms
from .creating import Creating, Upserted
from .desk import Desk, Permit
from .refusals import together
from .removing import Removing
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
    """The repository of a table that somebody listens to."""

    def __init__(
        self, table: Table, workbench: Workbench, clock: Clock, listener: RecordListener
    ) -> None:
        super().__init__(table, workbench, clock)
        self._telling = telling = _Telling(self._desk, listener)
        self._creating = _ObservedCreating(self._desk, telling)
        self._changing = _ObservedChanging(self._desk, telling)
        self._removing = _ObservedRemoving(self._desk, self._changing, telling)

    async def load(self, body: Body, options: LoadOptions, access: Access = PUBLISHED) -> Loaded:
        """Load many records; as `Repository.load`. It is told afterwards, by number only."""
        loaded = await super().load(body, options, access)
        if not loaded.dry_run and loaded.rows:
            await self._telling.loaded(loaded.rows)
        return loaded


class _Telling:
    """Tells of writes, each within its transaction."""

    def __init__(self, desk: Desk, listener: RecordListener) -> None:
        self._desk = desk
        self._table = desk.table
        self._listener = listener

    @asynccontextmanager
    async def within(self, session: Session | None) -> AsyncGenerator[Session, None]:
        """Give the transaction of a write, and of what it sets off."""
        async with together(self._desk.database, session) as transaction:
            yield transaction
        await self._listener.committed()

    async def rows(
        self, event: str, session: Session | None, write: Callable[[Session], Awaitable[bytes]]
    ) -> bytes:
        """Write, and tell of the records that are given back."""
        async with self.within(session) as transaction:
            rows = await write(transaction)
            await self.tell(event, self.keys(rows), transaction)
        return rows

    async def met(
        self,
        event: str,
        session: Session | None,
        show: bool,
        write: Callable[[Session], Awaitable[Affected]],
    ) -> Affected:
        """Write what meets a filter, and tell of the records, shown or not."""
        async with self.within(session) as transaction:
            done = await write(transaction)
            await self.tell(event, self.keys(done.rows or b"[]"), transaction)
        return done if show else replace(done, rows=None)

    async def tell(self, event: str, keys: Sequence[Any], session: Session) -> None:
        """Tell of some records, if there are any."""
        if keys:
            found = RecordEvent(self._table.name, event, keys, len(keys))
            await self._listener.happened(found, session)

    async def loaded(self, number: int) -> None:
        """Tell of a load, which is over."""
        await self._listener.happened(RecordEvent(self._table.name, CREATED, (), number), None)
        await self._listener.committed()

    def keys(self, rows: bytes) -> list[Any]:
        """Give the keys of records, as JSON has them."""
        return [row[self._table.primary.name] for row in decode_json(rows)]


class _ObservedCreating(Creating):
    def __init__(self, desk: Desk, telling: _Telling) -> None:
        super().__init__(desk)
        self._telling = telling

    async def one(
        self, body: Any, query: Query, access: Access, permit: Permit, session: Session | None
    ) -> bytes:
        one = super().one
        return await self._telling.rows(
            CREATED, session, lambda within: one(body, query, access, permit, within)
        )

    async def many(
        self,
        bodies: Sequence[Any],
        query: Query,
        access: Access,
        permit: Permit,
        session: Session | None,
    ) -> bytes:
        many = super().many
        return await self._telling.rows(
            CREATED, session, lambda within: many(bodies, query, access, permit, within)
        )

    async def upsert(
        self,
        body: Any,
        key: tuple[str, ...],
        query: Query,
        access: Access,
        permit: Permit,
        session: Session | None,
    ) -> Upserted:
        async with self._telling.within(session) as transaction:
            done = await super().upsert(body, key, query, access, permit, transaction)
            told = list(zip(self._telling.keys(done.rows), done.outcomes, strict=True))
            for event in (CREATED, UPDATED):
                some = [one for one, outcome in told if outcome == event]
                await self._telling.tell(event, some, transaction)
        return done


class _ObservedChanging(Changing):
    def __init__(self, desk: Desk, telling: _Telling) -> None:
        super().__init__(desk)
        self._telling = telling

    async def update(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        update = super().update
        return await self._telling.rows(
            UPDATED, session, lambda within: update(key, body, terms, within)
        )

    async def replace(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        replaced = super().replace
        return await self._telling.rows(
            UPDATED, session, lambda within: replaced(key, body, terms, within)
        )

    async def patch(self, key: Any, body: Any, terms: Terms, session: Session | None) -> bytes:
        patch = super().patch
        return await self._telling.rows(
            UPDATED, session, lambda within: patch(key, body, terms, within)
        )

    async def many(self, bodies: Sequence[Any], terms: Terms, session: Session | None) -> bytes:
        many = super().many
        return await self._telling.rows(
            UPDATED, session, lambda within: many(bodies, terms, within)
        )

    async def met(
        self, body: Any, terms: Terms, session: Session | None, *, most: int | None, show: bool
    ) -> Affected:
        met = super().met
        return await self._telling.met(
            UPDATED, session, show, lambda within: met(body, terms, within, most=most, show=True)
        )


class _ObservedRemoving(Removing):
    def __init__(self, desk: Desk, changing: Changing, telling: _Telling) -> None:
        super().__init__(desk, changing)
        self._telling = telling

    async def one(self, key: Any, terms: Terms, session: Session | None) -> None:
        async with self._telling.within(session) as transaction:
            await super().one(key, terms, transaction)
            await self._telling.tell(DELETED, (self._desk.bound_key(key),), transaction)

    async def met(
        self, terms: Terms, session: Session | None, *, most: int | None, show: bool
    ) -> Affected:
        met = super().met
        return await self._telling.met(
            DELETED, session, show, lambda within: met(terms, within, most=most, show=True)
        )
