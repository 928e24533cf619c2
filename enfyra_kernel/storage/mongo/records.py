"""All records of a Plan, a thousand at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pymongo

from ...query.plan import Plan
from ..database import Values
from .client import Client
from .faults import explained
from .pipeline.pages import page, rows_of
from .pipeline.selections import Row

BATCH = 1000
# A stream takes as long as its reader does; single operations have a time of their own.
PATIENCE = 24 * 3600.0


async def records(
    client: Client, plan: Plan, values: Values, limit: int | None
) -> AsyncGenerator[list[Row], None]:
    """Give the rows of all records as `find` has them, holding one batch at a time."""
    reading = page(plan, values, -1 if limit is None else limit, 0)
    collection = client.database[plan.table.definition.physical]
    with explained(), pymongo.timeout(PATIENCE):
        cursor: Any = await collection.aggregate(reading.pipeline, batchSize=BATCH)
    try:
        first = True
        while first or cursor.alive:
            first = False
            with explained(), pymongo.timeout(PATIENCE):
                documents = await cursor.to_list(BATCH)
            if documents:
                yield await asyncio.to_thread(rows_of, reading, documents)
    finally:
        with explained():
            await cursor.close()
