"""Processes that begin as an interpreter of their own."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from .channel import MEBIBYTE
from .process import Packages

_BEGIN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.path.append(sys.argv.pop(1)); "
    "from enfyra_kernel.scripts.worker.{part} import main; main()"
)
_PATIENCE = 0.005
# What a Python that was built elsewhere may need to find its own libraries.
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Spawned:
    """A process with an interpreter of its own.

    Args:
        part: The module of `worker` that it begins with.
        channel: Its end of a channel.
        megabytes: What its scripts may use of memory.

    Raises:
        OSError: The system does not let us.
    """

    def __init__(
        self,
        part: Literal["main", "zygote"],
        channel: socket.socket,
        megabytes: int,
        packages: Packages,
    ) -> None:
        number = channel.fileno()
        ours = Path(__file__).parents[2]
        libraries = Path(str(msgspec.__file__)).parents[1]
        command = [
            sys.executable, "-I", "-c", _BEGIN.format(part=part), str(ours), str(libraries),
            str(number), str(megabytes * MEBIBYTE), str(os.getpid()), packages.folder,
            *packages.modules,
        ]  # fmt: skip
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 - all of it is ours
            command, pass_fds=(number,), env=environment, stdin=subprocess.DEVNULL
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    async def ended(self) -> None:
        """Wait until it is gone after it was killed."""
        # The loop may be of any kind, and not every kind can watch a child.
        while self._process.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(_PATIENCE)


class Spawning:
    """Starts an interpreter for each process, which runs many calls.

    Args:
        megabytes: What the scripts of each may use of memory.
    """

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes

    def start(self, channel: socket.socket, packages: Packages) -> Spawned:
        """Start one; see `Starter`."""
        return Spawned("main", channel, self._megabytes, packages)

    def rest(self) -> None:
        """Do nothing: there is nothing beside the processes."""

    async def stop(self) -> None:
        """Do nothing: there is nothing beside the processes."""
