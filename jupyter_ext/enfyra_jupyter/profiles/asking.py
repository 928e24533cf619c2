"""What is asked of the server for a profile: figures of all rows, then a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from enfyra_kernel.query.figures import MAX_FIGURES

from ..client import ApiError, Client
from ..schema import TableInfo

# So many columns in one request: an address has an end.
AT_ONCE = 40
_NUMBERS = frozenset({"int", "bigint", "float", "decimal"})
_TIMES = frozenset({"date", "datetime", "timestamp"})
_COUNTED = _NUMBERS | _TIMES | {"varchar", "text", "enum", "boolean", "uuid", "ObjectId"}

Figures = Mapping[str, Any]


def figures(
    client: Client, table: TableInfo, columns: Sequence[str], where: Mapping[str, Any] | None
) -> tuple[int, dict[str, Figures]]:
    """Give how many rows there are, and for each column what the database says of all of them.

    Example:
        >>> figures(client, post, ["views"], None)  # doctest: +SKIP
        (3, {'views': {'count': 3, 'min': 1, 'max': 9, 'avg': 4.0}})
    """
    rows = 0
    found: dict[str, Figures] = {}
    for some in _parts(table, columns):
        asked = dict(_measures(table, some))
        answer = client.get(table.path, measures={"rows": "count", **asked}, filter=where)
        row = answer["data"][0] if answer["data"] else {"rows": 0}
        rows = row["rows"]
        for number, name in enumerate(some):
            found[name] = {
                figure: row[f"{figure}_{number}"]
                for figure in ("count", "min", "max", "avg")
                if f"{figure}_{number}" in asked
            }
    return rows, found


def _parts(table: TableInfo, columns: Sequence[str]) -> Iterator[list[str]]:
    """Give columns in parts that one request may ask about; an empty one if there are none."""
    some: list[str] = []
    figures = 0
    for name in columns:
        more = sum(1 for _ in _measures(table, [name]))
        # One is for the number of rows.
        if len(some) == AT_ONCE or figures + more >= MAX_FIGURES:
            yield some
            some, figures = [], 0
        some.append(name)
        figures += more
    yield some


def _measures(table: TableInfo, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for number, name in enumerate(columns):
        # What is encrypted cannot be compared.
        type_ = "" if table.columns[name].get("isEncrypted") else table.columns[name]["type"]
        if type_ in _COUNTED:
            yield f"count_{number}", {"count": name}
        if type_ in _NUMBERS | _TIMES:
            yield f"min_{number}", {"min": name}
            yield f"max_{number}", {"max": name}
        if type_ in _NUMBERS:
            yield f"avg_{number}", {"avg": name}


def sample(
    client: Client,
    table: TableInfo,
    columns: Sequence[str],
    where: Mapping[str, Any] | None,
    size: int,
) -> pa.Table:
    """Give the first rows, in the order of the key."""
    query: dict[str, Any] = {"fields": list(columns), "limit": size}
    if where:
        query["filter"] = where
    try:
        with client.stream(table.path, query) as answer:
            return pa.ipc.open_stream(answer.read()).read_all()
    except pa.ArrowInvalid as error:
        raise ApiError("INVALID_STREAM", str(error).partition("\n")[0]) from None


def frequent(
    client: Client, table: TableInfo, column: str, where: Mapping[str, Any] | None, most: int
) -> list[tuple[Any, int]]:
    """Give the values that are most often in all rows, and how often."""
    # The column may have a name that we would give the figure.
    rows = "rows" if column != "rows" else "count"
    groups = client.get(
        table.path, dimensions=[column], measures={rows: "count"}, filter=where or None,
        sort=[f"-{rows}", column], limit=most,
    )["data"]  # fmt: skip
    return [(group[column], group[rows]) for group in groups]
