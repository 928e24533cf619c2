"""The load itself: one transaction over all records of a body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import msgspec

from ...clock import Clock
from ...errors import EnfyraError
from ...metadata.definitions import ColumnDefinition
from ...metadata.snapshot import Snapshot
from ...metadata.tables import StoredColumn, Table, refuse_write, stored
from ...query.commands import Delete
from ...query.plan import Access, All
from ...storage.database import ConstraintViolation, Database, Session
from ..keys import check_key
from ..links import Links
from ..streams.formats import ARROW, CSV, NDJSON, PARQUET, Format
from ..violations import in_use
from .bodies.arrow import arrow_batches
from .bodies.batch import Batch
from .bodies.csv import csv_batches
from .bodies.ndjson import ndjson_batches
from .bodies.parquet import parquet_batches
from .bodies.thread import read_on_thread
from .columns import Source
from .lookup import Lookup
from .refusal import Refusal
from .shape import Shape, Shapes
from .spool import spooled
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


@dataclass(frozen=True, slots=True)
class Body:
    """Records on their way in.

    Attributes:
        coding: How the pieces are compressed: "", `gzip` or `zstd`.
    """

    pieces: AsyncIterator[bytes]
    format: Format = ARROW
    coding: str = ""


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

    async def load(self, body: Body, options: LoadOptions, access: Access) -> Loaded:
        """Load all records of a body.

        Raises:
            EnfyraError: INVALID_BODY naming rows and fields; nothing is loaded then.
        """
        self._check(options, access)
        key = options.key if options.mode == "upsert" else ()
        shapes = Shapes(self._table, self._snapshot, self._database, access, key, self._clock.now())
        load = _Load(self._table, self._snapshot, self._database, options, shapes)
        async with (
            self._pieces(body) as pieces,
            read_on_thread(pieces, body.coding, _reader(body.format, options)) as batches,
        ):
            # What is wrong with the columns shows before anybody is kept from writing.
            first = await anext(batches, None)
            if first is not None:
                shapes.of(shapes.unnested(first))
            try:
                async with self._database.bulk() as session:
                    await load.run(session, first, batches)
                    if options.dry_run:
                        raise _DryRun
            except _DryRun:
                pass
        return Loaded(load.rows, options.mode, options.dry_run, load.unmatched)

    @asynccontextmanager
    async def _pieces(self, body: Body) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Wait for all of a body where a slow sender would keep everybody else from writing.

        A Parquet file is waited for in any case.
        """
        if not self._database.one_writer or body.format is PARQUET:
            yield body.pieces
            return
        async with spooled(body.pieces) as pieces:
            yield pieces

    def _check(self, options: LoadOptions, access: Access) -> None:
        refuse_write(self._table, "POST")
        if options.mode not in MODES:
            raise EnfyraError("INVALID_QUERY", f"mode must be one of {', '.join(MODES)}")
        if options.missing not in {"error", "null"}:
            raise EnfyraError("INVALID_QUERY", "missing must be error or null")
        if options.mode == "upsert":
            check_key(self._table, options.key, access)
        if self._table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"'{self._table.name}' holds a single record")


def _reader(format: Format, options: LoadOptions) -> Callable[[BinaryIO], Iterator[Batch]]:  # noqa: A002
    if format is NDJSON:
        # Of two records with one key, the later one counts.
        return partial(ndjson_batches, in_order=options.mode == "upsert")
    return _READERS[format.name]


_READERS: dict[str, Callable[[BinaryIO], Iterator[Batch]]] = {
    ARROW.name: arrow_batches,
    PARQUET.name: parquet_batches,
    CSV.name: csv_batches,
}


class _Load:
    """One load under way.

    Attributes:
        rows: How many records were read.
    """

    def __init__(
        self,
        table: Table,
        snapshot: Snapshot,
        database: Database,
        options: LoadOptions,
        shapes: Shapes,
    ) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        self._options = options
        self._shapes = shapes
        self._lookups: dict[str, Lookup] = {}
        self.rows = 0

    @property
    def unmatched(self) -> int:
        """How many related records were not found."""
        return sum(lookup.unmatched for lookup in self._lookups.values())

    async def run(
        self, session: Session, first: Batch | None, batches: AsyncIterator[Batch]
    ) -> None:
        """Write all batches."""
        if self._options.mode == "replace":
            await self._empty(session)
        if first is not None:
            await self._write(session, first)
        async for batch in batches:
            await self._write(session, batch)

    async def _write(self, session: Session, nested: Batch) -> None:
        batch = self._shapes.unnested(nested)
        shape = self._shapes.of(batch)
        if not batch.rows:
            return
        read = await self._read(session, batch, shape)
        rows = _last_of_each_key(read, shape)
        try:
            await self._insert(session, shape, rows)
        except ConstraintViolation as violation:
            places = {id(row): number for row, number in zip(read, batch.rows, strict=True)}
            numbers = [places[id(row)] for row in rows]
            refusal = Refusal(self._table, shape.columns, rows, numbers)
            raise refusal.explain(violation) from violation
        self.rows += len(batch.rows)

    async def _empty(self, session: Session) -> None:
        everything = Delete(self._table, All(()))
        try:
            await session.write(self._database.delete(everything), ())
        except ConstraintViolation as violation:
            raise in_use(self._table, []) from violation

    async def _insert(self, session: Session, shape: Shape, rows: Sequence[Any]) -> None:
        try:
            await session.write_many(shape.write, rows)
        except ConstraintViolation as violation:
            if violation.kind == "reference" and not violation.columns:
                # SQLite does not say which one.
                links = Links(self._table, self._snapshot, self._database)
                named = [_named(shape.columns, row) for row in rows]
                raise await links.explain_references(named) from violation
            raise

    # -- the rows -------------------------------------------------------------------------------

    async def _read(self, session: Session, batch: Batch, shape: Shape) -> list[tuple[Any, ...]]:
        given = dict(batch.columns)
        columns = [
            await self._values(session, source, given[source.name], batch)
            for source in shape.sources
        ]
        columns += [[one.value() for _ in batch.rows] for one in shape.fillers]
        return list(zip(*columns, strict=True))

    async def _values(
        self, session: Session, source: Source, given: Any, batch: Batch
    ) -> list[Any]:
        try:
            values = await asyncio.to_thread(
                read_values,
                given,
                source.store.plain if source.lookup is None else stored(source.lookup[1]),
                source.name,
                nullable=source.nullable,
                rows=batch.rows,
                is_text=batch.is_text,
            )
        except EnfyraError as error:
            error.hint = source.hint or error.hint
            raise
        if source.checks is not None:
            await asyncio.to_thread(
                check_values, values, source.checks, source.name, rows=batch.rows
            )
        if source.lookup is None:
            return values
        return await self._lookup(source, *source.lookup).keys(session, values, batch.rows)

    def _lookup(self, source: Source, table: Table, field: ColumnDefinition) -> Lookup:
        found = self._lookups.get(source.name)
        if found is None:
            strict = self._options.missing == "error"
            found = Lookup(self._database, table, field, source.name, strict=strict)
            self._lookups[source.name] = found
        return found


def _last_of_each_key(rows: list[tuple[Any, ...]], shape: Shape) -> list[tuple[Any, ...]]:
    """Leave out rows that a later one with the same key replaces.

    PostgreSQL updates no record twice in one statement.
    """
    if not shape.key:
        return rows
    names = [column.name for column in shape.columns]
    places = [names.index(name) for name in shape.key]
    last: dict[Any, tuple[Any, ...]] = {}
    for number, row in enumerate(rows):
        key = tuple(row[place] for place in places)
        # A null is equal to nothing.
        last[number if None in key else key] = row
    return list(last.values())


def _named(columns: Iterable[StoredColumn], row: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: value for column, value in zip(columns, row, strict=True)}
