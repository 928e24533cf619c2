"""How a column's values take another type: through text, in the database."""

from __future__ import annotations

from ...metadata.types import INSTANTS, INTEGERS, NUMBERS, TEXTS, ColumnType
from ...metadata.values import precision_of
from ..physical import PhysicalColumn

CANONICAL = "enfyra_canonical"
"""A function of SQLite, ours: what a value of a type is stored as, given the type and a text."""


def to_text(dialect: str, column: str, type_: ColumnType | None) -> str:
    """Give the SQL for a column's values as canonical text; `column` is quoted already.

    Example:
        >>> to_text("sqlite", "open", ColumnType.BOOLEAN)
        "CASE WHEN open IS NULL THEN NULL WHEN open THEN 'true' ELSE 'false' END"
    """
    if type_ is None or type_ in TEXTS:
        return column
    if type_ is ColumnType.BOOLEAN:
        return f"CASE WHEN {column} IS NULL THEN NULL WHEN {column} THEN 'true' ELSE 'false' END"
    if dialect == "postgresql":
        return f"to_json({column}) #>> '{{}}'" if type_ in INSTANTS else f"{column}::text"
    if dialect == "mysql":
        if type_ in INSTANTS:
            formatted = f"DATE_FORMAT({column}, '%Y-%m-%dT%H:%i:%s.%f')"
            bare = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {formatted}))"
            return f"CONCAT({bare}, '+00:00')"
        return f"CAST({column} AS CHAR)"
    return f"CAST({column} AS TEXT)"


def converted(dialect: str, name: str, old: PhysicalColumn, new: PhysicalColumn) -> str:
    """Give the SQL for a column's values in the new type; `name` is quoted already."""
    if old.type in NUMBERS and new.type in NUMBERS:
        return _cast(dialect, name, new)
    if old.type is ColumnType.BOOLEAN and new.type in INTEGERS:
        return f"CASE WHEN {name} IS NULL THEN NULL WHEN {name} THEN 1 ELSE 0 END"
    if old.type in INTEGERS and new.type is ColumnType.BOOLEAN:
        return f"({name} <> 0)"
    text = to_text(dialect, name, old.type)
    if old.type in INSTANTS and new.type is ColumnType.DATE:
        text = f"SUBSTR({text}, 1, 10)"
    return from_text(dialect, text, new)


def from_text(dialect: str, text: str, new: PhysicalColumn) -> str:
    """Give the SQL from canonical text, checked before, to the new type."""
    if new.type is None or new.type in TEXTS:
        return text
    if new.type is ColumnType.BOOLEAN:
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE LOWER({text}) IN ('true', '1') END"
    if dialect == "sqlite" and new.type in INSTANTS | {ColumnType.UUID}:
        return f"{CANONICAL}('{new.type.value}', {text})"
    if dialect == "mysql" and new.type in INSTANTS:
        return _mysql_instant(text)
    if dialect == "mysql" and new.type is ColumnType.UUID:
        return _mysql_uuid(text)
    return _cast(dialect, text, new)


def _mysql_instant(text: str) -> str:
    zone = "[zZ]$|[+-][0-9]{2}(:?[0-9]{2})?$"
    bare = f"TRIM(REGEXP_REPLACE(SUBSTR({text}, 11), '{zone}', ''))"
    instant = f"CAST(CONCAT(SUBSTR({text}, 1, 10), ' ', REPLACE({bare}, 'T', '')) AS DATETIME(6))"
    hours = f"REPLACE(REGEXP_SUBSTR(SUBSTR({text}, 11), '[+-][0-9]{{2}}:?[0-9]{{0,2}}$'), ':', '')"
    offset = f"CONCAT(SUBSTR(RPAD({hours}, 5, '0'), 1, 3), ':', SUBSTR(RPAD({hours}, 5, '0'), 4))"
    # CONVERT_TZ would leave everything before 1970 as it is.
    seconds = f"TIME_TO_SEC(REPLACE({offset}, '+', ''))"
    return f"IF({hours} = '', {instant}, {instant} - INTERVAL {seconds} SECOND)"


def _mysql_uuid(text: str) -> str:
    digits = f"LOWER(REGEXP_REPLACE({text}, '^urn:uuid:|[{{}}-]', ''))"
    groups = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    listed = ", ".join(f"SUBSTR({digits}, {start}, {length})" for start, length in groups)
    return f"CONCAT_WS('-', {listed})"


def _cast(dialect: str, expression: str, new: PhysicalColumn) -> str:
    target = _TARGETS[dialect].get(new.type) if new.type is not None else None
    if target is None:
        return expression
    precision, scale = precision_of(new.options)
    return f"CAST({expression} AS {target.format(precision=precision, scale=scale)})"


_DECIMAL = "DECIMAL({precision}, {scale})"
_TARGETS: dict[str, dict[ColumnType, str]] = {
    "postgresql": {
        ColumnType.INT: "INTEGER",
        ColumnType.BIGINT: "BIGINT",
        ColumnType.FLOAT: "DOUBLE PRECISION",
        ColumnType.DECIMAL: _DECIMAL,
        ColumnType.DATE: "DATE",
        ColumnType.DATETIME: "TIMESTAMPTZ",
        ColumnType.TIMESTAMP: "TIMESTAMPTZ",
        ColumnType.UUID: "UUID",
        ColumnType.SIMPLE_JSON: "JSONB",
        ColumnType.ARRAY_SELECT: "JSONB",
    },
    "mysql": {
        ColumnType.INT: "SIGNED",
        ColumnType.BIGINT: "SIGNED",
        ColumnType.FLOAT: "DOUBLE",
        ColumnType.DECIMAL: _DECIMAL,
        ColumnType.DATE: "DATE",
        ColumnType.DATETIME: "DATETIME(6)",
        ColumnType.TIMESTAMP: "DATETIME(6)",
    },
    "sqlite": {
        ColumnType.INT: "INTEGER",
        ColumnType.BIGINT: "INTEGER",
        ColumnType.FLOAT: "REAL",
        ColumnType.DECIMAL: "NUMERIC",
        ColumnType.UUID: "TEXT",
    },
}
