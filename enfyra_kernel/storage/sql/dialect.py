"""What differs between SQL databases, seen from the renderer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect as SaDialect
from sqlalchemy.sql.elements import ColumnElement

from ...encoding import decode_json, encode_json
from ...metadata.tables import StoredColumn, Table
from ...metadata.types import DOCUMENTS, TEXTS, ColumnType
from ...metadata.values import length_of, precision_of
from ...query.ast import Function, Operator
from ...query.folding import fold
from ...query.plan import Plan
from ...query.predicates import Measure

Expression = ColumnElement[Any]
Encoder = Callable[[Any], Any]

JSON_KEY_LIMIT = 45
# The size of a list that is bound as one parameter where short ones are one for each item.
WHOLE = -1


class Dialect(ABC):
    """Renders what one database does in its own way.

    Attributes:
        name: `sqlite`, `postgresql` or `mysql`.
        builds_json: Whether the database makes the JSON of an answer itself.
        builds_lines: Whether it is better asked for one JSON text for each record than for all.
        expands_lists: Whether a list in a filter becomes one parameter for each of its items.
        returning: Whether writes give back the rows they wrote.
        rows_at_once: How many records one statement inserts when nothing is to be given back.
        explain: What stands in front of a statement to get the database's plan of it.
        every: The limit that lets all rows through.
        page_sizes: Sizes of pages of which the database is told in the text of a statement. Where a
            statement is planned before its parameters are known, one with a limit among them is
            not planned well, or planned each time.
        updates_at_once: How many records one statement updates, each with values of its own.
        updates_by_case: Whether such a statement has a case for each record.
    """

    name: str
    builds_json: bool = True
    builds_lines: bool = False
    expands_lists: bool = False
    returning: bool = True
    rows_at_once: int = 5_000
    explain: str = "EXPLAIN FORMAT=JSON "
    every: int | None = None
    page_sizes: tuple[int, ...] = ()
    updates_at_once: int = 5_000
    updates_by_case: bool = False
    sa: SaDialect

    def adapt(self, facts: Mapping[str, str]) -> None:  # noqa: B027 - most need not
        """Take account of what the driver found out about the server."""

    def read_explanation(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Give the database's plan out of what it answered: JSON, unless said otherwise."""
        return decode_json(rows[0][0])

    # -- types ----------------------------------------------------------------------------------

    @abstractmethod
    def type_of(self, type_: ColumnType, options: Any = None) -> sa.types.TypeEngine[Any]:
        """Give the SQLAlchemy type that a column is created with."""

    def kept_native(self, native: str, type_: ColumnType | None) -> str | None:
        """Give what must be known of the type of a column that somebody else made."""
        return native or None

    def written_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give the type of a value that is written into a column."""
        return self.type_of(column.type, column.options)

    def parameter_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give the type of a value compared with a column."""
        if column.type is ColumnType.INT:
            return sa.BigInteger()
        if column.type in TEXTS:
            return sa.Text()
        return self.type_of(column.type, column.options)

    def encoder(self, column: StoredColumn) -> Encoder | None:
        """Give the function from a canonical value to the driver's, or None if they are equal."""
        return encode_document if column.type in DOCUMENTS else None

    # -- values in answers ----------------------------------------------------------------------

    @abstractmethod
    def json_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it goes into JSON."""

    @abstractmethod
    def json_object(self, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON object of names and values."""

    @abstractmethod
    def json_rows(self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON array of the rows of a subquery."""

    def json_lines(
        self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]
    ) -> sa.Select[Any]:
        """Select each row of a subquery as JSON, in one line."""
        return sa.select(self.json_object(pairs)).select_from(rows)

    @abstractmethod
    def json_array(self, values: Sequence[Expression]) -> Expression:
        """Give a JSON array of values."""

    def json_text(self, value: Expression) -> Expression:
        """Give JSON as text."""
        return value

    def converter(self, column: StoredColumn) -> Encoder | None:
        """Give the function from what `json_value` gave to what is encoded; None to leave it so.

        Only for answers that are made of flat rows.
        """
        return None

    def builds_json_of(self, plan: Plan) -> bool:
        """Say whether the database makes the JSON of an answer to a Plan itself."""
        return self.builds_json

    def plain_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it is read into Python."""
        return value

    def is_absent(self, value: Expression) -> Expression:
        """Say, in an answer, whether a value is null."""
        return value.is_(None)

    # -- conditions -----------------------------------------------------------------------------

    def compared(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it stands in comparisons and orderings."""
        return value

    @abstractmethod
    def in_list(self, value: Expression, column: StoredColumn, slot: str, size: int) -> Expression:
        """Compare with a list; a null is in no list."""

    def list_value(self, encode: Encoder | None, items: Sequence[Any]) -> Any:
        """Give what is bound for a list, where it is one parameter."""
        return [encode(item) for item in items] if encode is not None else list(items)

    @abstractmethod
    def search(self, value: Expression, operator: Operator, slot: str) -> Expression:
        """Search in a text, ignoring case and accents."""

    @abstractmethod
    def items(self, value: Expression) -> tuple[sa.FromClause, Expression]:
        """Give the texts of a list as a table of one column, and that column."""

    def search_text(self, operator: Operator, text: str) -> str:
        """Give what is bound for a search."""
        return fold(text)

    def holds(self, condition: Expression) -> Expression:
        """Give a condition that is false where it was unknown."""
        return condition.is_(sa.true())

    def ordered(self, value: Expression, *, nullable: bool, descending: bool) -> Expression:
        """Order by a value: nulls first, or last when descending."""
        return value.desc() if descending else value.asc()

    # -- figures --------------------------------------------------------------------------------

    def figure(self, function: Function, value: Expression, column: StoredColumn) -> Expression:
        """Give a figure over the values of a column; of none it is null."""
        match function:
            case Function.SUM:
                return self.sum(value, column)
            case Function.AVG:
                return self.as_float(self.sum(value, column)) / sa.func.nullif(
                    sa.func.count(value), number_literal(0)
                )
            case Function.MIN:
                return sa.func.min(value)
            case Function.MAX:
                return sa.func.max(value)
            case Function.COUNT:
                return sa.func.count(value)

    def sum(self, value: Expression, column: StoredColumn) -> Expression:
        """Give the sum of a column's values."""
        return sa.func.sum(value)

    def as_float(self, value: Expression) -> Expression:
        """Give a number as a float."""
        return sa.cast(value, sa.Double)

    def figure_column(self, measure: Measure) -> StoredColumn:
        """Give what a figure is like: the column that it would be stored in."""
        options = measure.column.options if measure.column is not None else None
        return StoredColumn("", measure.type, options)

    # -- writes ---------------------------------------------------------------------------------

    def after_given_keys(self, table: Table) -> str | None:
        """Give a statement to run after an insert that named keys which the database counts up."""
        return None

    def increased(self, value: Expression, amount: Expression, column: StoredColumn) -> Expression:
        """Add to a number; null counts as 0. A sum that does not fit the column is an error."""
        return sa.func.coalesce(value, number_literal(0)) + amount

    @abstractmethod
    def insert(self, table: sa.TableClause) -> sa.Insert:
        """Begin an insert that `upsert` can extend."""

    @abstractmethod
    def upsert(self, statement: Any, conflict: Sequence[str], columns: Sequence[str]) -> Any:
        """Make an insert update the given columns of the record that is already there."""


def on_conflict(statement: Any, conflict: Sequence[str], columns: Sequence[str]) -> Any:
    """Extend an insert by ON CONFLICT, which PostgreSQL and SQLite share."""
    if not columns:
        return statement.on_conflict_do_nothing(index_elements=list(conflict))
    return statement.on_conflict_do_update(
        index_elements=list(conflict),
        set_={name: statement.excluded[name] for name in columns},
    )


def encode_document(value: Any) -> str:
    """Give a JSON value as the text that databases are handed."""
    return encode_json(value).decode()


def raw_json(value: str | bytes) -> msgspec.Raw:
    """Give JSON that is text already, so that it is taken over as it is."""
    return msgspec.Raw(value.encode() if isinstance(value, str) else value)


def text_literal(text: str) -> Expression:
    """Give a text of ours as a literal; a value of a request is always a parameter."""
    quoted = text.replace("'", "''")
    return sa.literal_column(f"'{quoted}'")


def number_literal(number: int) -> Expression:
    """Give a number of ours as a literal."""
    return sa.literal_column(str(number))


def common_type(type_: ColumnType, options: Any) -> sa.types.TypeEngine[Any]:
    """Give the type that most databases share."""
    match type_:
        case ColumnType.INT:
            return sa.Integer()
        case ColumnType.BIGINT:
            return sa.BigInteger()
        case ColumnType.FLOAT:
            return sa.Double()
        case ColumnType.DECIMAL:
            return sa.Numeric(*precision_of(options))
        case ColumnType.BOOLEAN:
            return sa.Boolean()
        case ColumnType.DATE:
            return sa.Date()
        case ColumnType.VARCHAR:
            return sa.String(length_of(options))
        case ColumnType.ENUM:
            return sa.String(255)
        case ColumnType.UUID:
            return sa.CHAR(36)
        case ColumnType.OBJECT_ID:
            return sa.CHAR(24)
        case ColumnType.DATETIME | ColumnType.TIMESTAMP:
            return sa.DateTime(timezone=True)
        case _:
            return sa.Text()
