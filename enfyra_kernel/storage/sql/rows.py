"""Flat rows into the JSON of an answer, for databases that do not build it themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ...metadata.tables import StoredColumn
from .render.layout import Branch, Layout, Leaf, Listed, Many, Part, leaves

Row = Sequence[Any]
Convert = Callable[[Any], Any]
ConverterOf = Callable[[StoredColumn], Convert | None]

# Where records of relations to many wait to be filled in: for each relation, by key.
Waiting = Sequence[dict[Any, list[list[Any]]]]
Builder = Callable[[Row, Waiting], Any]


def builder(layout: Layout, converter: ConverterOf, first: int = 0) -> Builder:
    """Give the function from a flat row to a record, which is to be encoded as JSON.

    Args:
        converter: Gives the function from the driver's value of a column to what is encoded.
        first: The number of values in front of those of the layout.
    """
    return _Source(layout, converter, first).compiled(layout)


class _Source:
    """The source text of a function that makes records of rows.

    A record has a type of its own, whose names msgspec writes without looking at them, and the
    function is one expression: a quarter of the time that dictionaries take which are made step by
    step. Nothing but numbers gets into the text; names and functions are handed to it.
    """

    def __init__(self, layout: Layout, converter: ConverterOf, first: int) -> None:
        self._converter = converter
        self._relations = 0
        self._given: dict[str, Any] = {"wait": _wait}
        labels = [leaf.label for leaf in leaves(layout)]
        self._variables = {label: f"c{number}" for number, label in enumerate(labels)}
        self._skipped = [f"_{number}" for number in range(first)]

    def compiled(self, layout: Layout) -> Builder:
        """Give the function."""
        made = self._record(layout)
        variables = [*self._skipped, *self._variables.values()]
        text = f"def build(row, waiting):\n [{', '.join(variables)}] = row\n return {made}\n"
        exec(text, self._given)  # noqa: S102 - of numbers only, as `namedtuple` does it
        return self._given["build"]

    def _record(self, parts: Sequence[Part]) -> str:
        values = [self._value(part) for part in parts]
        names = {f"f{number}": part.name for number, part in enumerate(parts)}
        kind = self._give(_kind(names))
        return f"{kind}({', '.join(values)})"

    def _value(self, part: Part) -> str:
        match part:
            case Leaf(label=label, column=column):
                variable, convert = self._variables[label], self._converter(column)
                if convert is None:
                    return variable
                return f"None if {variable} is None else {self._give(convert)}({variable})"
            case Many(key=key):
                relation, self._relations = self._relations, self._relations + 1
                return f"wait({self._variables[key.label]}, waiting[{relation}])"
            case Listed(parts=parts):
                return f"[{', '.join([self._value(leaf) for leaf in parts])}]"
            case Branch(presence=presence, parts=parts):
                made = self._record(parts)
                return f"None if {self._variables[presence]} is None else {made}"

    def _give(self, value: Any) -> str:
        name = f"g{len(self._given)}"
        self._given[name] = value
        return name


def _kind(names: Mapping[str, str]) -> type[msgspec.Struct]:
    """Make the type of a record: its fields, and what they are called in JSON."""
    return msgspec.defstruct("Record", list(names), rename=dict(names), gc=False)


def _wait(key: Any, waiting: dict[Any, list[list[Any]]]) -> list[Any]:
    listed: list[Any] = []
    if key is not None:
        waiting.setdefault(key, []).append(listed)
    return listed
