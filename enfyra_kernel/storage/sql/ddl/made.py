"""Whether a change of the schema is there already: after a crash nobody can say otherwise."""

from __future__ import annotations

from typing import Any

import msgspec.structs
import sqlalchemy as sa
from sqlalchemy.engine.reflection import Inspector

from ... import changes as c


def is_made(connection: sa.Connection, change: c.Change) -> bool:
    """Say whether a change is there in the database, half made or wholly."""
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    match change:
        case c.CreateTable(table):
            return table.name in tables
        case c.DropTable(table):
            return table.name not in tables
        case c.RenameTable(_, new):
            return new in tables
        case _:
            return change.table in tables and _is_made_in(inspector, change)


def _is_made_in(inspector: Inspector, change: Any) -> bool:
    """Say whether a change of a table that is there has been made."""
    columns = {column["name"]: column for column in inspector.get_columns(change.table)}
    match change:
        case c.AddColumn(_, column):
            return column.name in columns
        case c.DropColumn(_, column):
            return column.name not in columns
        case c.RenameColumn(_, _, new):
            return new in columns
        case c.AlterColumn(_, old, new):
            only_nullable = msgspec.structs.replace(old, nullable=new.nullable) == new
            return not only_nullable or columns[new.name]["nullable"] is new.nullable
        case c.AddIndex(table, index) | c.DropIndex(table, index):
            there = index.name in {one["name"] for one in inspector.get_indexes(table)}
        case c.AddReference(table, one) | c.DropReference(table, one):
            there = one.name in {key["name"] for key in inspector.get_foreign_keys(table)}
        case _:
            table, one = change.table, change.check
            there = one.name in {key["name"] for key in inspector.get_check_constraints(table)}
    return there == isinstance(change, c.AddIndex | c.AddReference | c.AddCheck)
