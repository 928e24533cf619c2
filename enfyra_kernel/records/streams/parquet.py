"""Records as a Parquet file, written row group by row group."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import parquet

from .sink import Sink

# A row group is written when it has so many rows, or so many bytes in memory: small ones make
# files that are slow to read, large ones are what the memory has to hold.
GROUP_ROWS = 65_536
GROUP_BYTES = 16 << 20


class ParquetEncoder:
    """Writes a Parquet file; all that is kept is one row group, and where the others are."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._writer: Any = None
        self._waiting: list[Any] = []
        self._rows = 0
        self._bytes = 0

    def begin(self, schema: Any) -> bytes:
        """Give the mark of the beginning."""
        self._writer = parquet.ParquetWriter(self._sink, schema)
        return self._sink.take()

    def write(self, batch: Any) -> bytes:
        """Give a row group when there is enough for one."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()
        return self._sink.take()

    def end(self) -> bytes:
        """Give the last row group and the footer."""
        if self._rows:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        self._writer.write_table(table, row_group_size=max(self._rows, 1))
        self._waiting, self._rows, self._bytes = [], 0, 0
