"""Records as an Arrow IPC stream."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any

import pyarrow as pa

from .sink import Sink


class ArrowEncoder:
    """Writes an Arrow IPC stream."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._writer: Any = None

    def begin(self, schema: Any) -> bytes:
        """Give the schema."""
        self._writer = pa.ipc.new_stream(self._sink, schema)
        return self._sink.take()

    def write(self, batch: Any) -> bytes:
        """Give a batch."""
        self._writer.write_batch(batch)
        return self._sink.take()

    def end(self) -> bytes:
        """Give the mark of the end."""
        self._writer.close()
        return self._sink.take()
