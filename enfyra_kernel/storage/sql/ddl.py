"""Physical changes made through Alembic's operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec.structs
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine.reflection import Inspector

from ...encoding import encode_json
from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, LONG_TEXTS, NUMBERS, ColumnType
from ...metadata.values import reader
from .. import changes as c
from ..physical import (
    PhysicalCheck,
    PhysicalColumn,
    PhysicalIndex,
    PhysicalTable,
)
from .conversion import CANONICAL, converted, to_text
from .dialect import Dialect
from .driver import SchemaConnection

if TYPE_CHECKING:
    from .database import SqlDatabase

# MariaDB indexes so many characters of a long text.
TEXT_PREFIX = 191
NOW = "now"


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
            lambda connection: _Maker(connection, self._dialect, self._tables).make(change)
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
            f"SELECT DISTINCT {_escaped(self._dialect, text)} FROM {quote(table)} "  # noqa: S608
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


def _placeholder(name: str) -> sa.Column[Any]:
    return sa.Column(name)


def _escaped(dialect: Dialect, text: str) -> str:
    return text.replace("%", "%%") if dialect.name == "mysql" else text


def _table_clause(name: str) -> sa.TableClause:
    return sa.table(sa.quoted_name(name, quote=True))


def is_made(connection: sa.Connection, change: c.Change) -> bool:
    """Say whether a change is there in the database, half made or wholly."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    match change:
        case c.CreateTable(table):
            return table.name in tables
        case c.DropTable(table):
            return table.name not in tables
        case c.RenameTable(_, new):
            return new in tables
        case _:
            return change.table in tables and _is_made_in(inspector, change)


def _is_made_in(inspector: Inspector, change: Any) -> bool:
    """Say whether a change of a table that is there has been made."""
    columns = {column["name"] for column in inspector.get_columns(change.table)}
    match change:
        case c.AddColumn(_, column):
            return column.name in columns
        case c.DropColumn(_, column):
            return column.name not in columns
        case c.RenameColumn(_, _, new):
            return new in columns
        case c.AlterColumn():
            return True
        case c.AddIndex(table, index) | c.DropIndex(table, index):
            there = index.name in {one["name"] for one in inspector.get_indexes(table)}
        case c.AddReference(table, one) | c.DropReference(table, one):
            there = one.name in {key["name"] for key in inspector.get_foreign_keys(table)}
        case _:
            table, one = change.table, change.check
            there = one.name in {key["name"] for key in inspector.get_check_constraints(table)}
    return there == isinstance(change, c.AddIndex | c.AddReference | c.AddCheck)


class _Maker:
    """Makes changes on one SQLAlchemy connection."""

    def __init__(
        self,
        connection: sa.Connection,
        dialect: Dialect,
        tables: Mapping[str, PhysicalTable],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._tables = tables
        self._operations = Operations(MigrationContext.configure(connection))
        self._quote = connection.dialect.identifier_preparer.quote_identifier

    def make(self, change: c.Change) -> None:
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
                op.drop_index(index.name, table_name=table)
            case c.RenameColumn():
                self._rename_column(change)
            case c.AddColumn(table, column):
                op.add_column(table, self.column(column))
            case _ if self._dialect.name == "sqlite":
                self._rebuild(change)
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
                op.create_check_constraint(one.name, table, self._condition(one))
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
            existing_type=self.type_of(change.old),
            existing_nullable=change.old.nullable,
            existing_server_default=self.default_of(change.old),
            type_=self.type_of(new),
            nullable=new.nullable,
            server_default=self.default_of(new) if self.default_of(new) is not None else None,
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
            self._operations.add_column(table, self.column(draft))
            value = converted("mysql", self._quote(new.name), change.old, new)
            self._connection.exec_driver_sql(
                f"UPDATE {self._quote(table)} SET {self._quote(draft.name)} = "  # noqa: S608
                f"{_escaped(self._dialect, value)}"
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

        holder = sa.Table("holder", sa.MetaData(), self.column(column))
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
            existing_type=self.type_of(change.old),
            existing_nullable=change.old.nullable,
            existing_server_default=self.default_of(change.old),
            existing_autoincrement=change.old.generated if self._dialect.name == "mysql" else None,
        )

    # -- SQLite ---------------------------------------------------------------------------------

    def _rebuild(self, change: Any) -> None:
        """Change a table by copying it (Alembic's batch mode)."""
        described = self._tables[change.table]
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
                copy_from=None if described.adopted else self.table(described),
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
        types = {column.name: self.type_of(column) for column in described.columns}

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
                    type_=self.type_of(new),
                    existing_type=self.type_of(old),
                    nullable=new.nullable,
                    server_default=self.default_of(new),
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
                batch.create_check_constraint(one.name, self._condition(one))
            case c.DropCheck(_, one):
                batch.drop_constraint(one.name, type_="check")
            case _:
                raise TypeError(f"not a change: {change!r}")

    # -- parts ----------------------------------------------------------------------------------

    def _create_table(self, table: PhysicalTable) -> None:
        options = self._options(table)
        self._operations.create_table(table.name, *self._parts(table, references=True), **options)

    def _options(self, table: PhysicalTable) -> dict[str, Any]:
        options: dict[str, Any] = {
            "sqlite_autoincrement": any(column.generated for column in table.columns),
        }
        if self._dialect.name == "mysql":
            options |= {
                "mysql_engine": "InnoDB",
                "mysql_charset": "utf8mb4",
                "mysql_collate": getattr(self._dialect, "collation", None),
            }
        return options

    def _parts(self, table: PhysicalTable, *, references: bool) -> list[Any]:
        parts: list[Any] = [self.column(column) for column in table.columns]
        if len(table.primary) > 1:
            parts.append(sa.PrimaryKeyConstraint(*table.primary))
        parts += [sa.CheckConstraint(self._condition(one), name=one.name) for one in table.checks]
        if references:
            parts += [
                sa.ForeignKeyConstraint(
                    list(one.columns),
                    [f"{one.target}.{column}" for column in one.target_columns],
                    name=one.name,
                    ondelete=one.on_delete.value,
                    onupdate="CASCADE",
                )
                for one in table.references
            ]
        return parts

    def table(self, table: PhysicalTable) -> sa.Table:
        """Give a table as SQLAlchemy describes it, with all that belongs to it."""
        metadata = sa.MetaData()
        for target in {one.target for one in table.references} - {table.name}:
            columns = {
                column
                for one in table.references
                if one.target == target
                for column in one.target_columns
            }
            sa.Table(target, metadata, *[_placeholder(name) for name in columns])
        described = sa.Table(
            table.name, metadata, *self._parts(table, references=True), **self._options(table)
        )
        for index in table.indexes:
            sa.Index(
                index.name, *[described.c[name] for name in index.columns], unique=index.unique
            )
        return described

    def column(self, column: PhysicalColumn) -> sa.Column[Any]:
        """Give a column as SQLAlchemy describes it."""
        single = column.primary and column.generated
        return sa.Column(
            column.name,
            self.type_of(column),
            primary_key=column.primary,
            autoincrement=single,
            nullable=column.nullable and not column.primary,
            server_default=self.default_of(column),
        )

    def type_of(self, column: PhysicalColumn) -> sa.types.TypeEngine[Any]:
        """Give the type that a column is created with."""
        if column.type is None:
            return sa.types.NullType()
        if column.generated and self._dialect.name == "sqlite":
            # Only an INTEGER counts up there; it has 64 bits anyway.
            return sa.Integer()
        return self._dialect.type_of(column.type, column.options)

    def default_of(self, column: PhysicalColumn) -> Any:
        """Give the default that rows get which somebody else inserts, or that exist already."""
        value, type_ = column.default, column.type
        if value is None or type_ is None or (value == NOW and type_ in INSTANTS):
            return None
        if self._dialect.name == "mysql" and type_ in LONG_TEXTS | DOCUMENTS:
            return None
        if isinstance(value, bool):
            word = (
                {True: "true", False: "false"}
                if self._dialect.name == "postgresql"
                else {True: "1", False: "0"}
            )
            return sa.text(word[value])
        if isinstance(value, int | float):
            return sa.text(str(value))
        text = encode_json(value).decode() if type_ in DOCUMENTS else str(value)
        return sa.text(self._literal(text))

    def _literal(self, text: str) -> str:
        """Quote a text for DDL, which takes no parameters."""
        if self._dialect.name == "mysql":
            text = text.replace("\\", "\\\\")
        # SQLAlchemy takes a colon in a text for a parameter.
        return "'" + text.replace("'", "''").replace(":", r"\:") + "'"

    def _condition(self, check: PhysicalCheck) -> sa.TextClause:
        """Give the condition that keeps a column to its values."""
        values = ", ".join(self._literal(value) for value in check.values)
        return sa.text(f"{self._quote(check.column)} IN ({values})")

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


def _with_column(table: PhysicalTable, column: PhysicalColumn) -> PhysicalTable:
    """Describe a table with another version of one of its columns."""
    columns = tuple(column if one.name == column.name else one for one in table.columns)
    return msgspec.structs.replace(table, columns=columns)


def _first_cause(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error
