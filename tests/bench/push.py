"""Rows like those of nycflights13's flights, pushed and read again: how much memory that takes.

    python -m tests.bench.push sqlite:////tmp/flights.db 1000000
    python -m tests.bench.push postgresql://localhost/flights 1000000

The database must be empty. The rows are made batch by batch: nobody has all of them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from enfyra_jupyter.client import Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.frames import ResultFrame
from enfyra_jupyter.push import push
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sources import ROWS, Source
from tests.processes import Process

from .servers import forget_peak, mapped_mb, memory_mb, peak_mb

MILLION = 1_000_000
# Loads what is loaded at the first time only.
FEW = 40_000
_NUMBERS = ("year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time",
            "sched_arr_time", "arr_delay", "flight", "air_time", "distance", "hour",
            "minute")  # fmt: skip
_TEXTS = ("carrier", "tailnum", "origin", "dest")
TABLE = {
    "name": "flight",
    "columns": [
        *({"name": name, "type": "int"} for name in _NUMBERS),
        *({"name": name, "type": "varchar", "options": {"length": 10}} for name in _TEXTS),
        {"name": "time_hour", "type": "datetime"},
    ],
}


class Flights:
    """So many flights, in whatever speaks Arrow."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        types = [(name, pa.int64()) for name in _NUMBERS] + [(name, pa.string()) for name in _TEXTS]
        self.schema = pa.schema([*types, ("time_hour", pa.timestamp("us", "UTC"))])

    def __len__(self) -> int:
        return self.rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        random = np.random.default_rng(13)
        for start in range(0, self.rows, ROWS):
            count = min(ROWS, self.rows - start)
            numbers = [pa.array(random.integers(1, 3000, count)) for _ in _NUMBERS]
            texts = [pa.array([f"N{n}" for n in random.integers(0, 9999, count)]) for _ in _TEXTS]
            hours = pa.array(random.integers(0, 2**31, count) * 1_000_000)
            arrays = [*numbers, *texts, hours.cast(self.schema.field("time_hour").type)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def measured(uri: str, rows: int, folder: Path) -> dict[str, Any]:
    """Push rows to a server of its own and read them again; give how many MB each side needed."""
    with Process(uri, folder) as process:
        with closing(process.login()) as known:
            token = known.headers["Authorization"].removeprefix("Bearer ")
        client = Client(process.url, Token(token))
        client.post("/table_definition", TABLE)
        schema = Schema.of(client.get("/metadata")["data"])
        results: dict[str, Any] = {"rows": rows}

        def send(count: int) -> None:
            push(client, Source(Flights(count)), schema.tables["flight"], schema, progress=False)

        def read() -> int:
            frame = ResultFrame(client, "/flight", {})
            frame.progress = False
            with frame.reader() as batches:
                return sum(batch.num_rows for batch in batches)

        send(FEW)
        read()
        for name, work in (("push", lambda: send(rows)), ("read", read)):
            before = memory_mb(), memory_mb(process.process.pid)
            mapped = mapped_mb(process.process.pid)
            forget_peak()
            forget_peak(process.process.pid)
            begin = time.perf_counter()
            found = work()
            results[f"{name} s"] = round(time.perf_counter() - begin, 1)
            results[f"{name} client MB"] = round(peak_mb() - before[0])
            needed = peak_mb(process.process.pid) - before[1]
            needed -= mapped_mb(process.process.pid) - mapped
            results[f"{name} server MB"] = round(needed)
        results["found"] = found
        client.close()
        return results


def main(uri: str, rows: int = MILLION) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(uri, int(rows), Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
