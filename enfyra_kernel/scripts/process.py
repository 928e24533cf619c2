"""One worker, from the host's side: a process, and a socket to it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..logs import get_logger
from .frames import (
    LARGEST_TO_HOST,
    Begun,
    Checked,
    Done,
    FrameError,
    Frames,
    Ready,
    Request,
    packed,
    to_host,
)

_log = get_logger("scripts")

_READ = 1 << 18
# Bytes that may wait for a worker that does not read.
_MOST_WAITING = 256 << 20
_BOOT = (
    "import json, sys; path, *given = json.loads(sys.argv[1]); sys.path[:] = path; "
    "from enfyra_kernel.scripts.worker.main import main; main(*given)"
)
_HOME = str(Path(__file__).parents[2])

Heard = Callable[["WorkerProcess", Any], None]
Gone = Callable[["WorkerProcess"], None]


class Packages(NamedTuple):
    """Packages that are installed for scripts.

    Attributes:
        folder: Where they are.
        modules: The names of their modules.
    """

    folder: Path | None
    modules: tuple[str, ...]


NO_PACKAGES = Packages(None, ())


class WorkerProcess:
    """A process that runs scripts.

    Args:
        memory: Bytes of address space that it may have.
        heard: Called with each frame that it sends, except the first.
        packages: What scripts may import beside what every one may.
        gone: Called once when it has ended, or is not to be trusted any more.

    Attributes:
        ready: Done when it has shut itself in; an error when it could not.
        heard: When it said something last, by the loop's clock.
        known: Digests of the scripts whose source it has.
    """

    def __init__(
        self, memory: int, heard: Heard, gone: Gone, packages: Packages = NO_PACKAGES
    ) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self.known: dict[str, None] = {}
        self.heard = 0.0
        self._loop = loop
        self._heard = heard
        self._gone = gone
        self._frames = Frames(LARGEST_TO_HOST)
        self._outgoing = bytearray()
        self._ended = False
        ours, theirs = socket.socketpair()
        path = [_HOME, *filter(None, sys.path)]
        folder = str(packages.folder) if packages.folder is not None else None
        arguments = json.dumps([path, theirs.fileno(), memory, folder, packages.modules])
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-I", "-c", _BOOT, arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                pass_fds=(theirs.fileno(),),
            )
        ours.setblocking(False)
        self._channel = ours
        loop.add_reader(ours.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether nothing more can be expected of it."""
        return self._ended

    # -- the channel ----------------------------------------------------------------------------

    def send(self, frame: Any) -> None:
        """Send a frame; what cannot be sent at once is sent later."""
        if self._ended:
            return
        data = packed(frame)
        if not self._outgoing:
            try:
                sent = self._channel.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.end()
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._loop.add_writer(self._channel.fileno(), self._writable)
        self._outgoing += data
        if len(self._outgoing) > _MOST_WAITING:
            self.end()

    def _writable(self) -> None:
        try:
            sent = self._channel.send(self._outgoing)
        except BlockingIOError:
            return
        except OSError:
            self.end()
            return
        del self._outgoing[:sent]
        if not self._outgoing:
            self._loop.remove_writer(self._channel.fileno())

    def _readable(self) -> None:
        try:
            data = self._channel.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.end()
            return
        try:
            for content in self._frames.fed(data):
                self._take(to_host.decode(content))
                if self._ended:
                    return
        except (FrameError, msgspec.DecodeError, msgspec.ValidationError) as error:
            _log.warning("a script worker is not to be trusted", extra={"reason": str(error)})
            self.end()

    def _take(self, frame: Ready | Begun | Request | Done | Checked) -> None:
        if isinstance(frame, Ready):
            if not self.ready.done():
                self.ready.set_result(frame)
            return
        self._heard(self, frame)

    # -- its end --------------------------------------------------------------------------------

    def end(self) -> None:
        """Kill it, whatever it does."""
        if self._ended:
            return
        self._ended = True
        self._loop.remove_reader(self._channel.fileno())
        self._loop.remove_writer(self._channel.fileno())
        self._channel.close()
        self._process.kill()
        if not self.ready.done():
            self.ready.cancel()
        self._gone(self)

    async def wait(self) -> None:
        """Wait until the process is no more."""
        await asyncio.to_thread(self._process.wait)
