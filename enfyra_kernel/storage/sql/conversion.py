"""How a column's values take another type: through text, in the database."""

from __future__ import annotations

from ...metadata.types import INSTANTS, INTEGERS, NUMBERS, TEXTS, ColumnType
from ...metadata.values import precision_of
from ..physical import PhysicalColumn


def to_text(dialect: str, column: str, type_: ColumnType | None) -> str:
    """Give the SQL for a column's values as canonical text; `column` is quoted already.

    Example:
        >>> to_text("sqlite", '"open"', ColumnType.BOOLEAN)
        "CASE WHEN \\"open\\" IS NULL THEN NULL WHEN \\"open\\" THEN 'true' ELSE 'false' END"
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
    return from_text(dialect, to_text(dialect, name, old.type), new)


def from_text(dialect: str, text: str, new: PhysicalColumn) -> str:
    """Give the SQL from canonical text, checked before, to the new type."""
    if new.type is None or new.type in TEXTS:
        return text
    if new.type is ColumnType.BOOLEAN:
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE LOWER({text}) IN ('true', '1') END"
    if new.type in INSTANTS and dialect == "mysql":
        for old, replacement in (("T", " "), ("Z", ""), ("+00:00", "")):
            text = f"REPLACE({text}, '{old}', '{replacement}')"
    return _cast(dialect, text, new)


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
