"""When each step of a run was at work: bars over time, as a picture and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from ..display import shortened, visible, wrapped
from ..rounding import round_up
from .durations import duration_of
from .picture import COLOURS, FRONT, GROUND, QUIET, Shape, framed, text_at
from .steps import CANCELLED, FAILED, RUNNING, UNDER_WAY, WAITING
from .turns import Turns, label_of

# The longest ones, of a run with more.
MOST = 60
# Of a loop, the last ones.
_TURNS = 50
_NAMES, _CHART, _SAID, _ROW, _TOP = 170.0, 420.0, 190.0, 22.0, 24.0
_LETTERS = 22
_TEXT = 40
_KEPT = "done before"


@dataclass(frozen=True, slots=True)
class Bar:
    """What one step did, in milliseconds since the run was asked for.

    Attributes:
        key: The step's key; empty for the time before the run began.
        status: One of the words of `steps`, or that it was done before, in another run.
        failures: When it failed and was tried again.
        label: What it is called, if that is not its key: a turn of a loop.
        within: Whether it is of a loop or a parallel step, which stands above it.
    """

    key: str
    kind: str
    status: str
    start: float
    length: float
    retries: int = 0
    failures: tuple[float, ...] = ()
    label: str = ""
    within: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.label or self.key or "(waiting to begin)"

    @property
    def said(self) -> str:
        """What became of it, and how long it took."""
        again = f"{self.retries} {'retry' if self.retries == 1 else 'retries'}"
        took = "" if self.status == _KEPT else duration_of(self.length)
        return ", ".join(filter(None, [self.status, took, again if self.retries else ""]))


def bars_of(
    run: Mapping[str, Any], lines: Iterable[Mapping[str, Any]] = (), now: datetime | None = None
) -> list[Bar]:
    """Say when each step of a run was at work.

    Args:
        run: A row of `flow_execution_definition`.
        lines: Rows of its log, which tell when steps have failed that were tried again.

    Example:
        >>> run = {
        ...     "status": "completed", "createdAt": "2026-03-01T12:00:00Z",
        ...     "startedAt": "2026-03-01T12:00:01Z",
        ...     "completedSteps": [{"key": "a", "type": "log", "status": "completed",
        ...                         "startedAt": "2026-03-01T12:00:01.5Z", "duration": 250.0}],
        ... }
        >>> [(bar.name, bar.start, bar.said) for bar in bars_of(run)]
        [('(waiting to begin)', 0.0, 'waiting, 1.0 s'), ('a', 1500.0, 'completed, 250 ms')]
    """
    now = now or datetime.now(UTC)
    began = _instant(run.get("startedAt"))
    asked = _instant(run.get("createdAt")) or began
    if asked is None:
        return []
    wait = _after(began or now, asked)
    bars = [Bar("", "", WAITING, 0.0, wait)] if wait or began is None else []
    failed = _failures(lines, asked)
    turns = Turns(run)
    for entry in run.get("completedSteps") or []:
        for one in (entry, *turns.within(entry["key"])[-_TURNS:]):
            at = _instant(one.get("startedAt"))
            if at is not None:
                bars.append(_bar(one, at, asked, began, failed))
    current = run.get("currentStep")
    if began and current and all(one.key != current for one in bars):
        status = {CANCELLED: CANCELLED}.get(run["status"], RUNNING)
        if status == CANCELLED or run["status"] in UNDER_WAY:
            start = max((one.start + one.length for one in bars), default=wait)
            end = _after(now, asked) if status == RUNNING else wait + float(run["duration"] or 0)
            length = max(end - start, 0.0)
            bars.append(Bar(current, "", status, start, length, 0, tuple(failed.get(current, ()))))
            bars += [
                _bar(one, at, asked, began, failed)
                for one in turns.within(current)[-_TURNS:]
                if (at := _instant(one.get("startedAt")))
            ]
    return bars


def _bar(
    entry: Mapping[str, Any],
    at: datetime,
    asked: datetime,
    began: datetime | None,
    failed: Mapping[str, Sequence[float]],
) -> Bar:
    key, kind = str(entry["key"]), str(entry.get("type") or "")
    names = {"label": label_of(entry), "within": bool(entry.get("within"))}
    if began is not None and at < began:
        # A run that goes on from a step takes over what another one has done.
        return Bar(key, kind, _KEPT, 0.0, 0.0, **names)
    start, length = _after(at, asked), float(entry.get("duration") or 0)
    retries = int(entry.get("retries") or 0)
    within = [one for one in failed.get(key, ()) if start <= one <= start + length]
    return Bar(
        key, kind, str(entry["status"]), start, length, retries, tuple(within[:retries]), **names
    )


def _failures(lines: Iterable[Mapping[str, Any]], asked: datetime) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in lines:
        at = _instant(line.get("at"))
        if line.get("level") == "error" and at is not None:
            found.setdefault(str(line.get("step") or ""), []).append(_after(at, asked))
    return found


def _instant(text: Any) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(str(text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _after(at: datetime, asked: datetime) -> float:
    return max((at - asked).total_seconds() * 1000, 0.0)


# -- what cells show ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars of a run.

    Attributes:
        title: How far the run is, or how it ended.

    Example:
        >>> bars = [Bar("", "", "waiting", 0, 500), Bar("load", "query", "completed", 500, 1500)]
        >>> print(Timeline("Run 1 of nightly is completed", bars))
        Run 1 of nightly is completed
        (waiting to begin)  ▒▒▒▒▒▒▒▒▒▒                                waiting, 500 ms
        load                          ██████████████████████████████  completed, 1.5 s
    """

    title: str
    bars: Sequence[Bar]

    def __repr__(self) -> str:
        shown, note = _shown(self.bars)
        names = [shortened(visible(one.name), _LETTERS) for one in shown]
        width = max(map(len, names), default=0)
        whole = _whole(shown)
        rows = [
            f"{name.ljust(width)}  {_text_bar(one, whole)}  {one.said}"
            for name, one in zip(names, shown, strict=True)
        ]
        return "\n".join([visible(self.title), *rows, *([note] if note else [])])

    @property
    def svg(self) -> str:
        """The picture alone, to be kept in a file."""
        return drawing_of(self.title, self.bars).markup()

    def _repr_html_(self) -> str:
        note = _shown(self.bars)[1]
        parts = [f'<div class="title">{escape(self.title)}</div>']
        if self.bars:
            parts.append(self.svg)
        if note:
            parts.append(f'<div class="note">{escape(note)}</div>')
        return wrapped("".join(parts))


def drawing_of(title: str, bars: Sequence[Bar]) -> Shape:
    """Draw bars over time, as shapes."""
    shown, _ = _shown(bars)
    whole = _whole(shown)
    width, height = _NAMES + _CHART + _SAID, _TOP + _ROW * len(shown) + 8
    spoken = "; ".join([visible(title), *(f"{visible(one.name)}: {one.said}" for one in shown)])
    inside = [*_axis(whole, height)]
    for number, one in enumerate(shown):
        inside += _row(one, _TOP + _ROW * number, whole)
    return framed(spoken, width, height, inside)


def _shown(bars: Sequence[Bar]) -> tuple[list[Bar], str]:
    """Give the bars to show, in their order, and what is said of the others."""
    if len(bars) <= MOST:
        return list(bars), ""
    longest = sorted(range(len(bars)), key=lambda at: -bars[at].length)[:MOST]
    return [bars[at] for at in sorted(longest)], f"{len(bars) - MOST} shorter ones are left out"


def _whole(bars: Sequence[Bar]) -> float:
    return max([one.start + one.length for one in bars] + [1.0])


def _axis(whole: float, height: float) -> Iterator[Shape]:
    step = float(round_up(whole / 5))
    for number in range(int(whole / step) + 1):
        x = _NAMES + number * step / whole * _CHART
        line = {"d": f"M{x:g} {_TOP - 6:g}V{height - 4:g}", "stroke": QUIET}
        yield Shape("path", line | ({"stroke-opacity": "0.35"} if number else {}))
        yield text_at(x, _TOP - 10, duration_of(number * step), QUIET, anchor="middle", size=11)


def _row(one: Bar, y: float, whole: float) -> list[Shape]:
    colour = COLOURS.get(one.status, QUIET)
    x, width = _NAMES + one.start / whole * _CHART, max(one.length / whole * _CHART, 2.0)
    box: dict[str, Any] = {
        "x": x, "y": y + 4, "width": width, "height": _ROW - 8, "rx": 2.0, "fill": colour,
    }  # fmt: skip
    if one.status in {WAITING, RUNNING}:
        # What has no end yet, or was no work, is told apart by more than its colour.
        box |= {"fill-opacity": "0.25", "stroke": colour, "stroke-dasharray": "4 3"}
    hover = f"{visible(one.name)}: {one.said}, from {duration_of(one.start)} on"
    name = shortened(visible(one.name), _LETTERS)
    parts = [
        Shape("title", {}, (hover,)),
        text_at(_NAMES - 8, y + 15, name, FRONT if one.key else QUIET, anchor="end"),
        *([] if one.status == _KEPT else [Shape("rect", box)]),
        *(
            _cross(_NAMES + at / whole * _CHART, y + _ROW / 2, *ink)
            for at in one.failures
            for ink in ((GROUND, 5), (COLOURS[FAILED], 2))
        ),
        text_at(_NAMES + _CHART + 10, y + 15, one.said, colour, size=11),
    ]
    return [Shape("g", {}, parts)]


def _cross(x: float, y: float, colour: str, thick: int) -> Shape:
    """Mark where it failed, and was tried again."""
    path = f"M{x - 4:g} {y - 4:g}l8 8m0 -8l-8 8"
    return Shape("path", {"d": path, "stroke": colour, "stroke-width": str(thick), "fill": "none"})


def _text_bar(one: Bar, whole: float) -> str:
    begin = min(round(one.start / whole * _TEXT), _TEXT - 1)
    if one.status == _KEPT:
        return " " * _TEXT
    length = max(round((one.start + one.length) / whole * _TEXT) - begin, 1)
    filling = "▒" if one.status in {WAITING, RUNNING} else "█"
    return (" " * begin + filling * length).ljust(_TEXT)[:_TEXT]
