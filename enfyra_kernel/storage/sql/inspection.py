"""What is there in a database: tables made by anybody, described as physical tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector, ObjectKind
from sqlalchemy.exc import DBAPIError, NoSuchTableError, UnreflectableTableError

from ...metadata.types import INTEGERS, ColumnType, OnDelete
from ..physical import PhysicalColumn, PhysicalIndex, PhysicalReference, PhysicalTable
from .dialect import Dialect
from .native import Native, declared_types, lenient, native_of, understood

TABLE, VIEW = "table", "view"
COMPUTED = "the database computes it"
COUNTED = "the database counts it up"


def inspect_tables(
    connection: sa.Connection, dialect: Dialect, names: Sequence[str] | None
) -> list[PhysicalTable]:
    """Describe tables and views; those of the given names, case aside, or all.

    A view that cannot be read any more, since what it shows is gone, is left out.
    """
    asked = None if names is None else {name.lower() for name in names}
    wanted = {
        name: kind
        for name, kind in kinds(connection).items()
        if asked is None or name.lower() in asked
    }
    found = _Found(connection, dialect, wanted)
    return [found.describe(name) for name in found.kinds]


def kinds(connection: sa.Connection) -> dict[str, str]:
    """Give the names of all tables and views, each with what it is."""
    inspector: Any = sa.inspect(connection)
    found = dict.fromkeys(inspector.get_table_names(), TABLE)
    if connection.dialect.name == "sqlite":
        for name in virtual_tables(connection):
            found.pop(name, None)
    found |= dict.fromkeys(inspector.get_view_names(), VIEW)
    if connection.dialect.name == "postgresql":
        found |= dict.fromkeys(inspector.get_materialized_view_names(), "materialized view")
        found |= dict.fromkeys(inspector.get_foreign_table_names(), "foreign table")
    return found


def virtual_tables(connection: sa.Connection) -> list[str]:
    """Give SQLite's virtual tables, and those in which their modules keep their own records."""
    text = "SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')"
    return list(connection.scalars(sa.text(text)))


class _Found:
    """What the database says about some tables, asked for all of them at once."""

    def __init__(
        self, connection: sa.Connection, dialect: Dialect, kinds: Mapping[str, str]
    ) -> None:
        inspector = lenient(connection)
        self._inspector = inspector
        self._dialect = dialect
        tables = [name for name, kind in kinds.items() if kind == TABLE]
        self._columns = _by_name(
            tables, lambda: inspector.get_multi_columns(filter_names=tables, kind=ObjectKind.ANY)
        )
        self._columns |= self._of_views([name for name in kinds if name not in tables])
        self.kinds = {name: kind for name, kind in kinds.items() if name in self._columns}
        self._declared = declared_types(connection, list(self.kinds))
        self._primary = _by_name(
            tables, lambda: inspector.get_multi_pk_constraint(filter_names=tables)
        )
        self._indexes = indexes_of(connection, inspector, tables)
        self._references = _by_name(
            tables, lambda: inspector.get_multi_foreign_keys(filter_names=tables)
        )

    def _of_views(self, views: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in views:
            try:
                found[name] = self._inspector.get_columns(name)
            except (DBAPIError, NoSuchTableError, UnreflectableTableError):
                continue
        return found

    def describe(self, name: str) -> PhysicalTable:
        """Describe one of the tables."""
        kind = self.kinds[name]
        is_table = kind == TABLE
        primary: list[str] = self._primary[name]["constrained_columns"] if is_table else []
        columns = tuple(self._column(name, column, primary) for column in self._columns[name])
        if not is_table:
            return PhysicalTable(name=name, columns=columns, adopted=True, kind=kind)
        return PhysicalTable(
            name=name,
            columns=columns,
            indexes=tuple(
                PhysicalIndex(
                    name=one["name"],
                    columns=tuple(one["column_names"]),
                    unique=bool(one.get("unique")),
                )
                for one in self._indexes[name]
                if is_whole(one)
            ),
            references=tuple(
                reference_of(key) for key in self._references[name] if not is_elsewhere(key)
            ),
            adopted=True,
        )

    def _column(self, table: str, column: Any, primary: list[str]) -> PhysicalColumn:
        name = column["name"]
        native = native_of(column["type"], self._inspector.dialect)
        declared = self._declared.get((table, name))
        if declared is not None:
            native = Native(declared)
        type_, options, read_only = understood(native, self._dialect)
        if column.get("computed"):
            read_only = COMPUTED
        elif _is_always(column):
            read_only = COUNTED
        is_primary = name in primary
        counts = is_primary and len(primary) == 1
        return PhysicalColumn(
            name=name,
            type=type_,
            options=options,
            nullable=bool(column.get("nullable", True)) and not is_primary,
            primary=is_primary,
            generated=self._is_filled(column, native, type_, counts=counts),
            native=self._dialect.kept_native(native.text, type_),
            read_only=read_only,
        )

    def _is_filled(
        self, column: Any, native: Native, type_: ColumnType | None, *, counts: bool
    ) -> bool:
        """Say whether the database gives a value where none is given."""
        if self._dialect.name == "sqlite" and counts and type_ in INTEGERS:
            # Only this very word makes the column another name of the row's number.
            return native.text.upper() == "INTEGER"
        counted = column.get("autoincrement") is True and type_ in INTEGERS
        return bool(
            (counted and self._dialect.name != "sqlite")
            or column.get("default") is not None
            or column.get("computed")
            or column.get("identity")
        )


def _is_always(column: Any) -> bool:
    """Say whether nobody may give a value where the database counts up."""
    identity: Any = column.get("identity")
    return identity is not None and bool(identity.get("always"))


def _by_name(names: list[str], ask: Callable[[], Mapping[Any, Any]]) -> dict[str, Any]:
    # An empty list of names would ask for all.
    return {key[1]: value for key, value in ask().items()} if names else {}


def is_whole(index: Any) -> bool:
    """Say whether an index covers whole columns of all rows."""
    options = index.get("dialect_options", {})
    partial = any(options.get(f"{one}_where") for one in ("postgresql", "sqlite"))
    prefixed = bool(options.get("mysql_length"))
    kind = str(options.get("mysql_prefix") or "")
    return None not in index["column_names"] and not (partial or prefixed or kind)


def indexes_of(
    connection: sa.Connection, inspector: Inspector, tables: list[str]
) -> dict[str, list[Any]]:
    """Give the indexes and unique constraints of tables, as SQLAlchemy writes them."""
    if connection.dialect.name == "sqlite":
        return {table: _sqlite_indexes(connection, table) for table in tables}
    found = _by_name(tables, lambda: inspector.get_multi_indexes(filter_names=tables))
    uniques = _by_name(tables, lambda: inspector.get_multi_unique_constraints(filter_names=tables))
    result: dict[str, list[Any]] = {}
    for table in tables:
        named = {one["name"]: one for one in found[table] if one["name"]}
        for one in uniques[table]:
            named[one["name"]] = {**one, **named.get(one["name"], {}), "unique": True}
        result[table] = list(named.values())
    return result


def _sqlite_indexes(connection: sa.Connection, table: str) -> list[Any]:
    """Give a table's indexes on SQLite, of which SQLAlchemy leaves those on expressions out."""
    listed = connection.execute(
        sa.text('SELECT name, "unique", partial, origin FROM pragma_index_list(:table)'),
        {"table": table},
    ).all()
    return [
        {
            "name": name,
            "unique": bool(unique),
            "column_names": list(
                connection.scalars(
                    sa.text("SELECT name FROM pragma_index_info(:name) ORDER BY seqno"),
                    {"name": name},
                )
            ),
            "dialect_options": {"sqlite_where": "partial"} if partial else {},
        }
        for name, unique, partial, origin in listed
        if origin != "pk"
    ]


def is_elsewhere(key: Any) -> bool:
    """Say whether a foreign key refers to a table of another schema."""
    return key.get("referred_schema") is not None


def reference_of(key: Any) -> PhysicalReference:
    """Describe a foreign key."""
    rule = str(key.get("options", {}).get("ondelete") or "RESTRICT").upper()
    known = {one.value: one for one in OnDelete}
    return PhysicalReference(
        name=key["name"],
        columns=tuple(key["constrained_columns"]),
        target=key["referred_table"],
        target_columns=tuple(key["referred_columns"]),
        on_delete=known.get(rule, OnDelete.RESTRICT),
    )
