"""Records of relations to many, for databases whose answers are made of flat rows.

Each relation to many costs one statement, however many records have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..database import Values
from .driver import Row, Runner
from .prepared import padded, rounded_size
from .render.layout import Branch, Layout, Many
from .render.renderer import Renderer
from .render.scope import Sizes
from .rows import Builder, builder
from .statement import Statement

# More keys than that go in several statements.
MANY_KEYS = 2_000


@dataclass(slots=True)
class RelatedRead:
    """The records of one relation to many, with their statements by the number of keys."""

    part: Many
    renderer: Renderer
    sizes: Sizes
    slots: int
    rendered: dict[Sizes, tuple[Statement, Builder, tuple[RelatedRead, ...]]] = field(
        default_factory=dict[Sizes, Any]
    )

    def of(self, keys: int) -> tuple[Statement, Builder, tuple[RelatedRead, ...]]:
        """Give what was rendered for so many keys."""
        sizes = (*(self.sizes or (0,) * self.slots), rounded_size(keys))
        found = self.rendered.get(sizes)
        if found is None:
            statement, layout = self.renderer.related(self.part, sizes, self.slots)
            below = related_reads(layout, self.renderer, self.sizes, self.slots)
            found = self.rendered[sizes] = (
                statement,
                builder(layout, self.renderer.dialect.converter, 1),
                below,
            )
        return found


def related_reads(
    layout: Layout, renderer: Renderer, sizes: Sizes, slots: int
) -> tuple[RelatedRead, ...]:
    """Give the reads of all relations to many in a layout, in the order of its parts."""
    return tuple(RelatedRead(part, renderer, sizes, slots) for part in _relations(layout))


def _relations(layout: Layout) -> Iterable[Many]:
    for part in layout:
        if isinstance(part, Many):
            yield part
        elif isinstance(part, Branch):
            yield from _relations(part.parts)


async def nested(
    runner: Runner,
    rows: Iterable[Row],
    build: Builder,
    reads: Sequence[RelatedRead],
    values: Values,
) -> list[Any]:
    """Make the records of flat rows, with those of their relations to many in them."""
    waiting: list[dict[Any, list[list[Any]]]] = [{} for _ in reads]
    made = [build(row, waiting) for row in rows]
    for read, lists in zip(reads, waiting, strict=True):
        keys = list(lists)
        for start in range(0, len(keys), MANY_KEYS):
            await _fill(runner, read, keys[start : start + MANY_KEYS], lists, values)
    return made


async def _fill(
    runner: Runner,
    read: RelatedRead,
    keys: list[Any],
    lists: dict[Any, list[list[Any]]],
    values: Values,
) -> None:
    statement, build, below = read.of(len(keys))
    sizes = (*(read.sizes or (0,) * read.slots), rounded_size(len(keys)))
    bound = padded([*values, keys], sizes)
    rows = await runner.fetch_rows(statement.text, statement.arguments(bound))
    for row, record in zip(rows, await nested(runner, rows, build, below, values), strict=True):
        for listed in lists[row[0]]:
            listed.append(record)


def asked_of(reads: Sequence[RelatedRead], values: Values) -> list[tuple[str, Sequence[Any]]]:
    """Give the statements of relations to many, and of those below, as they are for one key."""
    asked: list[tuple[str, Sequence[Any]]] = []
    for read in reads:
        statement, _, below = read.of(1)
        asked.append((statement.text, statement.arguments([*values, [None]])))
        asked += asked_of(below, values)
    return asked
