"""The route that runs SQL which people write: `POST /admin/sql`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..logs import get_logger
from ..metadata.snapshot import Snapshot
from ..records.streams.encoders import encoded
from ..records.streams.formats import ARROW, CSV, JSON, PARQUET, Format
from ..storage.database import Database
from .context import Context
from .messages import Response, success
from .streams import begun, prepare_streams

if TYPE_CHECKING:
    from ..query.sql.guard import Guarded
    from ..query.sql.readable import Readable
    from ..storage.sql.database import SqlDatabase

_log = get_logger("sql")

ROWS = 1_000
_KEYS = ("sql", "saved", "with", "parameters", "limit", "timeout", "explain")
_LANGUAGES = frozenset({"sqlite", "postgresql", "mysql"})


def _no_values() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for.

    Attributes:
        sql: The statement, or the name of a saved one.
        saved: Whether it is that name.
        parts: The names of saved ones that it reads from.
        limit: The most rows to give; None if it does not say.
        seconds: How long the database may compute; None if it does not say.
        explain: Whether the database's plan is asked for, rather than what it finds.
    """

    sql: str
    parameters: Mapping[str, Any] = field(default_factory=_no_values)
    limit: int | None = None
    seconds: float | None = None
    saved: bool = False
    parts: tuple[str, ...] = ()
    explain: bool = False


class Sql:
    """Runs statements that only read, for root administrators.

    Args:
        enabled: Whether it is turned on.
        seconds: The most seconds that a statement may take.
        most: The most rows of an answer in JSON.
    """

    def __init__(self, database: Database, *, enabled: bool, seconds: float, most: int) -> None:
        self._database = database
        self._enabled = enabled
        self._seconds = seconds
        self._most = most
        self._known: tuple[Snapshot, Readable] | None = None

    async def run(self, context: Context) -> Response:
        """Answer POST /admin/sql.

        Raises:
            EnfyraError: AUTHORIZATION_ERROR, INVALID_BODY, SQL_SYNTAX_ERROR, SQL_REFUSED,
                INVALID_VALUE, INVALID_QUERY for a saved one that is not there,
                DATABASE_QUERY_ERROR for what the database does not take, or DATABASE_TIMEOUT.
        """
        caller = context.caller
        if caller is None or not caller.is_root:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                "SQL is for the administrator: no permission of tables or fields holds for it",
                hint="GET /<table> reads the records that you may see",
            )
        self._check_available()
        asked = read_body(await context.json())
        try:
            statement, readable = await asyncio.to_thread(self._guarded, asked, context.snapshot)
        except EnfyraError as error:
            _log.info("sql refused", extra={"user": caller.id, "code": error.code})
            raise
        _log.info("sql", extra={"user": caller.id, "statement": statement.shape[:2000]})
        if asked.explain:
            return await self._explained(asked, statement, readable)
        format_ = context.answer_format
        if format_ is JSON:
            return await self._page(asked, statement, readable)
        return await self._stream(asked, statement, readable, format_)

    def _check_available(self) -> None:
        if not self._enabled:
            raise EnfyraError(
                "AUTHORIZATION_ERROR", "SQL is turned off on this server", hint="See ENFYRA_SQL"
            )
        if self._database.engine not in _LANGUAGES:
            raise EnfyraError(
                "SQL_REFUSED",
                f"{self._database.engine} does not speak SQL",
                hint="GET /<table> with filter, dimensions and measures answers the same questions",
            )

    def _guarded(self, asked: Asked, snapshot: Snapshot) -> tuple[Guarded, Readable]:
        # The parser takes a while to load, which others need not wait for.
        from ..query.sql.guard import guarded
        from ..query.sql.readable import Readable

        if self._known is None or self._known[0] is not snapshot:
            self._known = (snapshot, Readable.of(snapshot))
        readable = self._known[1]
        text, parts = asked.sql, {name: snapshot.queries.of_sql(name) for name in asked.parts}
        # What is said for this time wins over what has been saved.
        saved = [*parts.values()]
        if asked.saved:
            whole = snapshot.queries.of_sql(asked.sql)
            text = whole.sql or ""
            saved.append(whole)
        values = {name: one for each in saved for name, one in (each.parameters or {}).items()}
        statement = guarded(
            text,
            self._database.engine,
            readable,
            {**values, **asked.parameters},
            {name: one.sql or "" for name, one in parts.items()},
        )
        return statement, readable

    def _selecting(self, asked: Asked, statement: Guarded, readable: Readable) -> Any:
        database = cast("SqlDatabase", self._database)
        seconds = min(asked.seconds or self._seconds, self._seconds)
        return database.selecting(statement.text, statement.arguments, seconds, readable.may_read)

    async def _explained(self, asked: Asked, statement: Guarded, readable: Readable) -> Response:
        """Tell how the database would answer, as for a query; the statement is not run."""
        database = cast("SqlDatabase", self._database)
        seconds = min(asked.seconds or self._seconds, self._seconds)
        plan = await database.planned(
            statement.text, statement.arguments, seconds, readable.may_read
        )
        return success(encode_json([{"statements": [statement.text], "database": [plan]}]))

    async def _page(self, asked: Asked, statement: Guarded, readable: Readable) -> Response:
        from ..storage.sql.selecting.answers import rows_as_json
        from ..storage.sql.selecting.found import distinct

        limit = min(ROWS if asked.limit is None else asked.limit, self._most)
        async with self._selecting(asked, statement, readable) as found:
            # One more says whether there are more.
            rows = await found.fetch(limit + 1)
        data = await asyncio.to_thread(rows_as_json, found.columns, rows[:limit])
        names = distinct([one.name for one in found.columns])
        columns = [
            {"name": name, "type": one.kind} for name, one in zip(names, found.columns, strict=True)
        ]
        return success(data, meta={"columns": columns, "more": len(rows) > limit})

    async def _stream(
        self, asked: Asked, statement: Guarded, readable: Readable, format_: Format
    ) -> Response:
        await prepare_streams()
        try:
            encoder = _encoder(format_)
            from ..storage.sql.selecting.arrow import batches
        except ImportError:
            raise EnfyraError(
                "NOT_ACCEPTABLE",
                f"{format_.name} needs pyarrow on the server",
                hint="pip install 'enfyra-kernel[arrow]'",
            ) from None

        async def rows() -> AsyncGenerator[Any, None]:
            async with (
                self._selecting(asked, statement, readable) as found,
                aclosing(batches(found, asked.limit)) as some,
            ):
                async for batch in some:
                    yield batch

        stream = await begun(encoded(rows(), encoder))
        return Response(200, content_type=format_.content_type, stream=stream)


def _encoder(format_: Format) -> Any:
    from ..records.streams.arrow import ArrowEncoder
    from ..records.streams.csv import CsvEncoder
    from ..records.streams.parquet import ParquetEncoder

    if format_ is ARROW:
        return ArrowEncoder()
    if format_ is PARQUET:
        return ParquetEncoder()
    if format_ is CSV:
        return CsvEncoder(safe=False)
    raise EnfyraError(
        "NOT_ACCEPTABLE",
        f"SQL is not answered as {format_.name}",
        hint="Accept application/json, an Arrow stream, Parquet or CSV",
    )


def read_body(body: Any) -> Asked:
    """Read what is asked for.

    Raises:
        EnfyraError: INVALID_BODY with every problem.

    Example:
        >>> read_body({"sql": "SELECT 1", "limit": 5}).limit
        5
    """
    if not isinstance(body, Mapping):
        raise EnfyraError("INVALID_BODY", "The body must be a JSON object")
    named = cast("Mapping[str, Any]", body)
    problems = [
        f"{name} is not allowed.{did_you_mean(name, _KEYS)}" for name in named if name not in _KEYS
    ]
    saved, sql = named.get("saved"), named.get("sql")
    parts, parameters = named.get("with"), named.get("parameters")
    limit, seconds, explain = named.get("limit"), named.get("timeout"), named.get("explain")
    if saved is not None:
        if not isinstance(saved, str) or sql is not None:
            problems.append("saved must be the name of a query, in the place of sql")
        sql = saved
    elif not isinstance(sql, str) or not sql.strip():
        problems.append("sql must be a statement, such as SELECT title FROM post")
    elif "\0" in sql:
        problems.append("sql must not hold a null character")
    if parts is not None and not _lists_texts(parts):
        problems.append('with must list the names of saved queries, such as ["late"]')
    if parameters is not None and not isinstance(parameters, Mapping):
        problems.append('parameters must be an object, such as {"id": 7}')
    if limit is not None and (type(limit) is not int or limit < 0):
        problems.append("limit must be a whole number")
    if seconds is not None and (type(seconds) not in {int, float} or not 0 < seconds <= 86_400):
        problems.append("timeout must be a number of seconds")
    if explain is not None and not isinstance(explain, bool):
        problems.append("explain must be true or false")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    values = dict(cast("Mapping[str, Any]", parameters or {}))
    return Asked(
        str(sql),
        values,
        limit,
        None if seconds is None else float(seconds),
        saved=saved is not None,
        parts=tuple(parts or ()),
        explain=bool(explain),
    )


def _lists_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value))
