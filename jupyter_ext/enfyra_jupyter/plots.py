"""Plots of a table's columns, drawn by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from IPython.core.error import UsageError

from .client import Client
from .exports import flattened
from .frames import ResultFrame
from .schema import TableInfo

# So many rows are asked for, and so many points are drawn of them.
ROWS, POINTS = 1_000_000, 10_000
_BARS = 30
_NUMBERS = frozenset({"int", "bigint", "float", "decimal"})
_TIMES = frozenset({"date", "datetime", "timestamp"})


class Plot:
    """A plot that shows itself, in a saved notebook as well.

    Attributes:
        figure: matplotlib's own, to change what one likes; `figure.axes[0]` has the plot.
    """

    def __init__(self, figure: Any, text: str) -> None:
        self.figure = figure
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn.

    Args:
        names: The column of the x axis and, if there are two, that of the y axis; one of a related
            record goes by its path.
        types: Their types.
        kind: `line`, `bar`, `scatter`, `hist` or `box`; None for what suits the types.
    """

    names: Sequence[str]
    types: Sequence[str]
    kind: str | None = None
    where: Mapping[str, Any] | None = None
    limit: int | None = None

    def drawn(self, client: Client, table: TableInfo) -> Plot:
        """Ask for the values, and draw them.

        Raises:
            UsageError: If matplotlib is not installed, or the kind does not suit the columns.
        """
        figure_class = _matplotlib()
        kind = self._kind()
        x, y, note = self._values(client, table, kind)
        # No pyplot: that would keep the figure, and look for a screen.
        figure = figure_class(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, kind, x, y)
        axes.set_xlabel(self.names[0])
        axes.set_ylabel(self._y_label(kind))
        axes.set_title(f"{table.name} ({note})" if note else table.name)
        if kind == "bar" or self.types[0] in _TIMES:
            axes.tick_params(axis="x", rotation=45)
        told = f"{kind} of {' and '.join(self.names)}: {len(x):,} values"
        return Plot(figure, f"{told}; {note}" if note else told)

    def _kind(self) -> str:
        if len(self.names) == 1:
            fits = "hist" if self.types[0] in _NUMBERS | _TIMES else "bar"
        elif self.types[0] in _TIMES:
            fits = "line"
        else:
            fits = "scatter" if self.types[0] in _NUMBERS else "bar"
        kind = self.kind or fits
        if kind in {"line", "scatter"} and len(self.names) == 1:
            raise UsageError(f"--kind {kind} needs a column for each axis")
        value = self.types[-1]
        if kind != "hist" and len(self.names) == 2 and value not in _NUMBERS:
            raise UsageError(f"'{self.names[1]}' is no number, but {value}")
        if kind in {"hist", "box"} and self.types[0] not in _NUMBERS | _TIMES:
            raise UsageError(f"'{self.names[0]}' is no number or time, but {self.types[0]}")
        return kind

    def _y_label(self, kind: str) -> str:
        if len(self.names) == 1:
            return "" if kind == "box" else "rows"
        return f"average of {self.names[1]}" if kind == "bar" else self.names[1]

    def _values(
        self, client: Client, table: TableInfo, kind: str
    ) -> tuple[list[Any], list[Any], str]:
        """Give what is drawn, and what is not drawn in words."""
        query: dict[str, Any] = {"filter": self.where} if self.where else {}
        if kind == "bar":
            return self._bars(client, table, query)
        limit = self.limit or ROWS
        query |= {"fields": list(self.names), "limit": limit}
        found = flattened(ResultFrame(client, table.path, query).arrow()).select(list(self.names))
        notes = [f"of {limit:,} rows"] if self.limit is None and found.num_rows == limit else []
        rows = found.drop_null()
        if kind in {"line", "scatter"}:
            rows = rows.sort_by(self.names[0])
            step = -(-rows.num_rows // POINTS) or 1
            if step > 1:
                # Of all of it, evenly: the first ones alone would be another picture.
                rows = rows.take(list(range(0, rows.num_rows, step)))
                notes.append(f"one of {step} values")
        x = rows.column(0).to_pylist()
        y = [_number(one) for one in rows.column(1).to_pylist()] if len(self.names) > 1 else []
        x = x if self.types[0] in _TIMES else [_number(one) for one in x]
        return x, y, ", ".join(notes)

    def _bars(
        self, client: Client, table: TableInfo, query: dict[str, Any]
    ) -> tuple[list[Any], list[Any], str]:
        """Have the database count, or take the average."""
        measure: Any = "count" if len(self.names) == 1 else {"avg": self.names[1]}
        query |= {"dimensions": [self.names[0]], "measures": {"measured": measure}}
        # One more tells whether there are more.
        query |= {"sort": "-measured", "limit": self.limit or _BARS + 1}
        rows = client.get(table.path, **query)["data"]
        note = f"the {_BARS} largest" if self.limit is None and len(rows) > _BARS else ""
        rows = rows[: self.limit or _BARS]
        # A null is a group as well.
        labels = [_label(row[self.names[0]]) for row in rows]
        return labels, [_number(row["measured"]) for row in rows], note


def _matplotlib() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("Plots need matplotlib: %pip install matplotlib") from None
    return Figure


def _draw(axes: Any, kind: str, x: list[Any], y: list[Any]) -> None:
    match kind:
        case "line":
            axes.plot(x, y)
        case "scatter":
            axes.scatter(x, y, s=12, alpha=0.6)
        case "bar":
            axes.bar(x, y)
        case "hist":
            axes.hist(x, bins=30)
        case _:
            axes.boxplot(y or x)


def _label(value: Any) -> str:
    return "null" if value is None else str(value)


def _number(value: Any) -> float:
    return 0.0 if value is None else float(value)
