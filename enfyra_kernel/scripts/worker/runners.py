"""How a script of each language is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from ..script import Language, Problem
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


Runner = Callable[[str, str, Running], Awaitable[bytes | None]]
_compiler = Compiler()


async def _python(digest: str, source: str, running: Running) -> bytes | None:
    script = running.place = _compiler.compiled(digest, source)
    value = await run_python(script, Context(running.sections, running, running.log))
    return None if value is None else encoded(value)


RUNNERS: dict[Language, Runner] = {Language.PYTHON: _python}


def check(language: Language, source: str) -> list[Problem]:
    """Say what is wrong with a source."""
    if language is not Language.PYTHON:
        return [Problem(message=f"Scripts in {language} cannot be run here")]
    try:
        compiled(source)
    except InvalidSource as error:
        return [error.problem]
    return []
