"""Rows of saved queries: checked before they are saved, so that what has a name can be asked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.snapshot import Snapshot
from ..metadata.system.queries import FILTER, LANGUAGES, SQL
from ..metadata.tables import Table
from ..query.fitting import SQL_ENGINES, try_filter, try_sql
from ..query.placeholders import names_in
from ..query.saved import KEYS

QUERY = "query_definition"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class QueryRows:
    """Prepares rows of saved queries.

    Args:
        engine: What speaks SQL, if it does: `sqlite`, `postgresql`, `mysql`.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine

    async def prepared(
        self, row: Mapping[str, Any], body: dict[str, Any], snapshot: Snapshot, caller: str | None
    ) -> dict[str, Any]:
        """Give a row as it is going to be written.

        Args:
            row: What is there; empty for a new one.
            caller: Who saves it.

        Raises:
            EnfyraError: INVALID_BODY with every problem, or what is wrong with the query itself.
        """
        whole = {"language": FILTER, **row, **body}
        problems = list(_problems(whole))
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)
        if whole["language"] == SQL:
            await asyncio.to_thread(self._check_sql, whole, snapshot)
        else:
            _check_filter(whole, _table_of(whole["table"], snapshot), snapshot)
        return {**body, "savedBy": None if caller is None else {"id": caller}}

    def _check_sql(self, whole: Mapping[str, Any], snapshot: Snapshot) -> None:
        # The parser takes a while to load, which others need not wait for.
        from ..query.sql.guard import parameter_names
        from ..query.sql.readable import Readable

        if self._engine not in SQL_ENGINES:
            raise EnfyraError("SQL_REFUSED", f"{self._engine} does not speak SQL")
        name, sql = cast("str", whole["name"]), cast("str", whole["sql"])
        defaults: dict[str, Any] = whole.get("parameters") or {}
        _refuse_unknown(defaults, parameter_names(sql, self._engine))
        try_sql(name, sql, defaults, self._engine, Readable.of(snapshot))


def _problems(whole: Mapping[str, Any]) -> Iterator[str]:
    name, language = whole.get("name"), whole["language"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield "name must be of small letters, digits and _, such as late_flights"
    if language not in LANGUAGES:
        hint = did_you_mean(str(language), LANGUAGES)
        yield f"language must be one of {', '.join(LANGUAGES)}.{hint}"
        return
    if not isinstance(whole.get("parameters"), dict | None):
        yield 'parameters must be an object, such as {"least": 5}'
    query, sql, table = whole.get("query"), whole.get("sql"), whole.get("table")
    if language == SQL:
        if not isinstance(sql, str) or not sql.strip():
            yield "sql must be a statement, such as SELECT title FROM post"
        for field, value in (("query", query), ("table", table)):
            if value is not None:
                yield f"{field} does not go with the language sql, whose statement says it"
        return
    if table is None:
        yield "table is required: whose records it finds"
    if sql is not None:
        yield "sql goes with the language sql only"
    if not isinstance(query, dict):
        yield 'query must be an object, such as {"filter": {"views": {"_gt": ":least"}}}'
        return
    for key in cast("dict[str, Any]", query):
        if key not in KEYS:
            yield f"query has no '{key}'.{did_you_mean(key, KEYS)}"


def _table_of(value: Any, snapshot: Snapshot) -> Table:
    key = str(cast("dict[str, Any]", value).get("id") if isinstance(value, dict) else value)
    definition = snapshot.definitions.get(int(key)) if key.isdigit() else None
    if definition is None:
        raise EnfyraError("INVALID_BODY", problems=[f"table: there is no table '{key}'"])
    return snapshot.tables[definition.name]


def _check_filter(whole: Mapping[str, Any], table: Table, snapshot: Snapshot) -> None:
    """Refuse a query that could not be asked, whatever its names stand for."""
    query: dict[str, Any] = whole["query"]
    defaults: dict[str, Any] = whole.get("parameters") or {}
    _refuse_unknown(defaults, frozenset(names_in(query)))
    try_filter(query, defaults, table, snapshot)


def _refuse_unknown(defaults: Mapping[str, Any], names: frozenset[str]) -> None:
    problems = [
        f"parameters.{name}: the query has no ':{name}'.{did_you_mean(name, names)}"
        for name in defaults
        if name not in names
    ]
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
