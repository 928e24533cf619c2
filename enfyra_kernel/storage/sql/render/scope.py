"""One statement in the making: its tables and its parameters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ....metadata.tables import StoredColumn, Table
from ..dialect import Dialect, Encoder, Expression, number_literal
from ..statement import LIMIT, OFFSET, Source, Statement, compile_statement

# How many items each list of a query has, by the number of its value.
Sizes = tuple[int, ...]
From = sa.FromClause


class Scope:
    """Gives out what must not repeat within a statement: aliases and parameters.

    Args:
        sizes: The lengths of the lists among the values.
        first_slot: The number of values that come before those of the conditions.
    """

    def __init__(self, dialect: Dialect, sizes: Sizes = (), *, first_slot: int = 0) -> None:
        self.dialect = dialect
        self.sizes = sizes
        self.first_slot = first_slot
        self._sources: dict[str, Source] = {}
        self._aliases = 0

    def statement(self, statement: Any) -> Statement:
        """Compile what has been made."""
        return compile_statement(statement, self.dialect.sa, self._sources)

    # -- tables ---------------------------------------------------------------------------------

    def alias(self, table: Table) -> From:
        """Give a table under a name of its own."""
        return self._aliased(sa_table(table))

    def junction(self, name: str, *columns: str) -> From:
        """Give the table between two others under a name of its own."""
        return self._aliased(
            sa.table(sa.quoted_name(name, quote=True), *(_sa_column(one) for one in columns))
        )

    def name(self, letter: str = "r") -> str:
        """Give a name that nothing else in the statement has."""
        self._aliases += 1
        return f"{letter}{self._aliases}"

    def _aliased(self, table: sa.TableClause) -> From:
        return table.alias(self.name("t"))

    # -- parameters -----------------------------------------------------------------------------

    def source(self, name: str, source: Source) -> None:
        """Say where the value of a parameter comes from that the dialect writes."""
        self._sources[name] = source

    def bound(self, name: str, source: Source, type_: sa.types.TypeEngine[Any]) -> Expression:
        """Give a parameter."""
        self._sources[name] = source
        return sa.bindparam(name, type_=type_)

    def count(self, slot: int | None, otherwise: int) -> Expression:
        """Give the parameter for a number in a slot, or a number of ours without a slot."""
        if slot is None:
            return number_literal(otherwise)
        number = slot + self.first_slot
        return self.bound(f"v{number}", Source(number), sa.BigInteger())

    def limit(self) -> Expression:
        """Give the parameter that holds the limit."""
        return self.bound(LIMIT, Source(LIMIT), sa.BigInteger())

    def offset(self) -> Expression:
        """Give the parameter that holds the offset."""
        return self.bound(OFFSET, Source(OFFSET), sa.BigInteger())

    def assigned(self, number: int, column: StoredColumn) -> Expression:
        """Give the parameter for a value that is written into a column."""
        type_ = self.dialect.written_type(column)
        if self.dialect.name != "postgresql":
            type_ = sa.types.NullType()
        return self._written(number, column, type_)

    def assigned_array(self, number: int, column: StoredColumn) -> Expression:
        """Give the parameter for the values of many records, as one array."""
        type_ = sa.ARRAY(self.dialect.written_type(column))
        return self._written(number, column, type_)

    def _written(
        self, number: int, column: StoredColumn, type_: sa.types.TypeEngine[Any]
    ) -> Expression:
        return self.bound(f"s{number}", Source(number, self.dialect.encoder(column)), type_)


def sa_table(table: Table) -> sa.TableClause:
    """Give a table as SQLAlchemy knows it, with the columns that are stored."""
    names = [column.physical for column in table.columns.values()]
    names += [
        relation.foreign_key
        for relation in table.relations.values()
        if relation.holds_key and relation.foreign_key is not None
    ]
    return sa.table(
        sa.quoted_name(table.definition.physical, quote=True),
        *[_sa_column(name) for name in dict.fromkeys(names)],
    )


def _sa_column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(sa.quoted_name(name, quote=True))


def item(number: int, encode: Encoder | None) -> Encoder:
    """Give the function that takes one item out of a list, as the driver wants it."""
    if encode is None:
        return lambda values: values[number]
    return lambda values: encode(values[number])
