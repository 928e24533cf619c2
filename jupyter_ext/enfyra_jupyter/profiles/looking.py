"""What a sample says about a column: how many values differ, which are frequent, how they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from .bins import BINS, binned

TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What is known of a column.

    Attributes:
        nulls: How many rows have no value; of all rows, or of the sample for documents and lists.
        distinct: How many values differ, in the sample.
        top: The most frequent values of the sample, and how often they are there.
        bins: How many values of the sample lie in each of equal parts between the smallest and
            the largest; of texts, how often the most frequent ones are there.
        edges: Where each of these parts begins, and the largest value; there are none of texts.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    top: Sequence[tuple[Any, int]]
    bins: Sequence[int]
    edges: Sequence[Any] = ()
    min: Any = None
    max: Any = None
    mean: float | None = None


def looked_at(
    name: str, type_: str, values: pa.ChunkedArray, rows: int, figures: Mapping[str, Any]
) -> ColumnProfile:
    """Give the profile of a column.

    Args:
        values: The sample.
        rows: How many rows there are.
        figures: What the database says of all of them.

    Example:
        >>> values = pa.chunked_array([[1, 2, 2, None]])
        >>> looked_at("views", "int", values, 4, {"count": 3}).top
        [(2, 2), (1, 1)]
    """
    there = values.drop_null()
    counted = sorted(
        ((one["values"], one["counts"]) for one in _countable(there).value_counts().to_pylist()),
        key=lambda pair: -pair[1],
    )
    count = figures.get("count")
    mean = figures.get("avg")
    parts = binned(there)
    return ColumnProfile(
        name=name,
        type=type_,
        nulls=values.null_count if count is None else rows - int(count),
        distinct=len(counted),
        top=counted[:TOP],
        bins=parts.counts or [many for _, many in counted[:BINS]],
        edges=parts.edges,
        min=figures.get("min"),
        max=figures.get("max"),
        mean=None if mean is None else float(mean),
    )


def _countable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_nested(values.type):
        return pa.chunked_array([[str(one) for one in values.to_pylist()]], pa.string())
    return values
