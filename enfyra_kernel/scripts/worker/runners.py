"""How a script of each language is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .. import checks
from ..script import Language, Problem
from . import javascript
from .context import Context, Port
from .log import CallLog
from .python import Compiler, InvalidSource, compiled, run_python
from .sections import Sections
from .values import encoded


class Running(Port, Protocol):
    """What a script runs in.

    Attributes:
        place: Where the author's source lies for messages, once there is something compiled.
    """

    sections: Sections
    log: CallLog
    place: object | None
    deadline: float | None

    def ask_raw(self, name: str, arguments: bytes, read: Callable[[bytes], Any]) -> Awaitable[Any]:
        """Ask with JSON."""
        ...


Runner = Callable[[str, str, Running], Awaitable[bytes | None]]
_compiler = Compiler()


async def _python(digest: str, source: str, running: Running) -> bytes | None:
    script = running.place = _compiler.compiled(digest, source)
    value = await run_python(script, Context(running.sections, running, running.log))
    return None if value is None else encoded(value)


async def _javascript(digest: str, source: str, running: Running) -> bytes | None:
    return await javascript.run(digest, source, running)


RUNNERS: dict[Language, Runner] = {
    Language.PYTHON: _python,
    Language.JAVASCRIPT: _javascript,
}


def check(language: Language, source: str) -> list[Problem]:
    """Say what is wrong with a source: of the language first, then of what scripts may say."""
    problems = checks.check(language, source)
    if problems or language is not Language.PYTHON:
        return problems
    try:
        compiled(source)
    except InvalidSource as error:
        return [error.problem]
    return []
