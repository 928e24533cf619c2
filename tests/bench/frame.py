"""W8: 100,000 records into a data frame, as Arrow through the API or by pandas.read_sql.

    python -m tests.bench.frame arrow http://127.0.0.1:1105
    python -m tests.bench.frame sqlite sqlite:////tmp/bench.db

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
SQL = f'SELECT "id", "title", "content", "status", "views", "publishedAt" FROM "post" LIMIT {POSTS}'


def compare(url: str, engine: str, uri: str, pid: int, rounds: int) -> dict[str, float]:
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
        theirs.append(_measured(engine, uri))
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


def over_sqlite(uri: str) -> pd.DataFrame:
    """Read from the file itself."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as connection:
        return _read_sql(connection, SQL)


def over_postgresql(uri: str) -> pd.DataFrame:
    """Read from the database itself."""
    return asyncio.run(_over_sqlalchemy(uri.replace("://", "+asyncpg://"), SQL))


def over_mysql(uri: str) -> pd.DataFrame:
    """Read from the database itself."""
    return asyncio.run(_over_sqlalchemy(uri.replace("://", "+asyncmy://"), SQL.replace('"', "`")))


async def _over_sqlalchemy(uri: str, query: str) -> pd.DataFrame:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(uri)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_read_sql, text(query))
    finally:
        await engine.dispose()


def _read_sql(connection: Any, query: Any) -> pd.DataFrame:
    return pd.read_sql(query, connection, parse_dates=["publishedAt"])


def over_mongodb(uri: str) -> pd.DataFrame:
    """Read from the database itself."""
    import pymongo

    fields = {"_id": 1, **dict.fromkeys(COLUMNS[1:], 1)}
    with pymongo.MongoClient[dict[str, Any]](uri) as client:
        found = client.get_default_database()["post"].find({}, fields).limit(POSTS)
        return pd.DataFrame(list(found))


READERS = {
    "arrow": over_arrow,
    "sqlite": over_sqlite,
    "postgresql": over_postgresql,
    "mysql": over_mysql,
    "mongodb": over_mongodb,
}


def main(how: str, where: str) -> None:
    read = READERS[how]
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
