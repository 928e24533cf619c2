"""All rows of a result as a file: there when it is whole, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = "^[=+\\-@\\t\\r]"


@contextmanager
def whole_file(path: str | Path) -> Generator[Path, None, None]:
    """Give a place to write to, which becomes the file if all goes well."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.part")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def write_csv(
    reader: pa.RecordBatchReader, path: Path, *, formulas: bool = False, **options: Any
) -> None:
    """Write CSV.

    Fields of related records are columns named `relation.field`; lists are JSON.

    Args:
        formulas: Whether texts may be what a spreadsheet takes for a formula. Such a text gets
            an apostrophe in front otherwise. Numbers stay numbers.
        options: As for `pyarrow.csv.WriteOptions`.

    Example:
        >>> import tempfile
        >>> rows = pa.table({"name": ["=1+1", "", None], "n": [-1, 2, 3]})
        >>> target = Path(tempfile.mkdtemp()) / "rows.csv"
        >>> write_csv(rows.to_reader(), target)
        >>> print(target.read_text())
        "name","n"
        "'=1+1",-1
        "",2
        ,3
        <BLANKLINE>
    """
    writer: csv.CSVWriter | None = None
    try:
        for batch in _tables(reader):
            table = flattened(batch)
            arrays = [_column(column, formulas=formulas) for column in table.columns]
            names = [name if formulas else _safe(name) for name in table.column_names]
            written = pa.table(arrays, names=names)
            if writer is None:
                writer = csv.CSVWriter(
                    path, written.schema, write_options=csv.WriteOptions(**options)
                )
            writer.write_table(written)
    finally:
        if writer is not None:
            writer.close()


def _tables(reader: pa.RecordBatchReader) -> Generator[pa.Table, None, None]:
    # The names stand in a file without rows, too.
    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _safe(text: str) -> str:
    return f"'{text}" if re.match(_FORMULA, text) else text


def _column(column: pa.ChunkedArray, *, formulas: bool) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if formulas or not pa.types.is_string(kind):
        return column
    found = pc.match_substring_regex(column, _FORMULA)
    return pc.if_else(found, pc.binary_join_element_wise("'", column, ""), column)


def write_feather(reader: pa.RecordBatchReader, path: Path, *, compression: str | None) -> None:
    """Write an Arrow file, which is what Feather is."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_file(path, reader.schema, options=options) as writer:
        for batch in reader:
            writer.write_batch(batch)


def write_parquet(reader: pa.RecordBatchReader, path: Path, **options: Any) -> None:
    """Write Parquet.

    Args:
        options: As for `pyarrow.parquet.ParquetWriter`.
    """
    from pyarrow import parquet

    with parquet.ParquetWriter(path, reader.schema, **options) as writer:
        for batch in reader:
            writer.write_batch(batch)


def flattened(table: pa.Table) -> pa.Table:
    """Give a table without structs: their fields become columns named `relation.field`."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table
