"""A real `enfyra serve` for one page's examples, on a database of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.databases import ADMIN_EMAIL, ADMIN_PASSWORD

# Where the examples say that the server is.
SAID = "http://localhost:1105"
PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A running server.

    Attributes:
        token: The administrator's.
        log: What it wrote to stderr.
    """

    url: str
    token: str
    pid: int
    log: Path

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        more: Mapping[str, str] | None = None,
        *,
        anonymous: bool = False,
    ) -> tuple[int, bytes]:
        """Send a request; give the status and the body."""
        target = self.url + quote(path, safe="/?&=%:,[]-_.~*")
        headers = {} if anonymous else {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        headers |= more or {}
        request = urllib.request.Request(target, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def json(self, path: str) -> Any:
        status, body = self.request("GET", path)
        assert status == 200, body
        return json.loads(body)


@contextmanager
def serving(folder: Path, installed: Path | None = None) -> Iterator[LiveServer]:
    """Run `enfyra serve` in a folder.

    Args:
        installed: A database of SQLite to begin with, which saves making the system's tables.
    """
    if installed is not None:
        shutil.copy(installed, folder / "docs.db")
    log = folder / "server.log"
    command = [sys.executable, "-m", "enfyra_server.cli", "serve", "--port", "0"]
    environment = {
        **{name: value for name, value in os.environ.items() if not _is_ours(name)},
        "DB_URI": f"sqlite:///{folder / 'docs.db'}",
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        "ENFYRA_PASSWORD_MEMORY": "32",
        "ENFYRA_PASSWORD_PASSES": "1",
        # A recipe reads a file of this machine.
        "ENFYRA_FETCH_ALLOW": "127.0.0.1:18765",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=file)
    try:
        url = f"http://127.0.0.1:{_port(process, log)}"
        yield LiveServer(url, _login(url), process.pid, log)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _is_ours(name: str) -> bool:
    return name.startswith("ENFYRA_") or name in {"PORT", "DB_URI", "REDIS_URI", "SECRET_KEY"}


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                return json.loads(line)["port"]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def _login(url: str) -> str:
    body = json.dumps({"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/auth/login", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["accessToken"]
