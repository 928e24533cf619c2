"""Runs one script in JavaScript."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from ..macros import MacroError, unix_lines
from ..script import Problem
from . import local
from .engine import NOT_INSTALLED, Engine, EngineError, Limits, available
from .hints import explained
from .source import Prepared, prepare

_LIMITS = Limits()
# How long a script may compute before the others of the worker have their turn, in seconds.
_SLICE = 0.01
# Sections that a script may read although nobody has given them.
_SECTIONS = (
    "body", "query", "params", "user", "req", "api", "share", "data", "status", "error", "env",
    "flow", "uploaded_file",
)  # fmt: skip


class ScriptContext(Protocol):
    """What a script in JavaScript is run in.

    Attributes:
        sections: The context's sections as JSON. Those that the script changes are replaced.
    """

    sections: dict[str, bytes]

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Ask the host for something; arguments are a JSON list, the answer is JSON.

        An exception is given to the script with its `code`, `message`, `status` and `details`;
        its `hint` is kept for the problem.
        """
        ...

    def log(self, text: str) -> None:
        """Add to the log of the script."""
        ...


class ScriptError(Exception):
    """What a script ended with.

    Attributes:
        code: What was thrown, or one of SCRIPT_SYNTAX_ERROR, SCRIPT_EXECUTION_ERROR and
            SCRIPT_TIMEOUT_ERROR.
        problem: What happened, and where in the author's source.
        thrown: Whether its message is for the client: the script threw it on purpose, or the host
            refused what was asked for and the script did not catch that.
    """

    def __init__(
        self,
        code: str,
        problem: Problem,
        *,
        details: Any = None,
        thrown: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(problem.marked())
        self.code = code
        self.problem = problem
        self.details = details
        self.thrown = thrown
        self.status = status


async def run_javascript(
    source: str, context: ScriptContext, limits: Limits = _LIMITS
) -> bytes | None:
    """Run a script in an engine of its own.

    It is over when what it asked the host for is answered, awaited or not. Sleeping is given up.

    Returns:
        What it returned, as JSON; None when it returned nothing.

    Raises:
        ScriptError: What it ended with. Sections that it had changed before are replaced all the
            same.
    """
    if not available():
        raise ScriptError("SCRIPT_EXECUTION_ERROR", NOT_INSTALLED)
    try:
        prepared = prepare(unix_lines(source))
    except MacroError as error:
        raise ScriptError("SCRIPT_SYNTAX_ERROR", error.problem) from None
    run = _Run(prepared, context, limits)
    try:
        return await run.result()
    except EngineError as error:
        run.rescue_logs()
        raise run.failure(error) from None
    finally:
        await run.stop()


class _Run:
    """One run, from its start to its result."""

    def __init__(self, prepared: Prepared, context: ScriptContext, limits: Limits) -> None:
        self._prepared = prepared
        self._context = context
        self._limits = limits
        self._engine: Engine | None = None
        self._asked: dict[int, asyncio.Task[None]] = {}
        self._sleeping: dict[int, asyncio.Task[None]] = {}
        self._answers: list[tuple[int, bytes, bool]] = []
        self._answered = asyncio.Event()
        self._compiled = False

    async def result(self) -> bytes | None:
        engine = self._engine = Engine(self._limits)
        function = engine.compile(self._prepared.text)
        self._compiled = True
        for name in dict.fromkeys((*_SECTIONS, *self._context.sections)):
            engine.give(name, self._context.sections.get(name))
        engine.start(function)
        while True:
            # Nothing is waited for: the others of the worker have a turn.
            while engine.work(_SLICE):  # noqa: ASYNC110
                await asyncio.sleep(0)
            state = self._empty_outbox(engine)
            if not self._asked and not self._answers:
                if state != "runs":
                    break
                if not self._sleeping:
                    message = "The script waits for something that never comes"
                    raise ScriptError("SCRIPT_EXECUTION_ERROR", Problem(message=message))
            await self._answered.wait()
            self._answered.clear()
            for number, text, ok in self._answers:
                engine.settle(number, text, ok=ok)
            self._answers.clear()
        return self._end(engine)

    def _end(self, engine: Engine) -> bytes | None:
        state, text = engine.finish()
        if state == "failed":
            error = self._thrown(text)
            # What it ended with counts, not that it has left something odd behind.
            with contextlib.suppress(EngineError):
                self._context.sections.update(engine.changes())
            raise error
        self._context.sections.update(engine.changes())
        return None if text is None else text.encode()

    def failure(self, error: EngineError) -> ScriptError:
        """Give the script's error for one of the engine."""
        code = "SCRIPT_TIMEOUT_ERROR" if error.timed_out else "SCRIPT_EXECUTION_ERROR"
        if not self._compiled:
            code = "SCRIPT_SYNTAX_ERROR"
        problem = explained(self._prepared, error.message, error.stack, self._limits)
        return ScriptError(code, problem)

    def rescue_logs(self) -> None:
        """Take what the script has logged before the engine gave up."""
        try:
            while self._engine is not None:
                head, text = self._engine.take()
                if not head[0].isdigit():
                    break
                if head.startswith("0 ") and text is not None:
                    self._context.log(json.loads(text))
        except EngineError:
            pass  # It has given up for good: there is nothing more to be had.

    async def stop(self) -> None:
        """Give up what is still under way."""
        tasks = [*self._asked.values(), *self._sleeping.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _empty_outbox(self, engine: Engine) -> str:
        """Do what the script asks for, and give the state that it is in."""
        while len(self._asked) < self._limits.requests:
            head, text = engine.take()
            if text is None or not head[0].isdigit():
                return head
            digits, _, name = head.partition(" ")
            number = int(digits)
            if number == 0:
                self._context.log(json.loads(text))
                continue
            tasks = self._sleeping if name == "sleep" else self._asked
            tasks[number] = asyncio.create_task(self._answer(number, name, text))
        return "runs"

    async def _answer(self, number: int, name: str, text: str) -> None:
        try:
            if name in local.FUNCTIONS:
                answer = json.dumps(await local.call(name, json.loads(text))).encode()
            else:
                answer = await self._context.call(name, text.encode())
        except Exception as error:  # whatever it is, the script is told
            told = json.dumps(_told(error), default=str).encode()
            self._answers.append((number, told, False))
        else:
            self._answers.append((number, answer, True))
        finally:
            self._asked.pop(number, None)
            self._sleeping.pop(number, None)
            self._answered.set()

    def _thrown(self, text: str | None) -> ScriptError:
        report: Mapping[str, Any] = json.loads(text) if text is not None else {}
        # Without memory the engine has no error to throw, and throws null.
        message = report.get("message", "null")
        stack = report.get("stack", "")
        thrown = report.get("thrown", False)
        details = report.get("details")
        if thrown:
            problem = self._prepared.problem(message, stack, report.get("hint"))
        else:
            problem = explained(self._prepared, message, stack, self._limits)
        return ScriptError(
            report.get("code") or "SCRIPT_EXECUTION_ERROR",
            problem,
            details=None if details is None else json.loads(details),
            thrown=thrown,
            status=report.get("status"),
        )


def _told(error: Exception) -> dict[str, Any]:
    return {
        "code": getattr(error, "code", None),
        "message": getattr(error, "message", None) or str(error),
        "status": getattr(error, "status", None),
        "details": getattr(error, "details", None),
        "hint": getattr(error, "hint", None) or None,
    }
