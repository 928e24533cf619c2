"""A session that changes the schema and writes definitions on one connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ... import changes as c
from ...physical import PhysicalColumn, PhysicalTable
from ..conversion import to_text
from ..driver import SchemaConnection
from .made import is_made
from .maker import Maker, escaped

if TYPE_CHECKING:
    from ..database import SqlDatabase


class SqlSchemaSession:
    """Changes the schema and writes metadata on one connection.

    Args:
        tables: The tables as they are before the first change; SQLite's are rebuilt from that.
    """

    def __init__(
        self,
        database: SqlDatabase,
        connection: SchemaConnection,
        tables: Mapping[str, PhysicalTable],
    ) -> None:
        self._session = database.schema_runner(connection)
        self._connection = connection
        self._dialect = database.dialect
        self._tables = dict(tables)
        self.find = self._session.find
        self.write = self._session.write
        self.write_many = self._session.write_many

    async def apply(self, change: c.Change) -> None:
        """Make one physical change."""
        await self._connection.call(
            lambda connection: Maker(connection, self._dialect, self._tables).make(change)
        )
        c.follow(self._tables, change)

    async def ensure(self, change: c.Change) -> None:
        """Make one physical change unless it is there already."""
        if await self._connection.call(lambda one: is_made(one, change)):
            c.follow(self._tables, change)
        else:
            await self.apply(change)

    async def revert(self, change: c.Change) -> None:
        """Take a change back if it is there."""
        undo = c.inverse(change)
        if undo is not None and await self._connection.call(lambda one: is_made(one, change)):
            await self.apply(undo)

    async def commit_writes(self) -> None:
        """Make the writes so far final, where they are not committed together at the end."""
        await self._connection.commit()

    async def discard_writes(self) -> None:
        """Take back the writes that are not final."""
        await self._connection.roll_back()

    async def count(self, table: str) -> int:
        """Count the rows of a physical table."""
        statement = sa.select(sa.func.count()).select_from(_table_clause(table))
        return await self._connection.call(lambda one: one.execute(statement).scalar_one())

    async def has_null(self, table: str, column: str) -> bool:
        """Say whether a column holds a null somewhere."""
        value: sa.ColumnClause[Any] = sa.column(sa.quoted_name(column, quote=True))
        statement = sa.select(sa.literal(1)).select_from(_table_clause(table))
        statement = statement.where(value.is_(None)).limit(1)
        return await self._connection.call(lambda one: one.execute(statement).first()) is not None

    async def distinct_values(
        self,
        table: str,
        column: PhysicalColumn,
        check: Callable[[str], str | None],
        most: int = 5,
    ) -> list[str]:
        """Put each distinct value of a column, as text, to a check; give the first problems."""
        return await self._connection.call(
            lambda connection: self._problems(connection, table, column, check, most)
        )

    def _problems(
        self,
        connection: sa.Connection,
        table: str,
        column: PhysicalColumn,
        check: Callable[[str], str | None],
        most: int,
    ) -> list[str]:
        quote = connection.dialect.identifier_preparer.quote_identifier
        name = quote(column.name)
        text = to_text(self._dialect.name, name, column.type)
        # exec_driver_sql: the text is made of quoted names only, and holds no parameters.
        rows = connection.exec_driver_sql(
            f"SELECT DISTINCT {escaped(self._dialect, text)} FROM {quote(table)} "  # noqa: S608
            f"WHERE {name} IS NOT NULL"
        )
        problems: list[str] = []
        for row in rows:
            problem = check(str(row[0]))
            if problem is not None:
                problems.append(problem)
                if len(problems) == most:
                    break
        rows.close()
        return problems


def _table_clause(name: str) -> sa.TableClause:
    return sa.table(sa.quoted_name(name, quote=True))
