"""A profile to look at: a row for each column, with its histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ..display import shortened, text_of, text_table, wrapped
from .bars import said
from .looking import ColumnProfile

if TYPE_CHECKING:
    import pandas as pd

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT = 120, 24
_HEAD = ("column", "type", "nulls", "distinct", "min", "max", "mean", "most frequent", "values")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a table holds.

    Attributes:
        rows: How many rows there are.
        sampled: How many of them distinct values, frequent ones and histograms are of.
    """

    table: str
    rows: int
    sampled: int
    columns: Sequence[ColumnProfile]

    def __repr__(self) -> str:
        cells = [[*_cells(one, self), _spark(one.bins)] for one in self.columns]
        return f"{self._title()}\n{text_table(_HEAD, cells)}"

    def _title(self) -> str:
        title = f"{self.table}: {self.rows:,} row{'' if self.rows == 1 else 's'}"
        if self.sampled < self.rows:
            title += f"; distinct and frequent values and histograms are of {self.sampled:,}"
        return title

    def html(self) -> str:
        """Give it as HTML, without the frame."""
        head = "".join(f"<th>{escape(name)}</th>" for name in _HEAD)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{escape(shortened(text, 60))}</td>" for text in _cells(one, self))
            + f"<td>{_picture(one)}</td></tr>"
            for one in self.columns
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div class="title">{escape(self._title())}</div>{table}'

    def _repr_html_(self) -> str:
        return wrapped(self.html())

    def DataFrame(self) -> pd.DataFrame:  # noqa: N802 - as that of a result
        """Give it as a pandas DataFrame, a row for each column."""
        import pandas as pd

        names = ("name", "type", "nulls", "distinct", "min", "max", "mean", "top", "bins")
        return pd.DataFrame([{name: getattr(one, name) for name in names} for one in self.columns])


def _cells(one: ColumnProfile, profile: Profile) -> list[str]:
    share = f" ({one.nulls / profile.rows:.0%})" if one.nulls and profile.rows else ""
    # Where the sample is not all, there may be more.
    more = "≥ " if profile.sampled < profile.rows else ""
    top = [f"{shortened(said(value), 20)} ({many:,})" for value, many in one.top[:3]]
    return [
        one.name, one.type, f"{one.nulls:,}{share}", f"{more}{one.distinct:,}", *ends_of(one),
        mean_of(one), ", ".join(top),
    ]  # fmt: skip


def ends_of(one: ColumnProfile) -> list[str]:
    """Give the smallest and the largest value as texts; empty ones where there is none."""
    return [text_of(one.min), text_of(one.max)]


def mean_of(one: ColumnProfile) -> str:
    """Give the mean as a text, or an empty one."""
    return "" if one.mean is None else f"{one.mean:,.6g}"


def _spark(bins: Sequence[int]) -> str:
    """Give a histogram in letters.

    Example:
        >>> _spark([0, 1, 8])
        '▁▂█'
    """
    most = max(bins, default=0)
    last = len(_BARS) - 1
    return "".join(_BARS[round(many / most * last)] for many in bins) if most else ""


def _picture(one: ColumnProfile) -> str:
    most = max(one.bins, default=0)
    if not most:
        return ""
    width = _WIDTH / len(one.bins)
    bars = "".join(
        f'<rect x="{number * width:.1f}" y="{_HEIGHT - height:.1f}" width="{width - 1:.1f}" '
        f'height="{height:.1f}"><title>{many:,}</title></rect>'
        for number, many in enumerate(one.bins)
        if (height := many / most * _HEIGHT) > 0
    )
    label = escape(f"How the values of {one.name} lie: {_spark(one.bins)}", quote=True)
    return (
        f'<svg role="img" aria-label="{label}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" fill="var(--jp-brand-color1,#1976d2)">{bars}</svg>'
    )
