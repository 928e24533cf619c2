"""The loop of a worker: takes calls from the server, and runs several at once."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import socket
import time
from types import FrameType
from typing import Any

from ..channel import (
    MAX_FROM_HOST,
    Cancel,
    Check,
    Checked,
    Done,
    Frames,
    FromHost,
    FromWorker,
    Reply,
    Rpc,
    Run,
    frame,
)  # fmt: skip
from .call import CURRENT, Call, fault_of
from .runners import check
from .throwing import TimeLimit

_TICK = 0.05
_CHUNK = 1 << 18


class Server:
    """Serves the calls that come over a channel."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: socket.socket) -> None:
        self._loop = loop
        self._channel = channel
        self._frames = Frames(FromHost, MAX_FROM_HOST)
        self._calls: dict[int, Call] = {}
        self._unsent = bytearray()
        self._sending = False
        self._ticking = self._sweeping = False
        loop.set_task_factory(self._task)
        loop.add_reader(channel, self._readable)

    def serve(self) -> None:
        """Serve until the server closes the channel."""
        self._loop.run_forever()

    def tick(self, _number: int, _frame: FrameType | None) -> None:
        """Break into a script that computes for too long; called by a timer of the system."""
        if not self._calls:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._ticking = False
            return
        # Half a frame would be the end of everything.
        if self._sending:
            return
        self._flush()  # whatever computes here shall not hold back what others have done
        call = CURRENT.get()
        if call is None or call.deadline is None:
            return
        if time.monotonic() >= call.deadline:
            raise TimeLimit

    def _readable(self) -> None:
        data = self._channel.recv(_CHUNK)
        if not data:
            self._loop.stop()
            return
        for message in self._frames.feed(data):
            match message:
                case Run():
                    self._begin(message)
                case Reply():
                    call = self._calls.get(message.call)
                    if call is not None:
                        call.answer(message)
                case Cancel():
                    call = self._calls.get(message.call)
                    if call is not None:
                        call.cancel()
                case Check():
                    problems = check(message.language, message.source)
                    faults = [fault_of(one, "SCRIPT_SYNTAX_ERROR") for one in problems]
                    self._send(Checked(message.call, faults))
                case _:
                    pass

    def _begin(self, run: Run) -> None:
        call = Call(run, self._send, self._loop)
        self._calls[call.number] = call
        if not self._ticking:
            self._ticking = True
            signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(_TICK, self._sweep)
        # A context of its own: no variable of one call is seen by another.
        context = contextvars.Context()
        context.run(CURRENT.set, call)
        call.task = asyncio.Task(self._run(call), loop=self._loop, context=context)

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        except BaseException as error:  # broken off, or out of memory in the midst of our own work
            call.give_up(error)
        finally:
            del self._calls[call.number]
            # Its context has the call: the collector would have to find both.
            del call.task

    def _sweep(self) -> None:
        """Break off what waits for too long."""
        now = time.monotonic()
        for call in self._calls.values():
            if call.deadline is not None and now >= call.deadline:
                call.tell()
                call.task.cancel()
        self._sweeping = bool(self._calls)
        if self._sweeping:
            self._loop.call_later(_TICK, self._sweep)

    def _send(self, message: FromWorker) -> None:
        """Send a message; requests and the ends of calls soon, with those of other calls."""
        data = frame(message)
        self._sending = True
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent += data
        self._sending = False
        if not isinstance(message, Done | Rpc):
            self._flush()

    def _flush(self) -> None:
        if not self._unsent:
            return
        self._sending = True
        try:
            self._channel.sendall(self._unsent)
        except OSError:
            self._loop.stop()  # the server has gone
        finally:
            self._unsent.clear()
            self._sending = False

    def _task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        call = CURRENT.get()
        if call is not None:
            call.tasks.add(task)
            task.add_done_callback(call.tasks.discard)
        return task
