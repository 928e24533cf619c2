"""Sending data into a table, as one Arrow stream: all of it or nothing, in constant memory."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from enfyra_kernel.metadata.names import TIMESTAMPS
from tqdm.auto import tqdm

from .client import Client
from .schema import Schema, TableInfo
from .sources import Fitting, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of data that was sent.

    Attributes:
        rows: How many rows there were.
        unmatched: How many values named a record that does not exist, and became null.
        dry_run: Whether it was only tried.
        passed_over: Columns of the data that the server keeps itself.

    Example:
        >>> Pushed(table="post", rows=2000, mode="append", seconds=0.5)
        Appended 2,000 rows to post in 0.5 s (4,000 rows/s)
    """

    table: str
    rows: int
    mode: str
    seconds: float
    unmatched: int = 0
    dry_run: bool = False
    passed_over: Sequence[str] = ()

    def __repr__(self) -> str:
        done = {
            "append": f"Appended {self.rows:,} rows to {self.table}",
            "upsert": f"Upserted {self.rows:,} rows into {self.table}",
            "replace": f"Replaced all rows of {self.table} by {self.rows:,}",
        }[self.mode]
        if self.dry_run:
            return f"Dry run: {done[0].lower()}{done[1:]}, and took it back{self._remark()}"
        speed = self.rows / self.seconds if self.seconds else 0
        return f"{done} in {self.seconds:.1f} s ({speed:,.0f} rows/s){self._remark()}"

    def _remark(self) -> str:
        remark = ""
        if self.unmatched:
            remark = f"; {self.unmatched:,} references without a match became null"
        if self.passed_over:
            remark += f"; {' and '.join(self.passed_over)} were passed over: the server keeps them"
        return remark


def push(
    client: Client,
    source: Source,
    table: TableInfo,
    schema: Schema,
    *,
    mode: str = "append",
    key: Sequence[str] = (),
    missing: str = "error",
    dry_run: bool = False,
    progress: bool = True,
) -> Pushed:
    """Send data into a table.

    Args:
        mode: `append`, `upsert` (update the rows whose key is there), `replace` (all rows).
        key: The fields that tell rows apart, for `upsert`.
        missing: Whether a reference to a record that does not exist is an `error` or `null`.
        dry_run: Whether the server does all of it and takes it back.
        progress: Whether a bar tells how far it is.

    Raises:
        DataError: Naming the first value that does not fit; nothing is loaded then.
        ApiError: What the server said; nothing is loaded then.
    """
    fitting = Fitting(source.schema(), table, schema)
    begin = time.perf_counter()
    with tqdm(
        total=source.rows,
        desc=table.name,
        unit=" rows",
        unit_scale=True,
        disable=not progress,
        miniters=1,
    ) as bar:
        answer = client.load(
            table.path,
            _pieces(source, fitting, bar),
            {
                "mode": mode,
                "key": list(key) if mode == "upsert" else None,
                "missing": missing,
                "dryRun": True if dry_run else None,
            },
        )
    return Pushed(
        table=table.name,
        rows=answer["rows"],
        mode=mode,
        seconds=time.perf_counter() - begin,
        unmatched=answer["unmatched"],
        dry_run=dry_run,
        passed_over=[
            name
            for name in fitting.schema.names
            if name in TIMESTAMPS and table.columns.get(name, {}).get("isGenerated")
        ],
    )


def _pieces(source: Source, fitting: Fitting, bar: Any) -> Iterator[bytes]:
    """Give the Arrow stream piece by piece."""
    sink = io.BytesIO()
    sent = 0
    with pa.ipc.new_stream(sink, fitting.schema) as writer:
        for batch in source.batches():
            writer.write_batch(fitting.fit(batch, sent))
            yield _taken(sink)
            sent += batch.num_rows
            bar.update(batch.num_rows)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data
