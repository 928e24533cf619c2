"""What is asked of a database driver."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa

if TYPE_CHECKING:
    from .selecting.found import Found, MayRead

T = TypeVar("T")

Row = Sequence[Any]
Arguments = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a write did.

    Attributes:
        count: Rows that it met.
        last_id: The first key that the database counted up, where it says so.
        rows: Rows that it gave back.
    """

    count: int
    last_id: int | None = None
    rows: Sequence[Row] = ()


class Runner(Protocol):
    """Runs statements: each by itself, or all in one transaction."""

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        ...

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""
        ...

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        ...

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows: all of them or, on an error, none."""
        ...


class Driver(Runner, Protocol):
    """One database through its driver."""

    async def start(self) -> Mapping[str, str]:
        """Connect; give what the dialect wants to know about the server."""
        ...

    async def stop(self) -> None:
        """Close all connections."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Runner]:
        """Run what is in the block in one transaction."""
        ...

    def stream(
        self, text: str, arguments: Arguments, size: int
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Give the rows of a read, some at a time."""
        ...

    def selecting(
        self, text: str, arguments: Arguments, seconds: float, may_read: MayRead
    ) -> AbstractAsyncContextManager[Found]:
        """Open a statement that somebody has written, so that it can only read.

        Args:
            seconds: How long it may compute.
            may_read: Says whether a column may be read, where the database asks.
        """
        ...

    async def examine(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function that only looks, with a SQLAlchemy connection of its own."""
        ...

    def schema_connection(
        self, concerned: Collection[str]
    ) -> AbstractAsyncContextManager[SchemaConnection]:
        """Open a connection for changing the schema, in a transaction of its own.

        Args:
            concerned: The tables whose foreign keys have to hold in the end, where the database
                does not see to that by itself.
        """
        ...


class SchemaConnection(Protocol):
    """A connection that runs SQLAlchemy's own way, off the hot path."""

    @property
    def runner(self) -> Runner:
        """Runs statements in the connection's transaction."""
        ...

    async def call(self, function: Callable[[sa.Connection], T]) -> T:
        """Call a function with a SQLAlchemy connection, where it may block."""
        ...

    async def commit(self) -> None:
        """Make what was done so far final and go on in a new transaction."""
        ...

    async def roll_back(self) -> None:
        """Take back what was written since the last commit, and go on in a new transaction.

        Only asked where each change of the schema is final at once.
        """
        ...
