"""Statements compiled to text once, and how values are put into their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

# Where the limit and the offset stand behind the values.
LIMIT = "limit"
OFFSET = "offset"

Encoder = Callable[[Any], Any]


class Source(NamedTuple):
    """Where a parameter's value comes from: the number of a value, or `limit`, `offset`."""

    of: int | str
    encode: Encoder | None = None


class Statement:
    """A statement's text and, in the order of its parameters, where their values come from."""

    __slots__ = ("_direct", "sources", "text")

    def __init__(self, text: str, sources: tuple[Source, ...]) -> None:
        self.text = text
        self.sources = sources
        # Most statements take all values as they are, and then the limit and the offset.
        given = len(sources) - 2
        self._direct = given if sources == _in_order(given) else -1

    def arguments(self, values: Sequence[Any], limit: Any = None, offset: int = 0) -> list[Any]:
        """Give the driver's arguments."""
        if self._direct == len(values):
            return [*values, limit, offset]
        arguments: list[Any] = []
        for of, encode in self.sources:
            if of == LIMIT:
                arguments.append(limit)
            elif of == OFFSET:
                arguments.append(offset)
            else:
                value: Any = values[int(of)]
                arguments.append(value if encode is None or value is None else encode(value))
        return arguments

    def many(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Give the driver's arguments for many rows."""
        if any(of != number for number, (of, _) in enumerate(self.sources)):
            return [self.arguments(values) for values in rows]
        encoders = [(number, one.encode) for number, one in enumerate(self.sources) if one.encode]
        if not encoders:
            return rows
        # Most columns need no encoding, so whole rows are copied and few values touched.
        made = [list(values) for values in rows]
        for number, encode in encoders:
            for values in made:
                if values[number] is not None:
                    values[number] = encode(values[number])
        return made


def _in_order(number: int) -> tuple[Source, ...]:
    return (*map(Source, range(number)), Source(LIMIT), Source(OFFSET))


def compile_statement(statement: Any, dialect: Dialect, sources: Mapping[str, Source]) -> Statement:
    """Compile a statement for a dialect with positional parameters."""
    compiled: SQLCompiler = statement.compile(dialect=dialect)
    return Statement(str(compiled), tuple(sources[name] for name in compiled.positiontup or ()))
