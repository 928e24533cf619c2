"""Where a worker's process begins."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys

from ..frames import Ready, packed
from .hardening import NotShutIn, shut_in
from .modules import load_packages
from .python import Python
from .session import Session


def main(descriptor: int, memory: int, folder: str | None, modules: list[str]) -> None:
    """Load all there is, shut in, and work until the host hangs up.

    Args:
        descriptor: Of the socket to the host.
        memory: Bytes of address space.
        folder: Where packages for scripts are.
        modules: The names of their modules.
    """
    channel = socket.socket(fileno=descriptor)
    channel.setblocking(False)
    python = Python(load_packages(folder, modules) if folder is not None else {})
    loop = asyncio.new_event_loop()
    # The first of everything, while files can still be read.
    _warm(loop)
    sys.setrecursionlimit(500)
    gc.freeze()
    try:
        layers, missing = shut_in(memory)
    except NotShutIn as error:
        channel.sendall(packed(Ready((), {"needed": str(error)})))
        return
    channel.sendall(packed(Ready(layers, missing)))
    session = Session(channel, python)
    loop.run_until_complete(session.work())


def _warm(loop: asyncio.AbstractEventLoop) -> None:
    import traceback
    import zoneinfo
    from decimal import Decimal

    from ..javascript import available
    from ..script import Language
    from .records import dumped
    from .session import problems_of

    loop.run_until_complete(asyncio.sleep(0))
    available()
    problems_of(Language.PYTHON, "return (1")
    problems_of(Language.JAVASCRIPT, "return (1")
    dumped(Decimal(1))
    try:
        raise ValueError("x")
    except ValueError as error:
        traceback.extract_tb(error.__traceback__)
    json.dumps("ä", ensure_ascii=False)
    "x".encode("idna")
    b"x".decode("latin1")
    for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"):
        try:
            zoneinfo.ZoneInfo(name)
        except zoneinfo.ZoneInfoNotFoundError:
            break
