"""What a step gets to see of its run, and may say to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ...metadata.flows import FlowDefinition, StepDefinition
from ..runs import Run

LEVELS = ("debug", "info", "warning", "error")
Log = Callable[[str, str], None]
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One step at work.

    Attributes:
        config: Its configuration, with all expressions replaced by their values.
        known: What `@FLOW` holds: `payload`, `last`, `meta`, and results of steps by their keys.
        timeout: Milliseconds that it has.
        log: Takes a level and a message.
        progress: Takes how much is done, of how much, and of what.
    """

    run: Run
    flow: FlowDefinition
    step: StepDefinition
    config: Mapping[str, Any]
    known: Mapping[str, Any]
    timeout: int
    log: Log
    progress: Progress


class StepKind(Protocol):
    """Does what steps of one kind do. A step is cancelled when its time is over."""

    async def __call__(self, scene: Scene) -> Any:
        """Do it, and give the result as plain data.

        Raises:
            EnfyraError: What is written into the run.
        """
        ...
