"""Columns that a statement names: whether the tables that it reads have them."""

# The types of sqlglot's tree differ between its versions.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlglot import exp

from ...errors import EnfyraError, did_you_mean
from .sources import Sources

# What tables of SQLite and PostgreSQL have without saying so.
_UNSAID = frozenset(
    {"rowid", "oid", "_rowid_", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
)  # fmt: skip
# What gives rows whose columns are not told by the statement itself.
_OPAQUE = (exp.Lateral, exp.Unnest, exp.Values)


def refuse_unknown_columns(tree: Any, sources: Sources) -> None:
    """Refuse a column that can be none of what the statement reads, or makes.

    Where the statement does not tell what there is, as behind a function that gives rows, every
    name may be right.

    Raises:
        EnfyraError: SQL_REFUSED, with the nearest name.
    """
    names = _Names(tree, sources)
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Identifier) or names.may_mean(column):
            continue
        known = names.of(column.table)
        raise EnfyraError(
            "SQL_REFUSED",
            f"There is no column '{column.sql()[:80]}'.{did_you_mean(column.name, known)}",
        )


class _Names:
    """What columns can be called in a statement."""

    def __init__(self, tree: Any, sources: Sources) -> None:
        self._tables: defaultdict[str, list[str]] = defaultdict(list)
        for called, table in sources.called:
            self._tables[called.casefold()] += [*table.columns, *table.hidden]
        self._all = [name for columns in self._tables.values() for name in columns]
        self._made = {one.alias.casefold() for one in tree.find_all(exp.Alias)}
        # A name of a table means its rows, or what a table was called that is not known here.
        self._sources = {one.name.casefold() for one in tree.find_all(exp.TableAlias)}
        self._sources |= {one.alias_or_name.casefold() for one in tree.find_all(exp.Table)}
        for alias in tree.find_all(exp.TableAlias):
            self._made |= {one.name.casefold() for one in alias.args.get("columns") or ()}
        self._opaque = any(map(_is_opaque, tree.walk())) or any(map(_unnamed, _inner(tree)))
        self._columns = {name.casefold() for name in self._all}

    def of(self, table: str) -> list[str]:
        return self._tables.get(table.casefold(), []) if table else self._all

    def may_mean(self, column: Any) -> bool:
        name, table = column.name.casefold(), column.table.casefold()
        if name in _UNSAID:
            return True
        if table:
            columns = self._tables.get(table)
            return columns is None or name in {one.casefold() for one in columns}
        return self._opaque or name in self._columns | self._made | self._sources


def _is_opaque(node: Any) -> bool:
    return isinstance(node, _OPAQUE) or (
        isinstance(node, exp.Table) and isinstance(node.this, exp.Func)
    )


def _inner(tree: Any) -> list[Any]:
    return [one for one in tree.find_all(exp.Select) if one is not tree]


def _unnamed(select: Any) -> bool:
    """Say whether a column gets the name that the database thinks of."""
    return any(not isinstance(one, exp.Column | exp.Alias | exp.Star) for one in select.expressions)
