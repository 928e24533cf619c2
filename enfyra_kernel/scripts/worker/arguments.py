"""What a process for scripts is started with."""

from __future__ import annotations

import socket
import sys
from typing import NamedTuple

from . import facades


class Arguments(NamedTuple):
    """The channel to the server, the bytes of memory, and the process that it ends with."""

    channel: socket.socket
    memory: int
    parent: int


def read_arguments() -> Arguments:
    """Read the command line, and load the modules that scripts may use.

    It holds the number of the channel's file, the bytes of memory, the parent, the folder of
    packages, or nothing, and the names of their modules.
    """
    descriptor, memory, parent = (int(text) for text in sys.argv[1:4])
    folder, *modules = sys.argv[4:]
    channel = socket.socket(fileno=descriptor)
    channel.setblocking(True)
    facades.load()
    if folder:
        facades.load_packages(folder, modules)
    return Arguments(channel, memory, parent)
