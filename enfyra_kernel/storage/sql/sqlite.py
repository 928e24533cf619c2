"""What SQLite does in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import (
    dialect as PysqliteDialect,  # noqa: N812 - SQLAlchemy exports the class in lower case
)

from ...encoding import format_instant
from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, INTEGERS, ColumnType
from ...metadata.values import precision_of
from ...query.ast import Function, Operator
from ...query.plan import Plan
from ...query.predicates import Measure
from ...query.selection import Selected, SelectedColumn, SelectedMany, Selection
from .dialect import (
    JSON_KEY_LIMIT,
    Dialect,
    Encoder,
    Expression,
    common_type,
    encode_document,
    number_literal,
    on_conflict,
    raw_json,
    text_literal,
)

# How other programs write instants into SQLite: 2009-01-01 00:00:00. Set by adoption.
FOREIGN_INSTANT = "sqlite:datetime"
# Columns of no type: each value is what it is. Set by adoption.
ANYTHING = "sqlite:any"
# JSON that nobody checked. Set by adoption.
FOREIGN_JSON = "sqlite:json"
# Sums of 64-bit integers or decimals, which may have more digits than SQLite's numbers: as text.
EXACT = "sqlite:exact"
# Before 3.46, SQLite's parser has a stack of 100. Measured: a statement with these fits.
MANY, ONE, MAX_WEIGHT = 20, 9, 66
# SQLite keeps decimals as 64-bit floats, which are exact up to so many digits.
MAX_PRECISION = 15


class SqliteDialect(Dialect):
    """SQLite through the standard library.

    Instants are kept as text in the form of `format_instant`, dates as ISO text, booleans as 0
    and 1, decimals as numbers, documents as JSON text.
    """

    name = "sqlite"
    explain = "EXPLAIN QUERY PLAN "
    every = -1

    def __init__(self) -> None:
        self.sa = PysqliteDialect(paramstyle="qmark")

    def read_explanation(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Give SQLite's plan: a step a line, below what it is a part of."""
        depths = {0: -1}
        for number, parent, _, _ in rows:
            depths[number] = depths.get(parent, -1) + 1
        return ["  " * depths[number] + text for number, _, _, text in rows]

    def type_of(self, type_: ColumnType, options: Any = None) -> sa.types.TypeEngine[Any]:
        """Give the SQLAlchemy type that a column is created with."""
        return common_type(type_, options)

    def kept_native(self, native: str, type_: ColumnType | None) -> str | None:
        """Give what must be known of the type of a column that somebody else made."""
        if type_ is ColumnType.TEXT and not native:
            return ANYTHING
        return {
            ColumnType.DATETIME: FOREIGN_INSTANT,
            ColumnType.SIMPLE_JSON: FOREIGN_JSON,
        }.get(type_ or ColumnType.INT)

    def parameter_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give no type: values are encoded here, not by SQLAlchemy."""
        return sa.types.NullType()

    def encoder(self, column: StoredColumn) -> Encoder | None:
        """Give the function from a canonical value to what sqlite3 stores."""
        if column.type in DOCUMENTS:
            return encode_document
        if column.type in INSTANTS:
            return _foreign_instant if column.native == FOREIGN_INSTANT else format_instant
        if column.type is ColumnType.DATE:
            return _isoformat
        if column.type is ColumnType.DECIMAL:
            return float
        return _number_or_text if column.native == ANYTHING else None

    def json_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it goes into JSON."""
        if column.native == EXACT:
            return value if column.type is ColumnType.DECIMAL else sa.func.json(value)
        if column.native == ANYTHING:
            return _shown(value)
        if column.native == FOREIGN_JSON:
            return sa.func.json(_as_json(value))
        match column.type:
            case ColumnType.BOOLEAN:
                word = sa.case(
                    (self.is_absent(value), sa.null()),
                    (value == number_literal(0), text_literal("false")),
                    else_=text_literal("true"),
                )
                return sa.func.json(word)
            case ColumnType.FLOAT:
                return sa.func.json(self._shortest(value))
            case ColumnType.DECIMAL:
                return self.plain_value(value, column)
            case ColumnType.SIMPLE_JSON | ColumnType.ARRAY_SELECT:
                return sa.func.json(value)
            case _:
                return self.plain_value(value, column)

    def converter(self, column: StoredColumn) -> Encoder | None:
        """Give the function from what `json_value` gave to what is encoded as JSON."""
        if column.native == EXACT:
            return None if column.type is ColumnType.DECIMAL else _digits
        made = column.type in {ColumnType.BOOLEAN, ColumnType.FLOAT} or column.type in DOCUMENTS
        return raw_json if made else None

    def builds_json_of(self, plan: Plan) -> bool:
        """Say whether SQLite makes the JSON of an answer: its parser bears so many levels only."""
        return _weight(plan.selection) <= MAX_WEIGHT

    def plain_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it is read into Python."""
        if column.type is ColumnType.DECIMAL:
            _, scale = precision_of(column.options)
            return sa.case(
                (self.is_absent(value), sa.null()),
                else_=sa.func.printf(text_literal(f"%.{scale}f"), value),
            )
        if column.native == FOREIGN_INSTANT:
            return _canonical_instant(value)
        if column.native == ANYTHING:
            return sa.cast(_shown(value), sa.Text)
        return _as_json(value) if column.native == FOREIGN_JSON else value

    def is_absent(self, value: Expression) -> Expression:
        """Say, in an answer, whether a value is null.

        In RETURNING, SQLite up to 3.40 takes `x IS NULL` to be false when the table's key is NOT
        NULL: it looks at the wrong column.
        """
        return sa.func.typeof(value) == text_literal("null")

    def _shortest(self, value: Expression) -> Expression:
        """Write a float so that it reads back the same: SQLite's JSON keeps 15 digits only.

        Of very large and small numbers SQLite gets the seventeenth digit wrong now and then.
        """
        short = sa.func.printf(text_literal("%!.15g"), value)
        exact = sa.func.printf(text_literal("%!.17g"), value)
        longer = sa.func.printf(text_literal("%!.18g"), value)
        same = sa.cast(short, sa.REAL) == value
        usual = sa.func.abs(value).between(sa.literal_column("1e-100"), sa.literal_column("1e100"))
        infinite = sa.func.abs(value) > sa.literal_column("1.7976931348623157e308")
        return sa.case(
            (self.is_absent(value), sa.null()),
            (same & usual, short),
            (usual, exact),
            (infinite, sa.func.enfyra_overflow()),
            else_=longer,
        )

    def json_object(self, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON object; one call takes at most 63 pairs, so wide ones are joined as text."""
        parts = [
            sa.func.json_object(
                *[
                    part
                    for name, value in pairs[start : start + JSON_KEY_LIMIT]
                    for part in (text_literal(name), value)
                ]
            )
            for start in range(0, len(pairs), JSON_KEY_LIMIT)
        ]
        if len(parts) == 1:
            return parts[0]
        text: Expression = sa.func.substr(
            parts[0], number_literal(1), sa.func.length(parts[0]) - number_literal(1)
        )
        for part in parts[1:]:
            text = text.op("||")(text_literal(",")).op("||")(
                sa.func.substr(part, number_literal(2), sa.func.length(part) - number_literal(2))
            )
        return sa.func.json(text.op("||")(text_literal("}")))

    def json_array(self, values: Sequence[Expression]) -> Expression:
        """Give a JSON array of values."""
        return sa.func.json_array(*values)

    def json_rows(self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Give a JSON array of the rows of a subquery."""
        array = sa.func.json_group_array(self.json_object(pairs))
        return sa.select(array).select_from(rows).scalar_subquery()

    def compared(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it stands in comparisons and orderings."""
        if column.native == EXACT:
            return sa.cast(value, sa.Numeric)
        return _canonical_instant(value) if column.native == FOREIGN_INSTANT else value

    def in_list(self, value: Expression, column: StoredColumn, slot: str, size: int) -> Expression:
        """Compare with a list that is bound as one JSON text."""
        items = sa.func.json_each(sa.bindparam(slot)).table_valued("value")
        return value.in_(sa.select(items.c.value))

    def list_value(self, encode: Encoder | None, items: Sequence[Any]) -> Any:
        """Give the JSON text that a list is bound as."""
        return encode_document(super().list_value(encode, items))

    def search(self, value: Expression, operator: Operator, slot: str) -> Expression:
        """Search in a text, ignoring case and accents."""
        parameter: Expression = sa.bindparam(slot)
        text = sa.func.enfyra_fold(value)
        if operator is Operator.CONTAINS:
            return sa.func.instr(text, parameter) > number_literal(0)
        if operator is Operator.STARTS_WITH:
            return sa.func.substr(text, number_literal(1), sa.func.length(parameter)) == parameter
        # substr(x, -0) would be the whole text: an empty end is everywhere.
        length = sa.func.length(parameter)
        end = sa.func.substr(
            text, sa.func.max(sa.func.length(text) - length, number_literal(0)) + number_literal(1)
        )
        return end == parameter

    def items(self, value: Expression) -> tuple[sa.FromClause, Expression]:
        """Give the texts of a list."""
        rows = sa.func.json_each(value).table_valued("value")
        return rows, rows.c.value

    def sum(self, value: Expression, column: StoredColumn) -> Expression:
        """Give the sum of a column's values; SQLite's own fails beyond 64 bits, or loses digits."""
        if column.type is ColumnType.BIGINT:
            return sa.func.enfyra_sum(value)
        if column.type is ColumnType.DECIMAL:
            _, scale = precision_of(column.options)
            return sa.func.enfyra_sum_decimal(value, number_literal(scale))
        return sa.func.sum(value)

    def figure_column(self, measure: Measure) -> StoredColumn:
        """Give what a figure is like; a sum that may be large is a text of digits."""
        column = super().figure_column(measure)
        large = {ColumnType.BIGINT, ColumnType.DECIMAL}
        if measure.function is Function.SUM and measure.column and measure.column.type in large:
            return StoredColumn("", column.type, column.options, EXACT)
        return column

    def increased(self, value: Expression, amount: Expression, column: StoredColumn) -> Expression:
        """Add to a number. SQLite would keep what does not fit, and decimals as they come out."""
        total: Expression = sa.func.coalesce(value, number_literal(0)) + amount
        if column.type is ColumnType.DECIMAL:
            total = sa.func.round(total, number_literal(precision_of(column.options)[1]))
        low, high = _bounds(column)
        fits: Expression = total.between(_literal(low), _literal(high))
        if column.type in INTEGERS:
            # Beyond 64 bits it goes on with floats.
            fits &= sa.func.typeof(total) == text_literal("integer")
        return sa.case((fits, total), else_=sa.func.enfyra_overflow())

    def insert(self, table: sa.TableClause) -> sqlite.Insert:
        """Begin an insert that `upsert` can extend."""
        return sqlite.insert(table)

    def upsert(self, statement: Any, conflict: Sequence[str], columns: Sequence[str]) -> Any:
        """Make an insert update the record that is already there."""
        return on_conflict(statement, conflict, columns)


def _weight(selection: Selection) -> int:
    """Give the most levels on SQLite's parser stack that a selection needs."""
    return max((_weight_of(one) for one in selection), default=0)


def _weight_of(one: Selected) -> int:
    if isinstance(one, SelectedColumn):
        return 0
    return (MANY if isinstance(one, SelectedMany) else ONE) + _weight(one.selection)


def _digits(value: int | str) -> msgspec.Raw:
    return raw_json(str(value))


def _literal(number: str) -> Expression:
    return sa.literal_column(number)


def _bounds(column: StoredColumn) -> tuple[str, str]:
    """Give the least and the greatest number that a column holds."""
    match column.type:
        case ColumnType.INT:
            return str(-(2**31)), str(2**31 - 1)
        case ColumnType.BIGINT:
            return str(-(2**63)), str(2**63 - 1)
        case ColumnType.DECIMAL:
            precision, scale = precision_of(column.options)
            most = "9" * (precision - scale) + "." + "9" * scale
            return f"-{most}", most
        case _:
            return "-1.7976931348623157e308", "1.7976931348623157e308"


def _isoformat(value: Any) -> str:
    return value.isoformat()


def _number_or_text(value: str) -> Any:
    """Give a text that is how a number is written as the number."""
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if str(number) == value:
            return number
    return value


def _shown(value: Expression) -> Expression:
    """Give a value of any type as JSON can hold it: what is binary, as its digits."""
    is_binary = sa.func.typeof(value) == text_literal("blob")
    return sa.case((is_binary, sa.func.lower(sa.func.hex(value))), else_=value)


def _as_json(value: Expression) -> Expression:
    """Give what should be JSON as JSON: what is none, as a text."""
    is_json = sa.func.json_valid(value) == number_literal(1)
    quoted = sa.func.json_quote(sa.cast(value, sa.Text))
    return sa.case(
        (sa.func.typeof(value) == text_literal("null"), sa.null()), (is_json, value), else_=quoted
    )


def _foreign_instant(value: Any) -> str:
    return format_instant(value).removesuffix("+00:00").replace("T", " ")


def _canonical_instant(value: Expression) -> Expression:
    text = sa.func.strftime(text_literal("%Y-%m-%dT%H:%M:%f"), value)
    bare = sa.func.rtrim(sa.func.rtrim(text, text_literal("0")), text_literal("."))
    # A time of 10:00:00.000 would lose the zeros of its seconds, too.
    whole = sa.func.substr(text, number_literal(1), number_literal(19))
    bare = sa.case((text.op("LIKE")(text_literal("%.000")), whole), else_=bare)
    return bare.op("||")(text_literal("+00:00"))
