"""Steps of plain Python, with all that is installed: for data frames and what is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ...errors import EnfyraError, did_you_mean
from .executors import EXECUTOR, LOCAL
from .scene import Scene


class Processes(Protocol):
    """Runs tasks of steps in processes."""

    async def run(self, scene: Scene, task: Mapping[str, Any]) -> Any:
        """Do a task; give its result."""
        ...


class PythonStep:
    """Runs a step's source in a process of its own.

    Args:
        executors: Those who run processes, by the names that steps know them by.
    """

    def __init__(self, executors: Mapping[str, Processes]) -> None:
        self._executors = executors

    async def __call__(self, scene: Scene) -> Any:
        """Run it; give its `result`, or what its last line gives.

        Raises:
            EnfyraError: INVALID_ARGUMENT when there is no such executor.
        """
        name = str(scene.config.get(EXECUTOR) or LOCAL)
        processes = self._executors.get(name)
        if processes is None:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"There is no executor '{name[:64]}'.{did_you_mean(name, self._executors)}",
            )
        return await processes.run(scene, python_task(scene))


def python_task(scene: Scene) -> dict[str, Any]:
    """Give what a process is told of a step."""
    return {
        "kind": "python",
        "name": f"step '{scene.step.key}'",
        "source": scene.step.source,
        "flow": {**scene.known, "vars": scene.config.get("vars")},
    }
