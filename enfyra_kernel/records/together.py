"""New records of adopted tables in which only several columns together tell records apart."""

from __future__ import annotations

from ..query.ast import Compare, Every, Operator, Query, Shape
from ..query.plan import Access
from ..storage.database import Session
from .content import Content
from .desk import Desk
from .writer import Writer


class Together:
    """Creates records and reads them back by all columns of their key."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(
        self, session: Session, writer: Writer, content: Content, query: Query, access: Access
    ) -> bytes:
        """Create a record; give it back as JSON.

        Raises:
            Refusal: The database refused it.
        """
        desk, shape = self._desk, query.shape
        await writer.write_parents([content])
        write = desk.statements.insert_only(tuple(content.columns))
        await desk.run(session, write, tuple(content.columns.values()), content)
        keys = desk.table.keys
        where = Every(
            tuple(Compare(one.name, Operator.EQ, number) for number, one in enumerate(keys))
        )
        read = desk.statements.read(
            Shape(where=where, fields=shape.fields, deep=shape.deep), access
        )
        values = [content.columns[one.physical] for one in keys]
        return (await session.find(read, read.plan.bind(values, access), 1)).rows[1:-1]
