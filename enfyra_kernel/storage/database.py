"""What the rooms above ask of a database."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ..query.commands import Delete, Insert, Update
from ..query.plan import Plan
from .changes import Change
from .physical import PhysicalColumn, PhysicalTable

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a Plan.

    Attributes:
        rows: A JSON array, ready to be sent.
        filter_count: How many records meet the filter, if asked.
        total_count: How many records there are, if asked.
        aggregate: The figures over all records that meet the filter, as JSON, if asked.
        cursor: Where the next page begins, if asked; empty when this is the last one.
    """

    rows: bytes
    filter_count: int | None = None
    total_count: int | None = None
    aggregate: bytes | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a Plan is answered.

    Attributes:
        statements: What the database is asked, with placeholders for values.
        plans: The database's own plan of each statement, as it gives it.
    """

    statements: Sequence[str]
    plans: Sequence[Any]


class Read(Protocol):
    """A Plan made ready for one database; kept and run again with other values."""

    plan: Plan


class Write(Protocol):
    """An Insert, Update or Delete made ready for one database."""


class Session(Protocol):
    """Runs what was prepared: each by itself, or all in one transaction."""

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        ...

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write: how many records it met, and the JSON array of those asked back."""
        ...

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows: all of them or none.

        Gives how many records it met and, of an Insert, each one's JSON if asked back. The rows of
        an Update have keys of their own; it gives nothing back.
        """
        ...


class TakenBack(Exception):
    """Ends the transaction of a rehearsal."""


class Database(Session, Protocol):
    """One database with its connections.

    Attributes:
        engine: `sqlite`, `postgresql`, `mysql` or `mongodb`.
        one_writer: Whether a transaction that writes keeps everybody else from writing.
        transactional_schema: Whether changes of the schema can be rolled back with a transaction.
    """

    engine: str
    one_writer: bool
    transactional_schema: bool

    async def start(self) -> None:
        """Connect. Raises DATABASE_CONNECTION_ERROR when that fails."""
        ...

    async def stop(self) -> None:
        """Close all connections; what is running is finished first."""
        ...

    async def ping(self) -> None:
        """Make sure that the database answers."""
        ...

    def read(self, plan: Plan) -> Read:
        """Make a Plan ready to be run."""
        ...

    def insert(self, insert: Insert) -> Write:
        """Make an Insert ready to be run."""
        ...

    def update(self, update: Update) -> Write:
        """Make an Update ready to be run."""
        ...

    def delete(self, delete: Delete) -> Write:
        """Make a Delete ready to be run."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """Run everything in the block in one transaction: all of it or nothing."""
        ...

    def rehearsal(self) -> AbstractAsyncContextManager[Session]:
        """Run everything in the block in one transaction, which is taken back at its end.

        What the database refuses is taken back at once, and the rest goes on. MongoDB cannot do
        that: there it is the end of the transaction.
        """
        ...

    def bulk(self) -> AbstractAsyncContextManager[Session]:
        """Run everything in the block, all of it or nothing, though it may be many records.

        Where one transaction cannot hold them, others may see the first ones before the end; what
        they may have seen is taken back when the block fails.
        """
        ...

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered, without answering it."""
        ...

    def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Give all records as pyarrow's record batches, holding a few thousand at a time.

        They nest as the answer does, in the types of `storage.batches`, whose `batches_of` makes
        them where a database hands out records. The first batch is empty and says what the columns
        are. Only asked where pyarrow is installed.
        """
        ...

    def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give all records as `find` has them, each with a line feed at its end.

        The pieces hold whole lines, a few thousand at a time.
        """
        ...

    async def survey(self) -> list[PhysicalTable]:
        """Describe all tables and views, with what of them a definition cannot say."""
        ...

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the tables that are there, or those of the given names that are."""
        ...

    def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AbstractAsyncContextManager[SchemaSession]:
        """Open a session for changing the schema, given the tables as they are.

        Where the schema is transactional, all of the session is made final at its end, or nothing.
        """
        ...


class SchemaSession(Session, Protocol):
    """A session that also changes the physical schema."""

    async def apply(self, change: Change) -> None:
        """Make one physical change.

        Where the schema is not transactional, the change is final at once.
        """
        ...

    async def ensure(self, change: Change) -> None:
        """Make one physical change unless it is there already."""
        ...

    async def revert(self, change: Change) -> None:
        """Take a change back if it is there; only asked where the schema is not transactional."""
        ...

    async def commit_writes(self) -> None:
        """Make the writes so far final. Where the schema is transactional: at the end, together."""
        ...

    async def discard_writes(self) -> None:
        """Take back the writes that are not final; only asked where `revert` is."""
        ...

    async def count(self, table: str) -> int:
        """Count the rows of a physical table."""
        ...

    async def has_null(self, table: str, column: str) -> bool:
        """Say whether a column holds a null somewhere."""
        ...

    async def distinct_values(
        self,
        table: str,
        column: PhysicalColumn,
        check: Callable[[str], str | None],
        most: int = 5,
    ) -> list[str]:
        """Put each distinct value of a column, as text, to a check; give the first problems."""
        ...


class ConstraintViolation(Exception):
    """The database refused a write; the records room turns it into an error that names fields.

    Attributes:
        kind: `unique`, `reference`, `missing` (a null where none may be), `check` or `range`.
        columns: Physical columns, as far as the database says.
        constraint: The constraint's or index's name, if the database says.
        value: The value that is there already, or not there, as the database writes it.
    """

    def __init__(
        self,
        kind: str,
        columns: tuple[str, ...] = (),
        constraint: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(kind, columns, constraint, value)
        self.kind = kind
        self.columns = columns
        self.constraint = constraint
        self.value = value
