"""A private PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from .base import Service, as_nobody, program


def binary(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return program(*map(str, places), name, package="postgresql")


class PostgreSQL(Service):
    name = "postgresql"
    stop_signal = signal.SIGINT  # fast shutdown

    @property
    def url(self) -> str:
        return f"postgresql://enfyra@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        command = [
            binary("initdb"), "-D", str(self.folder / "data"), "-U", "enfyra", "-A", "trust",
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        ]  # fmt: skip
        subprocess.run(as_nobody(command), check=True, capture_output=True, cwd=self.folder)

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 300,
            "shared_buffers": "64MB",
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        data = str(self.folder / "data")
        return as_nobody([binary("postgres"), "-D", data, *settings])

    def crash(self) -> None:
        """End in the middle of everything; the next start recovers.

        Of one that is killed, children would go on for a moment, and keep the next one from it.
        """
        self._end(signal.SIGQUIT)

    def is_ready(self) -> bool:
        check = [binary("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0
