"""Names: which ones may be given, and what they are called in the database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

TABLE_NAME = re.compile(r"[a-z0-9_]+")
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

# PostgreSQL cuts identifiers at 63 bytes, MariaDB refuses more than 64; "Id" and the like is added.
MAX_NAME = 56
MAX_IDENTIFIER = 60

# First segments of paths that the server itself answers.
RESERVED_PATHS = frozenset(
    {
        "admin", "api", "assets", "auth", "docs", "enfyra", "graphql", "health", "login", "logout",
        "logs", "me", "metadata", "metrics", "openapi", "ready", "rest", "static", "trigger",
        "ws",
    }
)  # fmt: skip
TIMESTAMPS = ("createdAt", "updatedAt")
RESERVED_TABLES = frozenset({"schema_lock"})


def table_name_problem(name: object) -> str | None:
    """Say what is wrong with a table's name, or None.

    Example:
        >>> table_name_problem('a"; drop table')
        "must match [a-z0-9_]+ (lower-case letters, digits and '_')"
    """
    if not isinstance(name, str) or not name:
        return "is required"
    if not TABLE_NAME.fullmatch(name):
        return f"must match {TABLE_NAME.pattern} (lower-case letters, digits and '_')"
    if len(name) > MAX_NAME:
        return f"must be at most {MAX_NAME} characters long"
    if name.startswith("_") or name.isdigit():
        return "must start with a letter"
    if name in RESERVED_TABLES or name in RESERVED_PATHS:
        return "is reserved by Enfyra"
    if name.startswith(("enfyra_", "sqlite_", "pg_", "j_")):
        return f"must not start with '{name.partition('_')[0]}_', which is reserved"
    if name.endswith("_definition"):
        return "must not end with '_definition', which is reserved for the system's tables"
    return None


def field_name_problem(name: object) -> str | None:
    """Say what is wrong with a column's or relation's name, or None."""
    if not isinstance(name, str) or not name:
        return "is required"
    if not FIELD_NAME.fullmatch(name):
        return f"must match {FIELD_NAME.pattern} (a letter, then letters, digits and '_')"
    if len(name) > MAX_NAME:
        return f"must be at most {MAX_NAME} characters long"
    return None


def foreign_key_column(property_name: str) -> str:
    """Name the column that holds an owning relation.

    Example:
        >>> foreign_key_column("author")
        'authorId'
    """
    return f"{property_name}Id"


def foreign_key_constraint(table: str, column: str) -> str:
    """Name a foreign key constraint."""
    return _fitting(f"{table}_{column}_foreign")


def junction_table(source: str, property_name: str, target: str) -> str:
    """Name the table that joins the two sides of a many-to-many relation."""
    key = f"{source}:{property_name}:{target}".encode()
    return f"j_{hashlib.sha1(key, usedforsecurity=False).hexdigest()[:12]}"


def unique_index(table: str, columns: Iterable[str]) -> str:
    """Name a unique index."""
    return _fitting(f"uq_{table}_{'_'.join(columns)}")


def index(table: str, columns: Iterable[str]) -> str:
    """Name a non-unique index."""
    return _fitting(f"idx_{table}_{'_'.join(columns)}")


def enum_check(table: str, column: str) -> str:
    """Name the constraint that keeps an enum column to its values."""
    return _fitting(f"chk_{table}_{column}")


def _fitting(name: str) -> str:
    if len(name) <= MAX_IDENTIFIER:
        return name
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()[:10]
    return f"{name[: MAX_IDENTIFIER - 11]}_{digest}"
