"""Writes that the database refuses in the middle of a transaction, explained when that is over."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from ..errors import EnfyraError
from ..storage.database import ConstraintViolation, Database, Session

Explain = Callable[[], Awaitable[EnfyraError]]


class Refusal(Exception):
    """The database refused a write; what was wrong can be found out.

    That takes reads, which neither can run in the transaction that failed nor should wait for
    another connection while it is open. `together` explains where a transaction ends.
    """

    def __init__(self, violation: ConstraintViolation, explain: Explain) -> None:
        super().__init__(violation)
        self.violation = violation
        self.explain = explain


@asynccontextmanager
async def together(
    database: Database, session: Session | None = None, *, bulk: bool = False
) -> AsyncGenerator[Session, None]:
    """Give the transaction that is open already, or open one.

    Args:
        bulk: Whether it may be many records that are written.

    Raises:
        EnfyraError: what the database refused, explained; where the transaction was open already,
            that is left to whoever opened it.
    """
    if session is not None:
        yield session
        return
    opened = database.bulk() if bulk else database.transaction()
    async with explaining(), opened as transaction:
        yield transaction


class explaining:  # noqa: N801 - used like the function above
    """Explain what the database refuses in the block, which holds the whole transaction.

    A generator would be watched by the event loop, which costs a tenth of a short write.
    """

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise what the database refused, explained."""
        if isinstance(error, Refusal):
            raise await error.explain() from error.violation
