"""What every Database keeps to, asked of each one as the rooms above ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
import pytest_asyncio
from enfyra_kernel.errors import DeadlockError, EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.commands import Delete, Insert, Update, key_equals
from enfyra_kernel.query.parse import parse
from enfyra_kernel.query.plan import ADMINISTRATOR, Plan, plan
from enfyra_kernel.storage.connect import connect
from enfyra_kernel.storage.database import ConstraintViolation, Database, Session
from enfyra_kernel.storage.sql import arrow as arrow  # imported before a loop could be held up
from enfyra_kernel.uri import DatabaseUri

from tests.api import Api

pytestmark = pytest.mark.asyncio


class Shelf:
    """A table of a database, and the statements that the tests need, made ready by hand."""

    def __init__(self, kernel: Kernel) -> None:
        self.database: Database = kernel.database
        self._kernel = kernel
        repository = kernel.records.of("book")
        self.table = repository.table
        self._key_slot = repository.key_slot
        stored = repository.bodies.stored_column
        self.columns = tuple(stored(name) for name in ("isbn", "title", "copies"))
        stamps = tuple(stored(name) for name in ("createdAt", "updatedAt"))
        self.new = self.database.insert(Insert(self.table, (*self.columns, *stamps)))

    def plan(self, **parameters: Any) -> tuple[Plan, tuple[Any, ...]]:
        query = parse(parameters)
        made = plan(query.shape, self.table, self._kernel.registry.current, ADMINISTRATOR)
        return made, made.bind(query.values)

    async def find(self, session: Session | None = None, limit: int = -1, **parameters: Any) -> Any:
        made, values = self.plan(**parameters)
        read = self.database.read(made)
        return await (session or self.database).find(read, values, limit)

    async def titles(self, session: Session | None = None, **parameters: Any) -> list[Any]:
        page = await self.find(session, **{"sort": "id", **parameters})
        return [row["title"] for row in json.loads(page.rows)]

    async def insert(self, *rows: tuple[Any, ...], session: Session | None = None) -> None:
        for row in rows:
            await (session or self.database).write(self.new, (*row, NOW, NOW))

    async def change(self, key: int, *row: Any, session: Session | None = None) -> int:
        update = Update(self.table, self.columns, key_equals(self.table), (self._key_slot,))
        write = self.database.update(update)
        return (await (session or self.database).write(write, (*row, key)))[0]

    async def delete(self, key: int) -> int:
        delete = Delete(self.table, key_equals(self.table), (self._key_slot,))
        return (await self.database.write(self.database.delete(delete), (key,)))[0]


@pytest_asyncio.fixture
async def shelf(api: Api) -> AsyncIterator[Shelf]:
    await api.define("book", "isbn varchar!", "title varchar", "copies int", uniques=[["isbn"]])
    yield Shelf(api.kernel)


NOW = datetime(2026, 11, 20, tzinfo=UTC)
BOOKS = (("1", "Emma", 3), ("2", "Ulysses", None), ("3", None, 0))


# -- reading and writing --------------------------------------------------------------------------


async def test_a_page_is_a_json_array_with_the_counts_asked_for(shelf: Shelf) -> None:
    empty = await shelf.find(meta="*")
    assert (json.loads(empty.rows), empty.total_count, empty.filter_count) == ([], 0, 0)
    await shelf.insert(*BOOKS)
    page = await shelf.find(
        filter={"copies": {"_gte": 0}}, sort="-copies", fields="title,copies", limit=1, meta="*"
    )
    assert json.loads(page.rows)[0] == {"id": 1, "title": "Emma", "copies": 3}
    assert (page.total_count, page.filter_count) == (3, 2)
    uncounted = await shelf.find()
    assert (uncounted.total_count, uncounted.filter_count) == (None, None)


async def test_a_limit_limits_and_a_negative_one_does_not(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    assert len(json.loads((await shelf.find(limit=2)).rows)) == 2
    assert len(json.loads((await shelf.find(limit=0)).rows)) == 0
    assert len(json.loads((await shelf.find(limit=-1)).rows)) == 3


async def test_writes_say_how_many_records_they_met(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    assert await shelf.change(1, "1", "Emma", 4) == 1
    # The same values again: the record is met all the same.
    assert await shelf.change(1, "1", "Emma", 4) == 1
    assert await shelf.change(99, "9", "Nobody", 4) == 0
    assert await shelf.delete(1) == 1
    assert await shelf.delete(1) == 0
    assert await shelf.titles() == ["Ulysses", None]


async def test_many_records_are_updated_each_by_its_key(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    update = Update(shelf.table, shelf.columns, key_equals(shelf.table), (shelf._key_slot,))
    write = shelf.database.update(update)
    rows = [("2", None, 7, 2), ("1", "Emma", None, 1), ("9", "Nobody", 1, 99)]
    assert await shelf.database.write_many(write, rows) == (2, None)
    found = json.loads((await shelf.find(sort="id")).rows)
    changed = [("Emma", None), (None, 7), (None, 0)]
    assert [(row["title"], row["copies"]) for row in found] == changed
    with pytest.raises(ConstraintViolation) as caught:
        await shelf.database.write_many(write, [("3", "x", 1, 1), ("2", "Emma", 8, 2)])
    assert caught.value.kind == "unique"
    assert await shelf.titles() == ["Emma", None, None]


async def test_amounts_are_added_to_what_is_there(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    copies = shelf.columns[2]
    update = Update(
        shelf.table,
        (copies,),
        key_equals(shelf.table),
        (shelf._key_slot,),
        added=frozenset({copies.name}),
    )
    write = shelf.database.update(update)
    assert await shelf.database.write(write, (4, 1)) == (1, None)
    assert await shelf.database.write_many(write, [(-1, 1), (5, 2)]) == (2, None)
    with pytest.raises(ConstraintViolation) as caught:
        await shelf.database.write(write, (2**31 - 1, 1))
    assert caught.value.kind == "range"
    rows = json.loads((await shelf.find(sort="id")).rows)
    assert [row["copies"] for row in rows] == [6, 5, 0]


async def test_a_locked_record_waits_for_the_transaction_that_locked_it(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    made, values = shelf.plan(filter={"id": {"_eq": 1}}, fields="id")
    locking = shelf.database.read(replace(made, locked=True))
    async with shelf.database.transaction() as session:
        page = await session.find(locking, values, 1)
        assert json.loads(page.rows) == [{"id": 1}]
        other = asyncio.create_task(_changed(shelf))
        # Long enough for the other one to have finished, if nothing kept it.
        await asyncio.sleep(0.3)
        assert not other.done()
        await shelf.change(1, "1", "mine", 1, session=session)
    await other
    assert await shelf.titles(filter={"id": {"_eq": 1}}) == ["theirs"]


async def _changed(shelf: Shelf) -> None:
    """Change a record; try again where the database would rather have that than wait."""
    while True:
        try:
            assert await shelf.change(1, "1", "theirs", 2) == 1
        except DeadlockError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_a_statement_that_is_ready_is_run_with_other_values(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    made, _ = shelf.plan(filter={"isbn": {"_eq": "1"}})
    read = shelf.database.read(made)
    found = [json.loads((await shelf.database.find(read, (n,), -1)).rows) for n in "1234"]
    assert [[row["isbn"] for row in rows] for rows in found] == [["1"], ["2"], ["3"], []]


async def test_hundreds_of_statements_at_once_wait_for_their_turn(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    found = await asyncio.gather(*(shelf.titles() for _ in range(300)))
    assert found == [["Emma", "Ulysses", None]] * 300


# -- violations -----------------------------------------------------------------------------------


async def test_a_refused_write_says_why(shelf: Shelf) -> None:
    await shelf.insert(*BOOKS)
    with pytest.raises(ConstraintViolation) as caught:
        await shelf.insert(("1", "Again", 1))
    assert caught.value.kind == "unique"
    with pytest.raises(ConstraintViolation) as caught:
        await shelf.insert((None, "No number", 1))
    assert caught.value.kind == "missing"
    assert await shelf.titles() == ["Emma", "Ulysses", None]


# -- transactions ---------------------------------------------------------------------------------


async def test_a_transaction_is_all_or_nothing(shelf: Shelf) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):  # noqa: PT012
        async with shelf.database.transaction() as session:
            await shelf.insert(*BOOKS, session=session)
            assert len(await shelf.titles(session)) == 3
            raise RuntimeError("on purpose")
    assert await shelf.titles() == []
    async with shelf.database.transaction() as session:
        await shelf.insert(*BOOKS, session=session)
    assert len(await shelf.titles()) == 3


async def test_what_is_not_committed_is_seen_by_nobody_else(shelf: Shelf) -> None:
    async with shelf.database.transaction() as session:
        await shelf.insert(BOOKS[0], session=session)
        assert await shelf.titles() == []
    assert await shelf.titles() == ["Emma"]


async def test_a_transaction_that_is_cancelled_leaves_nothing_and_no_connection(
    shelf: Shelf,
) -> None:
    begun = asyncio.Event()

    async def forever() -> None:
        async with shelf.database.transaction() as session:
            await shelf.insert(BOOKS[0], session=session)
            begun.set()
            await asyncio.Event().wait()

    # More often than the pool has connections.
    for _ in range(12):
        begun.clear()
        task = asyncio.ensure_future(forever())
        async with asyncio.timeout(60):
            await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
    assert await shelf.titles() == []
    await shelf.insert(BOOKS[0])


async def test_a_refused_write_leaves_the_transaction_to_its_owner(shelf: Shelf) -> None:
    await shelf.insert(BOOKS[0])
    with pytest.raises(ConstraintViolation):  # noqa: PT012
        async with shelf.database.transaction() as session:
            await shelf.insert(BOOKS[1], session=session)
            await shelf.insert(("1", "Again", 1), session=session)
    assert await shelf.titles() == ["Emma"]


# -- streams --------------------------------------------------------------------------------------


async def test_streams_give_every_record_once(shelf: Shelf) -> None:
    rows = await asyncio.to_thread(
        lambda: [(str(number), f"Book {number}", number, NOW, NOW) for number in range(20_000)]
    )
    for start in range(0, len(rows), 5000):
        counted, _ = await shelf.database.write_many(shelf.new, rows[start : start + 5000])
        assert counted == 5000
    made, values = shelf.plan(sort="copies", fields="copies")
    batches = [batch async for batch in shelf.database.batches(made, values)]
    column = await asyncio.to_thread(lambda: pa.Table.from_batches(batches)["copies"].to_pylist())
    assert column == list(range(20_000))
    limited = [batch async for batch in shelf.database.batches(made, values, 7)]
    assert sum(batch.num_rows for batch in limited) == 7

    pieces = [piece async for piece in shelf.database.lines(made, values)]
    assert all(piece.endswith(b"\n") for piece in pieces)
    records = await asyncio.to_thread(
        lambda: [json.loads(line) for line in b"".join(pieces).splitlines()]
    )
    assert [record["copies"] for record in records] == list(range(20_000))
    limited = [piece async for piece in shelf.database.lines(made, values, 7)]
    assert b"".join(limited).count(b"\n") == 7


async def test_streams_of_nothing_say_what_their_columns_are(shelf: Shelf) -> None:
    made, values = shelf.plan(fields="isbn,copies")
    (batch,) = [batch async for batch in shelf.database.batches(made, values)]
    assert (batch.num_rows, batch.schema.names) == (0, ["id", "isbn", "copies"])
    assert [piece async for piece in shelf.database.lines(made, values) if piece] == []


async def test_lines_hold_what_an_answer_holds(shelf: Shelf) -> None:
    await shelf.insert(("1", 'Quotes "\\ and \n lines \u2028 \x01\x02', 2))
    made, values = shelf.plan()
    page = await shelf.database.find(shelf.database.read(made), values, 10)
    lines = b"".join([piece async for piece in shelf.database.lines(made, values)])
    assert [json.loads(line) for line in lines.split(b"\n")[:-1]] == json.loads(page.rows)


# -- the connection -------------------------------------------------------------------------------


async def test_it_describes_the_tables_that_are_there(shelf: Shelf) -> None:
    (book,) = await shelf.database.inspect([shelf.table.definition.name, "nothing"])
    assert {"isbn", "title", "copies"} <= {column.name for column in book.columns}
    everything = {table.name for table in await shelf.database.inspect()}
    assert {book.name, "user_definition"} <= everything


async def test_it_can_be_pinged_stopped_and_started_again(database_uri: str) -> None:
    database = connect(DatabaseUri.parse(database_uri), pool_size=2)
    await database.start()
    await database.ping()
    async with asyncio.timeout(60):
        await database.stop()
        await database.stop()


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://nobody:hush@127.0.0.1:1/x",
        "mysql://nobody:hush@127.0.0.1:1/x",
        "mongodb://nobody:hush@127.0.0.1:1/x",
        "sqlite:////proc/nothing/x.db",
    ],
)
async def test_one_that_cannot_be_reached_says_so_without_the_password(uri: str) -> None:
    database = connect(DatabaseUri.parse(uri), timeout=0.5)
    with pytest.raises(EnfyraError) as caught:
        await database.start()
    assert caught.value.code == "DATABASE_CONNECTION_ERROR"
    assert "hush" not in caught.value.message
    await database.stop()


@pytest.mark.parametrize("alone", [True, False])
async def test_work_that_is_broken_off_at_any_moment_leaves_nothing_behind(
    shelf: Shelf, alone: bool
) -> None:
    """Whoever is cancelled, before, in or behind his writes, does not spoil the connection."""

    async def work(number: int) -> None:
        row = (f"broken-{number}", "x", number)
        if alone:
            await shelf.insert(row)
            return
        async with shelf.database.transaction() as session:
            await shelf.insert(row, session=session)

    for number in range(40):
        task = asyncio.ensure_future(work(number))
        await asyncio.sleep(0)
        await asyncio.sleep(number * 0.0001)
        task.cancel()
        await asyncio.wait([task])
        async with shelf.database.transaction() as session:
            await shelf.insert((f"whole-{number}", "y", number), session=session)
    whole = await shelf.titles(filter={"title": "y"})
    assert len(whole) == 40
