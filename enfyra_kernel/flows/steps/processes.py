"""Steps that get a process of their own: started, listened to, and ended with all they began.

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
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast

from ...encoding import decode_json, encode_json
from ...errors import EnfyraError
from ...identity.sessions import LoggedIn
from ...logs import get_logger
from .scene import Scene

_log = get_logger("flows")

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
_HINT = "What it has printed is in the log of the run: flow_log_definition"
# What a process is told of the environment besides what the operator lets scripts know.
_PASSED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SHELL", "VIRTUAL_ENV",
     "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
     "JUPYTER_PATH", "JUPYTER_DATA_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)  # fmt: skip


class Logins(Protocol):
    """Begins logins of administrators for steps."""

    async def begin(self, scene: Scene) -> LoggedIn:
        """Begin one."""
        ...

    async def end(self, login: LoggedIn) -> None:
        """End it."""
        ...


class StepProcesses:
    """Runs steps, each in a process of its own.

    Args:
        address: Gives where the API is served; None where nobody knows.
        env: What the operator lets scripts know of the environment.

    Attributes:
        logins: Lets steps in that ask for it.
    """

    logins: Logins

    def __init__(self, address: Callable[[], str | None], env: Mapping[str, str]) -> None:
        self._address = address
        self._env = env

    async def run(self, scene: Scene, task: Mapping[str, Any]) -> Any:
        """Do a task; give its result.

        Args:
            task: What the program is told: `kind`, and what that takes.

        Raises:
            EnfyraError: SCRIPT_EXECUTION_ERROR when it has failed, or its process has ended.
        """
        talk = _Talk(self.logins, scene)
        mark = uuid.uuid4().hex
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", PROGRAM,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environment(mark),
            start_new_session=True,
        )  # fmt: skip
        reader = asyncio.ensure_future(_log_lines(_stream(process.stderr), scene))
        done = False
        try:
            await _send(process, {**task, "url": self._address()})
            result = await talk.until_the_end(process)
            done = True
            return result
        finally:
            try:
                await _ended(process, mark, gently=done)
                await _drained(reader)
            except BaseException:
                kill(process, mark)
                raise
            finally:
                await talk.close()

    def _environment(self, mark: str) -> dict[str, str]:
        passed = {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED or name.startswith("LC_")
        }
        return {**passed, **self._env, MARK: mark, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


class _Talk:
    """What is said between a step and its process."""

    def __init__(self, logins: Logins, scene: Scene) -> None:
        self._logins = logins
        self._scene = scene
        self._login: LoggedIn | None = None

    async def until_the_end(self, process: Process) -> Any:
        """Answer what the process asks for until it gives its result.

        Raises:
            EnfyraError: It has failed.
        """
        while True:
            message = await _received(process)
            if message is None:
                raise EnfyraError("SCRIPT_EXECUTION_ERROR", await _last_words(process), hint=_HINT)
            match message.get("say"):
                case "result":
                    return message.get("result")
                case "error":
                    raise EnfyraError(
                        "SCRIPT_EXECUTION_ERROR",
                        str(message.get("message")),
                        details=message.get("details"),
                        hint=str(message.get("hint") or _HINT),
                    )
                case "progress":
                    self._scene.progress(
                        float(message["done"]), float(message["total"]), str(message["what"])
                    )
                case _:
                    await _send(process, await self._login_message())

    async def _login_message(self) -> Any:
        try:
            if self._login is None:
                self._login = await self._logins.begin(self._scene)
        except EnfyraError as error:
            return {"error": error.message}
        return self._login

    async def close(self) -> None:
        """End the login, if there is one: what the process was told is worth nothing any more."""
        if self._login is None:
            return
        try:
            await self._logins.end(self._login)
        except EnfyraError as error:
            _log.warning("a step's login was not ended", extra={"reason": error.message})


# -- messages -------------------------------------------------------------------------------------


def _stream(stream: StreamReader | None) -> StreamReader:
    assert stream is not None  # noqa: S101 - it is a pipe
    return stream


async def _send(process: Process, message: Any) -> None:
    body = encode_json(message)
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(ConnectionError):
        process.stdin.write(_HEAD.pack(len(body)) + body)
        await process.stdin.drain()


async def _received(process: Process) -> dict[str, Any] | None:
    stream = _stream(process.stdout)
    try:
        (size,) = _HEAD.unpack(await stream.readexactly(_HEAD.size))
        if size > _MOST_MESSAGE:
            return None
        return cast("dict[str, Any]", decode_json(await stream.readexactly(size)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def _last_words(process: Process) -> str:
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            code = await process.wait()
            if code == -signal.SIGKILL:
                return "The step's process was killed, as systems do that run out of memory"
            if code < 0:
                return f"The step's process has crashed: {signal.Signals(-code).name}"
            return f"The step's process has ended with {code}, and without a result"
    return "The step's process says nothing any more"


async def _log_lines(stream: StreamReader, scene: Scene) -> None:
    """Put what a process prints into the log, line by line, as it comes."""
    rest = b""
    while piece := await stream.read(_PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            _say(line, scene)
        rest = rest[-_MOST_LINE:]
    _say(rest, scene)


def _say(line: bytes, scene: Scene) -> None:
    # Bars write over themselves: what is seen at last counts.
    text = line.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
    if text.strip():
        scene.log("info", text[:_MOST_LINE])


# -- the end --------------------------------------------------------------------------------------


async def _ended(process: Process, mark: str, *, gently: bool) -> None:
    """Wait until a process has ended, by itself or because it is told to, then end the rest."""
    if not gently:
        _signal(process.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await process.wait()
    # All processes of the machine are looked at for it.
    await asyncio.to_thread(kill, process, mark)
    await process.wait()


async def _drained(reader: asyncio.Task[None]) -> None:
    """Wait for the last lines; who still holds the other end by now has hidden from us."""
    await asyncio.wait([reader], timeout=1)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader


def kill(process: Process, mark: str) -> None:
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
