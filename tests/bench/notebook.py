"""What somebody in a notebook waits for: all rows, the first page, and the extension itself.

    python -m tests.bench.notebook sqlite:////tmp/flights.db
    python -m tests.bench.notebook postgresql://localhost/flights 1000000 3

The database must be empty. Each side of a comparison runs in a process of its own, in turns with
the other one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

from enfyra_jupyter.client import Client
from enfyra_jupyter.credentials import Token
from enfyra_jupyter.frames import PAGE, ResultFrame
from enfyra_jupyter.magics.completion import Completer
from enfyra_jupyter.magics.session import Session
from enfyra_jupyter.push import push
from enfyra_jupyter.schema import Schema
from enfyra_jupyter.sources import Source
from tests.processes import Process

from .push import MILLION, TABLE, Flights
from .servers import forget_peak, memory_mb, peak_mb

NAMES = [column["name"] for column in TABLE["columns"]]
_QUERY = f"SELECT id, {', '.join(NAMES)} FROM flight"
_PAGES = 50
_LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
begin = time.perf_counter()
shell.run_line_magic("load_ext", "enfyra_jupyter")
print(1000 * (time.perf_counter() - begin))
"""


def measured(uri: str, rows: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Give the figures: ratios of time and peak memory, and milliseconds."""
    with Process(uri, folder) as process:
        with closing(process.login()) as known:
            token = known.headers["Authorization"].removeprefix("Bearer ")
        client = Client(process.url, Token(token))
        client.post("/table_definition", TABLE)
        schema = Schema.of(client.get("/metadata")["data"])
        flights = Source(Flights(rows))
        push(client, flights, schema.tables["flight"], schema, progress=False)
        ours: list[dict[str, float]] = []
        theirs: list[dict[str, float]] = []
        for _ in range(rounds):
            ours.append(_apart("frame", process.url, token))
            theirs.append(_apart("read_sql", uri, token))
        figures: dict[str, Any] = {
            f"DataFrame {what}": round(_middle(ours, what) / _middle(theirs, what), 2)
            for what in ("time", "memory")
        }
        figures |= {"rows": rows, "read_sql s": round(_middle(theirs, "time"), 1)}
        figures |= _first_page(client, process.url, token)
        figures["completion ms"] = round(completion_time(), 1)
        figures["%load_ext ms"] = round(median(_load_time() for _ in range(9)))
        client.close()
        return figures


def _middle(figures: list[dict[str, float]], what: str) -> float:
    return median(one[what] for one in figures)


def _first_page(client: Client, url: str, token: str) -> dict[str, float]:
    """Give how long the first page takes to be shown, and the same request of httpx, in ms."""
    ours: list[float] = []
    theirs: list[float] = []
    with httpx.Client(headers={"authorization": f"Bearer {token}"}) as plain:
        for _ in range(_PAGES):
            begin = time.perf_counter()
            repr(ResultFrame(client, "/flight", {}))
            middle = time.perf_counter()
            plain.get(f"{url}/flight?limit={PAGE}&meta=filterCount").raise_for_status()
            ours.append(middle - begin)
            theirs.append(time.perf_counter() - middle)
    return {
        "first page ms": round(1000 * median(ours), 1),
        "httpx ms": round(1000 * median(theirs), 1),
    }


class _Thousand(Session):
    """A session that knows a thousand tables of twenty columns."""

    def __init__(self) -> None:
        super().__init__()
        columns = [{**TABLE["columns"][0], "name": f"column_{number}"} for number in range(20)]
        self._known = Schema.of(
            {
                "version": 1,
                "tables": [
                    {
                        "name": f"table_{number}",
                        "isSystem": False,
                        "columns": columns,
                        "relations": [
                            {"propertyName": "next", "targetTable": f"table_{(number + 1) % 1000}"}
                        ],
                    }
                    for number in range(1000)
                ],
            }
        )

    def glance(self) -> Schema:
        return self._known


def completion_time() -> float:
    """Give how long completion takes where it takes longest, in ms: medians of each place."""
    complete = Completer(_Thousand(), InteractiveShell.instance()).complete
    places = (
        ["%enfyra query table_"],
        ["%enfyra query table_7 --fields next.next.col"],
        ["%enfyra query table_7 --filter {next: {next: {col"],
        ["%%enfyra sql", "SELECT c", "FROM table_7 AS t JOIN tab"],
        ["%%enfyra query table_7", "filter:", "  next:", "    column_1: {_"],
        ["%enfyra hook POST /table_"],
    )

    def taken(before: list[str]) -> float:
        begin = time.perf_counter()
        _, found = complete(before)
        assert found, before
        return 1000 * (time.perf_counter() - begin)

    return max(median(taken(before) for _ in range(9)) for before in places)


def _load_time() -> float:
    done = subprocess.run([sys.executable, "-c", _LOAD], check=True, capture_output=True)
    return float(done.stdout)


# -- in a process that is measured ----------------------------------------------------------------


def _apart(how: str, where: str, token: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.notebook", how, where]
    env = {**os.environ, "BENCH_TOKEN": token}
    return json.loads(subprocess.run(command, check=True, capture_output=True, env=env).stdout)


def _frame(url: str) -> pd.DataFrame:
    with Client(url, Token(os.environ["BENCH_TOKEN"])) as client:
        frame = ResultFrame(client, "/flight", {"fields": NAMES})
        frame.progress = False
        return frame.DataFrame()


def _read_sql(uri: str) -> pd.DataFrame:
    from sqlalchemy import create_engine
    from sqlalchemy.ext.asyncio import create_async_engine

    dates = {"parse_dates": ["time_hour"]}
    if uri.startswith("sqlite"):
        with create_engine(uri).connect() as connection:
            return pd.read_sql(_QUERY, connection, **dates)

    async def over_asyncpg() -> pd.DataFrame:
        from sqlalchemy import text

        async with create_async_engine(uri.replace("://", "+asyncpg://")).connect() as connection:
            return await connection.run_sync(
                lambda synchronous: pd.read_sql(text(_QUERY), synchronous, **dates)
            )

    return asyncio.run(over_asyncpg())


def _report(how: str, where: str) -> None:
    read = {"frame": _frame, "read_sql": _read_sql}[how]
    before = memory_mb()
    forget_peak()
    begin = time.perf_counter()
    frame = read(where)
    seconds = time.perf_counter() - begin
    if list(frame.columns)[: len(NAMES) + 1] != ["id", *NAMES]:
        raise RuntimeError(f"the frame has {list(frame.columns)}")
    print(json.dumps({"time": seconds, "memory": peak_mb() - before}))


def main(uri: str, rows: int = MILLION, rounds: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measured(uri, int(rows), int(rounds), Path(folder))))


if __name__ == "__main__":
    if sys.argv[1] in {"frame", "read_sql"}:
        _report(*sys.argv[1:])
    else:
        main(*sys.argv[1:])  # type: ignore[arg-type]
