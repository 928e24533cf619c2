"""Measures the request path as ratios to a bare Tornado hello-world of the same run.

    python -m tests.bench.run sqlite postgresql --rounds 5

Needs wrk. Figures are ratios of requests a second; only those carry over to another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote

HERE = Path(__file__).parent
CONNECTIONS = 16
BODY = {"title": "A new post", "content": "c" * 500, "status": "draft", "views": 1, "author": 7}
FILTER = quote('{"status":{"_eq":"published"},"views":{"_gt":100}}')
DEEP = quote('{"author":{"fields":"id,name"}}')

WORKLOADS = {
    "W1": ("GET", "/post?limit=20", None),
    "W2": ("GET", f"/post?limit=20&filter={FILTER}&sort=-publishedAt&deep={DEEP}", None),
    "W3": ("GET", "/post?limit=1&filter=" + quote('{"id":{"_eq":') + "{id}" + quote("}}"), None),
    "W4": ("POST", "/post", BODY),
    "W5": ("PATCH", "/post/{id}", {"views": 5}),
    "W6": ("GET", "/post?limit=1000", None),
}
LUA = """
counter = {seed}
request = function()
  counter = counter + 7
  local path = string.gsub("{path}", "{{id}}", tostring(counter % 99999 + 1))
  return wrk.format("{method}", path, {headers}, {body})
end
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def process(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server until it answers, and end it with the block."""
    running = subprocess.Popen(command, env={**os.environ, **(env or {})})
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > deadline or running.poll() is not None:
                raise RuntimeError(f"{command} did not start")
            time.sleep(0.02)
        yield running.pid
    finally:
        running.terminate()
        running.wait()


def wrk(url: str, script: str | None, seconds: int) -> float:
    """Give requests a second; any error is one."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script is not None:
            file.write(script)
            file.flush()
            command[4:4] = ["-s", file.name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise RuntimeError(output)
    return float(found[1])


def lua(method: str, path: str, body: object, token: str | None) -> str:
    headers = '{["Content-Type"] = "application/json"'
    headers += f', ["Authorization"] = "Bearer {token}"}}' if token else "}"
    text = json.dumps(json.dumps(body)) if body is not None else "nil"
    return LUA.format(seed=os.getpid(), path=path, method=method, headers=headers, body=text)


def memory_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def measure(engine: str, uri: str, rounds: int) -> dict[str, float]:
    from enfyra_kernel import Kernel, Settings

    from .data import prepare

    env = {
        "DB_URI": uri,
        "SECRET_KEY": "bench" * 8,
        "ADMIN_PASSWORD": "secret",
        "ENFYRA_LOG_LEVEL": "warning",
    }

    async def fill() -> None:
        async with Kernel(Settings.load(env, dotenv=None)) as kernel:
            await prepare(kernel)

    asyncio.run(fill())
    port, hello_port = free_port(), free_port()
    hello_command = [sys.executable, str(HERE / "hello.py"), str(hello_port)]
    command = [sys.executable, "-m", "enfyra_server.cli", "serve", "--port", str(port)]
    with process(hello_command, hello_port):
        begin = time.perf_counter()
        with process(command, port, env) as pid:
            results = {"cold start s": time.perf_counter() - begin}
            time.sleep(0.5)
            results["idle MB"] = memory_mb(pid)
            results |= rates(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{hello_port}/", rounds)
            results["loaded MB"] = memory_mb(pid)
    print(engine, json.dumps({k: round(v, 3) for k, v in results.items()}), flush=True)
    return results


def rates(url: str, hello_url: str, rounds: int) -> dict[str, float]:
    """Give the median ratio of each workload; every measurement has its own hello beside it."""
    token = login(url)
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (method, path, body) in WORKLOADS.items():
            for label, bearer in ((name, None), (f"{name} token", token)):
                hello = wrk(hello_url, None, 1)
                rate = wrk(url, lua(method, path, body, bearer), 1)
                ratios.setdefault(label, []).append(rate / hello)
    return {label: median(values) for label, values in ratios.items()}


def login(url: str) -> str:
    body = json.dumps({"email": "admin@enfyra.local", "password": "secret"}).encode()
    request = urllib.request.Request(
        f"{url}/auth/login", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["accessToken"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uris", nargs="+", help="engine=uri")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for entry in options.uris:
        engine, _, uri = entry.partition("=")
        measure(engine, uri, options.rounds)
