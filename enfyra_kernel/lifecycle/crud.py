"""Default CRUD: what a table's route answers."""

from __future__ import annotations

from typing import Any

import msgspec

from ..encoding import encode_json
from ..records.idempotency import Idempotency
from ..records.records import Records
from ..records.streams.formats import JSON
from ..storage.database import Page
from .conditional import is_for_one, tagged, unchanged
from .context import Context
from .messages import Response, success
from .streams import download, load
from .writes import Writes, refuse_idempotency

_OF_STREAMS = frozenset({"format"})


class Lists:
    """Lists a table's records."""

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
        response = success(page.rows, meta=meta_of(page))
        if is_for_one(query, repository) and page.rows != b"[]":
            tagged(response, repository, page.rows, query, context.access)
            if unchanged(context, response):
                return Response(304, headers=response.headers)
        return response


class Crud(Lists):
    """Lists, creates, changes and deletes a table's records."""

    def __init__(self, records: Records, idempotency: Idempotency) -> None:
        super().__init__(records)
        writes = Writes(records, idempotency)
        self._create = writes.create
        self.update = writes.update
        self.replace = writes.replace
        self.delete = writes.delete

    async def create(self, context: Context) -> Response:
        """Answer POST on a table: one record, a list of them, or a stream."""
        given = context.body_format
        if given is JSON:
            return await self._create(context)
        refuse_idempotency(context)
        repository = self._records.of_table(context.table, context.snapshot)
        return await load(context, repository, given)


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
