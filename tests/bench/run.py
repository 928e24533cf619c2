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

from enfyra_kernel import Kernel, Settings

from tests.services import PostgreSQL
from tests.services.base import free_port

from . import frame, report
from .data import prepare
from .load import rates
from .servers import memory_mb, process

HERE = Path(__file__).parent
FRAME_ROUNDS = 3


def measure(uri: str, rounds: int) -> dict[str, float]:
    """Fill a database, start a server on it beside the hello-world, and measure."""
    env = {
        "DB_URI": uri,
        "SECRET_KEY": "bench" * 8,
        "ADMIN_PASSWORD": "secret",
        "ENFYRA_LOG_LEVEL": "warning",
    }
    asyncio.run(fill(env))
    port, hello_port = free_port(), free_port()
    url, hello_url = (f"http://127.0.0.1:{one}" for one in (port, hello_port))
    hello = [sys.executable, str(HERE / "hello.py"), str(hello_port)]
    serve = [sys.executable, "-m", "enfyra_server.cli", "serve", "--port", str(port)]
    with process(hello, hello_port):
        begin = time.perf_counter()
        with process(serve, port, env) as pid:
            results = {"cold start s": time.perf_counter() - begin}
            time.sleep(0.5)
            results["idle MB"] = memory_mb(pid)
            results |= rates(url, f"{hello_url}/", rounds)
            results["loaded MB"] = memory_mb(pid)
            results |= frame.compare(url, uri, pid, min(rounds, FRAME_ROUNDS))
    return results


async def fill(env: dict[str, str]) -> None:
    async with Kernel(Settings.load(env, dotenv=None)) as kernel:
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
