"""Flat rows into the JSON of an answer, for databases that do not build it themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ...metadata.tables import StoredColumn
from ...metadata.types import DOCUMENTS, INSTANTS, INTEGERS, ColumnType
from .render.layout import Branch, Layout, Leaf, Listed, Many, Part, leaves

Row = Sequence[Any]
Convert = Callable[[Any], Any]


# Where records of relations to many wait to be filled in: for each relation, by key.
Waiting = Sequence[dict[Any, list[list[Any]]]]
Builder = Callable[[Row, Waiting], dict[str, Any]]
Step = Callable[[Row, Waiting], Any]


def builder(layout: Layout, first: int = 0) -> Builder:
    """Give the function from a flat row to a record.

    Args:
        first: The number of values in front of those of the layout.
    """
    positions = {leaf.label: number for number, leaf in enumerate(leaves(layout), first)}
    relations = itertools.count()
    steps = [(part.name, _step(part, positions, relations)) for part in layout]

    def build(row: Row, waiting: Waiting) -> dict[str, Any]:
        return {name: value(row, waiting) for name, value in steps}

    return build


def _step(part: Part, positions: Mapping[str, int], relations: Iterator[int]) -> Step:
    match part:
        case Leaf(label=label, column=column):
            return _value(positions[label], converter(column))
        case Many(key=key):
            return _waiting(positions[key.label], next(relations))
        case Listed(parts=parts):
            values = [_step(leaf, positions, relations) for leaf in parts]
            return lambda row, waiting: [value(row, waiting) for value in values]
        case Branch(presence=presence, parts=parts):
            present = positions[presence]
            steps = [(inner.name, _step(inner, positions, relations)) for inner in parts]

            def related(row: Row, waiting: Waiting) -> dict[str, Any] | None:
                if row[present] is None:
                    return None
                return {name: value(row, waiting) for name, value in steps}

            return related


def _waiting(position: int, relation: int) -> Step:
    def wait(row: Row, waiting: Waiting) -> list[Any]:
        listed: list[Any] = []
        if row[position] is not None:
            waiting[relation].setdefault(row[position], []).append(listed)
        return listed

    return wait


def _value(position: int, convert: Convert | None) -> Step:
    if convert is None:
        return lambda row, _: row[position]
    return lambda row, _: None if (value := row[position]) is None else convert(value)


def converter(column: StoredColumn) -> Convert | None:
    """Give the function from the driver's value to what is encoded as JSON."""
    if column.type is ColumnType.BOOLEAN:
        return bool
    if column.type in DOCUMENTS:
        return _document
    if column.type in INSTANTS:
        return _instant
    if column.type in INTEGERS:
        # The sum of integers comes as a decimal.
        return _integer
    return None


def _document(value: Any) -> Any:
    return msgspec.Raw(value.encode() if isinstance(value, str) else value)


def _integer(value: Any) -> int:
    return value if type(value) is int else int(value)


def _instant(value: str) -> str:
    """Finish what the statement formatted: no trailing zeros, and the zone."""
    return value.rstrip("0").rstrip(".") + "+00:00" if "." in value else value + "+00:00"
