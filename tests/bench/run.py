"""Measures the request path as ratios to a bare Tornado hello-world of the same run.

    python -m tests.bench.run
    python -m tests.bench.run mysql postgresql=postgresql://localhost/b

Without engines, all are measured. Those without an address get a private database; others must be
empty, or have been filled here before. Needs wrk. Only ratios carry over to another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from enfyra_kernel import Kernel, Settings

from tests.services.base import free_port

from . import frame, report
from .data import prepare
from .engines import ENGINES, database
from .floor import floors
from .load import rates
from .servers import environment, memory_mb, process

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


def measure(engine: str, uri: str, rounds: int) -> dict[str, float]:
    """Fill a database, start a server on it beside the hello-world, and measure."""
    asyncio.run(fill(uri))
    with running(uri) as (server, hello):
        results = {"cold start s": server.cold_start}
        time.sleep(0.5)
        results["idle MB"] = memory_mb(server.pid)
        results |= rates(server.url, hello.url, rounds)
        results["loaded MB"] = memory_mb(server.pid)
        results |= floors(engine, uri, f"{hello.url}/", rounds)
        results |= frame.compare(server.url, engine, uri, server.pid, min(rounds, FRAME_ROUNDS))
    return results


async def fill(uri: str) -> None:
    """Fill a database, unless that has been done."""
    async with Kernel(Settings.load(environment(uri), dotenv=None)) as kernel:
        if "post" not in kernel.registry.current.tables:
            await prepare(kernel)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "engines", nargs="*", default=list(ENGINES), metavar="engine[=uri]", help=", ".join(ENGINES)
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, default 5")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="keep the table in this page, between its marks"
    )
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for asked in options.engines:
        with database(asked) as (engine, uri):
            results[engine] = measure(engine, uri, options.rounds)
    text = report.table(results, options.rounds)
    print(text)
    if options.write is not None:
        report.write(options.write, text)


if __name__ == "__main__":
    main()
