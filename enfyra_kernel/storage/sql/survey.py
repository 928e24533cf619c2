"""A close look at what somebody else made: also at what a definition cannot say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec.structs
import sqlalchemy as sa

from ..physical import PhysicalTable, Remark
from .dialect import Dialect
from .inspection import indexes_of, inspect_tables, is_elsewhere, is_whole, kinds, virtual_tables
from .native import lenient

KEPT = "the database keeps to it; a write that breaks it is refused"
DEFERRED = "a foreign key is looked at only when a transaction ends"
TRIGGERED = "the database runs it with each such write"

# Table, name, what it does.
_CHECKS = {
    "postgresql": "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k "
    "JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype IN ('c', 'x') "
    "AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2",
    "mariadb": "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE "
    "FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() "
    "AND CHECK_CLAUSE NOT LIKE 'json_valid(%' ORDER BY 1, 2",
    "mysql": "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE "
    "FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t "
    "USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME) WHERE c.CONSTRAINT_SCHEMA = DATABASE() "
    "ORDER BY 1, 2",
}
_TRIGGERS = {
    "postgresql": "SELECT c.relname, t.tgname FROM pg_trigger t "
    "JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal "
    "AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2",
    "mysql": "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS "
    "WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1, 2",
    "sqlite": "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2",
}
_ROW_SECURITY = (
    "SELECT relname FROM pg_class WHERE relrowsecurity "
    "AND relnamespace = current_schema()::regnamespace"
)
_STATEMENTS = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"
_LATER = re.compile(r"\bINITIALLY\s+DEFERRED\b", re.IGNORECASE)
_CHECK = re.compile(r"\bCHECK\s*\(", re.IGNORECASE)

Found = defaultdict[str, list[Remark]]


def survey_tables(connection: sa.Connection, dialect: Dialect) -> list[PhysicalTable]:
    """Describe all tables and views, each with remarks on what a definition cannot say.

    What cannot be looked at any further comes without columns.
    """
    tables = inspect_tables(connection, dialect, None)
    found: Found = defaultdict(list)
    for table, remark in _remarks(connection, [one.name for one in tables if one.kind == "table"]):
        found[table].append(remark)
    described = {one.name for one in tables}
    closed = [
        PhysicalTable(name=name, columns=(), adopted=True, kind=kind)
        for name, kind in _unreadable(connection)
        if name not in described
    ]
    return [
        *(msgspec.structs.replace(one, remarks=tuple(found[one.name])) for one in tables),
        *closed,
    ]


def _unreadable(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    yield from kinds(connection).items()
    if connection.dialect.name == "sqlite":
        for name in virtual_tables(connection):
            yield name, "virtual table"


def _remarks(connection: sa.Connection, tables: list[str]) -> Iterator[tuple[str, Remark]]:
    known = set(tables)
    for table, name, text in _checks(connection, known):
        yield table, Remark("check", name, f"{KEPT}: {' '.join(text.split())[:200]}")
    for table, name in connection.execute(sa.text(_TRIGGERS[connection.dialect.name])):
        yield table, Remark("trigger", name, TRIGGERED)
    if connection.dialect.name == "postgresql":
        for table in connection.scalars(sa.text(_ROW_SECURITY)):
            reason = "the database shows and takes only the rows that its own user may see"
            yield table, Remark("row security", table, reason)
    if connection.dialect.name == "sqlite":
        # SQLAlchemy sees it only in keys that have names.
        for table, sql in connection.execute(sa.text(_STATEMENTS)):
            if _LATER.search(sql or ""):
                yield table, Remark("deferred key", table, DEFERRED)
    yield from _keys(connection, tables)


def _checks(connection: sa.Connection, tables: set[str]) -> Iterable[Any]:
    dialect: Any = connection.dialect
    if dialect.name == "sqlite":
        for name, sql in connection.execute(sa.text(_STATEMENTS)):
            for number in range(len(_CHECK.findall(sql or ""))):
                yield name, f"check {number + 1}", _check_text(sql, number)
        return
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    for row in connection.execute(sa.text(_CHECKS[name])):
        if row[0] in tables:
            yield row


def _check_text(sql: str, number: int) -> str:
    """Give the condition of a check out of the statement that made its table."""
    start = [found.end() - 1 for found in _CHECK.finditer(sql)][number]
    depth = 0
    for position in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if not depth:
            return sql[start : position + 1]
    return sql[start:]


def _keys(connection: sa.Connection, tables: list[str]) -> Iterator[tuple[str, Remark]]:
    """Remark on indexes and foreign keys that are more than their columns."""
    inspector = lenient(connection)
    for table, indexes in indexes_of(connection, inspector, tables).items():
        for index in indexes:
            if not is_whole(index):
                kind = "unique index" if index.get("unique") else "index"
                reason = "it is on an expression, a part of a text, or some of the rows only"
                yield table, Remark(kind, str(index["name"]), f"{reason}; the database keeps it")
    for table in tables:
        for key in inspector.get_foreign_keys(table):
            columns = ", ".join(key["constrained_columns"])
            options: Any = key.get("options", {})
            if is_elsewhere(key):
                target = f"{key['referred_schema']}.{key['referred_table']}"
                reason = f"({columns}) refers to {target}, which is in another schema"
                yield table, Remark("foreign key", str(key["name"] or columns), reason)
            elif str(options.get("initially") or "").upper() == "DEFERRED":
                yield table, Remark("deferred key", str(key["name"] or columns), DEFERRED)
