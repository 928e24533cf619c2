"""A process that forks a fresh one for each call, and never runs a script itself."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import signal
import socket
from contextlib import suppress

from ..channel import Ready, frame
from ..forking import ASKED, FORK, FORKED, GONE, TOLD
from ..script import Language
from .arguments import read_arguments
from .hardening import NotHardened, close_standard_files, harden_child, harden_zygote
from .runners import check
from .serving import Server

# Milliseconds after which it looks again whether a child that was killed is gone.
_PATIENCE = 2


class Zygote:
    """Does what the server asks for, one thing after another.

    Args:
        layers: What each layer of the sandbox has got.
        problem: Why nothing can be forked; empty when it can.
    """

    def __init__(self, control: socket.socket, layers: dict[str, str], problem: str) -> None:
        self._control = control
        self._layers = layers
        self._problem = problem
        self._children: dict[int, int] = {}
        self._dying: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Serve until the server goes."""
        while True:
            self._reap()
            if self._dying and not self._poll.poll(_PATIENCE):
                continue
            data, descriptors, _, _ = socket.recv_fds(self._control, ASKED.size, 1)
            while data and len(data) < ASKED.size:
                data += self._control.recv(ASKED.size - len(data))
            if not data:
                return
            letter, number = ASKED.unpack(data)
            if letter == FORK and descriptors:
                self._fork(number, descriptors[0])
            else:
                self._kill(number)

    def _fork(self, number: int, descriptor: int) -> None:
        try:
            if self._problem:
                with socket.socket(fileno=descriptor) as channel, suppress(OSError):
                    channel.sendall(frame(Ready({}, self._problem)))
                return
            zygote = os.getpid()
            try:
                pid = os.fork()
            except OSError:
                return  # the server sees the channel's end
            if pid == 0:
                try:
                    self._control.close()
                    _serve_one(descriptor, zygote, self._layers)
                finally:
                    os._exit(0)
            self._children[number] = pid
            self._tell(FORKED, number, pid)
        finally:
            with suppress(OSError):
                os.close(descriptor)

    def _kill(self, number: int) -> None:
        pid = self._children.pop(number, None)
        if pid is None:
            self._tell(GONE, number, 0)
            return
        # It was not waited for yet: the number means this child, dead or alive.
        os.kill(pid, signal.SIGKILL)
        self._dying[number] = pid

    def _reap(self) -> None:
        for number, pid in list(self._dying.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._dying[number]
                self._tell(GONE, number, pid)

    def _tell(self, letter: bytes, number: int, pid: int) -> None:
        self._control.sendall(TOLD.pack(letter, number, pid))


def _serve_one(descriptor: int, zygote: int, layers: dict[str, str]) -> None:
    """Be a worker, from the zygote's memory as it was before the first call."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptor)
    channel.setblocking(True)
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    server = Server(loop, channel)
    signal.signal(signal.SIGALRM, server.tick)
    try:
        layers = {**layers, **harden_child(zygote), "limits": layers["limits"]}
    except NotHardened as error:
        channel.sendall(frame(Ready({}, str(error))))
        return
    channel.sendall(frame(Ready(layers)))
    server.serve()


def main() -> None:
    """Harden this process and serve until the server goes; see `arguments` for what it is given."""
    control, memory, parent = read_arguments()
    # What is read, or filled in, when it is first used is there for all children.
    asyncio.SelectorEventLoop().close()
    for language in Language:
        check(language, "return 1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    close_standard_files()
    gc.collect()
    gc.freeze()
    problem, layers = "", dict[str, str]()
    try:
        layers = harden_zygote(memory, parent)
    except NotHardened as error:
        problem = str(error)
    Zygote(control, layers, problem).serve()
