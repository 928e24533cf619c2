"""Processes that are forked from one that is ready, and hardened: fresh for each call."""

from __future__ import annotations

import asyncio
import socket
import struct

from .process import Packages
from .spawning import Spawned

# What is asked of the zygote, and what it tells: a letter, the number of a child, and the process
# or nothing.
ASKED = struct.Struct(">cI")
TOLD = struct.Struct(">cIi")
FORK, KILL = b"f", b"k"
FORKED, GONE = b"p", b"g"
_CHUNK = 1 << 12


class Forked:
    """A child of the zygote.

    Attributes:
        pid: The number of the process; 0 while that is not known.
    """

    def __init__(self, zygote: Zygote, number: int) -> None:
        self.pid = 0
        self._zygote = zygote
        self._number = number
        self._gone = asyncio.Event()

    def kill(self) -> None:
        """End it, whatever it does."""
        # By the zygote: it knows whether the number still means this child.
        self._zygote.kill(self._number)

    async def ended(self) -> None:
        """Wait until it is gone."""
        await self._gone.wait()

    def is_gone(self) -> None:
        """Take that it is gone."""
        self._gone.set()


class Zygote:
    """A process that runs no scripts, and forks those that do.

    It never reads what they write. Its children end with it, and it ends with the server.

    Args:
        megabytes: What the scripts of each child may use of memory.

    Raises:
        OSError: The system does not let us.
    """

    def __init__(self, megabytes: int, packages: Packages) -> None:
        self.packages = packages
        self._loop = asyncio.get_running_loop()
        self._children: dict[int, Forked] = {}
        self._number = 0
        self._rest = b""
        self._retired = False
        self._over = asyncio.Event()
        self._control, theirs = socket.socketpair()
        try:
            self._process = Spawned("zygote", theirs, megabytes, packages)
        except OSError:
            self._control.close()
            raise
        finally:
            theirs.close()
        self._control.setblocking(False)
        self._loop.add_reader(self._control.fileno(), self._readable)

    def fork(self, channel: socket.socket) -> Forked:
        """Have it fork a child that serves a channel.

        Raises:
            OSError: It does not take that.
        """
        if self.lost:
            raise OSError("it has ended")
        self._number += 1
        try:
            socket.send_fds(self._control, [ASKED.pack(FORK, self._number)], [channel.fileno()])
        except OSError:
            self._lose()
            raise
        child = self._children[self._number] = Forked(self, self._number)
        return child

    def kill(self, number: int) -> None:
        """Have it end a child."""
        if number not in self._children:
            return
        try:
            self._control.send(ASKED.pack(KILL, number))
        except OSError:
            # It does not listen, and has ended or is about to: with it, the child.
            self._lose()

    def retire(self) -> None:
        """End when the last child has."""
        self._retired = True
        if not self._children:
            self._lose()

    @property
    def lost(self) -> bool:
        """Whether it forks no more."""
        return self._over.is_set()

    async def ended(self) -> None:
        """Wait until it is gone."""
        await self._over.wait()
        await self._process.ended()

    def _readable(self) -> None:
        try:
            data = self._control.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        data = self._rest + data
        whole = len(data) - len(data) % TOLD.size
        self._rest = data[whole:]
        for letter, number, pid in TOLD.iter_unpack(data[:whole]):
            child = self._children.get(number)
            if child is None:
                continue
            if letter == FORKED:
                child.pid = pid
            else:
                del self._children[number]
                child.is_gone()
        if self._retired and not self._children:
            self._lose()

    def _lose(self) -> None:
        if self.lost:
            return
        self._over.set()
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        self._process.kill()
        for child in self._children.values():
            child.is_gone()
        self._children.clear()


class Forking:
    """Has a fresh process forked for each call.

    Args:
        megabytes: What the script of each may use of memory.
    """

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self._zygote: Zygote | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def start(self, channel: socket.socket, packages: Packages) -> Forked:
        """Start one; see `Starter`."""
        if self._zygote is not None and self._zygote.packages == packages:
            try:
                return self._zygote.fork(channel)
            except OSError:
                pass  # it has ended
        self.rest()
        self._zygote = Zygote(self._megabytes, packages)
        return self._zygote.fork(channel)

    def rest(self) -> None:
        """Let go of the zygote when its children are gone."""
        if self._zygote is None:
            return
        self._zygote.retire()
        task = asyncio.ensure_future(self._zygote.ended())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        self._zygote = None

    async def stop(self) -> None:
        """Wait until nothing is left."""
        self.rest()
        await asyncio.gather(*self._ending)
