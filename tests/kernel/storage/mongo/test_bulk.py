"""Writes that are more than one transaction: all of it or nothing all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.query.commands import Insert
from enfyra_kernel.storage.mongo import bulk, undo

from tests.api import Api
from tests.databases import settings

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLD = [{"isbn": "a", "copies": 1}, {"isbn": "b", "copies": 2}]


class Shelf:
    """A table, and an insert into it that updates books by their numbers."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.database: Any = api.kernel.database
        repository = api.kernel.records.of("book")
        stored = repository.bodies.stored_column
        columns = tuple(stored(name) for name in ("isbn", "copies", "createdAt", "updatedAt"))
        insert = Insert(repository.table, columns, conflict=("isbn",))
        self.upsert = self.database.insert(insert)

    async def books(self) -> list[dict[str, Any]]:
        return await self.api.rows("/book", fields="isbn,copies", sort="id", limit=0)


@pytest_asyncio.fixture
async def shelf(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    monkeypatch.setattr(bulk, "ROWS", 3)
    await api.define("book", "isbn varchar!", "copies int", uniques=[["isbn"]])
    await api.create("/book", OLD)
    yield Shelf(api)


def _book(isbn: str, copies: int) -> tuple[Any, ...]:
    return isbn, copies, NOW, NOW


def _rows(count: int) -> list[tuple[Any, ...]]:
    return [_book("b", 20), *(_book(f"n{number}", number) for number in range(count))]


async def _bare(shelf: Shelf) -> list[dict[str, Any]]:
    return [{name: book[name] for name in ("isbn", "copies")} for book in await shelf.books()]


async def test_parts_together_are_the_whole(shelf: Shelf) -> None:
    async with shelf.database.bulk() as session:
        for row in _rows(8):
            await session.write_many(shelf.upsert, [row])
        await session.write_many(shelf.upsert, [_book("a", 10), _book("n0", -1)])
    books = {book["isbn"]: book["copies"] for book in await shelf.books()}
    assert books == {"a": 10, **{row[0]: row[1] for row in _rows(8)}, "n0": -1}
    assert await shelf.database._client.database["enfyra_loads"].count_documents({}) == 0


async def test_a_failure_takes_back_what_was_final(shelf: Shelf) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):  # noqa: PT012
        async with shelf.database.bulk() as session:
            await session.write_many(shelf.upsert, _rows(20))
            # Others see what has been made final so far.
            assert len(await shelf.books()) > len(OLD)
            raise RuntimeError("on purpose")
    assert await _bare(shelf) == OLD


async def test_a_few_rows_are_one_transaction(shelf: Shelf) -> None:
    async with shelf.database.bulk() as session:
        await session.write_many(shelf.upsert, _rows(2))
        assert await _bare(shelf) == OLD
    assert len(await shelf.books()) == 4


async def test_what_was_interrupted_is_taken_back_at_the_next_start(
    shelf: Shelf, kernel: Kernel, database_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its time is up as soon as it is noted; and the process "dies" before it is done.
    monkeypatch.setattr(undo, "PATIENCE", -1.0)
    writing = bulk.MongoBulk(shelf.database._client, shelf.database._catalog)
    await writing._begin()
    await writing.write_many(shelf.upsert, _rows(20))
    await shelf.database._client.abort(writing._transaction)
    assert len(await shelf.books()) > len(OLD)
    async with Kernel(settings(database_uri)) as other:
        api = await Api(other).login()
        assert len(await api.rows("/book", limit=0)) == len(OLD)
    assert await _bare(shelf) == OLD


async def test_a_write_that_others_took_back_does_not_become_final(
    shelf: Shelf, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo, "PATIENCE", -1.0)
    with pytest.raises(EnfyraError):  # noqa: PT012
        async with shelf.database.bulk() as session:
            await session.write_many(shelf.upsert, _rows(7))
            await undo.UndoLog(shelf.database._client, shelf.database._catalog).recover()
    assert await _bare(shelf) == OLD
