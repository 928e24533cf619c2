"""Records of a Parquet file, whose directory is at its end."""

# pyarrow has no type information; what comes out of it is checked where it is used.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import shutil
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from ..spool import PIECE, SMALL
from .arrow import cut
from .batch import ROWS, Batch, unreadable

WHAT = "Parquet file"


def parquet_batches(file: BinaryIO) -> Iterator[Batch]:
    """Give the records of a Parquet file, which is kept in a temporary file for so long.

    Raises:
        EnfyraError: BAD_REQUEST when it is not one whole, valid file.
    """
    try:
        # It has no name: whatever becomes of us, it is gone with the last who has it open.
        with SpooledTemporaryFile(max_size=SMALL) as spool:
            shutil.copyfileobj(file, spool, PIECE)
            # Pages are read when they are wanted, rather than all of a row group's.
            with parquet.ParquetFile(spool, buffer_size=PIECE, pre_buffer=False) as opened:
                schema = opened.schema_arrow
                yield from cut([], schema, 0)
                first = 0
                for batch in opened.iter_batches(batch_size=ROWS, use_threads=False):
                    batch.validate(full=True)
                    yield from cut([batch], schema, first)
                    first += batch.num_rows
    except (pa.ArrowException, EOFError, OSError) as error:
        raise unreadable(WHAT, error) from None
