"""Saved queries."""

from __future__ import annotations

from ..types import ColumnType
from .declarations import Declarations

FILTER, SQL = "filter", "sql"
LANGUAGES = (FILTER, SQL)


def declare(d: Declarations) -> None:
    """Declare the table."""
    d.table("query_definition", uniques=(("name",),))
    d.text("name", is_nullable=False)
    d.described()
    d.choice("language", [*LANGUAGES], FILTER, is_nullable=False)
    d.json("query")
    d.column("sql", ColumnType.CODE)
    d.json("parameters")
    d.part_of("table", "table_definition")
    d.to_one("savedBy", "user_definition")
