"""A process that does one step: started, listened to, and ended with all it has begun.

What runs there is code of administrators. It is trusted like they are: the process keeps heavy
work away from the web loop, and makes an end possible; it is no sandbox.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import uuid
from asyncio import StreamReader
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

# The program: it is a module of the notebook's side, which knows data frames and notebooks.
PROGRAM = "enfyra_jupyter.steps"
# All processes of a step have this in their environment.
MARK = "ENFYRA_STEP_MARK"
# Seconds that a process has to end when it is told to.
GRACE = 2.0
_HEAD = struct.Struct(">I")
_MOST_MESSAGE = 32 << 20
_MOST_LINE = 10_000
_PIECE = 1 << 16
# What a process is told of the environment besides what the operator lets scripts know.
_PASSED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SHELL", "VIRTUAL_ENV",
     "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
     "JUPYTER_PATH", "JUPYTER_DATA_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)  # fmt: skip

Line = Callable[[str], Awaitable[None]]


class StepProcess:
    """A step's process, which is told things and says things: JSON behind its length.

    Args:
        line: Takes what it prints, line by line.
    """

    def __init__(self, process: Process, mark: str, line: Line) -> None:
        self._process = process
        self._mark = mark
        self._reader = asyncio.ensure_future(_read_lines(_stream(process.stderr), line))

    @classmethod
    async def start(cls, env: Mapping[str, str], line: Line) -> StepProcess:
        """Start one.

        Args:
            env: What the operator lets scripts know of the environment.
        """
        mark = uuid.uuid4().hex
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", PROGRAM,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment(env, mark),
            start_new_session=True,
        )  # fmt: skip
        return cls(process, mark, line)

    async def send(self, message: bytes) -> None:
        """Tell it something."""
        sink = self._process.stdin
        assert sink is not None  # noqa: S101 - it is a pipe
        with suppress(ConnectionError):
            sink.write(_HEAD.pack(len(message)) + message)
            await sink.drain()

    async def received(self) -> bytes | None:
        """Wait for what it says next; None when it says nothing any more."""
        stream = _stream(self._process.stdout)
        try:
            (size,) = _HEAD.unpack(await stream.readexactly(_HEAD.size))
            if size > _MOST_MESSAGE:
                return None
            return await stream.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def last_words(self) -> str:
        """Say what has become of it, once it says nothing any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                code = await self._process.wait()
                if code == -signal.SIGKILL:
                    return "The step's process was killed, as systems do that run out of memory"
                if code < 0:
                    return f"The step's process has crashed: {signal.Signals(-code).name}"
                return f"The step's process has ended with {code}, and without a result"
        return "The step's process says nothing any more"

    async def end(self, *, gently: bool) -> None:
        """Wait until it has ended, by itself or because it is told to, and all it has begun."""
        try:
            await self._ended(gently=gently)
            await _drained(self._reader)
        except BaseException:
            _kill(self._process, self._mark)
            raise

    async def _ended(self, *, gently: bool) -> None:
        process = self._process
        if not gently:
            _signal(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await process.wait()
        # All processes of the machine are looked at for it.
        await asyncio.to_thread(_kill, process, self._mark)
        await process.wait()


def _environment(env: Mapping[str, str], mark: str) -> dict[str, str]:
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("LC_")
    }
    return {**passed, **env, MARK: mark, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _stream(stream: StreamReader | None) -> StreamReader:
    assert stream is not None  # noqa: S101 - it is a pipe
    return stream


# -- what it prints -------------------------------------------------------------------------------


async def _read_lines(stream: StreamReader, line: Line) -> None:
    """Hand on what a process prints, line by line, as it comes."""
    rest = b""
    while piece := await stream.read(_PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        for one in lines:
            await _hand_on(one, line)
        rest = rest[-_MOST_LINE:]
    await _hand_on(rest, line)


async def _hand_on(printed: bytes, line: Line) -> None:
    # Bars write over themselves: what is seen at last counts.
    text = printed.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
    if text.strip():
        await line(text[:_MOST_LINE])


async def _drained(reader: asyncio.Task[None]) -> None:
    """Wait for the last lines; who still holds the other end by now has hidden from us."""
    await asyncio.wait([reader], timeout=1)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader


# -- the end --------------------------------------------------------------------------------------


def _kill(process: Process, mark: str) -> None:
    """Kill a process with all that it has begun, also in sessions of their own."""
    _signal(process.pid, signal.SIGKILL)
    for pid in marked(mark):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def marked(mark: str) -> list[int]:
    """Give the processes that have a mark in their environment, where the system tells (Linux)."""
    wanted = f"{MARK}={mark}".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
