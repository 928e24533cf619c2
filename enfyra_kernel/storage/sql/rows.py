"""Flat rows into the JSON of an answer, for databases that do not build it themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...metadata.tables import StoredColumn
from .render.layout import Branch, Layout, Leaf, Listed, Many, Part, leaves

Row = Sequence[Any]
Convert = Callable[[Any], Any]
ConverterOf = Callable[[StoredColumn], Convert | None]


# Where records of relations to many wait to be filled in: for each relation, by key.
Waiting = Sequence[dict[Any, list[list[Any]]]]
Builder = Callable[[Row, Waiting], dict[str, Any]]
Step = Callable[[Row, Waiting], Any]


def builder(layout: Layout, converter: ConverterOf, first: int = 0) -> Builder:
    """Give the function from a flat row to a record.

    Args:
        converter: Gives the function from the driver's value of a column to what is encoded.
        first: The number of values in front of those of the layout.
    """
    positions = {leaf.label: number for number, leaf in enumerate(leaves(layout), first)}
    steps = [(part.name, step) for part, step in _steps(layout, positions, converter)]

    def build(row: Row, waiting: Waiting) -> dict[str, Any]:
        return {name: value(row, waiting) for name, value in steps}

    return build


def _steps(
    layout: Layout, positions: Mapping[str, int], converter: ConverterOf
) -> Iterable[tuple[Part, Step]]:
    relations = itertools.count()

    def step_of(part: Part) -> Step:
        match part:
            case Leaf(label=label, column=column):
                return _value(positions[label], converter(column))
            case Many(key=key):
                return _waiting(positions[key.label], next(relations))
            case Listed(parts=parts):
                values = [step_of(leaf) for leaf in parts]
                return lambda row, waiting: [value(row, waiting) for value in values]
            case Branch(presence=presence, parts=parts):
                return _branch(positions[presence], [(one.name, step_of(one)) for one in parts])

    return [(part, step_of(part)) for part in layout]


def _branch(presence: int, steps: Sequence[tuple[str, Step]]) -> Step:
    def related(row: Row, waiting: Waiting) -> dict[str, Any] | None:
        if row[presence] is None:
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
