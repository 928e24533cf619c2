"""Steps that run a notebook from its top to its end, and keep it with what it has shown."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ...errors import EnfyraError, did_you_mean
from .python import Processes
from .scene import Scene

_SUFFIX = ".ipynb"
# Notebooks that are looked through for a name that is nearly right.
_MOST_NAMES = 1_000
# The key of a step, and in a loop the number of the turn.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(-\d{1,9})?")
_RUN = re.compile(r"\d{1,18}", re.ASCII)


class Artifacts:
    """Notebooks that were run, by their runs.

    Args:
        folder: Where they are kept; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, run: int, name: str) -> Path:
        """Give the file of a notebook that is about to be run."""
        folder = self._folder / str(run)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}{_SUFFIX}"

    def name(self, place: Path) -> str:
        """Give a file's name below the data folder."""
        return place.relative_to(self._folder.parent).as_posix()

    async def read(self, run: str, name: str) -> bytes:
        """Give a notebook that was run.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND.
        """
        if _RUN.fullmatch(run) and _NAME.fullmatch(name):
            place = self._folder / run / f"{name}{_SUFFIX}"
            with suppress(OSError):
                return await asyncio.to_thread(place.read_bytes)
        raise EnfyraError(
            "RESOURCE_NOT_FOUND", f"There is no notebook '{name[:80]}' of the run '{run[:20]}'"
        )

    async def forget(self, runs: Iterable[int]) -> None:
        """Remove what runs have left that are forgotten themselves."""
        folders = [self._folder / str(run) for run in runs]
        await asyncio.to_thread(_remove, folders)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


class NotebookStep:
    """Runs a notebook in a process of its own.

    Args:
        folder: Where notebooks are; what is elsewhere is not run.
    """

    def __init__(self, processes: Processes, folder: Path, artifacts: Artifacts) -> None:
        self._processes = processes
        self._folder = folder
        self._artifacts = artifacts

    async def __call__(self, scene: Scene) -> Any:
        """Run it; give where it is kept with its outputs."""
        config = scene.config
        parameters = config.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise EnfyraError("INVALID_ARGUMENT", "parameters must be an object: names and values")
        source = await asyncio.to_thread(found, self._folder, str(config["path"]))
        name = scene.step.key
        if "index" in scene.known:
            name += f"-{scene.known['index']}"
        place = await asyncio.to_thread(self._artifacts.place, scene.run.id, name)
        artifact = self._artifacts.name(place)
        task: dict[str, Any] = {
            "kind": "notebook",
            "name": f"step '{scene.step.key}'",
            "path": str(source),
            "output": str(place.resolve()),
            "artifact": artifact,
            "parameters": cast("dict[str, Any]", parameters or {}),
            "kernel": config.get("kernel"),
        }
        return {"artifact": artifact, **await self._processes.run(scene, task)}


def found(folder: Path, path: str) -> Path:
    """Give the file of a notebook below a folder.

    Raises:
        EnfyraError: INVALID_ARGUMENT when there is none, or it is elsewhere.
    """
    home = folder.resolve()
    file = (home / path).resolve()
    if not file.is_relative_to(home) or file.suffix != _SUFFIX:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"path must name a notebook in the folder '{folder}', such as 'report{_SUFFIX}'",
            hint="ENFYRA_NOTEBOOKS names another folder",
        )
    if not file.is_file():
        names: list[str] = []
        for one in home.rglob(f"*{_SUFFIX}"):
            names.append(one.relative_to(home).as_posix())
            if len(names) == _MOST_NAMES:
                break
        raise EnfyraError(
            "INVALID_ARGUMENT",
            f"There is no notebook '{path[:200]}' in the folder '{folder}'."
            f"{did_you_mean(path, names)}",
            hint="ENFYRA_NOTEBOOKS names another folder",
        )
    return file
