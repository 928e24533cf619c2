"""W1 to W6: requests a second, each measurement beside one of a bare Tornado."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from statistics import median
from typing import NamedTuple
from urllib.parse import quote

from .servers import login

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
    "W7": ("GET", "/hooked", None),
}
TOKEN = " token"
LUA = """
counter = {seed}
request = function()
  counter = counter + 7
  local path = string.gsub("{path}", "{{id}}", tostring(counter % 99999 + 1))
  return wrk.format("{method}", path, {headers}, {body})
end
"""


def rates(url: str, hello_url: str, rounds: int) -> dict[str, float]:
    """Give the median ratio of each workload; every measurement has its own hello beside it."""
    token = login(url)
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (method, path, body) in WORKLOADS.items():
            for label, bearer in ((name, None), (f"{name}{TOKEN}", token)):
                hello = wrk(hello_url, None, 1).rate
                rate = wrk(url, lua(method, path, body, bearer), 1).rate
                ratios.setdefault(label, []).append(rate / hello)
    return {label: median(values) for label, values in ratios.items()}


class Load(NamedTuple):
    """What came of a load: how many requests there were, and how many a second."""

    requests: int
    rate: float


def wrk(url: str, script: str | None, seconds: int) -> Load:
    """Put a load on a server; any error is one."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script is not None:
            file.write(script)
            file.flush()
            command[4:4] = ["-s", file.name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in .*Requests/sec:\s+([\d.]+)", output, re.DOTALL)
    if found is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    return Load(int(found[1]), float(found[2]))


def lua(method: str, path: str, body: object, token: str | None) -> str:
    """Give the script of one workload; each request has another id."""
    headers = '{["Content-Type"] = "application/json"'
    headers += f', ["Authorization"] = "Bearer {token}"}}' if token else "}"
    text = json.dumps(json.dumps(body)) if body is not None else "nil"
    return LUA.format(seed=os.getpid(), path=path, method=method, headers=headers, body=text)
