"""What MariaDB and MySQL do in their own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql.asyncmy import (
    dialect as AsyncmyDialect,  # noqa: N812 - SQLAlchemy exports the class in lower case
)

from ...encoding import decode_json
from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, INTEGERS, LONG_TEXTS, TEXTS, ColumnType
from ...query.ast import Operator
from ...query.search_patterns import LONGEST, search_pattern
from ...query.spellings import spellings
from .dialect import (
    WHOLE,
    Dialect,
    Encoder,
    Expression,
    common_type,
    encode_document,
    number_literal,
    raw_json,
    text_literal,
)
from .native import GEOMETRIES

# Types whose values are texts already.
_TEXTUAL = (
    "VARCHAR", "CHAR", "NCHAR", "NVARCHAR", "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM",
    "SET", "NATIONAL",
)  # fmt: skip


class MysqlDialect(Dialect):
    """MariaDB and MySQL through asyncmy.

    They build long JSON lists slowly (13 times the work of the rows themselves), so answers are
    made of rows here. What was written is read back by its key.
    """

    name = "mysql"
    every = 2**63 - 1
    builds_json = False
    expands_lists = True
    returning = False
    # The driver writes them into the statement's text, on the event loop.
    rows_at_once = 1_000
    updates_at_once = 128
    updates_by_case = True

    def __init__(self) -> None:
        self.sa = AsyncmyDialect(paramstyle="format")
        # Binary and without padding: 'a' is not 'A', and 'a' is not 'a '.
        self.collation = "utf8mb4_nopad_bin"
        self._longest_pattern: int | None = LONGEST

    def adapt(self, facts: Mapping[str, str]) -> None:
        """Take account of the server: MySQL has another collation, and another kind of patterns."""
        if "mariadb" not in facts.get("version", "").lower():
            self._longest_pattern = None
            self.collation = "utf8mb4_0900_bin"
        # Made when the server starts, not while a request waits.
        spellings()

    def read_explanation(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Give MariaDB's plan, whose JSON has quotes of conditions escaped as SQL has them."""
        return decode_json(str(rows[0][0]).replace("\\'", "'"))

    def type_of(self, type_: ColumnType, options: Any = None) -> sa.types.TypeEngine[Any]:
        """Give the SQLAlchemy type that a column is created with."""
        if type_ in DOCUMENTS:
            return mysql.JSON()
        if type_ in LONG_TEXTS:
            return mysql.LONGTEXT()
        if type_ in INSTANTS:
            return mysql.DATETIME(fsp=6)
        if type_ is ColumnType.FLOAT:
            return mysql.DOUBLE()
        return common_type(type_, options)

    def parameter_type(self, column: StoredColumn) -> sa.types.TypeEngine[Any]:
        """Give no type: values are encoded here, not by SQLAlchemy."""
        return sa.types.NullType()

    def encoder(self, column: StoredColumn) -> Encoder | None:
        """Give the function from a canonical value to the driver's."""
        if column.type in DOCUMENTS:
            return encode_document
        if column.type in INSTANTS:
            return _naive
        return None

    def json_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it is read; `row_reader` makes the rest."""
        if column.type in INSTANTS:
            pattern = text_literal("%Y-%m-%dT%H:%i:%s.%f")
            return sa.func.date_format(value, pattern)
        if column.type is ColumnType.DECIMAL:
            # Python would write a small one as 1E-7.
            return sa.cast(value, mysql.CHAR())
        return self.plain_value(value, column)

    def plain_value(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it is read into Python."""
        native = (column.native or "").upper()
        if native.startswith("BIT"):
            return value + number_literal(0)
        if column.type is ColumnType.SIMPLE_JSON and native.startswith(GEOMETRIES):
            return sa.func.st_asgeojson(value)
        if native and column.type in TEXTS and not native.startswith(_TEXTUAL):
            return sa.cast(value, mysql.CHAR(charset="utf8mb4"))
        return value

    def compared(self, value: Expression, column: StoredColumn) -> Expression:
        """Give a column as it stands in comparisons and orderings."""
        if column.native is None or column.type not in TEXTS:
            return value
        plain = self.plain_value(value, column)
        if plain is value and not column.native.upper().startswith(("ENUM", "SET")):
            return value
        # Of its own, an enumeration is in the order of its definition.
        return sa.cast(plain, mysql.CHAR(charset="utf8mb4")).collate(self.collation)

    def converter(self, column: StoredColumn) -> Encoder | None:
        """Give the function from what `json_value` gave to what is encoded as JSON."""
        if column.type is ColumnType.BOOLEAN:
            return bool
        if column.type in DOCUMENTS:
            return raw_json
        if column.type in INSTANTS:
            return _instant
        # The sum of integers comes as a decimal.
        return int if column.type in INTEGERS else None

    def json_object(self, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Not used: `builds_json` is False."""
        raise TypeError("answers are made of rows")

    def json_rows(self, rows: sa.Subquery, pairs: Sequence[tuple[str, Expression]]) -> Expression:
        """Not used: `builds_json` is False."""
        raise TypeError("answers are made of rows")

    def json_array(self, values: Sequence[Expression]) -> Expression:
        """Not used: `builds_json` is False."""
        raise TypeError("answers are made of rows")

    def as_float(self, value: Expression) -> Expression:
        """Give a number as a float."""
        return value * sa.literal_column("1E0")

    def in_list(self, value: Expression, column: StoredColumn, slot: str, size: int) -> Expression:
        """Compare with a list: a parameter for each item, or one JSON text for a long list."""
        if not size:
            return sa.false()
        if size == WHOLE:
            return value.in_(sa.select(self._items(column, slot)))
        return value.in_([sa.bindparam(f"{slot}_{number}") for number in range(size)])

    def _items(self, column: StoredColumn, slot: str) -> Expression:
        """Give the items of a JSON text as values of a column's type."""
        return self._json_table(sa.bindparam(slot), _JSON_TABLE.get(column.type)).c["item"]

    def items(self, value: Expression) -> tuple[sa.FromClause, Expression]:
        """Give the texts of a list."""
        # Where no record can meet the other conditions, MariaDB reads a list out of nothing.
        listed = sa.func.if_(sa.func.json_valid(value), value, text_literal("[]"))
        rows = self._json_table(listed, None)
        return rows, rows.c["item"]

    def _json_table(self, value: Expression, type_: str | None) -> Any:
        # Without a character set, texts would be cut down to that of the database.
        kind = type_ or f"LONGTEXT CHARACTER SET utf8mb4 COLLATE {self.collation}"
        path: Expression = sa.literal_column(f"'$[*]' COLUMNS (item {kind} PATH '$')")
        return sa.func.json_table(value, path).table_valued("item", name="items")

    def list_value(self, encode: Encoder | None, items: Sequence[Any]) -> Any:
        """Give the JSON text that a long list is bound as."""
        return encode_document([_json_item(item) for item in super().list_value(encode, items)])

    def search(self, value: Expression, operator: Operator, slot: str) -> Expression:
        """Search in a text, ignoring case and accents."""
        # Adopted columns may have another character set. The binary collation compares as it is
        # written; the pattern itself knows what is alike.
        text = sa.cast(value, mysql.CHAR(charset="utf8mb4")).collate(self.collation)
        return text.regexp_match(sa.bindparam(slot))

    def search_text(self, operator: Operator, text: str) -> str:
        """Give the regular expression that is bound for a search."""
        return search_pattern(operator, text, longest=self._longest_pattern)

    def insert(self, table: sa.TableClause) -> mysql.Insert:
        """Begin an insert that `upsert` can extend."""
        return mysql.insert(table)

    def upsert(self, statement: Any, conflict: Sequence[str], columns: Sequence[str]) -> Any:
        """Make an insert update the record that is already there.

        The record that is there may share another unique value than the key asked for. That must
        fail as it does elsewhere, and dividing by zero is what makes a row's update fail here.
        """
        table, given = statement.table, statement.inserted
        first, *others = columns or conflict[:1]
        same = sa.and_(*(table.c[name].op("<=>")(given[name]) for name in conflict))
        checked = sa.func.if_(number_literal(1).op("/")(same), given[first], table.c[first])
        return statement.on_duplicate_key_update(
            {first: checked, **{name: given[name] for name in others}}
        )


_JSON_TABLE = {
    ColumnType.INT: "BIGINT",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.BOOLEAN: "TINYINT",
    ColumnType.FLOAT: "DOUBLE",
    # Not the column's own: 1.101 would be rounded to a 1.10 that is there.
    ColumnType.DECIMAL: "DECIMAL(65, 30)",
    ColumnType.DATE: "DATE",
    ColumnType.DATETIME: "DATETIME(6)",
    ColumnType.TIMESTAMP: "DATETIME(6)",
    ColumnType.UUID: "CHAR(36)",
}


def _instant(value: str) -> str:
    """Finish what the statement formatted: no trailing zeros, and the zone."""
    return value.rstrip("0").rstrip(".") + "+00:00" if "." in value else value + "+00:00"


def _json_item(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return int(value) if isinstance(value, bool) else value


def _naive(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None)
