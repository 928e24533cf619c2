"""Types of columns that somebody else made: what a database calls them, and what they are to us."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from ...metadata.types import ColumnType
from .dialect import Dialect
from .sqlite import MAX_PRECISION

MAX_VARCHAR = 16_000
GEOMETRIES = (
    "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
    "GEOMETRYCOLLECTION", "GEOMCOLLECTION",
)  # fmt: skip

_TAIL = re.compile(r"\s+(?:CHARACTER SET|COLLATE)\b|\(|\[")
_NUMBERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)")
_WHOLE = re.compile(r"(TINY|SMALL|MEDIUM)?INT(EGER)?\b|YEAR|INT[24]\b|SERIAL\b")


class Native(NamedTuple):
    """A column's type as its database has it.

    Attributes:
        text: As the database writes it; of a domain, what it is made of.
        values: Those that an enumeration allows.
    """

    text: str
    values: tuple[str, ...] = ()


class Understood(NamedTuple):
    """What a type is to us.

    Attributes:
        type: None where we have none.
        read_only: Why we do not write it; None if we do.
    """

    type: ColumnType | None
    options: Any = None
    read_only: str | None = None


# -- reading them ---------------------------------------------------------------------------------


class _Stranger(sa.types.UserDefinedType[Any]):
    """A type that SQLAlchemy does not know."""

    name = ""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def get_col_spec(self, **_: Any) -> str:
        return self.name


def _stranger(name: str) -> type[_Stranger]:
    return type("Stranger", (_Stranger,), {"name": name.upper()})


class _Names(dict[str, Any]):
    """Names of types; one that is not there is a stranger's.

    Without it, SQLAlchemy warns of each.
    """

    def __init__(self, known: Mapping[str, Any], named: Sequence[str] = ()) -> None:
        super().__init__(known)
        self._named = frozenset(named)

    def __missing__(self, name: str) -> Any:
        return _stranger(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Find a type; enumerations and domains are found elsewhere."""
        bare = name.rpartition(".")[2].strip('"')
        if name in self or bare in self._named:
            return super().get(name, default)
        return _stranger(name)


class _AllNames(_Names):
    """Names of SQLite's types, which are any words; what they mean is read apart."""

    def __contains__(self, _: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return _stranger(name)


def lenient(connection: sa.Connection) -> Inspector:
    """Give an inspector that takes types as they are."""
    dialect: Any = connection.dialect
    if dialect.name == "sqlite":
        dialect.ischema_names = _AllNames({})
    elif dialect.name == "postgresql":
        named = connection.scalars(
            sa.text("SELECT lower(typname) FROM pg_type WHERE typtype IN ('e', 'd')")
        )
        # Those of the class: an inspector may have been made for this dialect before.
        known = cast("Any", type(dialect)).ischema_names
        dialect.ischema_names = _Names(known, list(named))
    else:
        dialect.ischema_names = _Names(dialect.ischema_names)
    return sa.inspect(connection)


def native_of(type_: Any, dialect: Any) -> Native:
    """Give a reflected type as the database has it."""
    # By its name: to import PostgreSQL's types takes a twentieth of a server's start.
    if type_.__visit_name__ == "DOMAIN":
        return native_of(type_.data_type, dialect)
    if isinstance(type_, sa.types.NullType):
        return Native("")
    values = tuple(type_.enums) if isinstance(type_, sa.Enum) else ()
    return Native(str(type_.compile(dialect=dialect)), values)


def declared_types(connection: sa.Connection, tables: Sequence[str]) -> dict[tuple[str, str], str]:
    """Give types that reflection does not give, by table and column."""
    if connection.dialect.name == "sqlite":
        text = sa.text("SELECT name, type FROM pragma_table_xinfo(:table)")
        return {
            (table, name): type_
            for table in tables
            for name, type_ in connection.execute(text, {"table": table})
        }
    if getattr(connection.dialect, "is_mariadb", False):
        # Its JSON is a long text that is checked.
        rows = connection.execute(
            sa.text(
                "SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS "
                "WHERE CONSTRAINT_SCHEMA = DATABASE() AND LEVEL = 'Column' "
                "AND CHECK_CLAUSE = CONCAT('json_valid(`', CONSTRAINT_NAME, '`)')"
            )
        )
        return {(row[0], row[1]): "JSON" for row in rows}
    return {}


# -- understanding them ---------------------------------------------------------------------------


def understood(native: Native, dialect: Dialect) -> Understood:
    """Say what a type is to us.

    Example:
        >>> from .postgresql import PostgresqlDialect
        >>> understood(Native("TSVECTOR"), PostgresqlDialect()).read_only
        'Enfyra does not write TSVECTOR'
    """
    upper = native.text.upper()
    base = _TAIL.split(upper, maxsplit=1)[0].strip()
    if upper.endswith("[]"):
        return _strange(native, ColumnType.SIMPLE_JSON)
    if base.startswith("ENUM") or (native.values and not base.startswith("SET")):
        return _enum(native)
    return _number(base, upper, dialect) or _text(base, upper) or _own(base, native, dialect)


def _strange(native: Native, type_: ColumnType = ColumnType.TEXT) -> Understood:
    what = " ".join(native.text.split())[:80] or "a column without a type"
    return Understood(type_, None, f"Enfyra does not write {what}")


def _enum(native: Native) -> Understood:
    values = list(native.values)
    if values and all(0 < len(one) <= 255 for one in values) and len(set(values)) == len(values):
        return Understood(ColumnType.ENUM, values)
    return _strange(native)


def _number(base: str, upper: str, dialect: Dialect) -> Understood | None:
    if upper.startswith("TINYINT(1)") or base in {"BOOLEAN", "BOOL"}:
        return Understood(ColumnType.BOOLEAN)
    if base.startswith("BIGINT") or base in {"INT8", "BIGSERIAL"}:
        return Understood(ColumnType.BIGINT)
    if _WHOLE.match(base):
        small = base.startswith(("TINY", "SMALL", "MEDIUM", "YEAR"))
        # SQLite's integers have up to 64 bits, whatever they are called.
        large = "UNSIGNED" in upper or dialect.name == "sqlite"
        return Understood(ColumnType.BIGINT if large and not small else ColumnType.INT)
    if base in {"DECIMAL", "NUMERIC"}:
        return _decimal(upper, dialect)
    if base.startswith(("DOUBLE", "FLOAT", "REAL")):
        return Understood(ColumnType.FLOAT)
    return None


def _decimal(upper: str, dialect: Dialect) -> Understood:
    found = _NUMBERS.search(upper)
    precision, scale = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if dialect.name == "sqlite":
        precision = min(precision, MAX_PRECISION)
    if not 0 < precision <= 65 or not 0 <= scale <= min(30, precision):
        # Any number of digits: only floats come near that on every database.
        return Understood(ColumnType.FLOAT)
    return Understood(ColumnType.DECIMAL, {"precision": precision, "scale": scale})


_NAMED: dict[str, ColumnType] = {
    "UUID": ColumnType.UUID,
    "DATE": ColumnType.DATE,
    "JSON": ColumnType.SIMPLE_JSON,
    "JSONB": ColumnType.SIMPLE_JSON,
    "CLOB": ColumnType.TEXT,
    "CITEXT": ColumnType.TEXT,
}


def _text(base: str, upper: str) -> Understood | None:
    if base in _NAMED:
        return Understood(_NAMED[base])
    if base.startswith(("TIMESTAMP", "DATETIME")):
        return Understood(ColumnType.DATETIME)
    if base.startswith(("VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "CHARACTER", "BPCHAR")):
        found = _NUMBERS.search(upper)
        length = int(found[1]) if found else 0
        if 0 < length <= MAX_VARCHAR:
            return Understood(ColumnType.VARCHAR, {"length": length})
        return Understood(ColumnType.TEXT)
    return Understood(ColumnType.TEXT) if base.endswith("TEXT") else None


_BINARY = ("BYTEA", "BINARY", "VARBINARY", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "VECTOR")


def _own(base: str, native: Native, dialect: Dialect) -> Understood:
    """Understand what only one database has."""
    if base.split(" ")[0] in _BINARY:
        return Understood(None)
    if dialect.name == "mysql":
        if base == "BIT":
            single = _NUMBERS.search(native.text)
            if single is None or single[1] == "1":
                return Understood(ColumnType.BOOLEAN)
            return _strange(native, ColumnType.BIGINT)
        if base in GEOMETRIES:
            return _strange(native, ColumnType.SIMPLE_JSON)
    if dialect.name == "sqlite":
        return _by_affinity(base, native)
    return _strange(native)


def _by_affinity(base: str, native: Native) -> Understood:
    """Understand a word of SQLite's by what is in it, as SQLite does."""
    if "INTERVAL" in base or not base:
        return _strange(native)
    if "INT" in base:
        return Understood(ColumnType.BIGINT)
    if any(part in base for part in ("CHAR", "CLOB", "TEXT")):
        return Understood(ColumnType.TEXT)
    if "BLOB" in base:
        return Understood(None)
    if any(part in base for part in ("REAL", "FLOA", "DOUB")):
        return Understood(ColumnType.FLOAT)
    return _strange(native)
