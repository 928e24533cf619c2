"""Several processes on one port: started, restarted when they crash, stopped together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from enfyra_kernel.logs import get_logger

_log = get_logger("workers")

POLL = 0.1
# A worker that dies sooner than this is not restarted at once, lest the machine does nothing else.
SOON = 2.0
# Sysexits' and Typer's code for a configuration that cannot work.
USELESS = 2
_STOPPING = (signal.SIGTERM, signal.SIGINT)


class _Worker:
    """One process, started again when it dies."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.start()

    def start(self) -> None:
        """Start the process."""
        self._started = time.monotonic()
        self._due: float | None = None
        self.process = subprocess.Popen(self._command)  # noqa: S603 - our own command

    def look_after(self) -> int | None:
        """Start the process again if it is time to; give its exit code when it has just died."""
        if self._due is not None:
            if time.monotonic() >= self._due:
                self.start()
            return None
        code = self.process.poll()
        if code is not None:
            self._due = self._started + SOON
        return code

    def signal(self, number: int) -> None:
        """Send a signal, if there is somebody to get it."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; give the exit code, of which those of our own signals are no fault."""
        code = self.process.wait()
        return 0 if self._due is not None or -code in _STOPPING else abs(code)


def run_workers(count: int, arguments: Sequence[str]) -> int:
    """Run processes of `enfyra` until a signal ends them; give the exit code."""
    stopping: list[int] = []
    for number in _STOPPING:
        signal.signal(number, lambda number, _: stopping.append(number))
    command = [sys.executable, "-m", "enfyra_server.cli", *arguments]
    workers = [_Worker(command) for _ in range(count)]
    passed_on = result = 0
    while any(worker.process.poll() is None for worker in workers) or not stopping:
        for number in stopping[passed_on:]:
            passed_on += 1
            for worker in workers:
                worker.signal(number)
        codes = [] if stopping else [worker.look_after() for worker in workers]
        if USELESS in codes:
            result = USELESS
            stopping.append(signal.SIGTERM)
        for code in codes:
            if code not in {None, USELESS}:
                _log.error("worker died", extra={"exitCode": code})
        time.sleep(POLL)
    return max(result, *(worker.end() for worker in workers))
