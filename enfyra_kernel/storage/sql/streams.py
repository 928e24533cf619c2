"""All records of a Plan, some at a time: as record batches, or as lines of JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from ...encoding import encode_json
from ...errors import EnfyraError
from ...query.plan import Plan
from ..database import Values
from .driver import Driver, Row
from .nesting import nested, related_reads
from .prepared import padded
from .render.renderer import Renderer
from .render.scope import Sizes
from .rows import builder

# So many rows are in memory at a time.
LINES = 2_048
# Of rows that are made into records on the event loop.
RECORDS = 512


class Streams:
    """Reads through one driver what would be too much for one answer."""

    def __init__(self, driver: Driver, renderer: Renderer) -> None:
        self._driver = driver
        self._renderer = renderer
        self._copy_lines: Any = getattr(driver, "copy_lines", None)

    async def batches(
        self, plan: Plan, values: Values, sizes: Sizes, limit: int | None
    ) -> AsyncGenerator[Any, None]:
        """Give record batches: of columns where the rows are flat, else of lines."""
        from ..batches import batches_of_lines, is_flat
        from .arrow import batches

        if is_flat(plan):
            statement, layout = self._renderer.stream(plan, sizes, limited=limit is not None)
            arguments = statement.arguments(padded(values, sizes), limit)
            source = batches(self._driver, plan, statement, arguments, layout)
        else:
            source = batches_of_lines(plan, self.lines(plan, values, sizes, limit))
        try:
            async with aclosing(source):
                async for batch in source:
                    yield batch
        except OverflowError:
            # An unsigned one of MariaDB's.
            raise EnfyraError(
                "NOT_ACCEPTABLE",
                "A whole number has more than the 64 bits that a stream can hold",
                hint="Leave the field out, as in ?fields=-huge",
            ) from None

    async def lines(
        self, plan: Plan, values: Values, sizes: Sizes, limit: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Give lines of JSON, made by the database where it can."""
        dialect = self._renderer.dialect
        bound = dialect.every if limit is None else limit
        values = padded(values, sizes)
        if not dialect.builds_json_of(plan):
            source = self._lines_of_records(plan, values, sizes, bound)
        else:
            statement = self._renderer.lines(plan, sizes)
            arguments = statement.arguments(values, bound)
            copy = self._copy_lines or self._lines_of_rows
            source = copy(statement.text, arguments)
        async with aclosing(source):
            async for piece in source:
                yield piece

    async def _lines_of_rows(
        self, text: str, arguments: Sequence[Any]
    ) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._driver.stream(text, arguments, LINES)) as some:
            async for rows in some:
                yield await asyncio.to_thread(_joined, rows)

    async def _lines_of_records(
        self, plan: Plan, values: Values, sizes: Sizes, bound: Any
    ) -> AsyncGenerator[bytes, None]:
        """Nest the rows here; what belongs to many records is read beside them."""
        statement, layout = self._renderer.rows(plan, sizes)
        build = builder(layout, self._renderer.dialect.converter)
        related = related_reads(layout, self._renderer, sizes, len(plan.slots))
        arguments = statement.arguments(values, bound)
        async with aclosing(self._driver.stream(statement.text, arguments, RECORDS)) as some:
            async for rows in some:
                records = await nested(self._driver, rows, build, related, values)
                yield await asyncio.to_thread(_encoded, records)


def _joined(rows: Sequence[Row]) -> bytes:
    return "".join([f"{row[0]}\n" for row in rows]).encode()


def _encoded(records: Iterable[Any]) -> bytes:
    return b"".join([encode_json(record) + b"\n" for record in records])
