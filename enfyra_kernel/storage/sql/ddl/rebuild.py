"""Changes of SQLite tables that SQLite cannot make: the table is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec.structs
import sqlalchemy as sa
from alembic.operations import Operations

from ....metadata.tables import StoredColumn
from ....metadata.types import NUMBERS, ColumnType
from ....metadata.values import reader
from ... import changes as c
from ...physical import PhysicalColumn, PhysicalTable
from ..conversion import CANONICAL, converted
from ..dialect import Dialect
from .description import Descriptions


class Rebuild:
    """Changes a table by copying it (Alembic's batch mode)."""

    def __init__(self, connection: sa.Connection, operations: Operations, dialect: Dialect) -> None:
        self._connection = connection
        self._operations = operations
        self._dialect = dialect
        self._descriptions = Descriptions(dialect)
        self._quote = connection.dialect.identifier_preparer.quote_identifier

    def make(self, described: PhysicalTable, change: Any) -> None:
        """Make one change of a table, given as it is."""
        run = self._connection.exec_driver_sql
        if isinstance(change, c.AlterColumn) and change.converts:
            name = self._quote(change.new.name)
            value = converted("sqlite", name, change.old, change.new)
            raw: Any = self._connection.connection.driver_connection
            raw.create_function(CANONICAL, 2, self._canonical, deterministic=True)
            # SQLite's columns take any value, so values are converted before the column is.
            run("PRAGMA ignore_check_constraints=ON")
            run(
                f"UPDATE {self._quote(change.table)} SET {name} = {value} "  # noqa: S608
                f"WHERE {name} IS NOT NULL"
            )
            run("PRAGMA ignore_check_constraints=OFF")
            if change.new.type not in NUMBERS | {ColumnType.BOOLEAN}:
                # Else Alembic casts what it copies, and SQLite makes a number of each date.
                described = _with_column(described, change.new)
        last_id = self._last_id(change.table)
        run("PRAGMA legacy_alter_table=ON")
        try:
            with self._operations.batch_alter_table(
                change.table,
                recreate="always",
                copy_from=None if described.adopted else self._descriptions.table(described),
                reflect_kwargs={"listeners": [("column_reflect", self._typed(described))]},
                table_kwargs={"sqlite_autoincrement": True} if last_id is not None else {},
            ) as batch:
                self._in_batch(batch, change)
        except Exception as error:
            # A full disk makes SQLite roll back at once, so Alembic's cleaning up fails, too.
            raise _first_cause(error) from None
        finally:
            run("PRAGMA legacy_alter_table=OFF")
        if last_id is not None:
            self._connection.execute(
                sa.text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"),
                {"last": last_id, "name": change.table},
            )

    def _canonical(self, type_: str, text: str | None) -> Any:
        if text is None:
            return None
        column = StoredColumn("", ColumnType(type_))
        value = reader(column.type)(text)
        encode = self._dialect.encoder(column)
        return encode(value) if encode is not None else value

    def _typed(self, described: PhysicalTable) -> Callable[..., None]:
        types = {column.name: self._descriptions.type_of(column) for column in described.columns}

        def give_type(_inspector: Any, _table: Any, column: dict[str, Any]) -> None:
            column["type"] = types.get(column["name"], column["type"])

        return give_type

    def _last_id(self, table: str) -> int | None:
        """Give the last id that was counted up, so that a rebuilt table goes on from there."""
        if not sa.inspect(self._connection).has_table("sqlite_sequence"):
            return None
        statement = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return self._connection.execute(statement, {"name": table}).scalar()

    def _in_batch(self, batch: Any, change: Any) -> None:
        match change:
            case c.DropColumn(_, column):
                batch.drop_column(column.name)
            case c.AlterColumn(_, old, new):
                batch.alter_column(
                    new.name,
                    type_=self._descriptions.type_of(new),
                    existing_type=self._descriptions.type_of(old),
                    nullable=new.nullable,
                    server_default=self._descriptions.default_of(new),
                )
            case c.AddReference(_, one):
                batch.create_foreign_key(
                    one.name,
                    one.target,
                    list(one.columns),
                    list(one.target_columns),
                    ondelete=one.on_delete.value,
                    onupdate="CASCADE",
                )
            case c.DropReference(_, one):
                batch.drop_constraint(one.name, type_="foreignkey")
            case c.AddCheck(_, one):
                batch.create_check_constraint(one.name, self._descriptions.condition(one))
            case c.DropCheck(_, one):
                batch.drop_constraint(one.name, type_="check")
            case _:
                raise TypeError(f"not a change: {change!r}")


def _with_column(table: PhysicalTable, column: PhysicalColumn) -> PhysicalTable:
    """Describe a table with another version of one of its columns."""
    columns = tuple(column if one.name == column.name else one for one in table.columns)
    return msgspec.structs.replace(table, columns=columns)


def _first_cause(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error
