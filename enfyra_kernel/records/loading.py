"""Loading many records at once from an Arrow stream: all of it or nothing, in constant memory."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError, did_you_mean
from ..metadata.arrow import arrow_type
from ..metadata.snapshot import Snapshot
from ..metadata.tables import StoredColumn, Table, key_of, stored
from ..metadata.types import INSTANTS, INTEGERS, TEXTS, ColumnType
from ..metadata.values import length_of, new_uuid, reader
from ..query.ast import Operator
from ..query.commands import Delete, Insert
from ..query.plan import Access, All, Comparison, Plan, Slot
from ..query.selection import SelectedColumn
from ..storage.database import ConstraintViolation, Database, Session, Write
from .violations import explain_write, in_use

MODES = ("append", "upsert", "replace")
ROWS = 5_000
MAX_PROBLEMS = 20


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


@dataclass(slots=True)
class _Source:
    """One column of the stream and where its values go.

    Attributes:
        lookup: The related table and its field, when values name related records by that field.
    """

    name: str
    store: StoredColumn
    nullable: bool
    lookup: tuple[Table, StoredColumn] | None = None


class _DryRun(Exception):
    """Takes a load back that was only tried."""


class Loader:
    """Loads records into one table."""

    def __init__(self, table: Table, snapshot: Snapshot, database: Database, clock: Clock) -> None:
        self._table = table
        self._snapshot = snapshot
        self._database = database
        self._clock = clock
        self._known: dict[str, dict[Any, Any]] = {}
        self._unmatched = 0

    async def load(
        self, stream: AsyncIterator[bytes], options: LoadOptions, access: Access
    ) -> Loaded:
        """Load all records of an Arrow IPC stream.

        Raises:
            EnfyraError: INVALID_BODY naming rows and fields; nothing is loaded then.
        """
        self._check(options)
        async with _batches(stream) as (schema, batches):
            sources = self._sources(schema, access)
            fillers = self._fillers(sources)
            write = self._write(sources, fillers, options)
            rows = 0
            try:
                async with self._database.transaction() as session:
                    if options.mode == "replace":
                        await self._empty(session)
                    async for batch in batches:
                        rows += await self._put(
                            session, write, batch, sources, fillers, rows, options
                        )
                    if options.dry_run:
                        raise _DryRun
            except _DryRun:
                pass
        return Loaded(rows, options.mode, options.dry_run, self._unmatched)

    # -- checking -------------------------------------------------------------------------------

    def _check(self, options: LoadOptions) -> None:
        if options.mode not in MODES:
            raise EnfyraError("INVALID_QUERY", f"mode must be one of {', '.join(MODES)}")
        if options.missing not in {"error", "null"}:
            raise EnfyraError("INVALID_QUERY", "missing must be error or null")
        if options.mode == "upsert":
            self._check_key(options.key)
        if self._table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"'{self._table.name}' holds a single record")

    def _check_key(self, key: tuple[str, ...]) -> None:
        if not key:
            raise EnfyraError(
                "INVALID_QUERY", "upsert needs a key: the fields that tell records apart"
            )
        uniques = [(self._table.primary.name,), *self._table.definition.uniques]
        if not any(sorted(group) == sorted(key) for group in uniques):
            listed = "; ".join(", ".join(group) for group in uniques)
            raise EnfyraError(
                "INVALID_QUERY",
                f"key must be a unique group of '{self._table.name}': {listed}",
                hint="Add the group to the table's uniques first",
            )

    # -- columns --------------------------------------------------------------------------------

    def _sources(self, schema: Any, access: Access) -> list[_Source]:
        problems: list[str] = []
        sources: list[_Source] = []
        for name in schema.names:
            try:
                source = self._source(str(name), access)
            except EnfyraError as error:
                problems += error.problems or [error.message]
                continue
            if source is not None:
                sources.append(source)
        stores = [source.store.name for source in sources]
        problems += [f"{name} is given twice" for name in set(stores) if stores.count(name) > 1]
        problems += self._missing_columns(set(stores))
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems[:MAX_PROBLEMS])
        return sources

    def _source(self, name: str, access: Access) -> _Source | None:
        if name in self._table.timestamps:
            return None
        column = self._table.columns.get(name)
        if column is not None and access.sees(column):
            return _Source(name, stored(column), column.is_nullable and not column.is_primary)
        head, dot, field = name.partition(".")
        relation = self._table.relations.get(head)
        if relation is None or not access.sees(relation) or not relation.holds_key:
            raise EnfyraError("INVALID_BODY", problems=[self._no_column(name)])
        target = self._snapshot.tables[relation.target]
        key = key_of(relation, target)
        if not dot or field == target.primary.name:
            return _Source(name, key, relation.nullable)
        by = target.columns.get(field)
        if by is None or not access.sees(by):
            hint = did_you_mean(field, target.columns)
            raise EnfyraError(
                "INVALID_BODY", problems=[f"{name}: '{target.name}' has no '{field}'.{hint}"]
            )
        return _Source(name, key, relation.nullable, (target, stored(by)))

    def _no_column(self, name: str) -> str:
        for relation in self._table.relations.values():
            if relation.holds_key and name == relation.foreign_key:
                return f"{name} is not allowed. Use the relation '{relation.name}'"
        return (
            f"{name} is no field of '{self._table.name}'.{did_you_mean(name, self._table.fields)}"
        )

    def _missing_columns(self, given: set[str]) -> list[str]:
        missing: list[str] = []
        for name, column in self._table.columns.items():
            filled = column.is_generated or column.default_value is not None
            if not column.is_nullable and not filled and column.physical not in given:
                missing.append(f"{name} is required")
        for relation in self._table.relations.values():
            if relation.holds_key and not relation.nullable and relation.foreign_key not in given:
                missing.append(f"{relation.name} is required")
        return missing

    def _fillers(self, sources: list[_Source]) -> list[tuple[StoredColumn, Any]]:
        """Give the columns that the server fills in, with a function or a value."""
        given = {source.store.name for source in sources}
        now = self._clock.now()
        fillers: list[tuple[StoredColumn, Any]] = []
        for name, column in self._table.columns.items():
            if column.physical in given:
                continue
            if name in self._table.timestamps:
                fillers.append((stored(column), now))
            elif column.is_primary and column.type is ColumnType.UUID:
                fillers.append((stored(column), new_uuid))
            elif column.default_value is not None:
                fillers.append((stored(column), _default(column, now)))
        return fillers

    def _write(
        self,
        sources: list[_Source],
        fillers: list[tuple[StoredColumn, Any]],
        options: LoadOptions,
    ) -> Write:
        conflict = self._physical(options.key) if options.mode == "upsert" else ()
        kept = {"createdAt", self._table.primary.physical}
        # What the server fills in belongs to new records only, the time of the change excepted.
        kept |= {column.name for column, _ in fillers} - {"updatedAt"}
        columns = (*(source.store for source in sources), *(column for column, _ in fillers))
        absent = [name for name in conflict if name not in {column.name for column in columns}]
        if absent:
            raise EnfyraError("INVALID_BODY", problems=[f"{absent[0]} is the key and is required"])
        insert = Insert(self._table, columns, conflict=conflict, kept=frozenset(kept))
        return self._database.insert(insert)

    def _physical(self, names: Iterable[str]) -> tuple[str, ...]:
        result: list[str] = []
        for name in names:
            column = self._table.columns.get(name)
            relation = self._table.relations.get(name)
            if column is not None:
                result.append(column.physical)
            elif relation is not None and relation.foreign_key is not None:
                result.append(relation.foreign_key)
        return tuple(result)

    # -- rows -----------------------------------------------------------------------------------

    async def _empty(self, session: Session) -> None:
        everything = Delete(self._table, All(()))
        try:
            await session.write(self._database.delete(everything), ())
        except ConstraintViolation as violation:
            raise in_use(self._table, []) from violation

    async def _put(
        self,
        session: Session,
        write: Write,
        batch: Any,
        sources: list[_Source],
        fillers: list[tuple[StoredColumn, Any]],
        before: int,
        options: LoadOptions,
    ) -> int:
        columns: list[list[Any]] = []
        for source in sources:
            array = batch.column(batch.schema.get_field_index(source.name))
            if source.lookup is not None:
                values = await self._looked_up(session, source, array, before, options)
            else:
                values = await asyncio.to_thread(_read_column, source, array, before)
            columns.append(values)
        for _, filler in fillers:
            size = batch.num_rows
            columns.append([filler() for _ in range(size)] if callable(filler) else [filler] * size)
        rows = list(zip(*columns, strict=True)) if columns else []
        for start in range(0, len(rows), ROWS):
            await self._insert(session, write, rows[start : start + ROWS])
        return batch.num_rows

    async def _insert(self, session: Session, write: Write, rows: Sequence[Any]) -> None:
        try:
            await session.write_many(write, rows)
        except ConstraintViolation as violation:
            raise explain_write(violation, self._table, {}) from violation

    async def _looked_up(
        self, session: Session, source: _Source, array: Any, before: int, options: LoadOptions
    ) -> list[Any]:
        """Give the keys of related records that are named by another field."""
        if source.lookup is None:
            raise ValueError("nothing to look up")
        target, by = source.lookup
        values = await asyncio.to_thread(
            _read_column, _Source(source.name, by, source.nullable), array, before
        )
        known = self._known.setdefault(source.name, {})
        unknown = {value for value in values if value is not None and value not in known}
        if unknown:
            known |= await self._keys(session, target, by, list(unknown), source.name)
        missing = [
            (number, value)
            for number, value in enumerate(values)
            if value is not None and value not in known
        ]
        if missing and options.missing == "error":
            shown = ", ".join(repr(value) for value in sorted({str(v) for _, v in missing})[:5])
            raise EnfyraError(
                "RELATION_NOT_FOUND",
                f"{source.name}: there is no '{target.name}' with {by.name} {shown} "
                f"(row {before + missing[0][0]})",
                hint="Load those records first, or ask for missing=null",
            )
        self._unmatched += len(missing)
        return [known.get(value) for value in values]

    async def _keys(
        self, session: Session, target: Table, by: StoredColumn, values: list[Any], place: str
    ) -> dict[Any, Any]:
        field = next(one for one in target.columns.values() if one.physical == by.name)
        plan = Plan(
            table=target,
            selection=(
                SelectedColumn(target.primary.name, target.primary),
                SelectedColumn(field.name, field),
            ),
            where=Comparison(by, Operator.IN, 0),
            order=(),
            slots=(Slot(by.name, by.type, Operator.IN, _as_is),),
        )
        page = await session.find(self._database.read(plan), (values,), -1)
        keys: dict[Any, Any] = {}
        read = reader(field.type, field.options)
        for row in decode_json(page.rows):
            value = read(row[field.name])
            if value in keys:
                raise EnfyraError(
                    "INVALID_BODY",
                    problems=[f"{place}: several '{target.name}' have {field.name} {value!r}"],
                )
            keys[value] = row[target.primary.name]
        return keys


def _as_is(value: Any) -> Any:
    return value


def _default(column: Any, now: datetime) -> Any:
    if column.default_value == "now":
        return now.date() if column.type is ColumnType.DATE else now
    return reader(column.type, column.options)(column.default_value)


# -- one column -----------------------------------------------------------------------------------


def _read_column(source: _Source, array: Any, before: int) -> list[Any]:
    """Give a column's canonical values; every problem names its row."""
    whole = _read_whole(source.store, array)
    if whole is not None and (source.nullable or not whole.null_count):
        return whole.to_pylist()
    values = _plain(array, source.store.type)
    if not source.nullable and None in values:
        raise _invalid(source.name, values.index(None) + before, "must not be null")
    read = reader(source.store.type, source.store.options)
    result: list[Any] = []
    for number, value in enumerate(values):
        if value is None:
            result.append(None)
            continue
        try:
            result.append(read(value))
        except ValueError as error:
            raise _invalid(source.name, number + before, str(error)) from None
    return result


def _read_whole(store: StoredColumn, array: Any) -> Any:
    """Check a column in one go where its Arrow type says all; None if it must be read by value."""
    kind, type_ = array.type, store.type
    target = arrow_type(type_, store.options)
    try:
        if type_ in INTEGERS and pa.types.is_integer(kind):
            return array.cast(target)
        if type_ is ColumnType.FLOAT and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            cast = array.cast(target)
            return cast if pc.all(pc.is_finite(cast)).as_py() is not False else None
        if type_ in INSTANTS and (pa.types.is_timestamp(kind) or pa.types.is_string(kind)):
            return array.cast(target, safe=not pa.types.is_timestamp(kind))
    except pa.ArrowInvalid:
        return None
    if type_ is ColumnType.BOOLEAN and pa.types.is_boolean(kind):
        return array
    if type_ in TEXTS - {ColumnType.ENUM} and (
        pa.types.is_string(kind) or pa.types.is_large_string(kind)
    ):
        fits = type_ is not ColumnType.VARCHAR or (
            (pc.max(pc.utf8_length(array)).as_py() or 0) <= length_of(store.options)
        )
        clean = pc.any(pc.match_substring(array, "\x00")).as_py() is not True
        return array if fits and clean else None
    return None


def _plain(array: Any, type_: ColumnType) -> list[Any]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        # Python's datetime ends at microseconds, which is also what is stored.
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    values = array.to_pylist()
    if type_ is ColumnType.SIMPLE_JSON and pa.types.is_string(array.type):
        return [_document(value) for value in values]
    return values


def _document(value: Any) -> Any:
    """Read a JSON column that travels as text; a plain text is a document, too."""
    if value is None:
        return None
    try:
        return decode_json(value)
    except EnfyraError:
        return value


def _invalid(field: str, row: int, problem: str) -> EnfyraError:
    return EnfyraError(
        "INVALID_BODY",
        problems=[f"row {row}: {field} {problem}"],
        details={"row": row, "field": field},
    )


# -- the stream -----------------------------------------------------------------------------------


class _Feed(io.RawIOBase):
    """A file that a thread reads and the event loop fills."""

    def __init__(self, stream: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._stream = stream
        self._loop = loop
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            asking = asyncio.run_coroutine_threadsafe(anext(self._stream, b""), self._loop)  # pyright: ignore[reportArgumentType]
            self._rest = memoryview(asking.result())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


@asynccontextmanager
async def _batches(
    stream: AsyncIterator[bytes],
) -> AsyncGenerator[tuple[Any, AsyncIterator[Any]], None]:
    """Read an Arrow stream batch by batch, on a thread of its own."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="enfyra-arrow")
    feed = io.BufferedReader(_Feed(stream, loop), 1 << 16)
    try:
        opened = await loop.run_in_executor(thread, _guarded(lambda: pa.ipc.open_stream(feed)))

        async def batches() -> AsyncIterator[Any]:
            while True:
                batch = await loop.run_in_executor(thread, _guarded(lambda: _next(opened)))
                if batch is None:
                    return
                for start in range(0, batch.num_rows, ROWS):
                    yield batch.slice(start, ROWS)

        yield opened.schema, batches()
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def _next(opened: Any) -> Any:
    try:
        return opened.read_next_batch()
    except StopIteration:
        return None


def _guarded(read: Any) -> Any:
    def call() -> Any:
        try:
            return read()
        except (pa.ArrowInvalid, pa.ArrowException, EOFError, OSError) as error:
            text = str(error).partition("\n")[0]
            raise EnfyraError(
                "BAD_REQUEST", f"The body is not a whole Arrow IPC stream: {text}"
            ) from None

    return call
