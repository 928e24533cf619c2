"""Where a worker's process begins."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

from ..channel import Ready, frame
from .arguments import read_arguments
from .hardening import NotHardened, close_standard_files, harden
from .serving import Server


def main() -> None:
    """Harden this process and serve until the server goes; see `arguments` for what it is given."""
    channel, memory, parent = read_arguments()
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
