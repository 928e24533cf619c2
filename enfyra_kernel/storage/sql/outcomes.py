"""What statements have given, as pages, records and keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...encoding import decode_json
from ...metadata.tables import StoredColumn
from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ..database import Page, Values
from .driver import Outcome, Row


def page_of(plan: Plan, row: Row | None) -> Page:
    """Give the page that a row holds: its records as JSON, and the figures beside them."""
    if row is None:
        return Page(b"[]")
    if not (plan.filter_count or plan.total_count or plan.aggregates):
        return Page(bytes_of(row[0]))
    figures = iter(row[1:])
    return Page(
        bytes_of(row[0]),
        int(next(figures)) if plan.filter_count else None,
        int(next(figures)) if plan.total_count else None,
        bytes_of(next(figures)) if plan.aggregates else None,
    )


def bytes_of(value: Any) -> bytes:
    """Give what some databases send as a text, and others as bytes."""
    return value.encode() if isinstance(value, str) else value


def in_order(rows: bytes, keys: Sequence[Any], key_name: str) -> list[bytes]:
    """Give records that were read by their keys in the order of the keys."""
    by_key = {
        decode_json(bytes(raw))[key_name]: bytes(raw)
        for raw in msgspec.json.decode(rows, type=list[msgspec.Raw])
    }
    return [by_key[key] for key in keys]


def list_of(rows: Sequence[Row]) -> bytes:
    """Give records, each a row of its own, as one list in JSON."""
    if len(rows) == 1:
        return b"[" + bytes_of(rows[0][0]) + b"]"
    return b"[" + b",".join(bytes_of(row[0]) for row in rows) + b"]"


def written_keys(
    command: Insert | Update | Delete, rows: Sequence[Values], outcome: Outcome
) -> list[Any]:
    """Find the keys of written records: given, counted up, or those of the condition."""
    if isinstance(command, Delete):
        return []
    if outcome.rows:
        return [decode_json(row[0])[command.table.primary.name] for row in outcome.rows]
    if isinstance(command, Update):
        return [values[-1] for values in rows] if outcome.count else []
    key: StoredColumn = command.table.key
    for number, column in enumerate(command.columns):
        if column.name == key.name:
            return [values[number] for values in rows]
    first = outcome.last_id or 0
    return list(range(first, first + len(rows)))
