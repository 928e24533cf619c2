"""Whether a saved query can be asked of definitions: of those that there are, or shall be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from ..errors import EnfyraError
from ..metadata.queries import SavedQuery
from ..metadata.snapshot import Snapshot
from ..metadata.system.queries import SQL
from ..metadata.tables import Table
from .ast import LISTS, Operator
from .parse import parse
from .placeholders import names_in, placed
from .plan import ADMINISTRATOR, plan
from .sql.readable import Readable, ReadableTable

SQL_ENGINES = frozenset({"sqlite", "postgresql", "mysql"})
# Operators that take lists.
_LISTING = {one.value for one in LISTS} | {Operator.BETWEEN.value, "_nin"}


class Fit:
    """Tries saved queries on one state of the definitions.

    Args:
        engine: What speaks SQL, if it does.
    """

    def __init__(self, snapshot: Snapshot, engine: str) -> None:
        self._snapshot = snapshot
        self._engine = engine

    @cached_property
    def readable(self) -> Readable:
        """What SQL may read."""
        return Readable.of(self._snapshot)

    def problem(self, saved: SavedQuery) -> str | None:
        """Say why a query cannot be asked; None if it can.

        What SQL names is judged as far as the statement tells; the database knows the rest.
        """
        try:
            if saved.language == SQL:
                self._try_sql(saved)
            else:
                self._try_filter(saved)
        except EnfyraError as error:
            return error.message
        return None

    def _try_filter(self, saved: SavedQuery) -> None:
        key = saved.table.id if saved.table is not None else 0
        definition = self._snapshot.definitions.get(key)
        if definition is None:
            raise EnfyraError("RESOURCE_NOT_FOUND", "its table is not there")
        table = self._snapshot.tables[definition.name]
        try_filter(saved.query or {}, saved.parameters or {}, table, self._snapshot)

    def _try_sql(self, saved: SavedQuery) -> None:
        # The parser takes a while to load, which others need not wait for.
        from .sql.guard import check_columns, guarded

        sql = saved.sql or ""
        guarded(sql, self._engine, self.readable, _values(sql, self._engine, saved.parameters))
        check_columns(sql, self._engine, self.readable)


def try_filter(
    query: Mapping[str, Any], defaults: Mapping[str, Any], table: Table, snapshot: Snapshot
) -> None:
    """Refuse a query that could not be asked, whatever its names stand for.

    Args:
        defaults: What its names stand for where nobody says it.

    Raises:
        EnfyraError: What is wrong with it.
    """
    plan(parse(_tried(query)).shape, table, snapshot, ADMINISTRATOR)
    if set(names_in(query)) <= set(defaults):
        asked = parse(placed(query, defaults, set()))
        plan(asked.shape, table, snapshot, ADMINISTRATOR).bind(asked.values)


def try_sql(
    name: str, sql: str, defaults: Mapping[str, Any], engine: str, readable: Readable
) -> None:
    """Refuse a statement that could not be run, or that others could not read from.

    Raises:
        EnfyraError: SQL_SYNTAX_ERROR, SQL_REFUSED, or INVALID_VALUE.
    """
    from .sql.guard import guarded

    values = _values(sql, engine, defaults)
    guarded(sql, engine, readable, values)
    guarded(f"SELECT * FROM {name}", engine, readable, values, {name: sql})  # noqa: S608


def _values(sql: str, engine: str, defaults: Mapping[str, Any] | None) -> dict[str, Any]:
    from .sql.guard import parameter_names

    return {**dict.fromkeys(parameter_names(sql, engine)), **(defaults or {})}


def misfits(before: Snapshot, after: Snapshot, engine: str) -> Iterator[tuple[SavedQuery, str]]:
    """Give the saved queries that can be asked of some definitions, and not of others, and why."""
    old, new = Fit(before, engine), Fit(after, engine)
    queries = before.queries.by_name.values()
    speaks = engine in SQL_ENGINES and any(one.language == SQL for one in queries)
    less = _less(old.readable, new.readable) if speaks else []
    for saved in queries:
        if saved.language == SQL:
            text = (saved.sql or "").casefold()
            # A statement is taken apart only if it can have lost anything.
            if not any(name.casefold() in text for name in less):
                continue
        problem = new.problem(saved)
        if problem is not None and old.problem(saved) is None:
            yield saved, problem


def _less(before: Readable, after: Readable) -> list[str]:
    """Give the tables of which less can be read afterwards."""

    def lost(table: ReadableTable, now: ReadableTable | None) -> bool:
        return now is None or not set(table.columns) <= set(now.columns)

    return [name for name, one in before.tables.items() if lost(one, after.find(name))]


def _tried(query: Any, operator: str = "") -> Any:
    """Give a query with something in the place of names that can stand nearly everywhere."""
    if isinstance(query, Mapping):
        named = cast("Mapping[str, Any]", query)
        return {key: _tried(one, key) for key, one in named.items()}
    if isinstance(query, list):
        return [_tried(one) for one in cast("list[Any]", query)]
    if not any(names_in(query)):
        return query
    return ["1", "1"] if operator in _LISTING else "1"
