"""What PostgreSQL does in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.postgresql.asyncpg import (
    dialect as AsyncpgDialect,  # noqa: N812 - SQLAlchemy exports the class in lower case
)

from ...metadata.tables import StoredColumn, Table
from ...metadata.types import DOCUMENTS, INSTANTS, LONG_TEXTS, TEXTS, ColumnType
from ...metadata.values import length_of
from ...query.ast import Function, Operator
from ...query.folding import FIRST_MARK, LAST_MARK
from ...query.predicates import Measure
from .dialect import (
    JSON_KEY_LIMIT,
    Dialect,
    Expression,
    common_type,
    number_literal,
    on_conflict,
    text_literal,
)

# The order of code points: the one order that all databases can give.
COLLATION = "C"
# The types of texts that have a collation.
_COLLATED = ("VARCHAR", "TEXT")


class _Enumeration(sa.types.UserDefinedType[str]):
    """An enumeration that somebody else made; a value is cast to it."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class PostgresqlDialect(Dialect):
    """PostgreSQL through asyncpg."""

    name = "postgresql"
    builds_lines = True
    page_sizes = (1, 20, 100, 1000)
    explain = "EXPLAIN (FORMAT JSON) "

    def __init__(self) -> None:
        self.sa = AsyncpgDialect()
        self._lower_collation = "und-x-icu"

    def adapt(self, facts: Mapping[str, str]) -> None:
        """Take account of the server: without ICU, only the locale's letters have a case."""
        self._lower_collation = facts.get("lowerCollation", "")

    def type_of(self, type_: ColumnType, options: Any = None) -> sa.types.TypeEngine[Any]:
        """Give the SQLAlchemy type that a column is created with."""
        if type_ in DOCUMENTS:
            return pg.JSONB()
        if type_ is ColumnType.UUID:
            return sa.Uuid(as_uuid=False)
        if type_ is ColumnType.VARCHAR:
            return sa.String(length_of(options), collation=COLLATION)
        if type_ is ColumnType.ENUM:
            return sa.String(255, collation=COLLATION)
        if type_ in LONG_TEXTS:
            return sa.Text(collation=COLLATION)
        return common_type(type_, options)

    def written_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give the type of a value that is written: of somebody's enumeration, just that."""
        if column.type is ColumnType.ENUM and _is_enumeration(column):
            return _Enumeration(column.native or "")
        return super().written_type(column)

    def parameter_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give the type of a value compared with a column: a decimal is not rounded to it."""
        return sa.Numeric() if column.type is ColumnType.DECIMAL else super().parameter_type(column)

    def json_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it goes into JSON."""
        if column.type is ColumnType.DECIMAL:
            return sa.cast(value, sa.Text)
        if column.native is not None:
            return self._adopted(value, column)
        return value

    def plain_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it is written into CSV."""
        return self._adopted(value, column) if column.native is not None else value

    def _adopted(self, value: Expression, column: StoredColumn) -> Expression:
        if (column.native or "").endswith("[]"):
            return sa.func.to_json(value)
        if column.type in INSTANTS and "WITHOUT" in (column.native or "").upper():
            return sa.func.timezone(text_literal("UTC"), value)
        if column.type in TEXTS:
            return sa.cast(value, sa.Text)
        return value

    def json_object(self, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON object of names and values."""
        if len(pairs) <= JSON_KEY_LIMIT:
            return sa.func.json_build_object(*_arguments(pairs))
        parts = [
            sa.func.jsonb_build_object(*_arguments(pairs[start : start + JSON_KEY_LIMIT]))
            for start in range(0, len(pairs), JSON_KEY_LIMIT)
        ]
        whole: Expression = parts[0]
        for part in parts[1:]:
            whole = whole.op("||", return_type=pg.JSONB())(part)
        return whole

    def json_rows(self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON array of the rows of a subquery."""
        named = sa.select(*[value.label(name) for name, value in pairs]).subquery("q")
        array = sa.func.coalesce(sa.func.json_agg(sa.literal_column("q")), text_literal("[]"))
        return sa.select(array).select_from(named).scalar_subquery()

    def json_array(self, values: Sequence[Expression]) -> Expression:
        """Give a JSON array of values."""
        return sa.func.json_build_array(*values)

    def json_text(self, value: Expression) -> Expression:
        """Give JSON as text."""
        return sa.cast(value, sa.Text)

    def json_lines(
        self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]
    ) -> sa.Select[Any]:
        """Select each row of a subquery as JSON, in one line."""
        named = sa.select(*[value.label(name) for name, value in pairs]).subquery("q")
        line = sa.cast(sa.func.row_to_json(sa.literal_column("q")), sa.Text)
        return sa.select(line).select_from(named)

    def compared(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it stands in comparisons and orderings."""
        if column.type not in TEXTS:
            return value
        if column.native is not None and not column.native.startswith(_COLLATED):
            value = sa.cast(value, sa.Text)
        return value.collate(COLLATION)

    def in_list(self, value: Expression, column: StoredColumn, slot: str, size: int) -> Expression:
        """Compare with a list in one parameter."""
        parameter = sa.bindparam(slot, type_=pg.ARRAY(self.parameter_type(column)))
        return value == sa.any_(parameter)

    def search(self, value: Expression, operator: Operator, slot: str) -> Expression:
        """Search in a text, ignoring case and accents."""
        parameter = sa.bindparam(slot, type_=sa.Text())
        text = self._folded(value)
        if operator is Operator.CONTAINS:
            return sa.func.strpos(text, parameter) > number_literal(0)
        if operator is Operator.STARTS_WITH:
            return sa.func.starts_with(text, parameter)
        return sa.func.right(text, sa.func.length(parameter)) == parameter

    def _folded(self, value: Expression) -> Expression:
        """Do what `query.folding.fold` does."""
        apart = sa.func.normalize(sa.cast(value, sa.Text), sa.literal_column("NFD"))
        marks = text_literal(f"[{FIRST_MARK}-{LAST_MARK}]")
        empty, everywhere = text_literal(""), text_literal("g")
        bare = sa.func.regexp_replace(apart, marks, empty, everywhere, type_=sa.Text())
        if self._lower_collation:
            bare = bare.collate(self._lower_collation)
        sigma, final = text_literal("σ"), text_literal("ς")
        folded = sa.func.replace(sa.func.lower(bare), final, sigma)
        return sa.func.normalize(folded, sa.literal_column("NFC")).collate(COLLATION)

    def items(self, value: Expression) -> tuple[sa.FromClause, Expression]:
        """Give the texts of a list; an adopted column may hold what is none."""
        document = sa.cast(value, pg.JSONB)
        is_list = sa.func.jsonb_typeof(document) == text_literal("array")
        listed = sa.case((is_list, document), else_=sa.cast(text_literal("[]"), pg.JSONB))
        rows = sa.func.jsonb_array_elements_text(listed).table_valued("value", name="items")
        return rows, rows.c["value"]

    def ordered(self, value: Expression, *, nullable: bool, descending: bool) -> Expression:
        """Order by a value: nulls first, or last when descending."""
        direction = value.desc() if descending else value.asc()
        if not nullable:
            return direction
        return direction.nulls_last() if descending else direction.nulls_first()

    def after_given_keys(self, table: Table) -> str | None:
        """Let the sequence go on behind the highest key."""
        quote = self.sa.identifier_preparer.quote_identifier
        name, key = quote(table.definition.physical), quote(table.primary.physical)
        literals = (text.replace("'", "''") for text in (name, table.primary.physical))
        sequence = "pg_get_serial_sequence('{}', '{}')".format(*literals)
        return f"SELECT setval({sequence}, max({key})) FROM {name} HAVING max({key}) > 0"  # noqa: S608

    def figure(self, function: Function, value: Expression, column: StoredColumn) -> Expression:
        """Give a figure over the values of a column; some have no least and greatest here."""
        if function in {Function.MIN, Function.MAX}:
            if column.type is ColumnType.UUID:
                text = sa.cast(value, sa.Text).collate(COLLATION)
                return sa.cast(super().figure(function, text, column), sa.Uuid(as_uuid=False))
            if column.native is not None:
                value = self.compared(value, column)
        return super().figure(function, value, column)

    def figure_column(self, measure: Measure) -> StoredColumn:
        """Give what a figure is like; the least and the greatest are of the column's own type."""
        found = super().figure_column(measure)
        if measure.column is not None and measure.function in {Function.MIN, Function.MAX}:
            return StoredColumn("", found.type, found.options, measure.column.native)
        return found

    def insert(self, table: sa.TableClause) -> pg.Insert:
        """Begin an insert that `upsert` can extend."""
        return pg.insert(table)

    def upsert(self, statement: Any, conflict: Sequence[str], columns: Sequence[str]) -> Any:
        """Make an insert update the record that is already there."""
        return on_conflict(statement, conflict, columns)


def _is_enumeration(column: StoredColumn) -> bool:
    return column.native is not None and not column.native.startswith(_COLLATED)


def _arguments(pairs: Sequence[tuple[str, Expression]]) -> list[Expression]:
    return [part for name, value in pairs for part in (text_literal(name), value)]
