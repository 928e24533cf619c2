"""A flow as a picture: SVG that stands by itself in a saved notebook.

Colours are Lab's own where there are any. No state is told by colour alone, and all text is
escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from ..display import shortened, visible
from .steps import (
    CANCELLED,
    COMPLETED,
    CONDITION,
    FAILED,
    FOREACH,
    PARALLEL,
    RUNNING,
    SKIPPED,
    State,
    Step,
)

WIDTH, HEIGHT = 208.0, 48.0
GAP, BESIDE, MARGIN = 24.0, 20.0, 8.0
_LETTERS = 26
# A branch without steps is a line, with room for its name.
_EMPTY = 72.0
COLOURS = {
    COMPLETED: "var(--jp-success-color1,#1b7f3b)",
    FAILED: "var(--jp-error-color1,#b00020)",
    CANCELLED: "var(--jp-error-color1,#b00020)",
    RUNNING: "var(--jp-info-color1,#0b69c7)",
    SKIPPED: "var(--jp-warn-color1,#b26a00)",
}
QUIET = "var(--jp-ui-font-color2,#666)"
FRONT = "var(--jp-ui-font-color1,#222)"
GROUND = "var(--jp-layout-color1,#fff)"
_BRANCHES = (("true", "true"), ("false", "false"))


class Shape(NamedTuple):
    """An element of SVG, with what is in it."""

    tag: str
    facts: Mapping[str, Any]
    inside: Sequence[Shape | str] = ()

    def markup(self) -> str:
        """Give it as text, with everything escaped."""
        facts = "".join(f' {name}="{escape(_number(fact))}"' for name, fact in self.facts.items())
        inside = "".join(
            escape(visible(one)) if isinstance(one, str) else one.markup() for one in self.inside
        )
        return f"<{self.tag}{facts}>{inside}</{self.tag}>" if inside else f"<{self.tag}{facts}/>"

    def plain(self) -> list[Any]:
        """Give it as JSON, for a page that makes elements of it."""
        inside = [one if isinstance(one, str) else one.plain() for one in self.inside]
        return [self.tag, {name: _number(fact) for name, fact in self.facts.items()}, inside]


def _number(fact: Any) -> str:
    return f"{fact:g}" if isinstance(fact, float) else str(fact)


class _Block(NamedTuple):
    """A part of the picture; it is entered at the middle of its top, and left at the bottom."""

    width: float
    height: float
    draw: Callable[[float, float], list[Shape]]


def svg_of(name: str, steps: Sequence[Step], states: Mapping[str, State]) -> str:
    """Draw a flow.

    Args:
        states: What has become of each step in a run; empty for the flow itself.

    Example:
        >>> picture = svg_of("a", [Step("<b>", "log")], {"<b>": State("failed")})
        >>> "&lt;b&gt;" in picture, "<b>" in picture, "failed" in picture
        (True, False, True)
    """
    return drawing_of(name, steps, states).markup()


def drawing_of(name: str, steps: Sequence[Step], states: Mapping[str, State]) -> Shape:
    """Draw a flow, as shapes."""
    block = _sequence(steps, states)
    width, height = block.width + 2 * MARGIN, block.height + 2 * MARGIN
    return framed(f"The flow {name}", width, height, block.draw(MARGIN, MARGIN))


def framed(spoken: str, width: float, height: float, inside: Iterable[Shape]) -> Shape:
    """Give shapes as one image, in the notebook's own font.

    Args:
        spoken: What those hear of it who do not see it.
    """
    facts = {
        "xmlns": "http://www.w3.org/2000/svg",
        "role": "img",
        "width": width,
        "height": height,
        "viewBox": f"0 0 {width:g} {height:g}",
        "style": "max-width:100%;height:auto",
        "font-family": "var(--jp-ui-font-family,sans-serif)",
        "font-size": "12",
    }
    return Shape("svg", facts, (Shape("title", {}, (spoken,)), *inside))


# -- layout ---------------------------------------------------------------------------------------


def _sequence(steps: Sequence[Step], states: Mapping[str, State]) -> _Block:
    blocks = [_block(step, states) for step in steps]
    if not blocks:
        return _Block(_EMPTY, 0, lambda x, y: [])
    width = max(one.width for one in blocks)
    height = sum(one.height for one in blocks) + GAP * (len(blocks) - 1)

    def draw(x: float, y: float) -> list[Shape]:
        parts: list[Shape] = []
        middle = x + width / 2
        for number, one in enumerate(blocks):
            if number:
                parts += _arrow(middle, y, y + GAP)
                y += GAP
            parts += one.draw(middle - one.width / 2, y)
            y += one.height
        return parts

    return _Block(width, height, draw)


def _block(step: Step, states: Mapping[str, State]) -> _Block:
    if step.kind == CONDITION:
        columns = [
            (label, _sequence([one for one in step.children if one.branch == branch], states))
            for branch, label in _BRANCHES
        ]
        return _fan(step, columns, states)
    if step.kind == PARALLEL and step.children:
        return _fan(step, [("", _block(one, states)) for one in step.children], states)
    if step.kind == FOREACH and step.children:
        return _frame(step, states)
    return _Block(WIDTH, HEIGHT, lambda x, y: _box(step, states, x, y))


def _fan(step: Step, columns: Sequence[tuple[str, _Block]], states: Mapping[str, State]) -> _Block:
    """Put parts beside each other below a step, and join them again."""
    inner = sum(one.width for _, one in columns) + BESIDE * (len(columns) - 1)
    width = max(WIDTH, inner)
    tallest = max(one.height for _, one in columns)
    height = HEIGHT + 2 * GAP + tallest

    def draw(x: float, y: float) -> list[Shape]:
        middle = x + width / 2
        parts = _box(step, states, middle - WIDTH / 2, y)
        top, bottom = y + HEIGHT + GAP, y + height
        left = middle - inner / 2
        for label, one in columns:
            at = left + one.width / 2
            half = y + HEIGHT + GAP / 2
            line = f"M{middle:g} {y + HEIGHT:g}V{half:g}H{at:g}V{top:g}"
            parts.append(_line(line))
            if label:
                side = at + 4 if at >= middle else at - 4
                anchor = "start" if at >= middle else "end"
                parts.append(text_at(side, top - 1, label, QUIET, anchor=anchor, size=11))
            parts += one.draw(left, top)
            parts.append(_line(f"M{at:g} {top + one.height:g}V{bottom - GAP / 2:g}H{middle:g}"))
            left += one.width + BESIDE
        parts.append(_line(f"M{middle:g} {bottom - GAP / 2:g}V{bottom:g}"))
        return parts

    return _Block(width, height, draw)


def _frame(step: Step, states: Mapping[str, State]) -> _Block:
    """Put a frame around what a loop repeats."""
    inner = _sequence(step.children, states)
    width = max(WIDTH, inner.width) + 2 * MARGIN
    height = HEIGHT + GAP + inner.height + 2 * MARGIN

    def draw(x: float, y: float) -> list[Shape]:
        middle = x + width / 2
        frame = {
            "x": x, "y": y, "width": width, "height": height, "rx": 8.0, "fill": "none",
            "stroke": QUIET, "stroke-dasharray": "4 3",
        }  # fmt: skip
        return [
            Shape("rect", frame),
            *_box(step, states, middle - WIDTH / 2, y + MARGIN),
            *_arrow(middle, y + MARGIN + HEIGHT, y + MARGIN + HEIGHT + GAP),
            *inner.draw(middle - inner.width / 2, y + MARGIN + HEIGHT + GAP),
        ]

    return _Block(width, height, draw)


# -- shapes ---------------------------------------------------------------------------------------


def _box(step: Step, states: Mapping[str, State], x: float, y: float) -> list[Shape]:
    state = states.get(step.key, State(""))
    colour = COLOURS.get(state.word, QUIET)
    about = f"{step.kind} {step.about}".strip()
    said = ", ".join(part for part in (state.word, state.note) if part) or about
    thick = 2 if state.word in COLOURS else 1
    hover = " · ".join(dict.fromkeys([step.key, about, said]))
    rounded = HEIGHT / 2 if step.kind == CONDITION else 6
    kind = "" if said == about else step.kind
    box = {
        "x": x, "y": y, "width": WIDTH, "height": HEIGHT, "rx": rounded, "fill": GROUND,
        "stroke": colour, "stroke-width": str(thick),
    }  # fmt: skip
    inside = (
        Shape("title", {}, (hover,)),
        Shape("rect", box),
        text_at(x + 16, y + 20, shortened(step.key, _LETTERS - len(kind)), FRONT, weight=600),
        text_at(x + WIDTH - 16, y + 20, kind, QUIET, anchor="end", size=11),
        text_at(x + 16, y + 37, shortened(said, _LETTERS + 4), colour, size=11),
    )
    return [Shape("g", {"data-step": step.key}, inside)]


def text_at(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> Shape:
    """Give a text whose baseline begins, ends or has its middle at a point."""
    facts = {
        "x": x, "y": y, "text-anchor": anchor, "font-size": str(size),
        "font-weight": str(weight), "fill": colour,
    }  # fmt: skip
    return Shape("text", facts, (text,))


def _line(path: str) -> Shape:
    return Shape("path", {"d": path, "fill": "none", "stroke": QUIET})


def _arrow(x: float, top: float, bottom: float) -> list[Shape]:
    point = f"M{x - 4:g} {bottom - 6:g}L{x:g} {bottom:g}L{x + 4:g} {bottom - 6:g}"
    return [_line(f"M{x:g} {top:g}V{bottom:g}"), _line(point)]
