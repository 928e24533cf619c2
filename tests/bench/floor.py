"""What a database can do by itself: the statements of W1 to W6 through its driver, nothing around.

    python -m tests.bench.floor postgresql postgresql://localhost/b

A kernel answers each request, and what it asks the database meanwhile is asked again and again:
on as many connections as the load has, for SQLite in a plain loop.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from enfyra_kernel import Kernel, Settings
from enfyra_kernel.lifecycle.messages import Request

from .load import CONNECTIONS, WORKLOADS, wrk
from .report import FLOOR
from .servers import environment

SECONDS = 1.0
KEY = 77

Statement = tuple[str, Any]
Statements = list[Statement]
Ask = Callable[[Statements], Awaitable[None]]


def floors(engine: str, uri: str, hello_url: str, rounds: int) -> dict[str, float]:
    """Give what the database can do as ratios to the hello-world."""
    command = [sys.executable, "-m", "tests.bench.floor", engine, uri]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        hello = wrk(hello_url, None, 1).rate
        done = subprocess.run(command, check=True, capture_output=True)
        for name, rate in json.loads(done.stdout).items():
            found.setdefault(f"{name}{FLOOR}", []).append(rate / hello)
    return {name: median(ratios) for name, ratios in found.items()}


# -- in the process that is measured --------------------------------------------------------------


def record(engine: str) -> Statements:
    """Give the list that everything will be put on which a kernel asks its database."""
    seen: Statements = []
    match engine:
        case "sqlite":
            from enfyra_kernel.storage.sql.drivers.sqlite import SqliteDriver, SqliteRunner

            _tap(seen, SqliteDriver, SqliteRunner)
        case "postgresql":
            from enfyra_kernel.storage.sql.drivers.postgresql import (
                PostgresqlDriver,
                PostgresqlRunner,
            )

            _tap(seen, PostgresqlDriver, PostgresqlRunner)
        case "mysql":
            from enfyra_kernel.storage.sql.drivers.mysql import MysqlRunner

            _tap(seen, MysqlRunner)
        case _:
            _listen(seen)
    return seen


def _tap(seen: Statements, *kinds: Any) -> None:
    for kind in kinds:
        for method in ("fetch_row", "fetch_rows", "run"):
            setattr(kind, method, _tapped(getattr(kind, method), seen))


def _tapped(original: Any, seen: Statements) -> Any:
    async def tapped(self: Any, text: str, arguments: Any, **options: Any) -> Any:
        if (text, arguments) not in seen[-1:]:
            seen.append((text, arguments))
        return await original(self, text, arguments, **options)

    return tapped


def _listen(seen: Statements) -> None:
    from pymongo import monitoring

    class Listener(monitoring.CommandListener):
        def started(self, event: Any) -> None:
            asked = ("aggregate", "insert", "update", "findAndModify", "find")
            if event.command_name in asked:
                own = {
                    key: value
                    for key, value in event.command.items()
                    if not key.startswith("$") and key not in _OF_SESSIONS
                }
                seen.append((event.command_name, own))

        def succeeded(self, event: Any) -> None: ...

        def failed(self, event: Any) -> None: ...

    monitoring.register(Listener())


_OF_SESSIONS = {"lsid", "txnNumber", "startTransaction", "autocommit", "readConcern"}


async def statements(engine: str, uri: str) -> dict[str, Statements]:
    """Give what each workload asks the database."""
    seen = record(engine)
    found: dict[str, Statements] = {}
    async with Kernel(Settings.load(environment(uri), dotenv=None)) as kernel:
        for name, (method, target, body) in WORKLOADS.items():
            path, _, query = target.replace("{id}", str(KEY)).partition("?")
            for _ in range(2):
                # The first time, more may be asked.
                seen.clear()
                answer = await kernel.handle(
                    Request(method, path, query, {}, json.dumps(body).encode() if body else b"")
                )
                if answer.status >= 300:
                    raise RuntimeError(answer.body.decode())
            found[name] = list(seen)
    return found


async def asker(engine: str, uri: str) -> Ask:
    """Connect, and give the function that asks statements."""
    if engine == "postgresql":
        import asyncpg

        postgresql: Any = await getattr(asyncpg, "connect")(uri)  # noqa: B009

        async def ask_postgresql(asked: Statements) -> None:
            for text, arguments in asked:
                await postgresql.fetch(text, *arguments)

        return ask_postgresql
    if engine == "mysql":
        return await _mysql(uri)
    return _mongodb(uri)


async def _mysql(uri: str) -> Ask:
    import asyncmy

    parts = urlsplit(uri)
    connection: Any = await asyncmy.connect(  # pyright: ignore[reportUnknownMemberType]
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=(parts.password or "").replace("%40", "@"),
        database=parts.path[1:],
        charset="utf8mb4",
        autocommit=True,
    )

    async def ask(asked: Statements) -> None:
        for text, arguments in asked:
            async with connection.cursor() as cursor:
                await cursor.execute(text, tuple(arguments))
                await cursor.fetchall()

    return ask


def _mongodb(uri: str) -> Ask:
    import pymongo

    database: Any = pymongo.AsyncMongoClient(uri).get_default_database()

    async def ask(asked: Statements) -> None:
        for name, command in asked:
            if name == "insert":
                fresh = [{**one, "_id": next(_KEYS)} for one in command["documents"]]
                command = {**command, "documents": fresh}
            await database.command(command)

    return ask


_KEYS = itertools.count(1 << 40)


async def rate(asked: Statements, asks: list[Ask]) -> float:
    """Give how often a second the statements can be asked on some connections."""
    until = time.perf_counter() + SECONDS

    async def again(ask: Ask) -> int:
        for count in itertools.count(1):
            await ask(asked)
            if time.perf_counter() > until:
                return count
        return 0

    return sum(await asyncio.gather(*map(again, asks))) / SECONDS


def rate_of_sqlite(asked: Statements, path: str) -> float:
    """Give how often a second the statements can be asked in a loop."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=NORMAL")
    until, count = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < until:
        for text, arguments in asked:
            connection.execute(text, arguments).fetchall()
        count += 1
    connection.close()
    return count / SECONDS


async def main(engine: str, uri: str) -> None:
    found = await statements(engine, uri)
    if engine == "sqlite":
        path = uri.removeprefix("sqlite:///")
        rates = {name: rate_of_sqlite(asked, path) for name, asked in found.items()}
    else:
        asks = [await asker(engine, uri) for _ in range(CONNECTIONS)]
        rates = {name: await rate(asked, asks) for name, asked in found.items()}
    print(json.dumps(rates))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
