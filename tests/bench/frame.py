"""W8: 100,000 records into a data frame, as Arrow through the API or by pandas.read_sql.

    python -m tests.bench.frame arrow http://127.0.0.1:1105
    python -m tests.bench.frame sql sqlite:////tmp/bench.db

Each runs in a process of its own, and prints how long it took and how much more memory it held.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from statistics import median
from typing import Any

import pandas as pd
import pyarrow as pa

from .data import POSTS
from .servers import forget_peak, memory_mb, peak_mb

COLUMNS = ("id", "title", "content", "status", "views", "publishedAt")
ARROW = "application/vnd.apache.arrow.stream"
SQL = 'SELECT "id", "title", "content", "status", "views", "publishedAt" FROM "post" LIMIT '


def compare(url: str, uri: str, pid: int, rounds: int) -> dict[str, float]:
    """Give time and peak memory of the API as parts of pandas.read_sql's, and the server's growth.

    Args:
        pid: The server's process.
    """
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    _measured("arrow", url)  # loads what the server needs for the first stream
    before = memory_mb(pid)
    forget_peak(pid)
    for _ in range(rounds):
        ours.append(_measured("arrow", url))
        theirs.append(_measured("sql", uri))
    return {
        f"W8 {what}": median(one[what] for one in ours) / median(one[what] for one in theirs)
        for what in ("time", "memory")
    } | {"W8 server MB": peak_mb(pid) - before}


def _measured(how: str, where: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.frame", how, where]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


# -- in the process that is measured --------------------------------------------------------------


def over_arrow(url: str) -> pd.DataFrame:
    """Read through the API."""
    address = f"{url}/post?limit={POSTS}&fields={','.join(COLUMNS)}"
    request = urllib.request.Request(address, headers={"Accept": ARROW})
    with urllib.request.urlopen(request) as answer:
        table: Any = pa.ipc.open_stream(answer).read_all()
    return table.to_pandas(self_destruct=True)


def over_sql(uri: str) -> pd.DataFrame:
    """Read from the database itself."""
    if uri.startswith("sqlite"):
        with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
            return _read_sql(connection)
    return asyncio.run(_over_asyncpg(uri))


async def _over_asyncpg(uri: str) -> pd.DataFrame:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(uri.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_read_sql)
    finally:
        await engine.dispose()


def _read_sql(connection: Any) -> pd.DataFrame:
    from sqlalchemy import text

    query: Any = f"{SQL}{POSTS}"
    if not isinstance(connection, sqlite3.Connection):
        query = text(query)
    return pd.read_sql(query, connection, parse_dates=["publishedAt"])


def main(how: str, where: str) -> None:
    read = {"arrow": over_arrow, "sql": over_sql}[how]
    before = memory_mb()
    forget_peak()
    begin = time.perf_counter()
    frame = read(where)
    seconds = time.perf_counter() - begin
    if frame.shape != (POSTS, len(COLUMNS)):
        raise RuntimeError(f"the frame is {frame.shape}")
    print(json.dumps({"time": seconds, "memory": peak_mb() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
