"""Several processes on one port: restarted when they crash, replaced one by one, stopped together.

Each has a socket of its own on the port, which the system shares connections out to. This process
keeps the sockets: a connection that comes while nobody takes it waits for the next process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from enfyra_kernel.logs import get_logger

_log = get_logger("workers")

POLL = 0.1
# A worker that dies sooner than this is not restarted at once, lest the machine does nothing else.
SOON = 2.0
# Sysexits' and Typer's code for a configuration that cannot work.
USELESS = 2
_STOPPING = (signal.SIGTERM, signal.SIGINT)
# Takes no more connections, and goes when those that it has are done.
RETIRE = signal.SIGHUP
READY = b"1"


class _Process:
    """One process of `enfyra serve`."""

    def __init__(self, command: Sequence[str], sockets: Sequence[socket.socket]) -> None:
        self._ready, theirs = os.pipe()
        os.set_blocking(self._ready, False)
        numbers = [one.fileno() for one in sockets]
        given = ["--sockets", ",".join(map(str, numbers)), "--ready", str(theirs)]
        self.started = time.monotonic()
        self._process = subprocess.Popen([*command, *given], pass_fds=(*numbers, theirs))  # noqa: S603 - our own command
        os.close(theirs)

    def is_ready(self) -> bool:
        """Say whether it has begun to take connections since it was last asked."""
        try:
            return os.read(self._ready, 1) == READY
        except BlockingIOError:
            return False

    def code(self) -> int | None:
        """Give the exit code, or None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal, if there is somebody to get it."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; give the exit code, of which those of our own signals are no fault."""
        code = self._process.wait()
        os.close(self._ready)
        return 0 if -code in {*_STOPPING, RETIRE} else abs(code)


class _Worker:
    """A place for one process, which is started again when it dies."""

    def __init__(self, command: Sequence[str], sockets: Sequence[socket.socket]) -> None:
        self._command = command
        self._sockets = sockets
        self._process = self._new()
        self._successor: _Process | None = None
        self._retired: list[_Process] = []
        self._due: float | None = None

    def _new(self) -> _Process:
        return _Process(self._command, self._sockets)

    @property
    def processes(self) -> list[_Process]:
        """All that may be running."""
        successor = [] if self._successor is None else [self._successor]
        return [self._process, *successor, *self._retired]

    def look_after(self) -> int | None:
        """Start the process again if it is time to; give its exit code when it has just died."""
        for one in [one for one in self._retired if one.code() is not None]:
            self._retired.remove(one)
            one.end()
        if self._due is not None:
            if time.monotonic() >= self._due:
                self._process.end()
                self._process, self._due = self._new(), None
            return None
        code = self._process.code()
        if code is not None:
            self._due = self._process.started + SOON
        return code

    def replace(self) -> bool | None:
        """Go on with replacing the process.

        Returns:
            Whether it has been replaced; None while that takes time, False when it cannot be.
        """
        if self._successor is None:
            self._successor = self._new()
        successor = self._successor
        if successor.is_ready():
            self._process.signal(RETIRE)
            self._retired.append(self._process)
            self._process, self._successor, self._due = successor, None, None
            return True
        if successor.code() is not None:
            successor.end()
            self._successor = None
            return False
        return None

    def end(self) -> int:
        """Wait for the end of all processes; give the worst exit code."""
        codes = [one.end() for one in self.processes]
        # What has died and was going to be restarted is no fault of the end.
        return max([0, *codes[1:]] if self._due is not None else codes)


class _Supervisor:
    """Runs workers until a signal ends them."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self._workers = workers
        self._replacing: deque[_Worker] = deque()
        self._stopping: list[int] = []
        self._passed_on = 0
        self._result = 0

    def stop(self, number: int, _: object = None) -> None:
        """Take a signal that ends all processes."""
        self._stopping.append(number)

    def restart(self, *_: object) -> None:
        """Take a signal to replace all processes, one by one."""
        if not self._replacing:
            self._replacing.extend(self._workers)

    def run(self) -> int:
        """Look after the workers until they have all ended; give the exit code."""
        while not self._stopping or self._running():
            for number in self._stopping[self._passed_on :]:
                self._passed_on += 1
                for process in self._processes():
                    process.signal(number)
            if not self._stopping:
                self._look_after()
                self._replace()
            time.sleep(POLL)
        return max(self._result, *(worker.end() for worker in self._workers))

    def _processes(self) -> list[_Process]:
        return [process for worker in self._workers for process in worker.processes]

    def _running(self) -> bool:
        return any(process.code() is None for process in self._processes())

    def _look_after(self) -> None:
        for code in [worker.look_after() for worker in self._workers]:
            if code == USELESS:
                self._result = USELESS
                self.stop(signal.SIGTERM)
            elif code is not None:
                _log.error("worker died", extra={"exitCode": code})

    def _replace(self) -> None:
        if not self._replacing:
            return
        replaced = self._replacing[0].replace()
        if replaced:
            self._replacing.popleft()
            if not self._replacing:
                _log.info("workers replaced")
        elif replaced is False:
            # As they are, they serve; the log of the new one says what is wrong with it.
            self._replacing.clear()
            _log.error("workers not replaced: a new one does not start")


def run_workers(
    count: int, arguments: Sequence[str], bind: Callable[[], Sequence[socket.socket]]
) -> int:
    """Run processes of `enfyra` until a signal ends them; give the exit code.

    Args:
        bind: Gives the sockets of one process.
    """
    command = [sys.executable, "-m", "enfyra_server.cli", *arguments]
    supervisor = _Supervisor([_Worker(command, bind()) for _ in range(count)])
    for number in _STOPPING:
        signal.signal(number, supervisor.stop)
    signal.signal(RETIRE, supervisor.restart)
    return supervisor.run()
