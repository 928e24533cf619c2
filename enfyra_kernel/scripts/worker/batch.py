"""Runs the scripts of one call: pre-hooks, handler, post-hooks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from ..frames import Source
from ..javascript import ScriptError, run_javascript
from ..script import Failure, Language, Outcome, Problem, Ran, Stage
from .call import Call, HostError
from .context import Context, Thrown, changes_of
from .python import Python, RefusedError
from .records import dumped, loaded

NULL = b"null"
# Bytes of a result, and characters of a message.
LARGEST_RESULT = 24 << 20
LONGEST_MESSAGE = 2_000


class Batch:
    """The scripts of one call.

    Args:
        sources: By digest, what the host has sent before.
        begun: Called with the number of each script that begins.
    """

    def __init__(
        self,
        python: Python,
        scripts: Sequence[Source],
        sources: dict[str, str],
        call: Call,
        begun: Callable[[int], None],
    ) -> None:
        self._python = python
        self._scripts = scripts
        self._sources = sources
        self._call = call
        self._begun = begun
        self._before = dict(call.sections)
        self._ran: list[Ran] = []
        self._failure: Failure | None = None
        self._result: bytes | None = None

    async def run(self) -> Outcome:
        """Run the scripts, as their stages say."""
        failing = self._call.sections.get("error", NULL) != NULL
        short = False
        for index, script in enumerate(self._scripts):
            if script.stage is not Stage.POST and (short or self._failure is not None):
                continue
            self._begun(index)
            value, failure = await self._one(script)
            if failure is not None and self._failure is None and not failing:
                self._fail(failure)
            elif failure is None and value is not None and not (failing or self._failure):
                self._result = value
                self._call.sections["data"] = value
                short = script.stage is Stage.PRE
        before = self._before
        sections = {
            name: text for name, text in self._call.sections.items() if before.get(name) != text
        }
        if self._result is None and "data" in sections and not (failing or self._failure):
            self._result = sections["data"]
        elif "data" in sections and self._result is not None:
            # A post-hook may have changed in place what another script has returned.
            self._result = sections["data"]
        return Outcome(
            sections=sections, result=self._result, failure=self._failure, ran=tuple(self._ran)
        )

    def _fail(self, failure: Failure) -> None:
        """Have the post-hooks see the error."""
        self._failure = failure
        self._result = None
        status = failure.status
        error = {
            "message": failure.problem.message,
            "name": failure.code,
            "code": failure.code,
            "statusCode": 500 if status is None else status,
            "details": failure.details,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        self._call.sections["error"] = dumped(error)
        self._call.sections["data"] = NULL

    async def _one(self, script: Source) -> tuple[bytes | None, Failure | None]:
        began = time.perf_counter()
        value: bytes | None = None
        failure: Failure | None = None
        try:
            async with asyncio.timeout(script.timeout / 1000):
                value = await self._value(script)
        except TimeoutError:
            failure = _failure(
                script, "SCRIPT_TIMEOUT_ERROR", _problem(f"It took longer than {script.timeout} ms")
            )
        except _Failed as failed:
            failure = failed.failure
        took = (time.perf_counter() - began) * 1000
        self._ran.append(
            Ran(
                script=script.name,
                stage=script.stage,
                milliseconds=took,
                logs=self._call.taken_log(),
                returned=value is not None,
                failure=failure,
            )
        )
        return value, failure

    async def _value(self, script: Source) -> bytes | None:
        source = self._sources[script.digest]
        if script.language is Language.JAVASCRIPT:
            return await self._javascript(script, source)
        try:
            compiled = self._python.compiled(script.digest, source)
        except RefusedError as error:
            raise _Failed(_failure(script, "SCRIPT_EXECUTION_ERROR", error.problem)) from None
        context = Context(self._call, self._python.packages)
        try:
            try:
                value = await self._python.run(compiled, context, self._call)
            finally:
                changes_of(context)
            return None if value is None else _limited(dumped(value))
        except Thrown as error:
            problem = compiled.problem(_short(error.message), error)
            raise _Failed(_thrown(script, error, problem)) from None
        except HostError as error:
            problem = compiled.problem(_short(error.message), error)
            raise _Failed(_thrown(script, error, problem)) from None
        except TimeoutError:
            raise
        except (Exception, SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            message = _said(error)
            problem = compiled.problem(_short(message), error)
            raise _Failed(_failure(script, "SCRIPT_EXECUTION_ERROR", problem)) from None

    async def _javascript(self, script: Source, source: str) -> bytes | None:
        try:
            value = await run_javascript(source, self._call)
            return None if value is None else _limited(value)
        except ScriptError as error:
            failure = Failure(
                code=error.code,
                script=script.name,
                problem=error.problem,
                details=error.details,
                thrown=error.thrown,
                status=error.status,
            )
            raise _Failed(failure) from None


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


def _failure(script: Source, code: str, problem: Problem) -> Failure:
    return Failure(code=code, script=script.name, problem=problem)


def _thrown(script: Source, error: Thrown | HostError, problem: Problem) -> Failure:
    return Failure(
        code=error.code,
        script=script.name,
        problem=problem,
        details=_plain(error.details),
        thrown=True,
        status=error.status,
    )


def _plain(value: Any) -> Any:
    """Give details as JSON has them; what JSON cannot hold is left out."""
    try:
        return loaded(dumped(value))
    except (TypeError, ValueError):
        return None


def _problem(message: str) -> Problem:
    return Problem(message=message)


def _said(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return "The script needs more memory than it may have"
    if isinstance(error, RecursionError):
        return "The script calls itself too deeply"
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{name}: {text}" if text else name


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def _limited(value: bytes) -> bytes:
    if len(value) > LARGEST_RESULT:
        raise ValueError(f"The result is larger than {LARGEST_RESULT >> 20} MB")
    return value
