"""Lists and dictionaries in data, which travel as JSON, each for itself.

Arrow would make them all alike: each dictionary of a column would get the keys of all others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from enfyra_kernel.metadata.arrow import TYPE_KEY
from enfyra_kernel.metadata.types import ColumnType

_MARK = {TYPE_KEY: ColumnType.SIMPLE_JSON.value}
# What pandas has in the place of values that are missing.
_MISSING = frozenset({"NAType", "NaTType"})
# What Arrow raises where values do not go together, or into one of its types.
_REFUSED = (pa.ArrowException, TypeError, OverflowError)


class DataError(ValueError):
    """What is wrong with data; the message names the column, and the row where there is one."""


def table_of_rows(rows: Sequence[Mapping[Any, Any]], whole: Callable[[str], bool]) -> pa.Table:
    """Give dictionaries as a table, which has a column for each key of any of them.

    Args:
        rows: The dictionaries.
        whole: Says of a column whether what it holds keeps its structure, as records do.

    Raises:
        DataError: If the values of a column are of mixed types.

    Example:
        >>> table_of_rows([{"n": 1}, {"facts": {"a": 1}}], lambda name: False).to_pylist()
        [{'n': 1, 'facts': None}, {'n': None, 'facts': '{"a": 1}'}]
    """
    columns: dict[str, pa.Array] = {}
    documents: set[str] = set()
    for key in dict.fromkeys(key for row in rows for key in row):
        name, values = str(key), [row.get(key) for row in rows]
        if not whole(name) and any(map(_is_nested, values)):
            documents.add(name)
            columns[name] = document_array(name, values)
        else:
            columns[name] = _array(name, values)
    return _table(columns, documents)


def documents_of(frame: Any, whole: Callable[[str], bool]) -> list[Any]:
    """Name the columns of a pandas DataFrame that hold lists or dictionaries.

    Args:
        frame: All of the data: values that are neither are documents as well in such a column.
        whole: As for `table_of_rows`.
    """
    return [
        name
        for name, column in frame.items()
        if column.dtype == object and not whole(str(name)) and any(map(_is_nested, column))
    ]


def table_of_frame(frame: Any, documents: Sequence[Any] = (), before: int = 0) -> pa.Table:
    """Give a pandas DataFrame as a table, without its index.

    Args:
        documents: Columns that travel as JSON.
        before: How many rows came before the first one, for messages.

    Raises:
        DataError: If the values of a column are of mixed types.
    """
    plain = _plain_table(frame.drop(columns=documents), before)
    columns = {
        str(name): document_array(str(name), frame[name], before)
        if name in documents
        else plain.column(str(name))
        for name in frame.columns
    }
    return _table(columns, set(map(str, documents)))


def document_array(name: str, values: Iterable[Any], before: int = 0) -> pa.Array:
    """Give values as texts of JSON; what is missing is null.

    Raises:
        DataError: Naming the first value that JSON cannot hold.

    Example:
        >>> document_array("facts", [{"b": 1}, float("nan"), []]).to_pylist()
        ['{"b": 1}', None, '[]']
    """
    texts: list[str | None] = []
    for row, value in enumerate(values, before):
        try:
            texts.append(None if _is_missing(value) else document_text(value))
        except (TypeError, ValueError) as error:
            raise DataError(f"row {row}: {name} cannot become JSON: {error}") from None
    return pa.array(texts, pa.string())


def document_text(value: Any) -> str:
    """Give a value as JSON; numbers that are none are null in it.

    Example:
        >>> document_text({"a": [1, float("nan")]})
        '{"a": [1, null]}'
    """
    try:
        return _json(value)
    except ValueError:
        return _json(_without_gaps(value))


def decoded(values: Any) -> Any:
    """Give an array or column whose values are categories as one of plain values.

    Example:
        >>> decoded(pa.array(["a", "b", "a"]).dictionary_encode()).to_pylist()
        ['a', 'b', 'a']
    """
    plain = values.type.value_type
    # Those of Polars, in which Arrow can look up nothing.
    plain = pa.large_string() if plain == pa.string_view() else plain
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([decoded(one) for one in values.chunks], plain)
    return values.dictionary.cast(plain).take(values.indices)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_simple)


def _simple(value: Any) -> Any:
    """Give what JSON can hold in the place of what it cannot."""
    if _is_missing(value):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _without_gaps(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_gaps(one) for key, one in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_without_gaps(one) for one in value]
    return None if _is_missing(value) else value


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in _MISSING


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset | Mapping) or (
        hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0
    )


def _table(columns: Mapping[str, Any], documents: set[str]) -> pa.Table:
    fields = [
        pa.field(name, values.type, metadata=_MARK if name in documents else None)
        for name, values in columns.items()
    ]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def _array(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True)
    except _REFUSED as error:
        raise DataError(f"the column '{name}' {_reason(error)}") from None


def _plain_table(frame: Any, before: int) -> pa.Table:
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except _REFUSED as error:
        name = _mixed_column(frame)
        place = f"rows {before} to {before + len(frame) - 1}: " if before or len(frame) else ""
        column = f"the column '{name}'" if name else "a column"
        raise DataError(f"{place}{column} {_reason(error)}") from None
    return table.replace_schema_metadata(None)


def _reason(error: Exception) -> str:
    if isinstance(error, OverflowError):
        return "has whole numbers of more than 64 bits, which no column can hold"
    said = str(error.args[0]).partition("\n")[0] if error.args else "mixed types"
    return f"has values of mixed types ({said})"


def _mixed_column(frame: Any) -> str | None:
    for name in frame.columns:
        try:
            pa.Array.from_pandas(frame[name])
        except _REFUSED:
            return str(name)
    return None
