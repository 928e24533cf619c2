"""The tables of a statement: each is one of its own `WITH`, or a table that may be read."""

# The types of sqlglot's tree differ between its versions.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

from sqlglot import exp

from ...errors import EnfyraError, did_you_mean
from .readable import Readable, ReadableTable

# What the tables of a `WITH` are called in the database, so that no table there can be meant.
CTE = "enfyra_cte_"


class Sources:
    """Finds out what the tables of a statement are.

    Args:
        tree: The statement.
        folds: Whether names that differ in case only are the same.

    Raises:
        EnfyraError: SQL_REFUSED for a table that is not defined.
    """

    def __init__(self, tree: Any, readable: Readable, *, folds: bool) -> None:
        self._folds = folds
        self._readable = readable
        self._withs = {id(one.parent): one for one in tree.find_all(exp.With)}
        self._ctes = {id(one): f"{CTE}{n}" for n, one in enumerate(tree.find_all(exp.CTE))}
        self._made = list(tree.find_all(exp.CTE))
        tables = [one for one in tree.find_all(exp.Table) if self._is_named(one)]
        self._own = [(one, made) for one in tables if (made := self._cte_of(one)) is not None]
        own = {id(one) for one, _ in self._own}
        self._read = [(one, self._found(one)) for one in tables if id(one) not in own]

    @property
    def used(self) -> list[ReadableTable]:
        """The tables that are read."""
        return [table for _, table in self._read]

    @property
    def called(self) -> list[tuple[str, ReadableTable]]:
        """The tables that are read, with what the statement calls them.

        What a part of it is called as well is left out: either may be meant.
        """
        others = {one.alias_or_name.casefold() for one, _ in self._own}
        return [
            (one.alias_or_name, table)
            for one, table in self._read
            if one.alias_or_name.casefold() not in others
        ]

    def bind(self) -> None:
        """Change the statement: to other names for its own tables, and tables without secrets."""
        for table, made in self._own:
            if not table.alias:
                table.set("alias", exp.TableAlias(this=_identifier(table.name)))
            table.set("this", _identifier(self._ctes[id(made)]))
        for table, known in self._read:
            if known.hidden:
                table.replace(_without_secrets(table, known))
        for made in self._made:
            made.args["alias"].set("this", _identifier(self._ctes[id(made)]))

    # -- names ----------------------------------------------------------------------------------

    def _is_named(self, table: Any) -> bool:
        """Say whether it is a table that has a name, not a function that gives rows."""
        if table.args.get("db") is not None or table.args.get("catalog") is not None:
            raise EnfyraError("SQL_REFUSED", f"'{table.sql()[:80]}' names a schema; leave that out")
        if isinstance(table.this, exp.Identifier):
            return True
        if isinstance(table.this, exp.Func):
            return False
        raise EnfyraError("SQL_REFUSED", f"'{table.sql()[:80]}' is not the name of a table")

    def _cte_of(self, table: Any) -> Any:
        """Give the part of a `WITH` that a name means; None if it means none."""
        node, inside = table, None
        while node.parent is not None:
            if isinstance(node, exp.CTE):
                inside = node
            holder = self._withs.get(id(node.parent))
            if holder is not None:
                for made in _visible(holder, inside if node is holder else None):
                    if self._same(made.alias, table.name):
                        return made
            node = node.parent
        return None

    def _same(self, one: str, other: str) -> bool:
        return one.casefold() == other.casefold() if self._folds else one == other

    def _found(self, table: Any) -> ReadableTable:
        known = self._readable.find(table.name)
        if known is None or known.name.startswith("pg_"):
            hint = did_you_mean(table.name, self._readable.tables)
            raise EnfyraError(
                "SQL_REFUSED",
                f"There is no table '{table.name[:80]}' that SQL may read.{hint}",
                hint="Of the database, SQL sees the tables that are defined; adopting defines more",
            )
        return known


def _visible(holder: Any, inside: Any) -> list[Any]:
    """Give the parts of a `WITH` that can be meant: from within one, those before it."""
    parts = list(holder.expressions)
    if inside is None:
        return parts
    before = next((n for n, one in enumerate(parts) if one is inside), 0)
    return parts[: before + 1] if holder.args.get("recursive") else parts[:before]


def _without_secrets(table: Any, known: ReadableTable) -> Any:
    columns = [exp.Column(this=_identifier(name)) for name in known.columns]
    inner = exp.select(*columns).from_(exp.Table(this=_identifier(known.name)))
    alias = table.args.get("alias")
    if alias is None or alias.this is None:
        alias = exp.TableAlias(this=_identifier(known.name))
    outer = exp.Subquery(this=inner, alias=alias.copy())
    for name in ("joins", "laterals"):
        if table.args.get(name):
            outer.set(name, [one.copy() for one in table.args[name]])
    return outer


def _identifier(name: str) -> Any:
    return exp.Identifier(this=name, quoted=True)
