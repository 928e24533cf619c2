"""One SQL database behind the storage room's Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import Any

from ...metadata.system import SYSTEM_NAMES
from ...metadata.tables import Table
from ...metadata.types import INTEGERS
from ...query.ast import LISTS, Operator
from ...query.commands import Delete, Insert, Update
from ...query.plan import Comparison, Plan, Slot
from ...query.selection import SelectedColumn, Selection
from ..database import (
    Explanation,
    Page,
    Read,
    SchemaSession,
    Session,
    TakenBack,
    Values,
    Write,
)
from ..physical import PhysicalTable
from .dialect import Dialect
from .driver import Driver, Runner, SchemaConnection
from .flat_read import FlatRead
from .inspection import inspect_tables
from .line_read import LineRead
from .outcomes import bytes_of, in_order, list_of, page_of, written_keys
from .prepared import NO_SIZES, SqlRead, SqlWrite, padded, rounded_size, sizes_of
from .render.renderer import Renderer, comes_back, is_new, joined
from .render.scope import Sizes
from .savepoints import Savepoints
from .selecting.found import Found, MayRead
from .statement import Statement
from .streams import Streams
from .survey import survey_tables


class SqlSession:
    """Runs what was prepared through one runner."""

    def __init__(self, database: SqlDatabase, runner: Runner) -> None:
        self._database = database
        self._runner = runner

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        return await self._database.find_with(self._runner, read, values, limit, offset)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        return await self._database.write_with(self._runner, write, values)

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows."""
        return await self._database.write_many_with(self._runner, write, rows)


class SqlDatabase:
    """A database: a dialect that renders, a driver that runs."""

    def __init__(
        self,
        dialect: Dialect,
        driver: Driver,
        *,
        transactional_schema: bool,
        one_writer: bool = False,
    ) -> None:
        self.engine = dialect.name
        self.dialect = dialect
        self.driver = driver
        self.transactional_schema = transactional_schema
        self.one_writer = one_writer
        self._renderer = Renderer(dialect)
        self._streams = Streams(driver, self._renderer)
        self._all_rows: Any = dialect.every

    async def start(self) -> None:
        """Connect."""
        self.dialect.adapt(await self.driver.start())

    async def stop(self) -> None:
        """Close all connections."""
        await self.driver.stop()

    async def ping(self) -> None:
        """Make sure that the database answers."""
        await self.driver.fetch_rows("SELECT 1", ())

    # -- preparing ------------------------------------------------------------------------------

    def read(self, plan: Plan) -> SqlRead:
        """Make a Plan ready to be run."""
        # A page of records that are locked must not lock more than are given.
        pages = self.dialect.page_sizes if not plan.locked else ()
        return SqlRead(plan, self._render_read, self._sized(plan.slots), pages)

    def _render_read(
        self, plan: Plan, sizes: Sizes, page: int | None
    ) -> Statement | LineRead | FlatRead:
        if self.dialect.builds_json_of(plan):
            alone = not (plan.filter_count or plan.total_count or plan.aggregates)
            if alone and self.dialect.builds_lines:
                return LineRead(self._renderer.lines(plan, sizes, page))
            return self._renderer.page(plan, sizes, page)
        return FlatRead(plan, self._renderer, sizes)

    def _sized(self, slots: Sequence[Slot]) -> tuple[int, ...]:
        if not self.dialect.expands_lists:
            return ()
        return tuple(number for number, slot in enumerate(slots) if slot.operator in LISTS)

    def insert(self, insert: Insert) -> SqlWrite:
        """Make an Insert ready to be run."""
        arrays = None
        if self.dialect.name == "postgresql":
            arrays = _once(lambda: self._renderer.insert_arrays(insert))
        primary = insert.table.primary
        write = SqlWrite(
            insert,
            lambda _sizes: self._renderer.insert(insert),
            arrays=arrays,
            given_keys=primary.is_generated
            and primary.type in INTEGERS
            and any(column.name == primary.physical for column in insert.columns),
        )
        return self._with_selection(write, insert, insert.selection)

    def update(self, update: Update) -> SqlWrite:
        """Make an Update ready to be run."""
        arrays = None
        if self.dialect.name == "postgresql" and update.selection is None:
            arrays = _once(lambda: self._renderer.update_arrays(update))
        write = SqlWrite(
            update,
            lambda sizes: self._renderer.update(update, sizes),
            self._sized(update.slots),
            arrays=arrays,
        )
        return self._with_selection(write, update, update.selection)

    def delete(self, delete: Delete) -> SqlWrite:
        """Make a Delete ready to be run."""
        return SqlWrite(
            delete, lambda sizes: self._renderer.delete(delete, sizes), self._sized(delete.slots)
        )

    def _with_selection(
        self, write: SqlWrite, command: Insert | Update, selection: Selection | None
    ) -> SqlWrite:
        if selection is None:
            return write
        if self._gives_back(selection, command):
            write.returning = True
            return write
        # The write gives back nothing, or only the key: the records are read in a second step.
        primary = command.table.primary
        write.returning = self.dialect.returning
        bare: Insert | Update = replace(
            command,
            selection=(SelectedColumn(primary.name, primary),) if write.returning else None,
        )
        write.command = bare
        if isinstance(bare, Insert):
            write.render = lambda _sizes: self._renderer.insert(bare)
            if write.arrays is not None:
                write.arrays = _once(lambda: self._renderer.insert_arrays(bare))
        else:
            write.render = lambda sizes: self._renderer.update(bare, sizes)
        key = command.table.key
        write.then_read = self.read(
            Plan(
                table=command.table,
                selection=selection,
                where=Comparison(key, Operator.IN, 0),
                order=(),
                slots=(Slot("id", key.type, Operator.IN, lambda value: value),),
            )
        )
        return write

    def _gives_back(self, selection: Selection, command: Insert | Update) -> bool:
        """Say whether a statement that writes can give back a selection of what it wrote."""
        new = is_new(command)
        if self.dialect.name == "postgresql":
            return not comes_back(selection, command.table, new=new)
        return self.dialect.returning and not joined(selection, new=new)

    # -- running --------------------------------------------------------------------------------

    async def find(self, read: Read, values: Values, limit: int, offset: int = 0) -> Page:
        """Give a page of records. A negative limit means all."""
        return await self.find_with(self.driver, read, values, limit, offset)

    async def find_with(
        self, runner: Runner, read: Any, values: Values, limit: int, offset: int
    ) -> Page:
        """Give a page of records through a runner."""
        bound = limit if limit >= 0 else self._all_rows
        rendered = read.of(values, limit + offset if limit >= 0 else -1)
        if isinstance(rendered, Statement):
            row = await runner.fetch_row(rendered.text, rendered.arguments(values, bound, offset))
            return page_of(read.plan, row)
        return await rendered.page(runner, values, bound, offset)

    async def explain(self, read: Read, values: Values, limit: int, offset: int = 0) -> Explanation:
        """Tell how a Plan is answered, without answering it."""
        bound = limit if limit >= 0 else self._all_rows
        last = limit + offset if limit >= 0 else -1
        rendered: Any = read.of(values, last) if isinstance(read, SqlRead) else None
        if isinstance(rendered, Statement):
            asked = [(rendered.text, rendered.arguments(values, bound, offset))]
        else:
            asked = rendered.asked(values, bound, offset)
        plans = [
            self.dialect.read_explanation(
                await self.driver.fetch_rows(self.dialect.explain + text, arguments)
            )
            for text, arguments in asked
        ]
        return Explanation([text for text, _ in asked], plans)

    async def write(self, write: Write, values: Values) -> tuple[int, bytes | None]:
        """Run one write."""
        if isinstance(write, SqlWrite) and write.then_read is not None:
            async with self.driver.transaction() as runner:
                return await self.write_with(runner, write, values)
        return await self.write_with(self.driver, write, values)

    async def write_with(
        self, runner: Runner, write: Any, values: Values
    ) -> tuple[int, bytes | None]:
        """Run one write through a runner."""
        statement = write.of(values)
        if write.sized:
            values = self._padded_write(write, values)
        outcome = await runner.run(
            statement.text, statement.arguments(values), returning=write.returning
        )
        if write.given_keys:
            await self._follow_keys(runner, write.command.table)
        if write.then_read is None:
            return outcome.count, list_of(outcome.rows) if write.returning else None
        keys = written_keys(write.command, [values], outcome)
        page = await self.find_with(runner, write.then_read, [keys], -1, 0)
        return outcome.count, page.rows

    async def _follow_keys(self, runner: Runner, table: Table) -> None:
        text = self.dialect.after_given_keys(table)
        if text is not None:
            await runner.fetch_rows(text, ())

    def _padded_write(self, write: SqlWrite, values: Values) -> Values:
        command = write.command
        first = len(command.columns) if isinstance(command, Update) else 0
        slots = command.slots if isinstance(command, Update | Delete) else ()
        sizes = sizes_of(write.sized, values[first:], len(slots))
        return [*values[:first], *padded(values[first:], sizes)]

    async def write_many(
        self, write: Write, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows: all of them or none."""
        async with self.driver.transaction() as runner:
            return await self.write_many_with(runner, write, rows)

    async def write_many_with(
        self, runner: Runner, write: Any, rows: Sequence[Values]
    ) -> tuple[int, list[bytes] | None]:
        """Run an Insert, or an Update by the key, for many rows through a runner."""
        if isinstance(write.command, Update):
            return await self._update_many(runner, write, rows), None
        count = 0
        returned: list[bytes] = []
        statement: Statement = write.arrays() if write.arrays else write.of(())
        asked = write.returning or write.then_read is not None
        # Nothing to give back: larger batches, for fewer round trips.
        many = MANY if asked else self.dialect.rows_at_once
        for batch in _batches(rows, many):
            arguments = statement.many(batch)
            outcome = await runner.run_many(statement.text, arguments, returning=write.returning)
            count += outcome.count
            if write.then_read is None:
                returned += [bytes_of(row[0]) for row in outcome.rows]
            else:
                keys = written_keys(write.command, batch, outcome)
                page = await self.find_with(runner, write.then_read, [keys], -1, 0)
                returned += in_order(page.rows, keys, write.command.table.primary.name)
        if write.given_keys:
            await self._follow_keys(runner, write.command.table)
        return count, returned if asked else None

    async def _update_many(self, runner: Runner, write: SqlWrite, rows: Sequence[Values]) -> int:
        count = 0
        for batch in _batches(rows, self.dialect.updates_at_once):
            statement, arguments = self._many_updates(write, batch)
            if self.dialect.updates_by_case:
                outcome = await runner.run(statement.text, arguments)
            else:
                outcome = await runner.run_many(statement.text, arguments)
            count += outcome.count
        return count

    def _many_updates(
        self, write: SqlWrite, batch: Sequence[Values]
    ) -> tuple[Statement, Sequence[Any]]:
        """Give the statement that updates so many records, and its arguments."""
        if not self.dialect.updates_by_case:
            statement = write.arrays() if write.arrays else write.of(())
            return statement, statement.many(batch)
        # A case that is there twice changes nothing.
        size = rounded_size(len(batch))
        padding = [batch[-1]] * (size - len(batch))
        statement = write.cases.get(size)
        if statement is None and isinstance(write.command, Update):
            statement = write.cases[size] = self._renderer.update_cases(write.command, size)
        if statement is None:
            raise TypeError("only an Update is made for many records")
        return statement, statement.arguments([one for row in (*batch, *padding) for one in row])

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction."""
        async with self.driver.transaction() as runner:
            yield SqlSession(self, runner)

    @asynccontextmanager
    async def rehearsal(self) -> AsyncGenerator[Session, None]:
        """Run everything in the block in one transaction, which is taken back at its end."""
        with suppress(TakenBack):
            async with self.driver.transaction() as runner:
                yield SqlSession(self, Savepoints(runner))
                raise TakenBack

    def bulk(self) -> AbstractAsyncContextManager[Session]:
        """Run everything in the block in one transaction, which holds any number of records."""
        return self.transaction()

    # -- streaming ------------------------------------------------------------------------------

    def batches(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[Any, None]:
        """Give all records as record batches."""
        return self._streams.batches(plan, values, self._sizes(plan, values), limit)

    def lines(
        self, plan: Plan, values: Values, limit: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Give all records as lines of JSON."""
        return self._streams.lines(plan, values, self._sizes(plan, values), limit)

    def _sizes(self, plan: Plan, values: Values) -> Sizes:
        sized = self._sized(plan.slots)
        return sizes_of(sized, values, len(plan.slots)) if sized else NO_SIZES

    def selecting(
        self, text: str, arguments: Values, seconds: float, may_read: MayRead
    ) -> AbstractAsyncContextManager[Found]:
        """Open a statement that somebody has written, so that it can only read."""
        return self.driver.selecting(text, arguments, seconds, may_read)

    async def planned(self, text: str, arguments: Values, seconds: float, may_read: MayRead) -> Any:
        """Tell how a statement that somebody has written would be answered; it is not run."""
        told = self.dialect.explain + text
        async with self.selecting(told, arguments, seconds, may_read) as found:
            rows = await found.fetch(_STEPS)
        return self.dialect.read_explanation([tuple(row) for row in rows])

    # -- schema ---------------------------------------------------------------------------------

    async def survey(self) -> list[PhysicalTable]:
        """Describe all tables and views, with what of them a definition cannot say."""
        return await self.driver.examine(lambda opened: survey_tables(opened, self.dialect))

    async def inspect(self, names: Sequence[str] | None = None) -> list[PhysicalTable]:
        """Describe the tables that are there."""
        return await self.driver.examine(lambda opened: inspect_tables(opened, self.dialect, names))

    @asynccontextmanager
    async def schema_change(
        self, tables: Mapping[str, PhysicalTable]
    ) -> AsyncGenerator[SchemaSession, None]:
        """Open a session for changing the schema, given the tables as they are."""
        # Alembic takes a tenth of a second to load, which the event loop need not wait for.
        ddl = await asyncio.to_thread(import_module, "enfyra_kernel.storage.sql.ddl")
        async with self.driver.schema_connection({*tables, *SYSTEM_NAMES}) as connection:
            yield ddl.SqlSchemaSession(self, connection, tables)

    def schema_runner(self, connection: SchemaConnection) -> SqlSession:
        """Give a session that runs in a schema connection's transaction."""
        return SqlSession(self, connection.runner)


# More steps than a plan has.
_STEPS = 100_000
MANY = 500
MANY_BYTES = 1 << 20


def _batches(rows: Sequence[Values], many: int) -> Iterator[Sequence[Values]]:
    """Cut rows into batches that one statement can take, by number and by size."""
    start = size = 0
    for position, values in enumerate(rows):
        size += sum(len(value) if isinstance(value, str) else 16 for value in values)
        if position + 1 - start >= many or size >= MANY_BYTES:
            yield rows[start : position + 1]
            start, size = position + 1, 0
    if start < len(rows):
        yield rows[start:]


def _once(make: Callable[[], Statement]) -> Callable[[], Statement]:
    made: list[Statement] = []

    def get() -> Statement:
        if not made:
            made.append(make())
        return made[0]

    return get
