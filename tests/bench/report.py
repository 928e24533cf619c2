"""The figures as a table, printed and kept in the documentation."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from .engines import ENGINES
from .load import TOKEN, WORKLOADS

FLOOR = " floor"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
# Beside the workloads, with how many digits.
OTHERS = {
    "W8 time": 2,
    "W8 memory": 2,
    "W8 server MB": 0,
    "idle MB": 0,
    "loaded MB": 0,
    "cold start s": 2,
}

Figures = Mapping[str, float]


def table(results: Mapping[str, Figures], rounds: int) -> str:
    """Give the results of each engine as a table in Markdown, with where they were taken."""
    heads = ["ratio to hello", *WORKLOADS, *OTHERS]
    rows = [heads, ["---"] * len(heads)]
    for engine, figures in results.items():
        name, beside = ENGINES[engine].title, [""] * len(OTHERS)
        rows.append([name, *_ratios(figures, ""), *_others(figures)])
        rows.append([f"{name}, bearer token", *_ratios(figures, TOKEN), *beside])
        rows.append([f"{name}, its statements alone", *_ratios(figures, FLOOR), *beside])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", _taken(rounds)])


def _ratios(figures: Figures, suffix: str) -> list[str]:
    return [f"{figures[f'{name}{suffix}']:.2f}" for name in WORKLOADS]


def _others(figures: Figures) -> list[str]:
    return [f"{figures[name]:.{digits}f}" for name, digits in OTHERS.items()]


def _taken(rounds: int) -> str:
    return (
        f"Taken {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores with Python "
        f"{platform.python_version()}: medians of {rounds} rounds. `its statements alone` is what "
        "the database itself can do: the statements of each request through its driver in Python, "
        "with nothing around. W8 is measured against "
        "`pandas.read_sql` of the same query on the same database (MongoDB: a data frame of what "
        "PyMongo finds): its part of the time, and of "
        "the peak memory; `W8 server MB` is what the server holds more while it streams."
    )


def write(path: Path, text: str) -> None:
    """Put a text in the place that a page keeps for it.

    Raises:
        ValueError: The page has no such place.
    """
    page = path.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no {BEGIN} followed by {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
