"""Failing cases made small: fewer rows, fewer values, a shorter request.

Hypothesis could do it, too, but takes minutes where this takes seconds: it does not know that rows
hang together, and that most of a row matters for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .datasets import Dataset
from .queries import Parameters

Fails = Callable[[Dataset, Parameters], bool]


def reduced(dataset: Dataset, request: Parameters, fails: Fails) -> tuple[Dataset, Parameters]:
    """Give a smaller case that still fails."""
    while True:
        smaller = next((one for one in _shorter(request) if fails(dataset, one)), None)
        if smaller is None:
            break
        request = smaller
    # Twice, since what a row had to refer to is free when that row is gone.
    for rows in (_without_table, _without_table, _without_rows, _without_rows, _without_values):
        for change in list(rows(dataset)):
            smaller = change(dataset)
            if fails(smaller, request):
                dataset = smaller
    return dataset, request


def _shorter(value: Any) -> Iterator[Any]:
    """Give what a JSON value can be made by leaving something out."""
    if isinstance(value, dict):
        for name in value:
            yield {key: one for key, one in value.items() if key != name}
        for name, one in value.items():
            yield from ({**value, name: inner} for inner in _shorter(one))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield value[:place] + value[place + 1 :]
            if isinstance(one, dict):
                yield from ([*value[:place], inner, *value[place + 1 :]] for inner in _shorter(one))
    elif isinstance(value, str) and "," in value:
        yield from (",".join(parts) for parts in _shorter(value.split(",")))


Change = Callable[[Dataset], Dataset]


def _without_table(dataset: Dataset) -> Iterator[Change]:
    for name in dataset:
        yield lambda now, name=name: {**now, name: []}


def _without_rows(dataset: Dataset) -> Iterator[Change]:
    for rows in dataset.values():
        for row in rows:
            if "id" in row:
                yield lambda now, key=row["id"]: _left_out(now, key)


def _left_out(dataset: Dataset, key: Any) -> Dataset:
    """Leave out rows with a key, and all references to it."""
    return {
        name: [
            {column: None if _refers(column, one, key) else one for column, one in row.items()}
            for row in rows
            if row.get("id") != key and key not in (row.get("sourceId"), row.get("targetId"))
        ]
        for name, rows in dataset.items()
    }


def _refers(column: str, value: Any, key: Any) -> bool:
    return column.endswith("Id") and value == key


def _without_values(dataset: Dataset) -> Iterator[Change]:
    columns = {(name, column) for name, rows in dataset.items() for row in rows for column in row}
    for name, column in sorted(columns - {(name, "id") for name in dataset}):
        yield lambda now, name=name, column=column: {
            **now, name: [{**row, column: None} for row in now[name]],
        }  # fmt: skip
