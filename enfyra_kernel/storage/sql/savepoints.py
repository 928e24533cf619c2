"""A transaction that goes on behind a statement which the database has refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

from .driver import Arguments, Outcome, Row, Runner

_NAME = "enfyra_statement"


class Savepoints:
    """Runs each statement behind a savepoint, to which it goes back when that fails.

    PostgreSQL ends a transaction with the first statement that fails. Statements wait for each
    other: what is asked for at the same time shares the one connection.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def _kept(self) -> AsyncGenerator[None, None]:
        async with self._turn:
            await self._runner.run(f"SAVEPOINT {_NAME}", ())
            try:
                yield
            except BaseException:
                # It says why; that the connection is gone as well adds nothing.
                with suppress(Exception):
                    await self._runner.run(f"ROLLBACK TO SAVEPOINT {_NAME}", ())
                raise
            await self._runner.run(f"RELEASE SAVEPOINT {_NAME}", ())

    async def fetch_row(self, text: str, arguments: Arguments) -> Row | None:
        """Give the first row of a short read."""
        async with self._kept():
            return await self._runner.fetch_row(text, arguments)

    async def fetch_rows(self, text: str, arguments: Arguments) -> Sequence[Row]:
        """Give all rows of a read."""
        async with self._kept():
            return await self._runner.fetch_rows(text, arguments)

    async def run(self, text: str, arguments: Arguments, *, returning: bool = False) -> Outcome:
        """Run a write."""
        async with self._kept():
            return await self._runner.run(text, arguments, returning=returning)

    async def run_many(
        self, text: str, rows: Sequence[Arguments], *, returning: bool = False
    ) -> Outcome:
        """Run a write for many rows: all of them or, on an error, none."""
        async with self._kept():
            return await self._runner.run_many(text, rows, returning=returning)
