"""The load itself: one transaction over all batches of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from ...clock import Clock
from ...errors import EnfyraError
from ...metadata.snapshot import Snapshot
from ...metadata.tables import StoredColumn, Table, refuse_write, stored
from ...query.commands import Delete, Insert
from ...query.plan import Access, All
from ...storage.database import ConstraintViolation, Database, Session, Write
from ..links import Links
from ..violations import explain_write, in_use
from .columns import Columns, Filler, Source
from .lookup import Lookup
from .spool import spooled
from .stream import batches_of
from .values import check_values, read_values

MODES = ("append", "upsert", "replace")


class LoadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How records are loaded.

    Attributes:
        mode: `append` adds them; `upsert` updates those whose key is there; `replace` puts them
            in the place of all that is there.
        key: The fields that tell records apart, for `upsert`.
        missing: Whether a related record that is not found is an `error` or becomes `null`.
        dry_run: Whether everything is done and then taken back.
    """

    mode: str = "append"
    key: tuple[str, ...] = ()
    missing: str = "error"
    dry_run: bool = False


class Loaded(msgspec.Struct, frozen=True, rename="camel"):
    """What a load did."""

    rows: int
    mode: str
    dry_run: bool
    unmatched: int = 0


class _DryRun(Exception):
    """Takes a load back that was only tried."""


class Loader:
    """Loads records into one table."""

    def __init__(self, table: Table, snapshot: Snapshot, database: Database, clock: Clock) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        self._clock = clock

    async def load(
        self, stream: AsyncIterator[bytes], options: LoadOptions, access: Access
    ) -> Loaded:
        """Load all records of an Arrow IPC stream.

        Raises:
            EnfyraError: INVALID_BODY naming rows and fields; nothing is loaded then.
        """
        self._check(options, access)
        async with AsyncExitStack() as stack:
            if self._database.one_writer:
                stream = await stack.enter_async_context(spooled(stream))
            schema, batches = await stack.enter_async_context(batches_of(stream))
            columns = Columns(self._table, self._snapshot, access)
            sources = columns.sources([str(name) for name in schema.names])
            fillers = columns.fillers(sources, self._clock.now())
            load = _Load(self._table, self._snapshot, self._database, options, sources, fillers)
            try:
                async with self._database.transaction() as session:
                    await load.run(session, batches)
                    if options.dry_run:
                        raise _DryRun
            except _DryRun:
                pass
        return Loaded(load.rows, options.mode, options.dry_run, load.unmatched)

    def _check(self, options: LoadOptions, access: Access) -> None:
        refuse_write(self._table, "POST")
        if options.mode not in MODES:
            raise EnfyraError("INVALID_QUERY", f"mode must be one of {', '.join(MODES)}")
        if options.missing not in {"error", "null"}:
            raise EnfyraError("INVALID_QUERY", "missing must be error or null")
        if options.mode == "upsert":
            self._check_key(options.key, access)
        if self._table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"'{self._table.name}' holds a single record")

    def _check_key(self, key: tuple[str, ...], access: Access) -> None:
        if not key:
            raise EnfyraError(
                "INVALID_QUERY", "upsert needs a key: the fields that tell records apart"
            )
        seen = {self._table.primary.name, *access.names(self._table)}
        groups = [(self._table.primary.name,), *self._table.definition.uniques]
        uniques = [group for group in groups if seen.issuperset(group)]
        if not any(sorted(group) == sorted(key) for group in uniques):
            listed = "; ".join(", ".join(group) for group in uniques)
            raise EnfyraError(
                "INVALID_QUERY",
                f"key must be a unique group of '{self._table.name}': {listed}",
                hint="Add the group to the table's uniques first",
            )


class _Load:
    """One load under way.

    Attributes:
        rows: How many rows of the stream were read.
    """

    def __init__(
        self,
        table: Table,
        snapshot: Snapshot,
        database: Database,
        options: LoadOptions,
        sources: Sequence[Source],
        fillers: Sequence[Filler],
    ) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        self._options = options
        self._sources = sources
        self._fillers = fillers
        self._columns = (*(one.store for one in sources), *(one.store for one in fillers))
        self._key = self._key_columns()
        self._lookups = {
            one.name: Lookup(database, *one.lookup, one.name, strict=options.missing == "error")
            for one in sources
            if one.lookup is not None
        }
        self.rows = 0

    @property
    def unmatched(self) -> int:
        """How many related records were not found."""
        return sum(lookup.unmatched for lookup in self._lookups.values())

    async def run(self, session: Session, batches: AsyncIterator[Any]) -> None:
        """Write all batches."""
        write = self._write()
        if self._options.mode == "replace":
            await self._empty(session)
        async for batch in batches:
            rows = self._last_of_each_key(await self._read(session, batch))
            await self._insert(session, write, rows)
            self.rows += batch.num_rows

    # -- the statements -------------------------------------------------------------------------

    def _key_columns(self) -> tuple[str, ...]:
        if self._options.mode != "upsert":
            return ()
        key = tuple(_physical(self._table, self._options.key))
        names = {column.name for column in self._columns}
        for field, name in zip(self._options.key, key, strict=True):
            if name not in names:
                raise EnfyraError("INVALID_BODY", problems=[f"{field} is the key and is required"])
        return key

    def _write(self) -> Write:
        kept = {self._table.primary.physical, *_fixed(self._table)}
        # What the server fills in belongs to new records only, the time of the change excepted.
        kept |= {one.store.name for one in self._fillers} - {"updatedAt"}
        insert = Insert(self._table, self._columns, conflict=self._key, kept=frozenset(kept))
        return self._database.insert(insert)

    async def _empty(self, session: Session) -> None:
        everything = Delete(self._table, All(()))
        try:
            await session.write(self._database.delete(everything), ())
        except ConstraintViolation as violation:
            raise in_use(self._table, []) from violation

    async def _insert(self, session: Session, write: Write, rows: Sequence[Any]) -> None:
        try:
            await session.write_many(write, rows)
        except ConstraintViolation as violation:
            if violation.kind == "reference" and not violation.columns:
                # SQLite does not say which one.
                links = Links(self._table, self._snapshot, self._database)
                named = [_named(self._columns, row) for row in rows]
                raise await links.explain_references(named) from violation
            raise explain_write(violation, self._table, {}) from violation

    # -- the rows -------------------------------------------------------------------------------

    async def _read(self, session: Session, batch: Any) -> list[tuple[Any, ...]]:
        columns = [await self._values(session, source, batch) for source in self._sources]
        columns += [[one.value() for _ in range(batch.num_rows)] for one in self._fillers]
        return list(zip(*columns, strict=True))

    async def _values(self, session: Session, source: Source, batch: Any) -> list[Any]:
        array = batch.column(batch.schema.get_field_index(source.name))
        store = source.store.plain if source.lookup is None else stored(source.lookup[1])
        values = await asyncio.to_thread(
            read_values,
            array,
            store,
            source.name,
            nullable=source.nullable,
            first_row=self.rows,
        )
        if source.checks is not None:
            await asyncio.to_thread(
                check_values, values, source.checks, source.name, first_row=self.rows
            )
        lookup = self._lookups.get(source.name)
        return values if lookup is None else await lookup.keys(session, values, self.rows)

    def _last_of_each_key(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Leave out rows that a later one with the same key replaces.

        PostgreSQL updates no record twice in one statement.
        """
        if not self._key:
            return rows
        names = [column.name for column in self._columns]
        places = [names.index(name) for name in self._key]
        last: dict[Any, tuple[Any, ...]] = {}
        for number, row in enumerate(rows):
            key = tuple(row[place] for place in places)
            # A null is equal to nothing.
            last[number if None in key else key] = row
        return list(last.values())


def _named(columns: Iterable[StoredColumn], row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: value for column, value in zip(columns, row, strict=True)}


def _fixed(table: Table) -> Iterable[str]:
    """Give the stored columns that an existing record keeps."""
    for column in table.columns.values():
        if not column.is_updatable:
            yield column.physical
    for relation in table.relations.values():
        if relation.foreign_key is not None and relation.holds_key and not relation.updatable:
            yield relation.foreign_key


def _physical(table: Table, fields: Iterable[str]) -> Iterable[str]:
    for name in fields:
        column = table.columns.get(name)
        if column is not None:
            yield column.physical
        else:
            yield table.relations[name].foreign_key or name
