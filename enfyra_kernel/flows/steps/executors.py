"""Where the processes of steps run: on the machine of the flow, or on a cluster of Dask."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

from ...errors import EnfyraError, did_you_mean
from ...metadata.flows import StepDefinition
from ...settings.values import scheduler_address

LOCAL, DASK = "local", "dask"
EXECUTORS = (LOCAL, DASK)
# Of a step's configuration: who runs it, and where that is.
EXECUTOR, SCHEDULER = "executor", "scheduler"
KEYS = (EXECUTOR, SCHEDULER)
EXTRA = "pip install 'enfyra-kernel[dask]'"


def executor_problems(config: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with how a step names its executor.

    Example:
        >>> executor_problems({"executor": "dusk"})
        ["config.executor: there is no 'dusk', only local, dask. Did you mean 'dask'?"]
    """
    problems: list[str] = []
    executor, scheduler = config.get(EXECUTOR), config.get(SCHEDULER)
    if executor is not None and executor not in EXECUTORS:
        hint = did_you_mean(str(executor), EXECUTORS)
        problems.append(
            f"config.{EXECUTOR}: there is no '{str(executor)[:64]}', only "
            f"{', '.join(EXECUTORS)}.{hint}"
        )
    if scheduler is not None:
        if executor != DASK:
            problems.append(f"config.{SCHEDULER} is for steps whose executor is {DASK}")
        try:
            scheduler_address(scheduler)
        except ValueError as error:
            problems.append(f"config.{SCHEDULER} {error}")
    return problems


def check_executor(config: Mapping[str, Any], scheduler: str | None) -> None:
    """Refuse a step whose executor is not there.

    Args:
        scheduler: Where Dask is, unless the step says so itself.

    Raises:
        EnfyraError: INVALID_BODY.
    """
    if config.get(EXECUTOR) != DASK:
        return
    if find_spec("distributed") is None:
        raise EnfyraError(
            "INVALID_BODY",
            problems=[f"config.{EXECUTOR}: Dask is not installed where this server runs"],
            hint=EXTRA,
        )
    if config.get(SCHEDULER) is None and scheduler is None:
        raise EnfyraError(
            "INVALID_BODY",
            problems=[f"config.{EXECUTOR}: nobody has said where Dask's scheduler is"],
            hint=f"Set ENFYRA_DASK_SCHEDULER, or config.{SCHEDULER}, such as tcp://host:8786",
        )


def handed_down(
    steps: tuple[StepDefinition, ...], config: Mapping[str, Any]
) -> tuple[StepDefinition, ...]:
    """Give the steps of a loop, whose executor is that of the loop unless they name one."""
    if config.get(EXECUTOR) is None:
        return steps
    given = {name: config[name] for name in KEYS if config.get(name) is not None}
    return tuple(_with(step, given) for step in steps)


def _with(step: StepDefinition, given: Mapping[str, Any]) -> StepDefinition:
    children = tuple(_with(child, given) for child in step.children)
    takes = step.kind in {"python", "foreach"} and step.config.get(EXECUTOR) is None
    config = {**step.config, **given} if takes else step.config
    return msgspec.structs.replace(step, config=config, children=children)
