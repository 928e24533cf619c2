"""Runs scripts in real workers, with a host that remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.scripts.pool import WorkerPool
from enfyra_kernel.scripts.script import Outcome, Script, Stage


class FakeDatabase:
    """Answers scripts from a table of answers, and remembers what was asked."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[tuple[str, list[Any]]] = []

    async def call(self, name: str, arguments: bytes) -> bytes:
        self.asked.append((name, json.loads(arguments)))
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Callable):
            answer = await answer(*json.loads(arguments))
        return json.dumps(answer).encode()


def script(source: str, stage: Stage = Stage.HANDLER, timeout: int = 60_000) -> Script:
    return Script(name=f"{stage} script", stage=stage, source=source, timeout=timeout)


async def run(
    pool: WorkerPool, *scripts: Script | str, host: Any = None, **sections: Any
) -> Outcome:
    """Run scripts; those that are plain text are handlers."""
    batch = [one if isinstance(one, Script) else script(one) for one in scripts]
    raw = {name: json.dumps(value).encode() for name, value in sections.items()}
    running = pool.run(batch, raw, host or FakeDatabase())
    return await asyncio.wait_for(running, 120)


async def value(pool: WorkerPool, source: str, host: Any = None, **sections: Any) -> Any:
    """Run a handler that has to succeed, and give what it returned."""
    outcome = await run(pool, source, host=host, **sections)
    assert outcome.failure is None, outcome.failure
    return json.loads(outcome.result) if outcome.result is not None else None


def section(outcome: Outcome, name: str) -> Any:
    return json.loads(outcome.sections[name])


REFUSED = EnfyraError("INVALID_BODY", "title: is missing", details={"field": "title"})
