"""A table's repository: its records read and written by the names of the definition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table, refuse_write
from ..query.ast import EVERYTHING, Deep, Query, Shape
from ..query.commands import Delete, Insert, Update, key_equals
from ..query.describing import describe_plan
from ..query.plan import PUBLISHED, Access, Limits, Plan, Slot, plan
from ..query.selection import DEFAULT_LIMIT, Selection
from ..storage.database import ConstraintViolation, Database, Page, Read, Session, Write
from .body import BodyReader, Content
from .links import Links
from .paging import with_cursor
from .streams.formats import ARROW, NDJSON, Format
from .together import Together
from .violations import explain_write

if TYPE_CHECKING:
    from .loading import Body, Loaded, LoadOptions

Fields = tuple[str, ...] | None


class Repository:
    """Reads and writes the records of one table, as one Snapshot defines it.

    Plans and statements are kept by the shape of the query; the repository goes when the
    definition changes.

    Args:
        max_limit: The most rows that one answer holds.
    """

    def __init__(
        self,
        table: Table,
        snapshot: Snapshot,
        database: Database,
        clock: Clock,
        *,
        max_limit: int,
    ) -> None:
        self.table = table
        self.bodies = BodyReader(table, snapshot)
        self._snapshot = snapshot
        self._database = database
        self._clock = clock
        self._max_limit = max_limit
        self._links = Links(table, snapshot, database)
        self._together_keyed = Together(table, self.bodies, database, self._read, self._run_content)
        self.read = lru_cache(512)(self._read)
        self._insert = lru_cache(256)(self._make_insert)
        self._update = lru_cache(256)(self._make_update)
        self._selection = lru_cache(256)(self._make_selection)

    # -- preparing ------------------------------------------------------------------------------

    def _read(self, shape: Shape, access: Access) -> Read:
        return self._database.read(self._plan(shape, access))

    def _plan(self, shape: Shape, access: Access) -> Plan:
        return plan(shape, self.table, self._snapshot, access, limits=Limits(rows=self._max_limit))

    def _make_selection(self, fields: Fields, deep: tuple[Deep, ...], access: Access) -> Selection:
        shape = Shape(fields=fields, deep=deep)
        return self._plan(shape, access).selection

    def _make_insert(
        self, columns: tuple[str, ...], fields: Fields, deep: tuple[Deep, ...], access: Access
    ) -> Write:
        insert = Insert(
            self.table,
            tuple(self.bodies.stored_column(name) for name in columns),
            selection=self._selection(fields, deep, access),
        )
        return self._database.insert(insert)

    def _make_update(
        self, columns: tuple[str, ...], fields: Fields, deep: tuple[Deep, ...], access: Access
    ) -> Write:
        update = Update(
            self.table,
            tuple(self.bodies.stored_column(name) for name in columns),
            where=key_equals(self.table),
            slots=(self.key_slot,),
            selection=self._selection(fields, deep, access),
        )
        return self._database.update(update)

    @property
    def key_slot(self) -> Slot:
        """How a record's key is bound."""
        return self._links.key_slot

    # -- reading --------------------------------------------------------------------------------

    async def find(
        self, query: Query, access: Access = PUBLISHED, session: Session | None = None
    ) -> Page:
        """Give a page of records: 10 unless the query has a limit; 0 asks for all, up to the cap.

        Raises:
            EnfyraError: as `query.plan`; INVALID_QUERY for a limit beyond the cap.
        """
        read = self.read(query.shape, access)
        limit, offset = self.window(query)
        values = read.plan.bind(query.values)
        source = session or self._database
        try:
            if not query.shape.keyed:
                return await source.find(read, values, limit, offset)
            # One more, to know whether there is another page.
            page = await source.find(read, values, limit + 1)
        except ConstraintViolation as violation:
            raise EnfyraError(
                "INVALID_QUERY", "A figure of the query is larger than numbers can be"
            ) from violation
        return with_cursor(page, limit, query.shape.sort)

    async def explain(self, query: Query, access: Access) -> dict[str, Any]:
        """Tell how a query is answered, in the place of the answer: for administrators.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR for everybody else.
        """
        if not access.unpublished:
            raise EnfyraError("AUTHORIZATION_ERROR", "explain is for administrators")
        read = self.read(query.shape, access)
        limit, offset = self.window(query)
        values = read.plan.bind(query.values)
        explanation = await self._database.explain(read, values, limit, offset)
        return {
            "plan": describe_plan(read.plan),
            "statements": explanation.statements,
            "database": explanation.plans,
        }

    def window(self, query: Query) -> tuple[int, int]:
        """Give the limit and offset of a query's page."""
        limit = query.limit
        if limit is None:
            limit = DEFAULT_LIMIT
        elif limit > self._max_limit:
            raise EnfyraError(
                "INVALID_QUERY",
                f"limit must be at most {self._max_limit}",
                hint="Page through the records, or ask for an Arrow stream, which is not capped",
            )
        limit = limit or self._max_limit
        return limit, (query.page - 1) * limit

    async def rows(
        self, query: Query, access: Access = PUBLISHED, session: Session | None = None
    ) -> list[dict[str, Any]]:
        """Give a page of records as dictionaries, with values as JSON has them."""
        return decode_json((await self.find(query, access, session)).rows)

    def stream(
        self,
        query: Query,
        access: Access = PUBLISHED,
        format: Format = ARROW,  # noqa: A002 - what it is called everywhere
        *,
        safe: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """Give all records that meet a query in a format; a limit is kept to.

        Args:
            safe: For CSV, whether what a spreadsheet would take for a formula is made harmless.
        """
        read = self.read(query.shape, access)
        self._refuse_pages(query)
        values = read.plan.bind(query.values)
        limit = query.limit or None
        if format is NDJSON:
            return self._database.lines(read.plan, values, limit)
        try:
            from .streams.opening import open_stream
        except ImportError:
            raise EnfyraError(
                "NOT_ACCEPTABLE",
                "Arrow, Parquet and CSV need pyarrow on the server",
                hint="pip install 'enfyra-kernel[arrow]', or ask for format=ndjson",
            ) from None
        return open_stream(self._database, read.plan, values, limit, format, safe=safe)

    def _refuse_pages(self, query: Query) -> None:
        shape = query.shape
        for name, given in (
            ("page", query.page != 1),
            ("cursor", shape.keyed),
            ("meta", shape.filter_count or shape.total_count),
            ("aggregate", bool(shape.aggregates)),
            ("explain", query.explain),
        ):
            if given:
                raise EnfyraError(
                    "INVALID_QUERY", f"{name} does not go with a stream, which gives all rows"
                )

    # -- creating -------------------------------------------------------------------------------

    async def create(
        self,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
    ) -> bytes:
        """Create a record; give it back as a JSON array of one.

        Raises:
            EnfyraError: INVALID_BODY with every problem, or what the database refused by 409.
        """
        await self._refuse_second_record()
        content = self.bodies.create(body, self._clock.now(), access)
        if not self.table.addressable:
            async with self._together(session) as transaction:
                return await self._together_keyed.create(transaction, content, query.shape, access)
        shape = query.shape
        columns = tuple(content.columns)
        values = tuple(content.columns.values())
        if not content.links:
            write = self._insert(columns, shape.fields, shape.deep, access)
            _, rows = await self._run(session or self._database, write, values, content.columns)
            return rows or b"[]"
        async with self._together(session) as transaction:
            return await self._create_linked(transaction, content, query, access)

    async def _create_linked(
        self, session: Session, content: Content, query: Query, access: Access
    ) -> bytes:
        write = self._insert(tuple(content.columns), (self.table.primary.name,), (), access)
        _, rows = await self._run(session, write, tuple(content.columns.values()), content.columns)
        key = decode_json(rows or b"[]")[0][self.table.primary.name]
        await self._links.set(session, key, content.links)
        return await self._again(session, key, query, access)

    async def create_many(
        self, bodies: Sequence[Any], query: Query, access: Access = PUBLISHED
    ) -> bytes:
        """Create many records, all or none; give them back as a JSON array."""
        if len(bodies) != 1:
            await self._refuse_many()
        now = self._clock.now()
        contents = await asyncio.to_thread(self._read_many, bodies, access, now)
        shape = query.shape
        if not self.table.addressable:
            async with self._database.transaction() as session:
                made = [
                    await self._together_keyed.create(session, content, shape, access)
                    for content in contents
                ]
            return b"[" + b",".join(one[1:-1] for one in made) + b"]"
        groups = await asyncio.to_thread(_grouped, contents)
        results: dict[int, bytes] = {}
        async with self._database.transaction() as session:
            for columns, members in groups.items():
                write = self._insert(columns, shape.fields, shape.deep, access)
                try:
                    _, returned = await session.write_many(write, [row for _, row in members])
                except ConstraintViolation as violation:
                    raise await self._explained(violation, {}, contents) from violation
                positions = (position for position, _ in members)
                results |= dict(zip(positions, returned or (), strict=True))
        return await asyncio.to_thread(_joined, results)

    async def load(self, body: Body, options: LoadOptions, access: Access = PUBLISHED) -> Loaded:
        """Load many records from a body in one of the formats; see `loading`."""
        from .loading import Loader

        loader = Loader(self.table, self._snapshot, self._database, self._clock)
        return await loader.load(body, options, access)

    def _read_many(self, bodies: Sequence[Any], access: Access, now: Any) -> list[Content]:
        contents: list[Content] = []
        problems: list[str] = []
        for position, body in enumerate(bodies):
            try:
                content = self.bodies.create(body, now, access, f"[{position}].")
            except EnfyraError as error:
                problems += error.problems or [error.message]
                if len(problems) >= 50:
                    break
                continue
            if content.links:
                problems.append(f"[{position}]: relations to many records cannot be set in bulk")
            contents.append(content)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems[:50])
        return contents

    async def _refuse_second_record(self) -> None:
        if self.table.definition.is_single_record and await self._exists():
            raise EnfyraError(
                "BAD_REQUEST",
                f"'{self.table.name}' holds a single record, which is there; update it",
            )

    async def _refuse_many(self) -> None:
        if self.table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"'{self.table.name}' holds a single record")

    async def _exists(self) -> bool:
        page = await self.find(Query(shape=Shape(fields=(self.table.primary.name,)), limit=1))
        return page.rows != b"[]"

    # -- changing -------------------------------------------------------------------------------

    async def update(
        self,
        key: Any,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
    ) -> bytes:
        """Change what the body names of one record; give it back as a JSON array of one.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND when there is no such record.
        """
        content = self.bodies.update(body, self._clock.now(), access)
        return await self._change(key, content, query, access, session)

    async def replace(
        self,
        key: Any,
        body: Any,
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
    ) -> bytes:
        """Set all of one record to what the body holds."""
        content = self.bodies.replace(body, self._clock.now(), access)
        return await self._change(key, content, query, access, session)

    async def _change(
        self, key: Any, content: Content, query: Query, access: Access, session: Session | None
    ) -> bytes:
        bound = self.bound_key(key)
        shape = query.shape
        if content.links or not content.columns:
            async with self._together(session) as transaction:
                await self._change_columns(transaction, bound, key, content, access)
                await self._links.set(transaction, bound, content.links)
                return await self._again(transaction, bound, query, access, key)
        write = self._update(tuple(content.columns), shape.fields, shape.deep, access)
        values = (*content.columns.values(), bound)
        count, rows = await self._run(session or self._database, write, values, content.columns)
        if not count:
            raise self.not_found(key)
        return rows or b"[]"

    @asynccontextmanager
    async def _together(self, session: Session | None) -> AsyncGenerator[Session, None]:
        """Give the transaction that is open already, or open one."""
        if session is not None:
            yield session
            return
        async with self._database.transaction() as transaction:
            yield transaction

    async def _change_columns(
        self, session: Session, bound: Any, key: Any, content: Content, access: Access
    ) -> None:
        if not content.columns:
            return
        write = self._update(tuple(content.columns), (self.table.primary.name,), (), access)
        values = (*content.columns.values(), bound)
        count, _ = await self._run(session, write, values, content.columns)
        if not count:
            raise self.not_found(key)

    async def _again(
        self, session: Session, bound: Any, query: Query, access: Access, key: Any = None
    ) -> bytes:
        """Read a record that was just written."""
        read = self.read(self._by_key(query.shape), access)
        page = await session.find(read, read.plan.bind((bound,)), 1)
        if page.rows == b"[]":
            raise self.not_found(key if key is not None else bound)
        return page.rows

    def _by_key(self, shape: Shape) -> Shape:
        return Shape(fields=shape.fields, deep=shape.deep, where=self._links.key_filter)

    # -- deleting -------------------------------------------------------------------------------

    async def delete(self, key: Any, session: Session | None = None) -> None:
        """Delete one record.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND, or RELATION_IN_USE when others refer to it.
        """
        refuse_write(self.table, "DELETE")
        if self.table.definition.is_single_record:
            raise EnfyraError("BAD_REQUEST", f"The record of '{self.table.name}' cannot be deleted")
        bound = self.bound_key(key)
        write = self._database.delete(Delete(self.table, key_equals(self.table), (self.key_slot,)))
        try:
            count, _ = await (session or self._database).write(write, (bound,))
        except ConstraintViolation as violation:
            raise await self._links.explain_delete(bound) from violation
        if not count:
            raise self.not_found(key)

    # -- parts ----------------------------------------------------------------------------------

    def bound_key(self, key: Any) -> Any:
        """Read a key out of a path; one that can be no key is one that does not exist."""
        try:
            return self.key_slot.read(key)
        except ValueError:
            raise self.not_found(key) from None

    def not_found(self, key: Any) -> EnfyraError:
        """Make the error for a key without a record."""
        return EnfyraError(
            "RESOURCE_NOT_FOUND",
            f"There is no '{self.table.name}' with the {self.table.primary.name} {str(key)[:80]}",
        )

    async def _run(
        self, session: Session, write: Write, values: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[int, bytes | None]:
        try:
            return await session.write(write, values)
        except ConstraintViolation as violation:
            raise await self._explained(violation, named, ()) from violation

    async def _run_content(self, session: Session, write: Write, content: Content) -> None:
        await self._run(session, write, tuple(content.columns.values()), content.columns)

    async def _explained(
        self,
        violation: ConstraintViolation,
        named: Mapping[str, Any],
        contents: Iterable[Content],
    ) -> EnfyraError:
        if violation.kind == "reference" and not violation.columns:
            # SQLite does not say which one.
            return await self._links.explain_references(
                [named] if named else [content.columns for content in contents]
            )
        return explain_write(violation, self.table, named)


def _joined(results: Mapping[int, bytes]) -> bytes:
    return b"[" + b",".join(results[position] for position in sorted(results)) + b"]"


def _grouped(
    contents: Sequence[Content],
) -> dict[tuple[str, ...], list[tuple[int, tuple[Any, ...]]]]:
    """Group rows by the columns that they have, which one statement shares."""
    groups: dict[tuple[str, ...], list[tuple[int, tuple[Any, ...]]]] = {}
    for position, content in enumerate(contents):
        row = (position, tuple(content.columns.values()))
        groups.setdefault(tuple(content.columns), []).append(row)
    return groups
