"""One QuickJS engine: its limits, and what goes in and out as text."""

from __future__ import annotations

import importlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..macros import METHODS
from ..script import Problem
from ..throws import NAMED, STATUSES

try:
    # Not `quickjs`, which starts a thread as soon as it is imported: a process with threads can
    # neither be forked safely nor put into namespaces of its own.
    _quickjs: Any = importlib.import_module("_quickjs")
except ImportError:
    _quickjs = None


NOT_INSTALLED = Problem(
    message="Scripts in JavaScript cannot be run here: the package quickjs-ng is missing",
    hint="pip install 'enfyra-kernel[javascript]'",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use.

    Attributes:
        memory: Bytes.
        stack: Bytes.
        seconds: How long it may compute; waiting for the host does not count.
        requests: How many requests may wait for their answers at a time; more are held back.
    """

    memory: int = 64 << 20
    stack: int = 512 << 10
    seconds: float = 5.0
    requests: int = 64


class EngineError(Exception):
    """What the engine itself ended with, as it does when a limit is exceeded.

    Attributes:
        message: As in `InternalError: interrupted`.
        timed_out: Whether the time is used up.
    """

    def __init__(self, text: str) -> None:
        message, _, self.stack = text.partition("\n    at ")
        self.stack = f"    at {self.stack}" if self.stack else ""
        super().__init__(message)
        self.message = message.strip()
        self.timed_out = self.message.startswith("InternalError: interrupted")


def available() -> bool:
    """Say whether scripts in JavaScript can be run here: whether `quickjs-ng` is installed."""
    return _quickjs is not None


def _prelude() -> tuple[str, str]:
    """Give the core, and the other parts as a JSON object."""
    folder = Path(__file__).with_name("prelude")
    texts = {path.stem: _shortened(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    for word, value in (
        ("STATUSES", {status: asdict(throw) for status, throw in STATUSES.items()}),
        ("NAMED", {name: asdict(throw) for name, throw in NAMED.items()}),
    ):
        texts["throw"] = texts["throw"].replace(word, json.dumps(value), 1)
    texts["repos"] = texts["repos"].replace("METHODS", json.dumps(METHODS), 1)
    return texts.pop("core"), json.dumps(texts)


def _shortened(text: str) -> str:
    """Give a file without comments and indentation, which would be read again for each run."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join("" if line.startswith("//") else line for line in lines)


# Read at once: a worker has no file system when it runs its first script.
_CORE, _PARTS = _prelude()
_FUNCTIONS = ("settle", "section", "start", "take", "taken", "finish", "change")
_FORGET = "".join(f"delete globalThis.{name};" for name in _FUNCTIONS)
# Integers that a double cannot hold have sixteen digits or more.
_LARGE = re.compile(r"\d{16}")
# JavaScript's texts may hold half a character, which is no Unicode: JSON has an escape for it.
_HALF = re.compile(r"(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}")


class Engine:
    """A fresh engine with the prelude in it.

    Every way into it takes of the same seconds. What it raises is an `EngineError`.
    """

    def __init__(self, limits: Limits) -> None:
        self._left = limits.seconds
        self._engine = _quickjs.Context()
        self._engine.set_memory_limit(limits.memory)
        self._engine.set_max_stack_size(limits.stack)
        self._engine.set("parts", _PARTS)
        self._enter(self._engine.eval, _CORE)
        self._functions = {name: self._engine.get(name) for name in _FUNCTIONS}
        self._enter(self._engine.eval, _FORGET)

    def compile(self, text: str) -> Any:
        """Give the function that an expression stands for."""
        return self._enter(self._engine.eval, text)

    def give(self, section: str, text: bytes | None) -> None:
        """Give a section of the context as JSON; None for one that is absent."""
        decoded = None if text is None else text.decode()
        large = decoded is not None and _LARGE.search(decoded) is not None
        self._call("section", section, decoded, large)

    def start(self, function: Any) -> None:
        """Start the script."""
        self._call("start", function)

    def work(self, seconds: float) -> bool:
        """Do what is to be done, and say whether there is more of it after so long a time."""
        end = time.thread_time() + seconds
        while self._enter(self._engine.execute_pending_job):
            if self._left <= 0:
                raise EngineError("InternalError: interrupted")
            if time.thread_time() >= end:
                return True
        return False

    def take(self) -> tuple[str, str | None]:
        """Take what comes next.

        Returns:
            A number, a space and the name of what is asked for, with a JSON list; the number is 0
            for what needs no answer. Or the state, with what belongs to it: `runs`, `returned` with
            the result, `failed` with the error.
        """
        return self._call("take"), self._taken()

    def settle(self, number: int, text: bytes, *, ok: bool) -> None:
        """Answer what has been asked for, with a value or an error as JSON."""
        decoded = text.decode()
        self._call("settle", number, ok, decoded, _LARGE.search(decoded) is not None)

    def finish(self) -> tuple[str, str | None]:
        """End the script; give its state as `take` does."""
        return self._call("finish"), self._taken()

    def changes(self) -> Iterator[tuple[str, bytes]]:
        """Give the sections that have changed, as JSON."""
        while (name := self._call("change")) is not None:
            yield name, (self._taken() or "null").encode()

    def _taken(self) -> str | None:
        text = self._call("taken")
        if text is not None and "\\ud" in text:
            return _HALF.sub(r"\1\\ufffd", text)
        return text

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._enter(self._functions[name], *arguments)

    def _enter(self, function: Any, *arguments: Any) -> Any:
        # At least a little: what is left to do when the time is over is to say so.
        self._engine.set_time_limit(max(self._left, 0.05))
        begin = time.thread_time()
        try:
            return function(*arguments)
        except (_quickjs.JSException, MemoryError, SystemError, TypeError, ValueError) as error:
            raise EngineError(str(error) or "null") from None
        finally:
            self._left -= time.thread_time() - begin
