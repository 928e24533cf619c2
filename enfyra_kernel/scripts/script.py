"""A script, and what comes of running one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Language(StrEnum):
    """What a script is written in."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"


class Stage(StrEnum):
    """When a script runs in a request.

    The first pre-hook that returns a value gives the result: the others and the handler are
    skipped. Post-hooks always run, and what they return replaces the result.
    """

    PRE = "pre"
    HANDLER = "handler"
    POST = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One script.

    Attributes:
        name: What messages call it, as in `pre-hook 'set author'`.
        source: What the author wrote: a function's body, with macros.
        timeout: Milliseconds it may take.
        digest: What tells its source from all others.
    """

    name: str
    stage: Stage
    language: Language = Language.PYTHON
    source: str = field(repr=False)
    timeout: int = 30_000
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = f"{self.language}\0{self.source}".encode()
        object.__setattr__(self, "digest", hashlib.blake2b(text, digest_size=16).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with a script, or went wrong in it, at a place in its author's source.

    Attributes:
        line: From 1; None when there is no place.
        column: From 1.
        text: The line of the source.
    """

    message: str
    line: int | None = None
    column: int | None = None
    text: str = ""
    hint: str | None = None

    def marked(self) -> str:
        """Give the message with the line, and a caret below the place.

        Example:
            >>> problem = Problem(message="'(' was never closed", line=1, column=6, text="print(1")
            >>> print(problem.marked())
            '(' was never closed
              line 1: print(1
                           ^
        """
        if self.line is None:
            return self.message
        head = f"  line {self.line}: "
        marked = f"{self.message}\n{head}{self.text}"
        if self.column is None:
            return marked
        return f"{marked}\n{' ' * (len(head) + self.column - 1)}^"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The error that a script ended with.

    Attributes:
        code: One of the catalogue's: what was thrown, SCRIPT_EXECUTION_ERROR, SCRIPT_TIMEOUT_ERROR.
        script: The name of the script.
        problem: What happened, and where in the source.
        thrown: Whether the script threw it on purpose, so that its message is for the client.
        status: The HTTP status that it was thrown with; None for that of the code.
    """

    code: str
    script: str
    problem: Problem
    details: Any = None
    thrown: bool = False
    status: int | None = None


class Ran(NamedTuple):
    """How one script of a batch ran, for traces.

    Attributes:
        returned: Whether it returned a value.
    """

    script: str
    stage: Stage
    milliseconds: float
    logs: tuple[str, ...] = ()
    returned: bool = False
    failure: Failure | None = None


class Outcome(NamedTuple):
    """What came of a batch.

    Attributes:
        sections: Sections of the context that scripts have changed, as JSON.
        result: What was returned, as JSON; None when nothing was.
        failure: The error of the pre-hook or handler that failed. Post-hooks have run all the same.
        ran: The scripts that ran, in order.
    """

    sections: Mapping[str, bytes]
    result: bytes | None = None
    failure: Failure | None = None
    ran: Sequence[Ran] = ()


class Host(Protocol):
    """What scripts may ask for while they run; everything else they have to do by themselves."""

    async def call(self, name: str, arguments: bytes) -> bytes:
        """Answer a request of a script.

        Args:
            name: What is asked for, such as `repos.find`.
            arguments: A JSON list.

        Returns:
            JSON.

        Raises:
            EnfyraError: What the script gets as an exception.
        """
        ...


class ScriptRunner(Protocol):
    """Runs scripts where they can do no harm."""

    async def start(self) -> None:
        """Get ready."""
        ...

    async def stop(self) -> None:
        """End; what is running is broken off."""
        ...

    async def use_packages(self, folder: Path | None, modules: Mapping[str, Sequence[str]]) -> None:
        """Have scripts that begin from now on use other packages.

        Args:
            folder: Where they are; None for none.
            modules: The names of the modules of each.
        """
        ...

    async def check(self, language: Language, source: str) -> list[Problem]:
        """Say what is wrong with a source, without running it."""
        ...

    async def run(
        self, scripts: Sequence[Script], sections: Mapping[str, bytes], host: Host
    ) -> Outcome:
        """Run the scripts of one request, one after another.

        Args:
            scripts: Pre-hooks, then a handler, then post-hooks; any of these may be absent.
            sections: The context's sections as JSON: `body`, `query`, `params`, `user`, `req`,
                `api`, `share`, `data`, `status`, `error`, `env` and others. What is absent is None.
            host: Answers what the scripts ask for.
        """
        ...
