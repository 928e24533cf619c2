"""One call in a worker: the scripts of a request, one after another."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from ..channel import (
    MAX_FROM_WORKER,
    MAX_MESSAGE,
    MAX_RPCS_AT_ONCE,
    Done,
    Fault,
    FromWorker,
    Log,
    Next,
    RanScript,
    Reply,
    Rpc,
    Run,
    Source,
)  # fmt: skip
from ..javascript import ScriptError
from ..script import Problem, Stage
from .hardening import cpu_used
from .log import CallLog
from .python import Compiled, InvalidSource, problem_of
from .runners import RUNNERS
from .sections import Sections
from .throwing import Thrown, TimeLimit, refusal
from .values import decoded, encoded

CURRENT: ContextVar[Call | None] = ContextVar("call", default=None)
_NULL = b"null"
_TURNS = 5
_LOOK_EVERY = 64
_MOST_CPU = 0.8
_Read = Callable[[bytes], Any]


class Call:
    """One call.

    Attributes:
        deadline: When the script that runs now should have ended, by the monotonic clock.
        tasks: Everything that the script has going.
        task: The task that runs the scripts.
    """

    task: asyncio.Task[None]

    def __init__(
        self, run: Run, send: Callable[[FromWorker], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.number = run.call
        self.sections = Sections(run.sections)
        self.log = CallLog()
        self.place: object | None = None
        self.deadline: float | None = None
        self.tasks: set[asyncio.Task[Any]] = set()
        self._scripts = run.scripts
        self._send = send
        self._loop = loop
        self._answers: dict[int, tuple[asyncio.Future[Any], _Read]] = {}
        self._refused: list[asyncio.Future[Any]] = []
        self._cancelled = False
        self._waiting: deque[Rpc] = deque()
        self._asked = 0
        self._index = 0
        self._worn = False
        self._fault: Fault | None = None
        self._failed = -1
        self._broken = run.sections.get("error", _NULL) != _NULL
        self._ran: list[RanScript] = []

    # -- what scripts ask for --------------------------------------------------------------------

    def ask(self, name: str, *arguments: Any) -> asyncio.Future[Any]:
        """Ask the server at once; the answer may be waited for."""
        return self.ask_raw(name, encoded(arguments), decoded)

    def ask_raw(self, name: str, arguments: bytes, read: _Read) -> asyncio.Future[Any]:
        """Ask the server with JSON; `read` makes the answer of JSON."""
        if len(arguments) > MAX_FROM_WORKER // 2:
            raise ValueError(f"What {name} is asked with is too large")
        self._asked += 1
        rpc = Rpc(self.number, self._asked, name, arguments)
        future: asyncio.Future[Any] = self._loop.create_future()
        at_once = len(self._answers) - len(self._waiting)
        self._answers[rpc.rpc] = (future, read)
        if at_once < MAX_RPCS_AT_ONCE:
            self._send(rpc)
        else:
            self._waiting.append(rpc)
        return future

    def answer(self, reply: Reply) -> None:
        """Take what the server has answered."""
        asked = self._answers.pop(reply.rpc, None)
        if self._waiting:
            self._send(self._waiting.popleft())
        if asked is None or asked[0].done():
            return
        future, read = asked
        if reply.fault is not None:
            future.set_exception(refusal(reply.fault))
            self._refused.append(future)
        else:
            future.set_result(read(reply.value))

    async def _all_answered(self) -> None:
        """Wait for what the script has asked and not waited for; its errors are the script's."""
        while self._answers:
            future, _ = next(iter(self._answers.values()))
            await future
        for future in self._refused:
            if getattr(future, "_log_traceback", False):
                await future

    def cancel(self) -> None:
        """Break off: nobody waits for the call any more."""
        self._cancelled = True
        self.task.cancel()

    def give_up(self, error: BaseException) -> None:
        """End without having come to an end."""
        late = isinstance(error, TimeLimit)
        code = "SCRIPT_TIMEOUT_ERROR" if late else "SCRIPT_EXECUTION_ERROR"
        message = "It took too long" if late else type(error).__name__
        fault = Fault(code=code, message=message)
        self._send(Done(self.number, {}, None, fault, self._index, [], worn=True))

    # -- the scripts -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the scripts and say what came of them."""
        short = answered = writes = False
        for index, script in enumerate(self._scripts):
            if self._cancelled:
                break
            if script.stage is not Stage.POST and (short or self._broken):
                continue
            if self._index != index:
                self._send(Next(self.number, index, self._fault, self._failed))
                self._index = index
            result = await self._one(index, script)
            writes = writes or script.stage is not Stage.PRE
            if result is not None:
                answered = True
                short = short or script.stage is Stage.PRE
                self.sections.put_raw("data", result)
        self._done(answered or (writes and "data" in self.sections.changed))

    def _done(self, answered: bool) -> None:
        changes = self.sections.changes()
        result = changes.pop("data", None) if answered else None
        if self._fault is not None:
            result = None
        worn = self._worn or (self.number % _LOOK_EVERY == 0 and cpu_used() > _MOST_CPU)
        done = Done(self.number, changes, result, self._fault, self._failed, self._ran, worn)
        if sum(map(len, changes.values())) + len(result or b"") > MAX_FROM_WORKER // 2:
            message = "What the script returned or changed is too large"
            fault = Fault(code="SCRIPT_EXECUTION_ERROR", message=message)
            done = Done(self.number, {}, None, fault, self._index, self._ran, self._worn)
        self._send(done)

    async def _one(self, index: int, script: Source) -> bytes | None:
        begin = time.perf_counter()
        self.place = None
        result = fault = None
        self.deadline = time.monotonic() + script.timeout / 1000
        try:
            runner = RUNNERS.get(script.language)
            if runner is None:
                message = f"Scripts in {script.language} cannot be run here"
                raise InvalidSource(Problem(message=message))
            result = await runner(script.digest, script.source, self)
            await self._all_answered()
            self.deadline = None
            self.sections.settle()
        except BaseException as error:  # whatever a script may end with
            overdue = self.deadline is not None and time.monotonic() >= self.deadline
            self.deadline = None
            fault = self._fault_of(error, script, overdue)
            error.__traceback__ = None
            result = None
        await self._end_tasks()
        if fault is not None:
            self._fail(index, fault)
        took = (time.perf_counter() - begin) * 1000
        self._ran.append(RanScript(index, took, self.log.take(), result is not None, fault))
        return result

    async def _end_tasks(self) -> None:
        """Break off what the script has left behind."""
        self._waiting.clear()
        for future, _ in self._answers.values():
            future.cancel()
        for future in self._refused:
            future.exception()  # seen, for what it is worth
        self._answers.clear()
        self._refused.clear()
        if not self.tasks:
            return
        for _ in range(_TURNS):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
        else:
            self._worn = True  # something does not let itself be broken off
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.exception()
        self.tasks.clear()

    def _fail(self, index: int, fault: Fault) -> None:
        # What cannot travel is lost with the script that made it.
        with suppress(TypeError, ValueError):
            self.sections.settle()
        if self._broken:
            return
        self._broken = True
        self._fault, self._failed = fault, index
        error = {
            "message": fault.message,
            "name": self._scripts[index].name,
            "code": fault.code,
            "statusCode": fault.status or _STATUSES.get(fault.code, 500),
            "details": decoded(fault.details) if fault.details is not None else None,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        self.sections.raw["error"] = encoded(error)
        self.sections.raw["data"] = _NULL
        self.sections.changed.discard("data")

    def _fault_of(self, error: BaseException, script: Source, overdue: bool) -> Fault:
        place = self.place if isinstance(self.place, Compiled) else None
        if isinstance(error, Thrown):
            problem = problem_of(place, error)
            details = encoded(error.details) if error.details is not None else None
            return Fault(
                code=error.code, message=error.message[:MAX_MESSAGE], line=problem.line,
                column=problem.column, text=problem.text, hint=error.hint or None,
                details=details, thrown=True, status=error.status,
            )  # fmt: skip
        if isinstance(error, ScriptError):
            return _of_javascript(error)
        if isinstance(error, InvalidSource):
            return fault_of(error.problem, "SCRIPT_EXECUTION_ERROR")
        problem = problem_of(place, error)
        if isinstance(error, TimeLimit) or overdue:
            message = f"It took longer than {script.timeout} ms"
            return _placed("SCRIPT_TIMEOUT_ERROR", message, problem)
        if isinstance(error, MemoryError):
            self._worn = True
            message = "The scripts of this process have no memory left"
            return _placed("SCRIPT_EXECUTION_ERROR", message, problem)
        return _placed("SCRIPT_EXECUTION_ERROR", problem.message, problem)

    def tell(self) -> None:
        """Send what was logged so far: the server may have to end this process."""
        self._send(Log(self.number, self._index, self.log.lines[:]))


def _of_javascript(error: ScriptError) -> Fault:
    problem = error.problem
    details = encoded(error.details) if error.details is not None else None
    return Fault(
        code=error.code, message=problem.message[:MAX_MESSAGE], line=problem.line,
        column=problem.column, text=problem.text[:MAX_MESSAGE], hint=problem.hint,
        details=details, thrown=error.thrown, status=error.status,
    )  # fmt: skip


_STATUSES = {"SCRIPT_TIMEOUT_ERROR": 504}


def _placed(code: str, message: str, problem: Problem) -> Fault:
    return Fault(
        code=code, message=message, line=problem.line, column=problem.column, text=problem.text
    )


def fault_of(problem: Problem, code: str) -> Fault:
    """Give a problem as it travels."""
    return Fault(
        code=code, message=problem.message[:MAX_MESSAGE], line=problem.line,
        column=problem.column, text=problem.text[:MAX_MESSAGE], hint=problem.hint,
    )  # fmt: skip
