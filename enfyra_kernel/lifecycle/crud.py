"""Default CRUD: what a table's route answers."""

from __future__ import annotations

from typing import Any

import msgspec

from ..encoding import encode_json
from ..errors import EnfyraError
from ..records.records import Records
from ..records.streams.formats import JSON
from ..storage.database import Page
from .context import Context
from .messages import Response, success
from .streams import download, load

_OF_STREAMS = frozenset({"format"})


class Crud:
    """Lists, creates, changes and deletes a table's records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def list(self, context: Context) -> Response:
        """Answer GET on a table."""
        repository = self._records.of_table(context.table, context.snapshot)
        wanted = context.answer_format
        if wanted is not JSON:
            return await download(context, repository, wanted)
        query = context.query(ignoring=_OF_STREAMS)
        if query.explain:
            return success(encode_json(await repository.explain(query, context.access)))
        page = await repository.find(query, context.access)
        return success(page.rows, meta=meta_of(page))

    async def create(self, context: Context) -> Response:
        """Answer POST on a table: one record, or a list of them."""
        repository = self._records.of_table(context.table, context.snapshot)
        given = context.body_format
        if given is not JSON:
            return await load(context, repository, given)
        body = await context.json()
        query = context.query(ignoring=_OF_STREAMS)
        if isinstance(body, list):
            rows = await repository.create_many(_records(body), query, context.access)
        else:
            rows = await repository.create(body, query, context.access)
        return success(rows, status=201)

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
