"""Runs a notebook for a `notebook` step, by papermill."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from .. import environment
from .channel import Channel
from .failures import Failed

_MOST_SOURCE = 80


def run(task: Mapping[str, Any], channel: Channel) -> Any:
    """Run a notebook; it is written down cell by cell.

    Raises:
        Failed: With the cell that it was at.
    """
    try:
        import papermill
        from papermill.exceptions import PapermillException, PapermillExecutionError
    except ImportError:
        raise Failed(
            "Notebooks are run by papermill, which is not installed where this flow runs",
            hint="pip install 'enfyra-kernel[notebook]'",
        ) from None
    _let_in(task, channel)
    done = _Cells(task, channel)
    kept = {"artifact": task["artifact"]}
    try:
        papermill.execute_notebook(
            task["path"],
            task["output"],
            parameters=task["parameters"],
            kernel_name=task["kernel"],
            progress_bar=False,
            cwd=os.path.dirname(task["path"]),  # noqa: PTH120 - as text
            stdout_file=sys.stderr,
            stderr_file=sys.stderr,
            on_cell_complete=done.note,
        )
    except PapermillExecutionError as error:
        raise Failed(_where(error), details=kept) from None
    except (PapermillException, OSError, ValueError, KeyError) as error:
        raise Failed(f"{type(error).__name__}: {error}", details=kept) from None
    except Exception as error:
        if type(error).__name__ == "NoSuchKernel":
            raise Failed(f"There is no kernel '{task['kernel']}' where this flow runs") from None
        if type(error).__name__ == "DeadKernelError":
            raise Failed("The notebook's kernel has died", details=kept) from None
        raise
    return {"cells": done.number}


class _Cells:
    """Counts cells that are done."""

    def __init__(self, task: Mapping[str, Any], channel: Channel) -> None:
        import nbformat

        cells = nbformat.read(task["path"], as_version=4).cells
        # That of the parameters comes on top.
        self._all = sum(cell.cell_type == "code" for cell in cells) + bool(task["parameters"])
        self._channel = channel
        self.number = 0

    def note(self, **_: Any) -> None:
        """Say that another one is done."""
        self.number += 1
        self._channel.say(
            "progress",
            done=float(self.number),
            total=float(max(self._all, self.number)),
            what=f"cell {self.number}",
        )


def _let_in(task: Mapping[str, Any], channel: Channel) -> None:
    """Give what the notebook calls the API with, where somebody serves it."""
    if task["url"] is None:
        return
    given = channel.ask("login")
    if "error" not in given:
        os.environ |= {environment.URL: task["url"], environment.TOKEN: given["accessToken"]}


def _where(error: Any) -> str:
    first = next((line for line in str(error.source).splitlines() if line.strip()), "")
    return f"cell {error.cell_index + 1} (`{first[:_MOST_SOURCE]}`): {error.ename}: {error.evalue}"
