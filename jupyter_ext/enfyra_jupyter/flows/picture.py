"""A flow as a picture: SVG that stands by itself in a saved notebook.

Colours are Lab's own where there are any. No state is told by colour alone, and all text is
escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from ..display import shortened
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
_COLOURS = {
    COMPLETED: "var(--jp-success-color1,#1b7f3b)",
    FAILED: "var(--jp-error-color1,#b00020)",
    CANCELLED: "var(--jp-error-color1,#b00020)",
    RUNNING: "var(--jp-info-color1,#0b69c7)",
    SKIPPED: "var(--jp-warn-color1,#b26a00)",
}
_QUIET = "var(--jp-ui-font-color3,#888)"
_FRONT = "var(--jp-ui-font-color1,#222)"
_GROUND = "var(--jp-layout-color1,#fff)"
_BRANCHES = (("true", "true"), ("false", "false"))


class _Block(NamedTuple):
    """A part of the picture; it is entered at the middle of its top, and left at the bottom."""

    width: float
    height: float
    draw: Callable[[float, float], list[str]]


def svg_of(name: str, steps: Sequence[Step], states: Mapping[str, State]) -> str:
    """Draw a flow.

    Args:
        states: What has become of each step in a run; empty for the flow itself.

    Example:
        >>> picture = svg_of("a", [Step("<b>", "log")], {"<b>": State("failed")})
        >>> "&lt;b&gt;" in picture, "<b>" in picture, "failed" in picture
        (True, False, True)
    """
    block = _sequence(steps, states)
    width, height = block.width + 2 * MARGIN, block.height + 2 * MARGIN
    parts = block.draw(MARGIN, MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" '
        f'height="{height:g}" viewBox="0 0 {width:g} {height:g}" style="max-width:100%;'
        'height:auto" font-family="var(--jp-ui-font-family,sans-serif)" font-size="12">'
        f"<title>The flow {escape(name)}</title>{''.join(parts)}</svg>"
    )


# -- layout ---------------------------------------------------------------------------------------


def _sequence(steps: Sequence[Step], states: Mapping[str, State]) -> _Block:
    blocks = [_block(step, states) for step in steps]
    if not blocks:
        return _Block(_EMPTY, 0, lambda x, y: [])
    width = max(one.width for one in blocks)
    height = sum(one.height for one in blocks) + GAP * (len(blocks) - 1)

    def draw(x: float, y: float) -> list[str]:
        parts: list[str] = []
        middle = x + width / 2
        for number, one in enumerate(blocks):
            if number:
                parts.append(_arrow(middle, y, y + GAP))
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

    def draw(x: float, y: float) -> list[str]:
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
                parts.append(_text(side, top - 1, label, _QUIET, anchor=anchor, size=11))
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

    def draw(x: float, y: float) -> list[str]:
        middle = x + width / 2
        return [
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8" fill="none" '
            f'stroke="{_QUIET}" stroke-dasharray="4 3"/>',
            *_box(step, states, middle - WIDTH / 2, y + MARGIN),
            _arrow(middle, y + MARGIN + HEIGHT, y + MARGIN + HEIGHT + GAP),
            *inner.draw(middle - inner.width / 2, y + MARGIN + HEIGHT + GAP),
        ]

    return _Block(width, height, draw)


# -- shapes ---------------------------------------------------------------------------------------


def _box(step: Step, states: Mapping[str, State], x: float, y: float) -> list[str]:
    state = states.get(step.key, State(""))
    colour = _COLOURS.get(state.word, _QUIET)
    about = f"{step.kind} {step.about}".strip()
    said = ", ".join(part for part in (state.word, state.note) if part) or about
    thick = 2 if state.word in _COLOURS else 1
    hover = " · ".join(dict.fromkeys([step.key, about, said]))
    rounded = HEIGHT / 2 if step.kind == CONDITION else 6
    kind = "" if said == about else step.kind
    return [
        f'<g><title>{escape(hover)}</title><rect x="{x:g}" y="{y:g}" width="{WIDTH:g}" '
        f'height="{HEIGHT:g}" rx="{rounded:g}" fill="{_GROUND}" stroke="{colour}" '
        f'stroke-width="{thick}"/>',
        _text(x + 16, y + 20, shortened(step.key, _LETTERS - len(kind)), _FRONT, weight=600),
        _text(x + WIDTH - 16, y + 20, kind, _QUIET, anchor="end", size=11),
        _text(x + 16, y + 37, shortened(said, _LETTERS + 4), colour, size=11),
        "</g>",
    ]


def _text(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )


def _line(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{_QUIET}"/>'


def _arrow(x: float, top: float, bottom: float) -> str:
    return (
        f'{_line(f"M{x:g} {top:g}V{bottom:g}")}<path d="M{x - 4:g} {bottom - 6:g}L{x:g} {bottom:g}'
        f'L{x + 4:g} {bottom - 6:g}" fill="none" stroke="{_QUIET}"/>'
    )
