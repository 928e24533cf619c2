"""The server's side of one worker: the channel to it, and the way to end it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .channel import MAX_FROM_WORKER, ChannelError, Frames, FromHost, FromWorker, frame

_CHUNK = 1 << 18


class Packages(NamedTuple):
    """Packages that are installed for scripts.

    Attributes:
        folder: Where they are; empty for none.
        modules: The names of their modules.
    """

    folder: str = ""
    modules: tuple[str, ...] = ()


class Started(Protocol):
    """A process, for those who have it started."""

    @property
    def pid(self) -> int:
        """The number of the process; 0 while that is not known."""
        ...

    def kill(self) -> None:
        """End it, whatever it does."""
        ...

    async def ended(self) -> None:
        """Wait until it is gone after it was killed."""
        ...


class Starter(Protocol):
    """Starts processes that run scripts."""

    def start(self, channel: socket.socket, packages: Packages) -> Started:
        """Start one.

        Args:
            channel: Its end of the channel.
            packages: What its scripts may import beside what every script may.

        Raises:
            OSError: The system does not let us.
        """
        ...

    def rest(self) -> None:
        """Let go of what is only there to start processes; it comes back when it is needed."""
        ...

    async def stop(self) -> None:
        """Wait until nothing is left."""
        ...


class WorkerProcess:
    """A process that runs scripts.

    Args:
        packages: What its scripts may import beside what every script may.
        heard: Called with each message.
        lost: Called once, when the process has ended or may not be listened to any more.
    """

    def __init__(
        self,
        starter: Starter,
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
            self._process = starter.start(theirs, packages)
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The number of the process; 0 while that is not known."""
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

    async def ended(self) -> None:
        """Wait until a killed process is gone."""
        await self._process.ended()

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
