"""What is there in a database: tables made by anybody, described as physical tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector, ObjectKind

from ...metadata.types import ColumnType, OnDelete
from ..physical import PhysicalColumn, PhysicalIndex, PhysicalReference, PhysicalTable
from .dialect import Dialect
from .sqlite import FOREIGN_INSTANT, MAX_PRECISION

_WHOLE = re.compile(r"(TINY|SMALL|MEDIUM)?INT(EGER)?\b|YEAR|INT[24]\b|SERIAL\b")
_VALUES = re.compile(r"'((?:[^']|'')*)'")


def inspect_tables(
    connection: sa.Connection, dialect: Dialect, names: Sequence[str] | None
) -> list[PhysicalTable]:
    """Describe tables and views; those of the given names, case aside, or all."""
    inspector = sa.inspect(connection)
    asked = None if names is None else {name.lower() for name in names}
    tables = [one for one in inspector.get_table_names() if asked is None or one.lower() in asked]
    views = [one for one in inspector.get_view_names() if asked is None or one.lower() in asked]
    found = _Found(inspector, tables, views)
    return [_describe(found, dialect, name) for name in tables] + [
        _describe(found, dialect, name, view=True) for name in views
    ]


class _Found:
    """What the database says about some tables, asked for all of them at once."""

    def __init__(self, inspector: Inspector, tables: list[str], views: list[str]) -> None:
        self.dialect = inspector.dialect
        named = [*tables, *views]
        self.columns = _by_name(
            named, lambda: inspector.get_multi_columns(filter_names=named, kind=ObjectKind.ANY)
        )
        self.primary = _by_name(
            tables, lambda: inspector.get_multi_pk_constraint(filter_names=tables)
        )
        self.indexes = _by_name(tables, lambda: inspector.get_multi_indexes(filter_names=tables))
        self.uniques = _by_name(
            tables, lambda: inspector.get_multi_unique_constraints(filter_names=tables)
        )
        self.references = _by_name(
            tables, lambda: inspector.get_multi_foreign_keys(filter_names=tables)
        )


def _by_name(names: list[str], ask: Callable[[], Mapping[Any, Any]]) -> dict[str, Any]:
    # An empty list of names would ask for all.
    return {key[1]: value for key, value in ask().items()} if names else {}


def _describe(found: _Found, dialect: Dialect, name: str, *, view: bool = False) -> PhysicalTable:
    primary: list[str] = [] if view else found.primary[name]["constrained_columns"]
    columns = tuple(
        _column(column, dialect, primary, found.dialect) for column in found.columns[name]
    )
    if view:
        return PhysicalTable(name=name, columns=columns, adopted=True, view=True)
    return PhysicalTable(
        name=name,
        columns=columns,
        indexes=_indexes(found.indexes[name], found.uniques[name]),
        references=tuple(_reference(key) for key in found.references[name]),
        adopted=True,
    )


def _column(column: Any, dialect: Dialect, primary: list[str], sa_dialect: Any) -> PhysicalColumn:
    native = str(column["type"].compile(dialect=sa_dialect)) if _has_type(column) else ""
    type_, options = _understood(native.upper(), column, dialect)
    is_primary = column["name"] in primary
    return PhysicalColumn(
        name=column["name"],
        type=type_,
        options=options,
        nullable=bool(column.get("nullable", True)) and not is_primary,
        primary=is_primary,
        generated=_is_filled(column, dialect, type_, counts=is_primary and len(primary) == 1),
        native=_kept_native(native, type_, dialect),
    )


def _has_type(column: Any) -> bool:
    return not isinstance(column["type"], sa.types.NullType)


def _is_filled(column: Any, dialect: Dialect, type_: ColumnType | None, *, counts: bool) -> bool:
    """Say whether the database gives a value where none is given."""
    if counts and _counts_up(column, dialect, type_):
        return True
    return column.get("default") is not None or bool(column.get("computed"))


def _counts_up(column: Any, dialect: Dialect, type_: ColumnType | None) -> bool:
    if type_ not in {ColumnType.INT, ColumnType.BIGINT}:
        return False
    if dialect.name == "sqlite":
        return True
    default = str(column.get("default") or "")
    return bool(column.get("autoincrement") is True or column.get("identity")) or (
        default.startswith("nextval(")
    )


def _kept_native(native: str, type_: ColumnType | None, dialect: Dialect) -> str | None:
    if dialect.name == "sqlite":
        return FOREIGN_INSTANT if type_ is ColumnType.DATETIME else None
    return native or None


def _understood(native: str, column: Any, dialect: Dialect) -> tuple[ColumnType | None, Any]:
    """Give our type and options for a database's own, or None where we have none for it."""
    base = native.partition("(")[0].strip()
    declared: Any = column["type"]
    if native.startswith("TINYINT(1)") or base in {"BOOLEAN", "BOOL"}:
        return ColumnType.BOOLEAN, None
    if base.startswith("ENUM") or isinstance(declared, sa.Enum):
        values = list(declared.enums) if isinstance(declared, sa.Enum) else _VALUES.findall(native)
        return ColumnType.ENUM, values
    if base.startswith("BIGINT") or base in {"INT8", "BIGSERIAL"}:
        return ColumnType.BIGINT, None
    if _WHOLE.match(base):
        unsigned = "UNSIGNED" in native and not base.startswith(("TINY", "SMALL", "MEDIUM"))
        return (ColumnType.BIGINT if unsigned else ColumnType.INT), None
    if base in {"DECIMAL", "NUMERIC"}:
        return _decimal(declared, dialect)
    if base.startswith(("DOUBLE", "FLOAT", "REAL")):
        return ColumnType.FLOAT, None
    return _understood_otherwise(base, declared)


def _decimal(declared: Any, dialect: Dialect) -> tuple[ColumnType | None, Any]:
    precision, scale = declared.precision, declared.scale
    if precision is None:
        # Any number of digits: only floats come near that on every database.
        return ColumnType.FLOAT, None
    if dialect.name == "sqlite" and precision > MAX_PRECISION:
        precision = MAX_PRECISION
    return ColumnType.DECIMAL, {"precision": precision, "scale": scale or 0}


_OTHERS: dict[str, ColumnType] = {
    "UUID": ColumnType.UUID,
    "DATE": ColumnType.DATE,
    "JSON": ColumnType.SIMPLE_JSON,
    "JSONB": ColumnType.SIMPLE_JSON,
}


def _understood_otherwise(base: str, declared: Any) -> tuple[ColumnType | None, Any]:
    if base in _OTHERS:
        return _OTHERS[base], None
    if base.startswith(("TIMESTAMP", "DATETIME")):
        return ColumnType.DATETIME, None
    if base.startswith(("VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "CHARACTER", "BPCHAR")):
        length = getattr(declared, "length", None)
        return (ColumnType.VARCHAR, {"length": length}) if length else (ColumnType.TEXT, None)
    if base.endswith("TEXT") or base in {"CLOB", "CITEXT"}:
        return ColumnType.TEXT, None
    return None, None


def _indexes(indexes: Sequence[Any], uniques: Sequence[Any]) -> tuple[PhysicalIndex, ...]:
    found: dict[str, PhysicalIndex] = {}
    for index in indexes:
        columns = tuple(column for column in index["column_names"] if column is not None)
        if columns and index["name"]:
            found[index["name"]] = PhysicalIndex(
                name=index["name"], columns=columns, unique=bool(index.get("unique"))
            )
    for constraint in uniques:
        label = constraint["name"] or f"unique_{'_'.join(constraint['column_names'])}"
        found[label] = PhysicalIndex(
            name=label, columns=tuple(constraint["column_names"]), unique=True
        )
    return tuple(found.values())


def _reference(key: Any) -> PhysicalReference:
    rule = str(key.get("options", {}).get("ondelete") or "RESTRICT").upper()
    known = {one.value: one for one in OnDelete}
    return PhysicalReference(
        name=key["name"],
        columns=tuple(key["constrained_columns"]),
        target=key["referred_table"],
        target_columns=tuple(key["referred_columns"]),
        on_delete=known.get(rule, OnDelete.RESTRICT),
    )
