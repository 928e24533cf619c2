"""Results of steps as JSON: data frames become records."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

# Rows of a data frame, and bytes of JSON.
MOST_RECORDS = 10_000
MOST_BYTES = 4 << 20


class NoResult(Exception):
    """What a step gave cannot be a result; says what to do instead."""


def encoded(result: Any) -> bytes:
    """Give a result as JSON.

    Raises:
        NoResult: It is too large, or nothing that JSON knows.

    Example:
        >>> encoded({"rows": 3})
        b'{"rows":3}'
    """
    try:
        body = msgspec.json.encode(result, enc_hook=_plain)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise NoResult(f"The result cannot be written as JSON: {error}") from None
    if len(body) > MOST_BYTES:
        raise NoResult(
            f"The result has {len(body) >> 20} MB; at most {MOST_BYTES >> 20} MB are kept. "
            "Store the data in a table, and give its keys"
        )
    return body


def _plain(value: Any) -> Any:
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            return _records(value)
        if isinstance(value, pandas.Series | pandas.Index):
            return value.tolist()
        if value is pandas.NA or value is pandas.NaT:
            return None
        if isinstance(value, pandas.Timestamp):
            return value.to_pydatetime(warn=False)
        if isinstance(value, pandas.Timedelta):
            return value.total_seconds()
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return value.tolist()
        if isinstance(value, numpy.datetime64):
            return None if numpy.isnat(value) else str(value)
        if isinstance(value, numpy.generic):
            return value.item()
    raise NoResult(
        f"The result holds a {type(value).__name__}, which is no data. Results are numbers, texts, "
        "lists, dicts and data frames"
    )


def _records(frame: Any) -> Any:
    if len(frame) > MOST_RECORDS:
        raise NoResult(
            f"The data frame has {len(frame)} rows; at most {MOST_RECORDS} become a result. "
            "Store it in a table, and give what the next step needs to find it"
        )
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
