"""Where a worker's process begins."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys

from ..channel import Ready, frame
from . import facades
from .hardening import NotHardened, close_standard_files, harden
from .serving import Server


def main() -> None:
    """Harden this process and serve until the server goes.

    The arguments are the number of the channel's file, the bytes of memory, the parent, the folder
    of packages, or nothing, and the names of their modules.
    """
    descriptor, memory, parent = (int(text) for text in sys.argv[1:4])
    folder, *modules = sys.argv[4:]
    channel = socket.socket(fileno=descriptor)
    channel.setblocking(True)
    facades.load()
    if folder:
        facades.load_packages(folder, modules)
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    server = Server(loop, channel)
    signal.signal(signal.SIGALRM, server.tick)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    close_standard_files()
    # What is there now stays: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    try:
        layers = harden(memory, parent)
    except NotHardened as error:
        channel.sendall(frame(Ready({}, str(error))))
        return
    channel.sendall(frame(Ready(layers)))
    server.serve()
