"""Measures the request path as ratios to a bare Tornado hello-world of the same run.

    python -m tests.bench.run
    python -m tests.bench.run sqlite=sqlite:////tmp/b.db postgresql=postgresql://localhost/b

Without engines, SQLite and a private PostgreSQL are measured. Databases must be empty. Needs wrk.
Only ratios carry over to another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from enfyra_kernel import Kernel, Settings

from tests.services import PostgreSQL
from tests.services.base import free_port

from . import frame, report
from .data import prepare
from .load import rates
from .servers import memory_mb, process

HERE = Path(__file__).parent
FRAME_ROUNDS = 3


class Server(NamedTuple):
    """A server under measurement."""

    pid: int
    url: str
    cold_start: float


@contextmanager
def running(uri: str) -> Iterator[tuple[Server, Server]]:
    """Run a server on a database, and the hello-world beside it."""
    ports = free_port(), free_port()
    serve = [sys.executable, "-m", "enfyra_server.cli", "serve", "--port", str(ports[0])]
    hello = [sys.executable, str(HERE / "hello.py"), str(ports[1])]
    with (
        _started(hello, ports[1], {}) as second,
        _started(serve, ports[0], environment(uri)) as one,
    ):
        yield one, second


@contextmanager
def _started(command: list[str], port: int, env: dict[str, str]) -> Iterator[Server]:
    begin = time.perf_counter()
    with process(command, port, env) as pid:
        yield Server(pid, f"http://127.0.0.1:{port}", time.perf_counter() - begin)


def measure(uri: str, rounds: int) -> dict[str, float]:
    """Fill a database, start a server on it beside the hello-world, and measure."""
    asyncio.run(fill(uri))
    with running(uri) as (server, hello):
        results = {"cold start s": server.cold_start}
        time.sleep(0.5)
        results["idle MB"] = memory_mb(server.pid)
        results |= rates(server.url, hello.url, rounds)
        results["loaded MB"] = memory_mb(server.pid)
        results |= frame.compare(server.url, uri, server.pid, min(rounds, FRAME_ROUNDS))
    return results


def environment(uri: str) -> dict[str, str]:
    """Give what the server under measurement is configured with."""
    return {
        "DB_URI": uri,
        "SECRET_KEY": "bench" * 8,
        "ADMIN_PASSWORD": "secret",
        "ENFYRA_LOG_LEVEL": "warning",
    }


async def fill(uri: str) -> None:
    """Fill a database, unless that has been done."""
    async with Kernel(Settings.load(environment(uri), dotenv=None)) as kernel:
        if "post" not in kernel.registry.current.tables:
            await prepare(kernel)


@contextmanager
def databases(given: list[str]) -> Iterator[dict[str, str]]:
    """Give the databases to measure on by their engine: those given, or private ones."""
    if given:
        yield {engine: uri for engine, _, uri in (one.partition("=") for one in given)}
        return
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        postgresql = PostgreSQL()
        stack.callback(postgresql.stop)
        postgresql.start()
        yield {"sqlite": f"sqlite:///{folder}/bench.db", "postgresql": postgresql.url}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("uris", nargs="*", metavar="engine=uri", help="databases, empty")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, default 5")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="keep the table in this page, between its marks"
    )
    options = parser.parse_args()
    with databases(options.uris) as uris:
        results = {engine: measure(uri, options.rounds) for engine, uri in uris.items()}
    text = report.table(results, options.rounds)
    print(text)
    if options.write is not None:
        report.write(options.write, text)


if __name__ == "__main__":
    main()
