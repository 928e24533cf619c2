"""What cells show of flows and their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..display import visible, wrapped
from ..quoting import quoted
from .durations import duration_of
from .picture import svg_of
from .steps import CONDITION, UNDER_WAY, State, Step, states_of


@dataclass(frozen=True, slots=True)
class FlowView:
    """A flow as a picture, with what has become of each step in one of its runs.

    Attributes:
        title: What is shown.
        run: The run; None for the flow alone.
        notes: Lines to stand below.

    Example:
        >>> FlowView("a", "The flow a", (Step("old", "delete", "post"),))
        The flow a
        old  delete post
    """

    name: str
    title: str
    steps: Sequence[Step]
    run: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()

    @property
    def svg(self) -> str:
        """The picture alone, to be kept in a file."""
        return svg_of(self.name, self.steps, self._states())

    def __repr__(self) -> str:
        rows = list(_lines(self.steps, self._states(), 0))
        widths = [max((len(row[number]) for row in rows), default=0) for number in (0, 1)]
        lines = (
            f"{key.ljust(widths[0])}  {kind.ljust(widths[1])}  {said}".rstrip()
            for key, kind, said in rows
        )
        return visible("\n".join([self.title, *lines, *self.notes]))

    def _repr_html_(self) -> str:
        parts = [f'<div class="title">{escape(self.title)}</div>']
        if self.run is not None and self.run["status"] in UNDER_WAY:
            done, total = _far(self.run)
            parts.append(f'<div><progress max="{total:g}" value="{done:g}"></progress></div>')
        if self.steps:
            parts.append(self.svg)
        parts += [f'<div class="note">{escape(note)}</div>' for note in self.notes]
        return wrapped("".join(parts))

    def _states(self) -> dict[str, State]:
        return states_of(self.steps, self.run) if self.run is not None else {}


def _lines(
    steps: Sequence[Step], states: Mapping[str, State], depth: int
) -> Iterator[tuple[str, str, str]]:
    """Give the steps as lines, those within others further in."""
    space = "  " * depth
    for step in steps:
        state = states.get(step.key, State(""))
        said = ", ".join(part for part in (state.word, state.note) if part)
        yield space + step.key, f"{step.kind} {step.about}".strip(), said
        if step.kind != CONDITION:
            yield from _lines(step.children, states, depth + 1)
            continue
        for branch in ("true", "false"):
            inside = [one for one in step.children if one.branch == branch]
            if inside:
                yield f"{space}  {branch}:", "", ""
                yield from _lines(inside, states, depth + 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that is over, in a line; the picture stands above it.

    Attributes:
        results: What each step gave, by key.

    Example:
        >>> Outcome(12, "nightly", "completed", 1500, {"load": 7})
        Run 12 of nightly is completed, after 1.5 s
    """

    id: int
    flow: str
    status: str
    duration: float | None
    results: Mapping[str, Any]

    def __repr__(self) -> str:
        took = duration_of(self.duration)
        ended = f"{self.status}, after {took}" if took else self.status
        return visible(f"Run {self.id} of {self.flow} is {ended}")


def said_of(run: Mapping[str, Any], name: str) -> str:
    """Say in a line how far a run is."""
    verb = "has" if run["status"] == "failed" else "is"
    head = f"Run {run['id']} of {name} {verb} {run['status']}"
    if run["status"] not in UNDER_WAY:
        took = duration_of(run.get("duration"))
        return f"{head}, after {took}" if took else head
    done, total = _far(run)
    working = (run.get("progress") or {}).get("step")
    text = f"{head}: {done:g} of {total:g} steps"
    return (
        f"{text}; {working['what']} {working['done']:g} of {working['total']:g}"
        if working
        else text
    )


def why_failed(run: Mapping[str, Any], name: str) -> str:
    """Say in one paragraph why a run has failed, and what can be done."""
    error = run.get("error") or {}
    step = error.get("failedStep")
    place = f" at the step '{step}'" if step else ""
    code = f"{error['code']}: " if error.get("code") else ""
    parts = [f"Run {run['id']} of {name} has failed{place}. {code}{error.get('message', '')}"]
    if error.get("hint"):
        parts.append(error["hint"])
    sentences = " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)
    again = (
        f", %enfyra run {quoted(name)} --from {step} --of {run['id']} goes on from there"
        if step
        else ""
    )
    return f"{sentences} %enfyra logs {run['id']} tells more{again}"


def _far(run: Mapping[str, Any]) -> tuple[float, float]:
    progress = run.get("progress") or {}
    return float(progress.get("done") or 0), float(progress.get("total") or 1)
