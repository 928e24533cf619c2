"""Tables as SQLAlchemy describes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ....encoding import encode_json
from ....metadata.tables import StoredColumn
from ....metadata.types import DATES, DOCUMENTS, LONG_TEXTS, ColumnType
from ....metadata.values import reader
from ...physical import PhysicalCheck, PhysicalColumn, PhysicalTable
from ..dialect import Dialect

NOW = "now"


class Descriptions:
    """Describes physical tables and columns in a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._quote = dialect.sa.identifier_preparer.quote_identifier

    def options(self, table: PhysicalTable) -> dict[str, Any]:
        """Give the database's own options of a new table."""
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

    def parts(self, table: PhysicalTable, *, references: bool) -> list[Any]:
        """Give the columns and constraints that a table is made of."""
        parts: list[Any] = [self.column(column) for column in table.columns]
        if len(table.primary) > 1:
            parts.append(sa.PrimaryKeyConstraint(*table.primary))
        parts += [sa.CheckConstraint(self.condition(one), name=one.name) for one in table.checks]
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
            table.name, metadata, *self.parts(table, references=True), **self.options(table)
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
        if value is None or type_ is None:
            return None
        if value == NOW and type_ in DATES:
            if column.nullable:
                return None
            # Rows that are there already need a value: that of this moment.
            value = datetime.now(UTC).isoformat()[: 10 if type_ is ColumnType.DATE else None]
        text = self._default_text(reader(type_, column.options)(value), type_)
        if self._dialect.name == "mysql" and type_ in LONG_TEXTS | DOCUMENTS:
            # It takes these as expressions only.
            text = f"({text})"
        return sa.text(text)

    def _default_text(self, value: Any, type_: ColumnType) -> str:
        """Write a canonical value as DDL."""
        if type_ in DOCUMENTS:
            return self._literal(encode_json(value).decode())
        if isinstance(value, bool):
            return str(value).lower() if self._dialect.name == "postgresql" else str(int(value))
        if isinstance(value, int | float | Decimal):
            return str(value)
        encode = self._dialect.encoder(StoredColumn("", type_))
        return self._literal(str(encode(value) if encode is not None else value))

    def _literal(self, text: str) -> str:
        """Quote a text for DDL, which takes no parameters."""
        if self._dialect.name == "mysql":
            text = text.replace("\\", "\\\\")
        # SQLAlchemy takes a colon in a text for a parameter.
        return "'" + text.replace("'", "''").replace(":", r"\:") + "'"

    def condition(self, check: PhysicalCheck) -> sa.TextClause:
        """Give the condition that keeps a column to its values."""
        values = ", ".join(self._literal(value) for value in check.values)
        return sa.text(f"{self._quote(check.column)} IN ({values})")


def _placeholder(name: str) -> sa.Column[Any]:
    return sa.Column(name)
