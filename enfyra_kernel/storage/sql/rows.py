"""Flat rows into the JSON of an answer, for databases that do not build it themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from ...encoding import encode_json
from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, ColumnType
from .render.layout import Layout, Leaf, leaves

Row = Sequence[Any]
Convert = Callable[[Any], Any]


def row_reader(layout: Layout) -> Callable[[Iterable[Row]], bytes]:
    """Give the function from flat rows to a JSON array."""
    build = _builder(layout)

    def read(rows: Iterable[Row]) -> bytes:
        return encode_json([build(row) for row in rows])

    return read


def _builder(layout: Layout) -> Callable[[Row], dict[str, Any]]:
    positions = {leaf.label: number for number, leaf in enumerate(leaves(layout))}
    steps = [_step(part, positions) for part in layout]

    def build(row: Row) -> dict[str, Any]:
        return {name: value(row) for name, value in steps}

    return build


def _step(part: Any, positions: dict[str, int]) -> tuple[str, Callable[[Row], Any]]:
    if isinstance(part, Leaf):
        return part.name, _value(positions[part.label], converter(part.column))
    presence = positions[part.presence]
    steps = [_step(inner, positions) for inner in part.parts]

    def related(row: Row) -> dict[str, Any] | None:
        if row[presence] is None:
            return None
        return {name: value(row) for name, value in steps}

    return part.name, related


def _value(position: int, convert: Convert | None) -> Callable[[Row], Any]:
    if convert is None:
        return lambda row: row[position]
    return lambda row: None if (value := row[position]) is None else convert(value)


def converter(column: StoredColumn) -> Convert | None:
    """Give the function from the driver's value to what is encoded as JSON."""
    if column.type is ColumnType.BOOLEAN:
        return bool
    if column.type in DOCUMENTS:
        return _document
    if column.type in INSTANTS:
        return _instant
    return None


def _document(value: Any) -> Any:
    return msgspec.Raw(value.encode() if isinstance(value, str) else value)


def _instant(value: str) -> str:
    """Finish what the statement formatted: no trailing zeros, and the zone."""
    return value.rstrip("0").rstrip(".") + "+00:00" if "." in value else value + "+00:00"
