"""Pages that go on from a place in the order, however the records before it change."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from ..encoding import decode_json, encode_json
from ..query.ast import SortKey
from ..query.cursors import encode_cursor
from ..query.plan import PLACE
from ..storage.database import Page

_rows = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def with_cursor(page: Page, limit: int, sort: tuple[SortKey, ...]) -> Page:
    """Give a page its cursor.

    Args:
        page: One record more than asked for, if there are so many, each with its place.
        limit: How many were asked for.
        sort: What they are sorted by.
    """
    rows = _rows.decode(page.rows)
    places = [row.pop(PLACE) for row in rows]
    cursor = ""
    if len(rows) > limit:
        rows = rows[:limit]
        cursor = encode_cursor(decode_json(bytes(places[limit - 1])), sort)
    return replace(page, rows=encode_json(rows), cursor=cursor)
