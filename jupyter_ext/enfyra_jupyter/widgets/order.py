"""The keys of a result in their order, for pages that are deep in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from ..client import Client

# A database finds the rows of a page behind so many others by sorting them all, each time anew.
DEEP = 10_000


class Order:
    """The keys of all rows that a query finds, as they are sorted at this moment.

    A million of them take some megabytes, and are fetched in less time than one page that is deep.

    Args:
        query: The query whose rows they are, of any fields.
        key: The name of the primary key.
    """

    def __init__(self, client: Client, path: str, query: Mapping[str, Any], key: str) -> None:
        self.query = dict(query)
        self._client = client
        self._path = path
        self._key = key
        asked = {name: query[name] for name in ("filter", "sort") if name in query}
        with (
            client.stream(path, {**asked, "fields": key, "limit": 0}) as answer,
            pa.ipc.open_stream(answer.read()) as reader,
        ):
            self._keys = reader.read_all().column(key).combine_chunks()

    def rows(self, first: int, count: int) -> list[dict[str, Any]]:
        """Give rows by their places; one that is gone by now is empty."""
        keys = self._keys.slice(first, count).to_pylist()
        query = {name: value for name, value in self.query.items() if name != "sort"}
        query |= {"filter": {self._key: {"_in": keys}}, "limit": max(len(keys), 1)}
        found = self._client.get(self._path, **query)["data"] if keys else []
        by_key = {row[self._key]: row for row in found}
        return [by_key.get(key, {}) for key in keys]
