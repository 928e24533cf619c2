"""Real processes of `enfyra`, as a person would start them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from .databases import ADMIN_EMAIL, ADMIN_PASSWORD, SECRET_KEY

PATIENCE = 90.0
_COMMAND = (sys.executable, "-m", "enfyra_server.cli")
_LISTENING = re.compile(r'"port":(\d+).*"event":"listening"|"event":"listening".*"port":(\d+)')


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a person who has set nothing but this."""
    # The path leads to the code that is tested, wherever that has been checked out.
    names = ("PATH", "PYTHONPATH", "HOME", "LANG")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, **settings}


def run(
    *arguments: str, settings: Mapping[str, str] | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        env=environment(settings or {}),
        cwd=folder or tempfile.gettempdir(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be noticed does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


class Process:
    """A server that runs, with everything it has said.

    Use as a context manager: it is stopped at the end.
    """

    def __init__(
        self,
        uri: str,
        folder: Path,
        *options: str,
        settings: Mapping[str, str] | None = None,
        port: int = 0,
        command: str = "serve",
    ) -> None:
        own = {
            "DB_URI": uri,
            "SECRET_KEY": SECRET_KEY,
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "ENFYRA_PASSWORD_MEMORY": "32",
            "ENFYRA_PASSWORD_PASSES": "1",
            "PORT": str(port),
            "ENFYRA_REFRESH_INTERVAL": "0.1",
        }
        given = {name: text for name, text in (own | dict(settings or {})).items() if text}
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*_COMMAND, command, *options],
                env=environment(given),
                cwd=folder,
                stdout=out,
                stderr=err,
            )
        self.port = port

    def __enter__(self) -> Process:
        self.wait_until_it_listens()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._out.read_text()

    @property
    def errors(self) -> str:
        return self._err.read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log; each must be JSON."""
        return [json.loads(line) for line in self.errors.splitlines()]

    def wait_until_it_listens(self, processes: int = 1) -> None:
        """Wait until the log says so, so many times."""
        found: list[Any] = []
        self.wait_for(lambda: len(found := _LISTENING.findall(self.errors)) >= processes)
        found = _LISTENING.findall(self.errors)
        self.port = int(next(filter(None, found[0])))

    def wait_for(self, condition: Any) -> None:
        """Wait until something holds that only the process' own output or answers can tell."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended: {self.errors}{self.output}"
            assert time.monotonic() < deadline, f"waited in vain: {self.errors}{self.output}"
            time.sleep(0.02)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, timeout=30, verify=False, headers=headers)

    def login(self, email: str = ADMIN_EMAIL, password: str = ADMIN_PASSWORD) -> httpx.Client:
        """Give a client that is logged in."""
        client = self.client()
        answer = client.post("/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['accessToken']}"
        return client

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to stop; give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)
