"""Parts of equal width between the smallest and the largest value, with ends that are round."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..rounding import round_up

BINS = 20
_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
# What people part time by.
_DAYS = (1, 2, 7, 14, 30, 91, 365)
_TIMES = (
    *(one * _SECOND for one in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200)),
    *(one * _DAY for one in _DAYS),
)


@dataclass(frozen=True, slots=True)
class Bins:
    """How many values lie in each part.

    Attributes:
        counts: How many, from the smallest on.
        edges: Where each begins, and the largest value, as a filter takes them: a part holds its
            beginning and not its end, which the last one holds as well.
    """

    counts: Sequence[int] = ()
    edges: Sequence[Any] = ()


NONE = Bins()


def binned(values: pa.ChunkedArray) -> Bins:
    """Count values part by part; there are no parts of what is no number or time.

    Example:
        >>> binned(pa.chunked_array([[1, 2, 2, 99]])).edges
        [1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 99]
    """
    types = pa.types
    kind = values.type
    if types.is_integer(kind):
        return _parted(values.to_pylist(), lambda span: max(round_up(span), 1))
    if types.is_date(kind):
        days = values.cast(pa.date32()).cast(pa.int32()).to_pylist()
        found = _parted(days, lambda span: _time(span, _DAYS))
        return Bins(
            found.counts, [(_EPOCH_DAY + timedelta(days=one)).isoformat() for one in found.edges]
        )
    if types.is_timestamp(kind):
        instants = values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).to_pylist()
        found = _parted(instants, lambda span: _time(span, _TIMES))
        return Bins(found.counts, [_instant(one) for one in found.edges])
    if types.is_decimal(kind):
        return _decimals(values, kind.scale)
    if types.is_floating(kind):
        finite = values.filter(pc.is_finite(values)).to_pylist()
        return _parted(finite, lambda span: float(round_up(span)))
    return NONE


def _decimals(values: pa.ChunkedArray, scale: int) -> Bins:
    least = 10.0**-scale
    # Exact ends: a float of the largest one may be smaller than it.
    ends = pc.min_max(values).as_py()
    floats = values.cast(pa.float64(), safe=False).to_pylist()
    found = _parted(floats, lambda span: max(float(round_up(span)), least))
    if not found.counts:
        return NONE
    between = [f"{one:.{scale}f}" for one in found.edges[1:-1]]
    return Bins(found.counts, [str(ends["min"]), *between, str(ends["max"])])


def _parted(values: Sequence[Any], step_for: Callable[[float], Any]) -> Bins:
    if not values:
        return NONE
    low, high = min(values), max(values)
    width = (high - low) / BINS
    if not 0 < width < math.inf:
        return Bins([len(values)], [low, high])
    edges = [low, *_between(low, high, step_for(width)), high]
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(bisect_right(edges, value) - 1, len(counts) - 1)] += 1
    return Bins(counts, edges)


def _between(low: Any, high: Any, step: Any) -> Iterable[Any]:
    digits = max(0, -math.floor(math.log10(step))) if isinstance(step, float) else None
    number, last = math.floor(low / step) + 1, low
    while True:
        # A sum of steps would gather what floats round away.
        edge = number * step if digits is None else round(number * step, digits)
        if edge > high or (edge == high and digits is not None):
            return
        if edge > last:
            yield edge
            last = edge
        number += 1


def _time(width: float, known: Sequence[int]) -> int:
    for one in known:
        if one >= width:
            return one
    # Years.
    return int(known[-1] * max(round_up(width / known[-1]), 1))


def _instant(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")
