"""Records of an Arrow IPC stream."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from .batch import ROWS, Batch, unreadable

WHAT = "Arrow IPC stream"


def arrow_batches(file: BinaryIO) -> Iterator[Batch]:
    """Give the records of an Arrow IPC stream; the first batch has only names.

    Raises:
        EnfyraError: BAD_REQUEST when it is not one whole, valid stream.
    """
    try:
        with pa.ipc.open_stream(file) as opened:
            first = 0
            yield from cut([], opened.schema, first)
            for batch in opened:
                # What a client sends may point outside of its own buffers, or hold texts that are
                # none.
                batch.validate(full=True)
                yield from cut([batch], opened.schema, first)
                first += batch.num_rows
        if file.read(1):
            raise unreadable(WHAT, "there is something behind its end")
    except (pa.ArrowException, EOFError, OSError) as error:
        raise unreadable(WHAT, error) from None


def cut(batches: list[Any], schema: Any, first: int) -> Iterator[Batch]:
    """Give record batches in pieces of at most `ROWS`; of none, one that has only names."""
    if not batches:
        yield Batch(tuple((name, pa.array([])) for name in schema.names), range(0))
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS):
            piece = batch.slice(start, ROWS)
            rows = range(first + start, first + start + piece.num_rows)
            yield Batch(tuple(zip(piece.schema.names, piece.columns, strict=True)), rows)
