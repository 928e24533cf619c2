"""Steps of plain Python, with all that is installed: for data frames and what is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .scene import Scene


class Processes(Protocol):
    """Runs tasks of steps in processes."""

    async def run(self, scene: Scene, task: Mapping[str, Any]) -> Any:
        """Do a task; give its result."""
        ...


class PythonStep:
    """Runs a step's source in a process of its own."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    async def __call__(self, scene: Scene) -> Any:
        """Run it; give its `result`, or what its last line gives."""
        return await self._processes.run(scene, python_task(scene))


def python_task(scene: Scene) -> dict[str, Any]:
    """Give what a process is told of a step."""
    return {
        "kind": "python",
        "name": f"step '{scene.step.key}'",
        "source": scene.step.source,
        "flow": {**scene.known, "vars": scene.config.get("vars")},
    }
