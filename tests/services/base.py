"""What the services have in common."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

NOBODY = 65534
PATIENCE = 60.0
MEMORY = "/dev/shm"
ROOM = 4 << 30


class ServiceMissing(Exception):
    """A program that the tests need is not installed; the message says how to get it."""


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def program(*names: str, package: str) -> str:
    """Find a program, by any of its names or paths."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ServiceMissing(f"{names[0]} is not installed: apt-get install {package}")


def as_nobody(command: Sequence[str]) -> list[str]:
    """Drop root's rights, which databases refuse to run with."""
    if os.geteuid() != 0:
        return list(command)
    identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *identity, *command]


def fast_folder() -> str | None:
    """Give a folder in memory, where there is room: databases sync a lot, above all MariaDB."""
    try:
        facts = os.statvfs(MEMORY)
    except OSError:
        return None
    return MEMORY if facts.f_bavail * facts.f_frsize > ROOM else None


class Service:
    """One private server.

    Attributes:
        name: What it is called in environment variables and messages.
        url: Where it is, once it runs.
    """

    name = ""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"enfyra-{self.name}-", dir=fast_folder()))
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        self.folder.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def prepare(self) -> None:
        """Make the data folder."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Say whether the server answers."""
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def settle(self) -> None:
        """Do what is to be done once, after the first start."""

    def start(self) -> Service:
        self.prepare()
        self.launch()
        self.settle()
        return self

    def launch(self) -> None:
        """Start the process (again) and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, env=self.environment()
            )
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "server.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} did not start:\n{text}")
            time.sleep(0.05)

    def environment(self) -> dict[str, str] | None:
        return None

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def stop(self) -> None:
        self._end(self.stop_signal)
        shutil.rmtree(self.folder, ignore_errors=True)

    stop_signal = signal.SIGTERM
