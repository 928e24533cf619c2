"""The server's side of one worker: its process, and the channel to it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .channel import MAX_FROM_WORKER, MEBIBYTE, ChannelError, Frames, FromHost, FromWorker, frame

_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.path.append(sys.argv.pop(1)); "
    "from enfyra_kernel.scripts.worker.main import main; main()"
)
_CHUNK = 1 << 18
_PATIENCE = 0.005
# What a Python that was built elsewhere may need to find its own libraries.
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Packages(NamedTuple):
    """Packages that are installed for scripts.

    Attributes:
        folder: Where they are; empty for none.
        modules: The names of their modules.
    """

    folder: str = ""
    modules: tuple[str, ...] = ()


class WorkerProcess:
    """A process that runs scripts.

    Args:
        megabytes: What its scripts may use of memory.
        packages: What they may import beside what every script may.
        heard: Called with each message.
        lost: Called once, when the process has ended or may not be listened to any more.
    """

    def __init__(
        self,
        megabytes: int,
        packages: Packages,
        heard: Callable[[Any], None],
        lost: Callable[[str], None],
    ) -> None:
        self._heard = heard
        self._lost: Callable[[str], None] | None = lost
        self._loop = asyncio.get_running_loop()
        self._frames = Frames(FromWorker, MAX_FROM_WORKER)
        self._unsent = bytearray()
        self._flushing = self._blocked = False
        self._channel, theirs = socket.socketpair()
        try:
            self._process = _started(theirs, megabytes, packages)
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def send(self, message: FromHost) -> None:
        """Send a message, as soon as there is room for it."""
        self.send_frame(frame(message))

    def send_frame(self, data: bytes) -> None:
        """Send the bytes of a message, as soon as there is room for them."""
        if self._lost is None:
            return
        self._unsent += data
        if not self._flushing:
            # What comes in one turn of the loop goes out together: to wake a process costs more
            # than to fill it in.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def kill(self) -> None:
        """End the process, whatever it does; nothing is heard of it any more."""
        self._lost = None
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
            self._channel.close()
        self._process.kill()

    async def ended(self) -> int:
        """Wait until a killed process is gone, and give what it ended with."""
        # The loop may be of any kind, and not every kind can watch a child.
        while (code := self._process.poll()) is None:  # noqa: ASYNC110
            await asyncio.sleep(_PATIENCE)
        return code

    def _readable(self) -> None:
        try:
            data = self._channel.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose("it crashed, or ran out of memory")
            return
        try:
            for message in self._frames.feed(data):
                if self._lost is None:
                    return
                self._heard(message)
        except ChannelError as error:
            self._lose(f"it has sent {error}")

    def _flush(self) -> None:
        if self._lost is None:
            return
        try:
            sent = self._channel.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._unsent)  # it has ended; the reader is about to find out
        del self._unsent[:sent]
        blocked = self._flushing = bool(self._unsent)
        if blocked and not self._blocked:
            self._loop.add_writer(self._channel.fileno(), self._flush)
        elif self._blocked and not blocked:
            self._loop.remove_writer(self._channel.fileno())
        self._blocked = blocked

    def _lose(self, reason: str) -> None:
        lost = self._lost
        self.kill()
        if lost is not None:
            lost(reason)


def _started(channel: socket.socket, megabytes: int, packages: Packages) -> subprocess.Popen[bytes]:
    number = channel.fileno()
    ours = Path(__file__).parents[2]
    libraries = Path(str(msgspec.__file__)).parents[1]
    command = [
        sys.executable, "-I", "-c", _BEGIN, str(ours), str(libraries),
        str(number), str(megabytes * MEBIBYTE), str(os.getpid()), packages.folder,
        *packages.modules,
    ]  # fmt: skip
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - all of it is ours
        command, pass_fds=(number,), env=environment, stdin=subprocess.DEVNULL
    )
