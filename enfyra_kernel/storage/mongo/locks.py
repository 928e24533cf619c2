"""Locks on records that others refer to: so that none goes while somebody begins to refer to it.

A transaction sees the records as they were when it began. One that deletes a record sees nobody
who refers to it, one that refers to it sees that it is there, and both would be committed. So both
write to a document that they have in common, which MongoDB lets one of them do only. Who refers to
a record writes to any of its stripes, so that they seldom meet each other; who deletes it, to all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from ...errors import DeadlockError
from .client import Client
from .faults import explained

LOCKS = "enfyra_locks"
# Records share their locks with some others.
_BUCKETS = 128
_STRIPES = 16
_DUPLICATE = 11000
_TOUCH = {"$inc": {"n": 1}}


class Locks:
    """Takes locks for one transaction."""

    def __init__(self, client: Client, session: Any) -> None:
        self._client = client
        self._session = session

    async def share(self, table: str, keys: Iterable[Any]) -> None:
        """Keep records from being deleted until the transaction ends."""
        # One after the other: those who are at work here at the same time do not meet.
        stripe = self._client.turn() % _STRIPES
        await self._touch((bucket, stripe) for bucket in _buckets(table, keys))

    async def exclude(self, table: str, keys: Iterable[Any]) -> None:
        """Keep records from being referred to until the transaction ends."""
        await self._touch(
            (bucket, stripe) for bucket in _buckets(table, keys) for stripe in range(_STRIPES)
        )

    async def _touch(self, places: Iterable[tuple[int, int]]) -> None:
        writes = [
            UpdateOne({"_id": bucket * _STRIPES + stripe}, _TOUCH, upsert=True)
            for bucket, stripe in places
        ]
        with explained():
            try:
                await self._client.database[LOCKS].bulk_write(writes, session=self._session)
            except BulkWriteError as error:
                failed: Any = error.details["writeErrors"]
                if failed and failed[0]["code"] == _DUPLICATE:
                    # Somebody else took the lock for the first time ever.
                    raise DeadlockError from error
                raise


def _buckets(table: str, keys: Iterable[Any]) -> list[int]:
    # Always in the same order, for all transactions.
    return sorted({zlib.crc32(f"{table}:{key}".encode()) % _BUCKETS for key in keys})
