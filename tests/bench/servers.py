"""Processes that are measured: started, waited for, looked at from outside, ended."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 30


@contextmanager
def process(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server until it answers, and end it with the block; give its process id."""
    running = subprocess.Popen(command, env={**os.environ, **(env or {})})
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if time.monotonic() > deadline or running.poll() is not None:
                raise RuntimeError(f"{command} did not start")
            time.sleep(0.02)
        yield running.pid
    finally:
        running.terminate()
        running.wait()


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def login(url: str) -> str:
    """Give a bearer token of the administrator."""
    body = json.dumps({"email": "admin@enfyra.local", "password": "secret"}).encode()
    request = urllib.request.Request(
        f"{url}/auth/login", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["accessToken"]


def environment(uri: str) -> dict[str, str]:
    """Give what the server under measurement is configured with."""
    return {
        "DB_URI": uri,
        "SECRET_KEY": "bench" * 8,
        "ADMIN_PASSWORD": "secret",
        "ENFYRA_LOG_LEVEL": "warning",
    }


def processor_seconds(pid: int) -> float:
    """Give the processor time that a process has used so far, for itself and in the system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- memory ---------------------------------------------------------------------------------------


def memory_mb(pid: int | str = "self") -> float:
    """Give what a process holds now."""
    return _status(pid, "VmRSS")


def mapped_mb(pid: int | str = "self") -> float:
    """Give how much of what a process holds are pages of files, such as SQLite's.

    The system takes them back when somebody else needs the memory; those of files that are in
    memory anyway are not held twice.
    """
    return _status(pid, "RssFile") + _status(pid, "RssShmem")


def peak_mb(pid: int | str = "self") -> float:
    """Give the most that a process has held since `forget_peak`."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int | str = "self") -> None:
    """Begin to look for the peak anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int | str, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024
