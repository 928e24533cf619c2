"""Plans and commands made ready to run: with their statements, one for each size of lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...query.commands import Delete, Insert, Update
from ...query.plan import Plan
from ..database import Values
from .dialect import WHOLE
from .render.scope import Sizes
from .statement import Statement

# Longer lists travel as one JSON text, however long they are.
MOST_PARAMETERS = 128
NO_SIZES: Sizes = ()


@dataclass(slots=True)
class SqlRead:
    """A Plan with its statements.

    There is one for each combination of list sizes and each of the dialect's page sizes.
    """

    plan: Plan
    render: Callable[[Plan, Sizes, int | None], Any] = field(repr=False)
    sized: tuple[int, ...]
    pages: tuple[int, ...] = ()
    rendered: dict[tuple[Sizes, int | None], Any] = field(
        default_factory=dict[tuple[Sizes, int | None], Any], repr=False
    )

    def of(self, values: Values, last: int = -1) -> Any:
        """Give what was rendered for values of these sizes.

        Args:
            last: How many records there are up to the end of the page; negative for all.
        """
        sizes = sizes_of(self.sized, values, len(self.plan.slots)) if self.sized else NO_SIZES
        page = None
        if self.pages and last >= 0:
            page = next((size for size in self.pages if size >= last), None)
        rendered = self.rendered.get((sizes, page))
        if rendered is None:
            rendered = self.rendered[sizes, page] = self.render(self.plan, sizes, page)
        return rendered


@dataclass(slots=True)
class SqlWrite:
    """A command with its statements.

    Attributes:
        then_read: Where the database does not give back what it wrote, the read that does.
        arrays: The statement that takes many rows as arrays, where the database has that.
        cases: The statements that update so many rows, where the database has cases for that.
        given_keys: Whether it names keys that the database otherwise counts up.
    """

    command: Insert | Update | Delete
    render: Callable[[Sizes], Statement] = field(repr=False)
    sized: tuple[int, ...] = ()
    returning: bool = False
    then_read: SqlRead | None = None
    arrays: Callable[[], Statement] | None = None
    given_keys: bool = False
    cases: dict[int, Statement] = field(default_factory=dict[int, Statement], repr=False)
    rendered: dict[Sizes, Statement] = field(default_factory=dict[Sizes, Statement], repr=False)

    def of(self, values: Values) -> Statement:
        """Give the statement for values of these sizes."""
        sizes: Sizes = NO_SIZES
        if self.sized and isinstance(self.command, Update | Delete):
            first = len(self.command.columns) if isinstance(self.command, Update) else 0
            sizes = sizes_of(self.sized, values[first:], len(self.command.slots))
        statement = self.rendered.get(sizes)
        if statement is None:
            statement = self.rendered[sizes] = self.render(sizes)
        return statement


def sizes_of(sized: tuple[int, ...], values: Values, slots: int) -> Sizes:
    """Give the size that each slot has in the statement; 0 where it holds no list."""
    sizes = [0] * slots
    for slot in sized:
        sizes[slot] = rounded_size(len(values[slot]))
    return tuple(sizes)


def rounded_size(length: int) -> int:
    """Round a list's length up, so that few lengths need a statement of their own.

    Example:
        >>> [rounded_size(length) for length in (0, 3, 5, 100)]
        [0, 4, 8, 128]
    """
    if length > MOST_PARAMETERS:
        return WHOLE
    return 1 << (length - 1).bit_length() if length > 2 else length


def padded(values: Values, sizes: Sizes) -> Values:
    """Repeat the last item of lists, which does not change what they hold."""
    if not sizes:
        return values
    return [
        [*value, *([value[-1]] * (size - len(value)))] if size > 0 else value
        for value, size in zip(values, sizes, strict=False)
    ]
