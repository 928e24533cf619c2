"""Arrow streams for tests: sent and received through a kernel."""

# pyarrow has no type information.
# pyright: basic

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from typing import Any

# Pyarrow imports it at the first value that becomes Python's, which would be on the event loop.
import pandas  # noqa: F401
import pyarrow as pa
from enfyra_kernel.lifecycle.messages import ARROW
from enfyra_kernel.lifecycle.streams import prepare_streams

from .api import Answer, Api

# Now, rather than beside some test's event loop, which waits while libraries are read from a disk.
asyncio.run(prepare_streams())


def stream_of(content: Any, rows_each: int | None = None) -> bytes:
    """Give a table, or columns as lists or arrays, as an Arrow IPC stream."""
    table = content if isinstance(content, pa.Table) else pa.table(content)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, rows_each)
    return sink.getvalue()


async def load(
    api: Api, path: str, content: Any, *, rows_each: int | None = None, **query: Any
) -> Answer:
    """POST a table, columns, or the bytes of a stream."""
    raw = content
    if not isinstance(content, bytes):
        raw = await asyncio.to_thread(stream_of, content, rows_each)
    return await api.send("POST", path, raw=raw, headers={"Content-Type": ARROW}, **query)


async def read(api: Api, path: str, **query: Any) -> pa.Table:
    """GET a path as an Arrow table."""
    answer = await api.send("GET", path, headers={"Accept": ARROW}, **query)
    assert answer.status == 200, answer.body
    return await asyncio.to_thread(lambda: pa.ipc.open_stream(answer.body).read_all())


def values(table: pa.Table, *names: str) -> Sequence[Mapping[str, Any]]:
    """Give the rows of some of a table's columns."""
    return table.select(list(names)).to_pylist()
