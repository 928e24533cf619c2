"""Default CRUD: what a table's route answers."""

from __future__ import annotations

from typing import Any

from ..errors import EnfyraError
from ..records.records import Records
from ..storage.database import Page
from .context import Context
from .messages import ARROW, Response, success


class Crud:
    """Lists, creates, changes and deletes a table's records."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def list(self, context: Context) -> Response:
        """Answer GET on a table."""
        repository = self._records.of_table(context.table, context.snapshot)
        query = context.query()
        if context.wants_arrow:
            stream = repository.stream(query, context.access)
            return Response(200, content_type=ARROW, stream=stream)
        page = await repository.find(query, context.access)
        return success(page.rows, meta=meta_of(page))

    async def create(self, context: Context) -> Response:
        """Answer POST on a table: one record, or a list of them."""
        repository = self._records.of_table(context.table, context.snapshot)
        if context.content_type == ARROW:
            return await self._load(context)
        body = context.json()
        query = context.query()
        if isinstance(body, list):
            rows = await repository.create_many(_records(body), query, context.access)
        else:
            rows = await repository.create(body, query, context.access)
        return success(rows, status=201)

    async def _load(self, context: Context) -> Response:
        raise EnfyraError("UNSUPPORTED_MEDIA_TYPE")

    async def update(self, context: Context) -> Response:
        """Answer PATCH on a record."""
        repository = self._records.of_table(context.table, context.snapshot)
        rows = await repository.update(
            key_of(context), context.json(), context.query(), context.access
        )
        return success(rows)

    async def replace(self, context: Context) -> Response:
        """Answer PUT on a record."""
        repository = self._records.of_table(context.table, context.snapshot)
        rows = await repository.replace(
            key_of(context), context.json(), context.query(), context.access
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


def meta_of(page: Page) -> dict[str, int] | None:
    """Give the counts of a page, if any were asked for."""
    if page.filter_count is None and page.total_count is None:
        return None
    counts: dict[str, int] = {}
    if page.total_count is not None:
        counts["totalCount"] = page.total_count
    if page.filter_count is not None:
        counts["filterCount"] = page.filter_count
    return counts


def _records(body: Any) -> list[Any]:
    if not body:
        raise EnfyraError("INVALID_BODY", "The list of records is empty")
    return body
