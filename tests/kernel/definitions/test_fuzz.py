"""Whatever stands in a document: it is applied, or refused with a reason, and never an accident."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import Api

from .estate import furnish

pytestmark = [pytest.mark.asyncio, pytest.mark.may_block]
STRANGE = (None, 7, -1.5, True, "", "x", "../a", [], [[]], [{}], {}, {"a": 1}, ["a", 1], "${A}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the places of all that is in a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inside in items:
        yield (*path, key)
        yield from places(inside, (*path, key))


async def test_strange_documents_are_refused(sqlite_api: Api) -> None:
    await furnish(sqlite_api)
    document = (await sqlite_api.get("/admin/definitions")).row
    chance = random.Random(7)
    everywhere = list(places(document))
    for _ in range(150):
        changed = copy.deepcopy(document)
        *path, last = chance.choice(everywhere)
        holder = changed
        for key in path:
            holder = holder[key]
        holder[last] = chance.choice(STRANGE)
        answer = await sqlite_api.post("/admin/definitions/diff", {"document": changed})
        assert answer.status < 500, (path, last, holder[last], answer.body)
