"""A private PostgreSQL that follows another one by streaming replication."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from .base import as_nobody
from .postgresql import PostgreSQL, binary


class PostgreSQLReplica(PostgreSQL):
    """A standby, made of a copy of its primary's data."""

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__()
        self._primary = primary

    def prepare(self) -> None:
        command = [
            binary("pg_basebackup"), "-d", self._primary.url, "-D", str(self.folder / "data"),
            "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync",
        ]  # fmt: skip
        subprocess.run(as_nobody(command), check=True, capture_output=True, cwd=self.folder)

    def kill(self) -> None:
        """End all processes at once; with any of them left, it could not be launched again."""
        self._signal(signal.SIGKILL)
        super().kill()

    def freeze(self) -> None:
        """Keep connections open and answer nothing, like a machine that the network has lost."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self.thaw()
        super().stop()

    def heal(self) -> None:
        """Run and follow the primary again, whatever a test has done."""
        if self._process is not None and self._process.poll() is not None:
            self.launch()
        self.thaw()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in (self.pid, *self._children()):
            # One that served a single connection may have ended meanwhile.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _children(self) -> list[int]:
        command = ["ps", "--ppid", str(self.pid), "-o", "pid="]
        found = subprocess.run(command, check=False, capture_output=True)
        return [int(pid) for pid in found.stdout.split()]
