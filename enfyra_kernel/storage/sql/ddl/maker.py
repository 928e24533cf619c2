"""Makes changes of the schema with Alembic's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec.structs
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from ....metadata.types import DOCUMENTS, LONG_TEXTS
from ... import changes as c
from ...physical import PhysicalColumn, PhysicalIndex, PhysicalTable
from ..conversion import converted
from ..dialect import Dialect
from .description import Descriptions
from .made import is_made
from .rebuild import Rebuild

# MariaDB indexes so many characters of a long text.
TEXT_PREFIX = 191
# Keywords of SQLite that SQLAlchemy does not quote, and that cannot stand as names without quotes.
_KEYWORDS = frozenset({"nothing", "returning"})


class Maker:
    """Makes changes on one SQLAlchemy connection.

    Args:
        tables: The tables as they are before the next change.
    """

    def __init__(
        self,
        connection: sa.Connection,
        dialect: Dialect,
        tables: Mapping[str, PhysicalTable],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._tables = tables
        self._descriptions = Descriptions(dialect)
        self._operations = Operations(MigrationContext.configure(connection))
        preparer = connection.dialect.identifier_preparer
        preparer.reserved_words = {*preparer.reserved_words, *_KEYWORDS}
        self._quote = preparer.quote_identifier

    def make(self, change: c.Change) -> None:
        """Make one change."""
        op = self._operations
        match change:
            case c.CreateTable(table):
                self._create_table(table)
            case c.DropTable(table):
                op.drop_table(table.name)
            case c.RenameTable(old, new):
                op.rename_table(old, new)
            case c.AddIndex(table, index):
                self._create_index(table, index)
            case c.DropIndex(table, index):
                described = self._tables.get(table)
                # An adopted table's index that has a name of its own was there before, and stays.
                ours = described is None or not described.adopted
                if ours or not is_made(self._connection, change):
                    op.drop_index(index.name, table_name=table)
            case c.RenameColumn():
                self._rename_column(change)
            case c.AddColumn(table, column):
                op.add_column(table, self._descriptions.column(column))
            case _ if self._dialect.name == "sqlite":
                Rebuild(self._connection, op, self._dialect).make(
                    self._tables[change.table], change
                )
            case _:
                self._alter(change)

    # -- PostgreSQL, MariaDB --------------------------------------------------------------------

    def _alter(self, change: Any) -> None:
        op = self._operations
        match change:
            case c.DropColumn(table, column):
                op.drop_column(table, column.name)
            case c.AlterColumn():
                self._alter_column(change)
            case c.AddReference(table, one):
                op.create_foreign_key(
                    one.name,
                    table,
                    one.target,
                    list(one.columns),
                    list(one.target_columns),
                    ondelete=one.on_delete.value,
                    onupdate="CASCADE",
                )
            case c.DropReference(table, one):
                op.drop_constraint(str(one.name), table, type_="foreignkey")
            case c.AddCheck(table, one):
                op.create_check_constraint(one.name, table, self._descriptions.condition(one))
            case c.DropCheck(table, one):
                op.drop_constraint(one.name, table, type_="check")
            case _:
                raise TypeError(f"not a change: {change!r}")

    def _alter_column(self, change: c.AlterColumn) -> None:
        if change.converts and self._dialect.name == "mysql":
            self._swap_column(change)
            return
        new = change.new
        facts: dict[str, Any] = {}
        if change.converts and self._dialect.name == "postgresql":
            name = self._quote(new.name)
            facts["postgresql_using"] = converted("postgresql", name, change.old, new)
            if change.old.default is not None:
                # The old default may not convert by itself.
                self._operations.alter_column(change.table, new.name, server_default=None)
        self._operations.alter_column(
            change.table,
            new.name,
            existing_type=self._descriptions.type_of(change.old),
            existing_nullable=change.old.nullable,
            existing_server_default=self._descriptions.default_of(change.old),
            type_=self._descriptions.type_of(new),
            nullable=new.nullable,
            server_default=self._descriptions.default_of(new)
            if self._descriptions.default_of(new) is not None
            else None,
            **facts,
        )

    def _swap_column(self, change: c.AlterColumn) -> None:
        """Convert into a new column and put it in the old one's place, in two atomic steps.

        The table is locked meanwhile, so that no write gets lost between the steps.
        """
        table, new = change.table, change.new
        draft = msgspec.structs.replace(new, name=f"_new_{new.name}", nullable=True)
        lock = f"LOCK TABLES {self._quote(table)} WRITE"
        self._connection.exec_driver_sql(lock)
        try:
            if draft.name in self._column_names(table):
                self._operations.drop_column(table, draft.name)
            self._operations.add_column(table, self._descriptions.column(draft))
            value = converted("mysql", self._quote(new.name), change.old, new)
            self._connection.exec_driver_sql(
                f"UPDATE {self._quote(table)} SET {self._quote(draft.name)} = "  # noqa: S608
                f"{escaped(self._dialect, value)}"
            )
            definition = self._definition(new)
            self._connection.exec_driver_sql(
                f"ALTER TABLE {self._quote(table)} DROP COLUMN {self._quote(new.name)}, "
                f"CHANGE COLUMN {self._quote(draft.name)} {definition}"
            )
        finally:
            self._connection.exec_driver_sql("UNLOCK TABLES")

    def _definition(self, column: PhysicalColumn) -> str:
        from sqlalchemy.schema import CreateColumn

        holder = sa.Table("holder", sa.MetaData(), self._descriptions.column(column))
        text = str(CreateColumn(holder.c[column.name]).compile(dialect=self._connection.dialect))
        return text.strip()

    def _column_names(self, table: str) -> set[str]:
        return {column["name"] for column in sa.inspect(self._connection).get_columns(table)}

    def _rename_column(self, change: c.RenameColumn) -> None:
        if self._dialect.name == "sqlite":
            # Alembic would copy the table for that; SQLite renames columns itself since 3.25.
            self._connection.exec_driver_sql(
                f"ALTER TABLE {self._quote(change.table)} RENAME COLUMN "
                f"{self._quote(change.old.name)} TO {self._quote(change.new)}"
            )
            return
        self._operations.alter_column(
            change.table,
            change.old.name,
            new_column_name=change.new,
            existing_type=self._descriptions.type_of(change.old),
            existing_nullable=change.old.nullable,
            existing_server_default=self._descriptions.default_of(change.old),
            existing_autoincrement=change.old.generated if self._dialect.name == "mysql" else None,
        )

    # -- all of them ----------------------------------------------------------------------------

    def _create_table(self, table: PhysicalTable) -> None:
        options = self._descriptions.options(table)
        self._operations.create_table(
            table.name, *self._descriptions.parts(table, references=True), **options
        )

    def _create_index(self, table: str, index: PhysicalIndex) -> None:
        options: dict[str, Any] = {}
        described = self._tables.get(table)
        if self._dialect.name == "mysql" and described is not None:
            lengths = {
                name: TEXT_PREFIX
                for name in index.columns
                if (column := described.column(name)) is not None
                and column.type in LONG_TEXTS | DOCUMENTS
            }
            options["mysql_length"] = lengths
        columns: list[Any] = list(index.columns)
        if self._dialect.name == "postgresql" and described is not None:
            columns = [self._ordered(described, name) for name in columns]
        self._operations.create_index(index.name, table, columns, unique=index.unique, **options)

    def _ordered(self, table: PhysicalTable, name: str) -> Any:
        """Order a nullable column in an index as answers are ordered: nulls first."""
        column = table.column(name)
        if column is None or not column.nullable:
            return name
        return sa.text(f"{self._quote(name)} NULLS FIRST")


def escaped(dialect: Dialect, text: str) -> str:
    """Make of a text what the driver takes for that text, and not for a place of a parameter."""
    return text.replace("%", "%%") if dialect.name == "mysql" else text
