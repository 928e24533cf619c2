"""Several processes on one port: started, restarted when they crash, stopped together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from enfyra_kernel.logs import get_logger

_log = get_logger("workers")

POLL = 0.2
# A worker that dies sooner than this is not restarted at once, lest the machine does nothing else.
SOON = 2.0
# Sysexits' and Typer's code for a configuration that cannot work.
USELESS = 2


class _Worker:
    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.started = 0.0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        return subprocess.Popen(self._command)  # noqa: S603 - our own command

    def restart(self) -> None:
        """Start again, after a little while if it died at once."""
        time.sleep(max(0.0, SOON - (time.monotonic() - self.started)))
        self.process = self._start()


def run_workers(count: int, arguments: Sequence[str]) -> int:
    """Run processes of `enfyra` until a signal ends them; give the exit code."""
    command = [sys.executable, "-m", "enfyra_server.cli", *arguments]
    workers = [_Worker(command) for _ in range(count)]
    stopping = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.send_signal(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while not stopping:
        for worker in workers:
            code = worker.process.poll()
            if code is None or stopping:
                continue
            if code == USELESS:
                stop(signal.SIGTERM, None)
                return USELESS
            _log.error("worker died", extra={"exitCode": code})
            worker.restart()
        time.sleep(POLL)
    return max(abs(worker.process.wait()) for worker in workers)
