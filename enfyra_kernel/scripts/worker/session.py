"""A worker's life: it reads what the host asks for, and answers."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Sequence
from typing import Any

from ..checks import check
from ..frames import (
    LARGEST_TO_WORKER,
    Abandon,
    Begun,
    Check,
    Checked,
    Done,
    Frames,
    Reply,
    Request,
    Run,
    packed,
    to_worker,
)
from ..script import Failure, Language, Outcome, Problem
from .batch import Batch
from .call import Call, HostError
from .python import Python, RefusedError, compiled

_READ = 1 << 18
# Of so many sources, the text is kept; the host knows which.
SOURCES = 2_048


class Session:
    """Works until the host hangs up.

    Args:
        channel: The socket to the host.
    """

    def __init__(self, channel: socket.socket, python: Python) -> None:
        self._channel = channel
        self._python = python
        self._frames = Frames(LARGEST_TO_WORKER)
        self._sources: dict[str, str] = {}
        self._asked: dict[int, dict[int, asyncio.Future[bytes]]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._outgoing = bytearray()
        self._over: asyncio.Future[None] | None = None
        # What scripts set of contexts must not be seen by those that come after.
        self._clean = contextvars.copy_context()

    async def work(self) -> None:
        """Work until the host hangs up."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        loop.add_reader(self._channel.fileno(), self._readable)
        await self._over

    # -- the channel ----------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            data = self._channel.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        for content in self._frames.fed(data):
            self._take(to_worker.decode(content))

    def _hang_up(self) -> None:
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _send(self, frame: Any) -> None:
        data = packed(frame)
        if not self._outgoing:
            try:
                sent = self._channel.send(data)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            asyncio.get_running_loop().add_writer(self._channel.fileno(), self._writable)
        self._outgoing += data

    def _writable(self) -> None:
        try:
            sent = self._channel.send(self._outgoing)
        except BlockingIOError:
            return
        del self._outgoing[:sent]
        if not self._outgoing:
            asyncio.get_running_loop().remove_writer(self._channel.fileno())

    # -- what the host asks for -----------------------------------------------------------------

    def _take(self, frame: Run | Reply | Check | Abandon) -> None:
        match frame:
            case Run():
                self._begin(frame.call, self._run(frame))
            case Check():
                self._begin(frame.call, self._check(frame))
            case Reply():
                self._replied(frame)
            case Abandon():
                task = self._tasks.get(frame.call)
                if task is not None:
                    task.cancel()

    def _begin(self, call: int, work: Any) -> None:
        context = self._clean.copy()
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks[call] = task
        task.add_done_callback(lambda _: self._end(call))

    def _end(self, call: int) -> None:
        self._tasks.pop(call, None)
        self._asked.pop(call, None)

    async def _run(self, frame: Run) -> None:
        for script in frame.scripts:
            if script.source is not None:
                self._sources[script.digest] = script.source
                while len(self._sources) > SOURCES:
                    del self._sources[next(iter(self._sources))]
        waiting: dict[int, asyncio.Future[bytes]] = {}
        self._asked[frame.call] = waiting
        call = Call(dict(frame.sections), lambda name, given: self._ask(frame.call, name, given))

        def begun(index: int) -> None:
            if index:
                self._send(Begun(frame.call, index))

        batch = Batch(self._python, frame.scripts, self._sources, call, begun)
        try:
            outcome = await batch.run()
        except Exception as error:
            # A script has managed to break what is around it.
            problem = Problem(message=f"The script could not be run: {type(error).__name__}")
            name = frame.scripts[0].name
            failed = Failure(code="SCRIPT_EXECUTION_ERROR", script=name, problem=problem)
            outcome = Outcome(sections={}, failure=failed)
        self._send(Done(frame.call, outcome))

    async def _ask(self, call: int, name: str, arguments: bytes) -> bytes:
        waiting = self._asked[call]
        number = len(waiting) + 1
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        waiting[number] = answer
        self._send(Request(call, number, name, arguments))
        return await answer

    def _replied(self, frame: Reply) -> None:
        answer = self._asked.get(frame.call, {}).get(frame.number)
        if answer is None or answer.done():
            return
        if frame.refused is None:
            answer.set_result(frame.value or b"null")
            return
        refused = frame.refused
        answer.set_exception(
            HostError(
                refused["code"], refused["message"], refused.get("status"), refused.get("details")
            )
        )

    async def _check(self, frame: Check) -> None:
        self._send(Checked(frame.call, problems_of(frame.language, frame.source)))


def problems_of(language: Language, source: str) -> Sequence[Problem]:
    """Say what is wrong with a source: of the language first, then of what scripts may say."""
    problems = check(language, source)
    if problems or language is not Language.PYTHON:
        return problems
    try:
        compiled(source)
    except RefusedError as error:
        return [error.problem]
    return []
