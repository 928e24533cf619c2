"""Steps that get a process of their own on the machine that runs the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .processes import StepProcess
from .scene import Scene
from .talk import Logins, Talk


class LocalProcesses:
    """Runs steps, each in a process of its own.

    Args:
        address: Gives where the API is served; None where nobody knows.
        env: What the operator lets scripts know of the environment.

    Attributes:
        logins: Lets steps in that ask for it.
    """

    logins: Logins

    def __init__(self, address: Callable[[], str | None], env: Mapping[str, str]) -> None:
        self._address = address
        self._env = env

    async def run(self, scene: Scene, task: Mapping[str, Any]) -> Any:
        """Do a task; give its result.

        Args:
            task: What the program is told: `kind`, and what that takes.

        Raises:
            EnfyraError: SCRIPT_EXECUTION_ERROR when it has failed, or its process has ended.
        """
        talk = Talk(self.logins, scene)
        process = await StepProcess.start(self._env, talk.line)
        try:
            return await talk.to_the_end(process, {**task, "url": self._address()})
        finally:
            try:
                await process.end(gently=talk.over)
            finally:
                await talk.close()
