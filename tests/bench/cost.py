"""What a request costs the server's process: microseconds of processor time, beside the hello's.

    python -m tests.bench.cost sqlite=sqlite:////tmp/b.db --only W1,W3 --rounds 3

Unlike requests a second, which `run` measures, this hardly depends on what else the machine does.
A database is filled first unless it has the table already, so it can be measured again and again.
"""

from __future__ import annotations

import argparse
import asyncio
from statistics import median

from .engines import ENGINES, database
from .load import TOKEN, WORKLOADS, lua, wrk
from .run import fill, running
from .servers import login, processor_seconds

Costs = dict[str, tuple[float, float]]


def costs(uri: str, names: list[str], rounds: int, seconds: int) -> Costs:
    """Give, for each workload, the median cost of a request and of a hello, in microseconds."""
    found: dict[str, list[tuple[float, float]]] = {}
    with running(uri) as (server, hello):
        token = login(server.url)
        for _ in range(rounds):
            for name in names:
                method, path, body = WORKLOADS[name.removesuffix(TOKEN)]
                script = lua(method, path, body, token if name.endswith(TOKEN) else None)
                pair = (
                    _cost(server.pid, server.url, script, seconds),
                    _cost(hello.pid, hello.url, None, seconds),
                )
                found.setdefault(name, []).append(pair)
    return {
        name: (median(ours for ours, _ in pairs), median(hellos for _, hellos in pairs))
        for name, pairs in found.items()
    }


def _cost(pid: int, url: str, script: str | None, seconds: int) -> float:
    before = processor_seconds(pid)
    requests = wrk(url, script, seconds).requests
    return (processor_seconds(pid) - before) / requests * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "engines", nargs="*", default=list(ENGINES), metavar="engine[=uri]", help=", ".join(ENGINES)
    )
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, by comma")
    parser.add_argument("--token", action="store_true", help="also with a bearer token")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, default 3")
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement, default 1")
    options = parser.parse_args()
    names: list[str] = options.only.split(",")
    if options.token:
        names = [each for name in names for each in (name, f"{name}{TOKEN}")]
    for asked in options.engines:
        with database(asked) as (engine, uri):
            asyncio.run(fill(uri))
            for name, (ours, hello) in costs(uri, names, options.rounds, options.seconds).items():
                print(
                    f"{engine:12}{name:10}{ours:8.1f} us  hello{hello:6.1f} us  {hello / ours:.2f}"
                )


if __name__ == "__main__":
    main()
