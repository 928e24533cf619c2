"""A Plan made ready for a database whose answers are made of flat rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...encoding import encode_json
from ...query.plan import Plan
from ..database import Page, Values
from .driver import Runner
from .nesting import asked_of, nested, related_reads
from .prepared import padded
from .render.figures import by_field
from .render.layout import leaves
from .render.renderer import Renderer
from .render.scope import Sizes
from .rows import builder


class FlatRead:
    """The statements of one Plan, for lists of certain sizes."""

    def __init__(self, plan: Plan, renderer: Renderer, sizes: Sizes) -> None:
        self._plan = plan
        self._sizes = sizes
        self._rows, layout = renderer.rows(plan, sizes)
        self._build = builder(layout, renderer.dialect.converter)
        self._related = related_reads(layout, renderer, sizes, len(plan.slots))
        self._figures = None
        self._converters: list[Any] = []
        if plan.filter_count or plan.total_count or plan.aggregates:
            self._figures, figures = renderer.figures(plan, sizes)
            self._converters = [renderer.dialect.converter(leaf.column) for leaf in leaves(figures)]

    async def page(self, runner: Runner, values: Values, limit: Any, offset: int) -> Page:
        """Give a page of records."""
        values = padded(values, self._sizes)
        arguments = self._rows.arguments(values, limit, offset)
        rows = await runner.fetch_rows(self._rows.text, arguments)
        made = await nested(runner, rows, self._build, self._related, values)
        if self._figures is None:
            return Page(encode_json(made))
        figures = await runner.fetch_row(self._figures.text, self._figures.arguments(values))
        return self._with_figures(encode_json(made), list(figures or ()))

    def asked(self, values: Values, limit: Any, offset: int) -> list[tuple[str, Sequence[Any]]]:
        """Give the statements with their arguments; those of relations to many for one key."""
        values = padded(values, self._sizes)
        asked = [(self._rows.text, self._rows.arguments(values, limit, offset))]
        if self._figures is not None:
            asked.append((self._figures.text, self._figures.arguments(values)))
        return [*asked, *asked_of(self._related, values)]

    def _with_figures(self, rows: bytes, figures: list[Any]) -> Page:
        plan = self._plan
        filter_count = int(figures.pop(0)) if plan.filter_count else None
        total_count = int(figures.pop(0)) if plan.total_count else None
        if not plan.aggregates:
            return Page(rows, filter_count, total_count)
        values = [
            value if value is None or convert is None else convert(value)
            for value, convert in zip(figures, self._converters, strict=True)
        ]
        return Page(rows, filter_count, total_count, encode_json(by_field(plan, values)))
