"""Default CRUD: what a table's route answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError, did_you_mean
from ..query.brackets import parse_query_string
from ..records.records import Records
from ..storage.database import Page
from .context import Context
from .messages import ARROW, Response, success
from .streams import prepare_streams


class Crud:
    """Lists, creates, changes and deletes a table's records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def list(self, context: Context) -> Response:
        """Answer GET on a table."""
        repository = self._records.of_table(context.table, context.snapshot)
        query = context.query()
        if query.explain:
            return success(encode_json(await repository.explain(query, context.access)))
        if context.wants_arrow:
            await prepare_streams()
            stream = repository.stream(query, context.access)
            if context.request.method != "HEAD":
                stream = await _begun(stream)
            return Response(200, content_type=ARROW, stream=stream)
        page = await repository.find(query, context.access)
        return success(page.rows, meta=meta_of(page))

    async def create(self, context: Context) -> Response:
        """Answer POST on a table: one record, or a list of them."""
        repository = self._records.of_table(context.table, context.snapshot)
        if context.content_type == ARROW:
            return await self._load(context)
        body = await context.json()
        query = context.query()
        if isinstance(body, list):
            rows = await repository.create_many(_records(body), query, context.access)
        else:
            rows = await repository.create(body, query, context.access)
        return success(rows, status=201)

    async def _load(self, context: Context) -> Response:
        await prepare_streams()
        try:
            from ..records.loading import MODES, LoadOptions
        except ImportError:
            raise EnfyraError(
                "UNSUPPORTED_MEDIA_TYPE",
                "Loading Arrow streams needs pyarrow on the server",
                hint="pip install 'enfyra-kernel[arrow]'",
            ) from None
        stream = context.request.stream
        if stream is None:
            stream = _one_piece(context.request.body)
        named = parse_query_string(context.request.query)
        for name in named:
            if name not in _LOAD_OPTIONS:
                hint = did_you_mean(name, _LOAD_OPTIONS)
                raise EnfyraError(
                    "INVALID_QUERY", f"There is no parameter '{name}' for loading.{hint}"
                )
        options = LoadOptions(
            mode=str(named.get("mode", MODES[0])),
            key=_names(named.get("key")),
            missing=str(named.get("missing", "error")),
            dry_run=context.flag("dryRun"),
        )
        repository = self._records.of_table(context.table, context.snapshot)
        loaded = await repository.load(stream, options, context.access)
        return success(encode_json(loaded), status=200 if options.dry_run else 201)

    async def update(self, context: Context) -> Response:
        """Answer PATCH on a record."""
        repository = self._records.of_table(context.table, context.snapshot)
        rows = await repository.update(
            key_of(context), await context.json(), context.query(), context.access
        )
        return success(rows)

    async def replace(self, context: Context) -> Response:
        """Answer PUT on a record."""
        repository = self._records.of_table(context.table, context.snapshot)
        rows = await repository.replace(
            key_of(context), await context.json(), context.query(), context.access
        )
        return success(rows)

    async def delete(self, context: Context) -> Response:
        """Answer DELETE on a record."""
        repository = self._records.of_table(context.table, context.snapshot)
        await repository.delete(key_of(context))
        return success(message="Deleted")


_LOAD_OPTIONS = ("mode", "key", "missing", "dryRun")


def _names(value: object) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(value or "").split(",") if part.strip())


async def _begun(stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Make the first rows at once: most errors show by then, while a status can still be sent."""
    # The very first piece is the schema, for which the database is not asked.
    first = await anext(stream, b"") + await anext(stream, b"")

    async def pieces() -> AsyncIterator[bytes]:
        # Whoever leaves early lets go of the database, too.
        async with aclosing(stream):
            yield first
            async for piece in stream:
                yield piece

    return pieces()


async def _one_piece(body: bytes) -> AsyncIterator[bytes]:
    yield body


def key_of(context: Context) -> str:
    """Give the key of the record that the path names."""
    return context.parameters["id"]


def meta_of(page: Page) -> dict[str, Any] | None:
    """Give what was asked for beside a page's records, if anything was."""
    meta: dict[str, Any] = {}
    if page.total_count is not None:
        meta["totalCount"] = page.total_count
    if page.filter_count is not None:
        meta["filterCount"] = page.filter_count
    if page.aggregate is not None:
        meta["aggregate"] = msgspec.Raw(page.aggregate)
    if page.cursor is not None:
        meta["cursor"] = page.cursor or None
    return meta or None


def _records(body: Any) -> list[Any]:
    if not body:
        raise EnfyraError("INVALID_BODY", "The list of records is empty")
    return body
