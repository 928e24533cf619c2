"""A table's repository: its records read and written by the names of the definition."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..clock import Clock
from ..encoding import decode_json
from ..errors import EnfyraError
from ..metadata.permissions import Action
from ..metadata.tables import Table
from ..query.answers import condition_of
from ..query.ast import EVERYTHING, Every, Figure, Function, Grouping, Measure, Query, Shape
from ..query.describing import describe_plan
from ..query.plan import PUBLISHED, Access, Slot
from ..storage.database import ConstraintViolation, Page, Session
from .changing import Affected, Changing, Terms
from .creating import Creating, Upserted
from .desk import Desk, Permit, anything
from .etags import Preconditions
from .paging import with_cursor
from .removing import Removing
from .streams.formats import ARROW, NDJSON, Format
from .workbench import Workbench

if TYPE_CHECKING:
    from .loading import Body, Loaded, LoadOptions

DEFAULT_LIMIT = 10
_COUNT = Grouping((), (Measure("count", Figure(Function.COUNT)),))


class Repository:
    """Reads and writes the records of one table, as one Snapshot defines it.

    Every write may be part of a transaction that is open already (`session`); what the database
    refuses is then raised as a `Refusal`, for `together` to explain. `permit` says which nested
    records may be written; a record is given back as the query's `fields` and `deep` say.

    Plans and statements are kept by the shape of the query; the repository goes when the
    definition changes.
    """

    def __init__(self, table: Table, workbench: Workbench, clock: Clock) -> None:
        self.table = table
        self._workbench = workbench
        self._clock = clock
        self._desk = Desk(table, workbench, clock)
        self.bodies = self._desk.bodies
        self.read = self._desk.statements.read
        self._creating = Creating(self._desk)
        self._changing = Changing(self._desk)
        self._removing = Removing(self._desk, self._changing)

    @property
    def key_slot(self) -> Slot:
        """How a record's key is bound."""
        return self._desk.statements.key_slot

    def bound_key(self, key: Any) -> Any:
        """Read a key out of a path; one that can be no key is one that does not exist."""
        return self._desk.bound_key(key)

    def not_found(self, key: Any) -> EnfyraError:
        """Make the error for a key without a record."""
        return self._desk.not_found(key)

    def tag(self, rows: bytes, access: Access) -> str | None:
        """Give the ETag of the one record in a JSON array that shows all of its fields.

        There is none for a record that was written by somebody who may not see it.
        """
        try:
            return self._desk.tagger.tag(rows, access)
        except msgspec.ValidationError:
            return None

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
        values = read.plan.bind(query.values, access)
        source = session or self._workbench.database
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
        values = read.plan.bind(query.values, access)
        explanation = await self._workbench.database.explain(read, values, limit, offset)
        return {
            "plan": describe_plan(read.plan),
            "statements": explanation.statements,
            "database": explanation.plans,
        }

    def window(self, query: Query) -> tuple[int, int]:
        """Give the limit and offset of a query's page."""
        most = self._workbench.max_limit
        limit = query.limit
        if limit is None:
            limit = DEFAULT_LIMIT
        elif limit > most:
            raise EnfyraError(
                "INVALID_QUERY",
                f"limit must be at most {most}",
                hint="Page through the records, or ask for an Arrow stream, which is not capped",
            )
        limit = limit or most
        return limit, (query.page - 1) * limit

    async def rows(
        self, query: Query, access: Access = PUBLISHED, session: Session | None = None
    ) -> list[dict[str, Any]]:
        """Give a page of records as dictionaries, with values as JSON has them."""
        return decode_json((await self.find(query, access, session)).rows)

    async def count(
        self, query: Query = EVERYTHING, access: Access = PUBLISHED, session: Session | None = None
    ) -> int:
        """Give how many records meet the query's filter."""
        where, values = condition_of(query)
        counted = Query(shape=Shape(where=where, grouping=_COUNT), values=values, limit=1)
        return (await self.rows(counted, access, session))[0]["count"]

    async def exists(
        self, query: Query = EVERYTHING, access: Access = PUBLISHED, session: Session | None = None
    ) -> bool:
        """Say whether a record meets the query's filter."""
        where, values = condition_of(query)
        shape = Shape(where=where, fields=(self.table.primary.name,))
        page = await self.find(Query(shape=shape, values=values, limit=1), access, session)
        return page.rows != b"[]"

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
        values = read.plan.bind(query.values, access)
        limit = query.limit or None
        database = self._workbench.database
        if format is NDJSON:
            return database.lines(read.plan, values, limit)
        try:
            from .streams.opening import open_stream
        except ImportError:
            raise EnfyraError(
                "NOT_ACCEPTABLE",
                "Arrow, Parquet and CSV need pyarrow on the server",
                hint="pip install 'enfyra-kernel[arrow]', or ask for format=ndjson",
            ) from None
        return open_stream(database, read.plan, values, limit, format, safe=safe)

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
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Create a record, and those nested in it; give it back as a JSON array of one.

        Raises:
            EnfyraError: INVALID_BODY with every problem, or what the database refused by 409.
        """
        return await self._creating.one(body, query, access, permit, session)

    async def create_many(
        self,
        bodies: Sequence[Any],
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Create many records, all or none; give them back as a JSON array."""
        return await self._creating.many(bodies, query, access, permit, session)

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
        """Create a record, or many, or update those with the same values in the key's fields.

        Raises:
            EnfyraError: INVALID_QUERY for a key that two records could share.
        """
        return await self._creating.upsert(body, key, query, access, permit, session)

    async def load(self, body: Body, options: LoadOptions, access: Access = PUBLISHED) -> Loaded:
        """Load many records from a body in one of the formats; see `loading`."""
        self._check_load(options, access)
        from .loading import Loader

        bench = self._workbench
        loader = Loader(self.table, bench.snapshot, bench.database, self._clock)
        return await loader.load(body, options, access)

    def _check_load(self, options: LoadOptions, access: Access) -> None:
        """Refuse a load where it depends on each record whether it may be written."""
        actions: dict[str, tuple[Action, ...]] = {
            "append": ("create",),
            "upsert": ("create", "update"),
            "replace": ("create", "delete"),
        }
        for action in actions.get(options.mode, ()):
            if self._desk.statements.guarded(access, action):
                raise EnfyraError(
                    "AUTHORIZATION_ERROR",
                    f"You may {action} some records of '{self.table.name}' only, which a load does "
                    "not look at one by one",
                    hint="Send the records as a JSON list",
                )

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
        """Change what the body names of one record; give it back as a JSON array of one.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND when there is no such record, or it does not meet the
                query's filter; PRECONDITION_FAILED when it is in another state.
        """
        terms = Terms(query, access, preconditions, permit)
        return await self._changing.update(key, body, terms, session)

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
        """Set all of one record to what the body holds; otherwise as `update`."""
        terms = Terms(query, access, preconditions, permit)
        return await self._changing.replace(key, body, terms, session)

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
        """Apply a JSON Patch (RFC 6902) to one record; otherwise as `update`.

        Raises:
            EnfyraError: PATCH_CONFLICT where a test fails or a path leads nowhere.
        """
        terms = Terms(query, access, preconditions, permit)
        return await self._changing.patch(key, operations, terms, session)

    async def update_many(
        self,
        bodies: Sequence[Any],
        query: Query = EVERYTHING,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        permit: Permit = anything,
    ) -> bytes:
        """Change many records, each by the key in its body; give them back as a JSON array."""
        terms = Terms(query, access, permit=permit)
        return await self._changing.many(bodies, terms, session)

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
        """Change what the body names of all records that meet the query's filter.

        Args:
            most: How many that may be; if there are more, nothing is changed.
            show: Whether to give the records back.

        Raises:
            EnfyraError: INVALID_QUERY without a filter; TOO_MANY_RECORDS.
        """
        self._check_filtered(query)
        terms = Terms(query, access, permit=permit)
        return await self._changing.met(body, terms, session, most=most, show=show)

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
        """Delete one record.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND when there is no such record, or it does not meet the
                query's filter; PRECONDITION_FAILED; RELATION_IN_USE when others refer to it.
        """
        await self._removing.one(key, Terms(query, access, preconditions), session)

    async def delete_met(
        self,
        query: Query,
        access: Access = PUBLISHED,
        session: Session | None = None,
        *,
        most: int | None = None,
        show: bool = False,
    ) -> Affected:
        """Delete all records that meet the query's filter; `most` and `show` as `update_met`."""
        self._check_filtered(query)
        return await self._removing.met(Terms(query, access), session, most=most, show=show)

    def _check_filtered(self, query: Query) -> None:
        where = query.shape.where
        if where is None or where == Every(()):
            raise EnfyraError(
                "INVALID_QUERY",
                "A filter is needed to say which records",
                hint='For all of them: filter={"id":{"_is_not_null":true}}',
            )
