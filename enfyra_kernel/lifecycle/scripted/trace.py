"""How a request went: each stage, its time and its logs, for those who may see them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ...encoding import encode_json
from ...errors import CATALOGUE, EnfyraError
from ...scripts.script import Failure, Outcome, Ran
from ..context import Context
from ..messages import JSON, Response

HEADER = "X-Enfyra-Trace"
_ASKED = "x-enfyra-trace"
# What proxies let through as a header.
_LONGEST = 6_000


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stage of a request."""

    stage: str
    name: str
    milliseconds: float
    logs: tuple[str, ...] = ()
    error: str | None = None


class Trace:
    """What has been seen of a request.

    Args:
        shown: Whether the caller may see it.
        asked: Whether he has asked for all of it.
    """

    def __init__(self, *, shown: bool, asked: bool) -> None:
        self.shown = shown
        self.asked = shown and asked
        self._entries: list[Entry] = []
        self._began = time.perf_counter()

    def note(self, outcome: Outcome) -> None:
        """Take in what came of some scripts."""
        if self.shown:
            self._entries += map(_entry, outcome.ran)

    def note_default(self, name: str, began: float, error: str | None = None) -> None:
        """Take in what the route did by itself, since a moment of `time.perf_counter`."""
        if not self.shown:
            return
        took = (time.perf_counter() - began) * 1000
        self._entries.append(Entry("default", name, round(took, 3), error=error))

    @property
    def entries(self) -> Sequence[Entry]:
        """The stages so far."""
        return tuple(self._entries)

    def onto(self, response: Response) -> Response:
        """Give an answer what its caller may see of how it came about."""
        if not self.shown:
            return response
        logs = [line for entry in self._entries for line in entry.logs]
        if logs and response.stream is None and response.content_type == JSON:
            response.body = _with_logs(response.body, logs)
        if self.asked:
            response.headers[HEADER] = self._rendered()
        return response

    def _rendered(self) -> str:
        total = round((time.perf_counter() - self._began) * 1000, 3)
        text = _line(total, self._entries)
        if len(text) > _LONGEST:
            shorter = [msgspec.structs.replace(one, logs=()) for one in self._entries]
            text = _line(total, shorter)
        return text if len(text) <= _LONGEST else _line(total, ())


def trace_of(context: Context, *, debug: bool) -> Trace:
    """Begin the trace of a request; administrators see them, and everybody where that is set."""
    caller = context.caller
    return Trace(
        shown=debug or (caller is not None and caller.is_root),
        asked=context.request.headers.get(_ASKED) == "1",
    )


def is_traced(context: Context) -> bool:
    """Say whether a trace is asked for."""
    return _ASKED in context.request.headers


def _entry(ran: Ran) -> Entry:
    error = None if ran.failure is None else described(ran.failure)
    return Entry(ran.stage.value, ran.script, round(ran.milliseconds, 3), ran.logs, error)


def thrown_error(failure: Failure) -> EnfyraError | None:
    """Give what a script has thrown on purpose, which is for whoever has asked; else None."""
    if not failure.thrown:
        return None
    code = failure.code if failure.code in CATALOGUE else "HTTP_ERROR"
    return EnfyraError(
        code, failure.problem.message, details=failure.details, status=failure.status
    )


def described(failure: Failure) -> str:
    """Give what went wrong, and where."""
    problem = failure.problem
    place = "" if problem.line is None else f" (line {problem.line})"
    return f"{problem.message}{place}"


def _line(total: float, entries: Sequence[Entry]) -> str:
    content = {"milliseconds": total, "stages": list(entries)}
    text = encode_json(content).decode()
    # Headers are ASCII; so are all of JSON's own characters.
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in _basic(text))


def _basic(text: str) -> Iterable[str]:
    """Give a text's characters; those that JSON writes as two are replaced."""
    return (one if ord(one) < 0x10000 else "\ufffd" for one in text)


def _with_logs(body: bytes, logs: list[str]) -> bytes:
    """Put the logs into a body that is an object; others stay as they are."""
    if body[:1] != b"{" or body[-1:] != b"}":
        return body
    separator = b"" if body[1:-1].strip() == b"" else b","
    return body[:-1] + separator + b'"logs":' + encode_json(logs) + b"}"


def error_details(failure: Failure) -> dict[str, Any]:
    """Give the place of an error for those who may see a script's source."""
    problem = failure.problem
    return {
        "script": failure.script,
        "line": problem.line,
        "column": problem.column,
        "codeFrame": problem.marked(),
    }
