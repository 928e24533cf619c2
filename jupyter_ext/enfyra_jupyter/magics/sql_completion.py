"""Completion within SQL: tables where one is meant, else columns of those that are named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..schema import Schema, TableInfo

_FRAGMENT = re.compile(r"[\w.]*$")
_WORD = re.compile(r"[A-Za-z_]\w*|,|\(|\)")
_TABLE = re.compile(r"\b(?:from|join|,)\s+\"?(\w+)\"?(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)
_BEFORE_TABLES = frozenset({"from", "join"})
_CLAUSES = frozenset(
    {"select", "from", "join", "where", "on", "using", "group", "order", "having", "limit", "by"}
)
_NO_ALIASES = _CLAUSES | {"left", "right", "inner", "outer", "cross", "full", "natural", "union"}


def complete_sql(lines: list[str], schema: Schema, after: str = "") -> tuple[str, list[str]]:
    """Give the word at the end of unfinished SQL, and what it can become.

    Args:
        lines: The statement up to the cursor.
        after: What follows: tables are named there too, since FROM stands behind SELECT.

    Example:
        >>> complete_sql(["SELECT 'na"], Schema())
        ('', [])
    """
    text = "\n".join(line.partition("--")[0] for line in lines)
    if text.count("'") % 2:
        return "", []
    found = _FRAGMENT.search(text)
    fragment = found[0] if found is not None else ""
    before = text[: len(text) - len(fragment)]
    if fragment[:1].isdigit() or before.endswith(":"):
        return "", []
    tables = dict(_named(f"{text} {after}", schema))
    *path, word = fragment.split(".")
    if path:
        table = tables.get(path[-1].casefold())
        names = _columns([table]) if table is not None else []
        return word, _starting(names, word)
    if _wants_table(before):
        own = _starting((table.name for table in schema.own), word)
        return word, own or _starting(schema.tables, word)
    known = list({id(table): table for table in tables.values()}.values())
    names = dict.fromkeys([*_columns(known or schema.own), *tables])
    return word, _starting(names, word)


def _named(text: str, schema: Schema) -> Iterator[tuple[str, TableInfo]]:
    """Give the tables that a statement names, by their names and by what it calls them."""
    folded = {name.casefold(): table for name, table in schema.tables.items()}
    for name, alias in _TABLE.findall(text):
        table = folded.get(name.casefold())
        if table is not None:
            yield table.name.casefold(), table
            if alias and alias.casefold() not in _NO_ALIASES:
                yield alias.casefold(), table


def _wants_table(before: str) -> bool:
    words = [word.casefold() for word in _WORD.findall(before)]
    if not words:
        return False
    if words[-1] in _BEFORE_TABLES:
        return True
    clause = next((word for word in reversed(words) if word in _CLAUSES), "")
    return words[-1] == "," and clause == "from"


def _columns(tables: Iterable[TableInfo]) -> list[str]:
    names: dict[str, None] = {}
    for table in tables:
        names |= dict.fromkeys(table.columns)
        keys = (one.get("foreignKeyColumn") for one in table.relations.values())
        names |= dict.fromkeys(key for key in keys if key)
    return list(names)


def _starting(names: Iterable[str], typed: str) -> list[str]:
    return [one for one in names if one.casefold().startswith(typed.casefold())]
