"""New records of adopted tables in which only several columns together tell records apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..metadata.tables import Table
from ..query.ast import Compare, Every, Operator, Shape
from ..query.commands import Insert
from ..query.plan import Access
from ..storage.database import Database, Read, Session, Write
from .body import BodyReader, Content

Run = Callable[[Session, Write, Content], Awaitable[Any]]


class Together:
    """Creates records and reads them back by all columns of their key.

    Args:
        read: Makes the read of a query ready.
        run: Runs a write, and explains what the database refuses.
    """

    def __init__(
        self,
        table: Table,
        bodies: BodyReader,
        database: Database,
        read: Callable[[Shape, Access], Read],
        run: Run,
    ) -> None:
        self._table = table
        self._bodies = bodies
        self._database = database
        self._read = read
        self._run = run

    async def create(
        self, session: Session, content: Content, shape: Shape, access: Access
    ) -> bytes:
        """Create a record; give it back as a JSON array of one."""
        columns = tuple(self._bodies.stored_column(name) for name in content.columns)
        await self._run(session, self._database.insert(Insert(self._table, columns)), content)
        keys = self._table.keys
        where = Every(
            tuple(Compare(one.name, Operator.EQ, number) for number, one in enumerate(keys))
        )
        read = self._read(Shape(where=where, fields=shape.fields, deep=shape.deep), access)
        values = [content.columns[one.physical] for one in keys]
        return (await session.find(read, read.plan.bind(values), 1)).rows
