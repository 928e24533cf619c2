"""A host for scripts that are run without a server, and what they are run with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from enfyra_kernel.scripts.javascript import Limits, ScriptError, run_javascript


class HostError(Exception):
    """What a host refuses with."""

    def __init__(self, code: str, status: int, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details
        self.hint = f"about {code}"


class Recorder:
    """Notes what a script asks for, and answers from a table: a value, an error or a function."""

    def __init__(self, sections: Mapping[str, Any], answers: Mapping[str, Any]) -> None:
        self.sections = {name: json.dumps(value).encode() for name, value in sections.items()}
        self.answers = answers
        self.calls: list[tuple[str, list[Any]]] = []
        self.logs: list[str] = []
        self.most_at_once = 0
        self._open = 0

    async def call(self, name: str, arguments: bytes) -> bytes:
        given = json.loads(arguments)
        self.calls.append((name, given))
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        await asyncio.sleep(0)
        self._open -= 1
        answer = self.answers.get(name)
        if isinstance(answer, Callable):
            answer = answer(*given)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def log(self, text: str) -> None:
        self.logs.append(text)

    def section(self, name: str) -> Any:
        return json.loads(self.sections[name])


class Done:
    """What came of a script."""

    def __init__(self, host: Recorder, result: bytes | None, error: ScriptError | None) -> None:
        self.host = host
        self.raw = result
        self.error = error

    @property
    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return None if self.raw is None else json.loads(self.raw)

    @property
    def failure(self) -> ScriptError:
        assert self.error is not None, f"it returned {self.raw!r}"
        return self.error


def run(
    source: str,
    *,
    answers: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    **sections: Any,
) -> Done:
    """Run a script in JavaScript to its end."""
    host = Recorder(sections, answers or {})
    limits = limits or Limits(seconds=2)
    try:
        result = asyncio.run(run_javascript(source, host, limits))
    except ScriptError as error:
        return Done(host, None, error)
    return Done(host, result, None)
