"""Cells of notebooks, run in a kernel of their own as JupyterLab would."""

from __future__ import annotations

import os
import re
from pathlib import Path
from queue import Empty
from typing import Any

PATIENCE = 60.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Cells:
    """A kernel that runs cells."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        from jupyter_client.manager import start_new_kernel

        self._manager, self._client = start_new_kernel(
            kernel_name="python3",
            startup_timeout=PATIENCE,
            cwd=str(folder),
            env={**os.environ, **environment},
        )

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, code: str) -> tuple[str, str | None]:
        """Run a cell; give what it shows as text, and what went wrong."""
        asked = self._client.execute(code)
        shown: list[str] = []
        problem: str | None = None
        while True:
            message = self._next()
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                shown.append(content["text"])
                if content["name"] == "stderr" and "UsageError" in content["text"]:
                    problem = content["text"]
            elif kind in {"execute_result", "display_data"}:
                shown.append(content["data"].get("text/plain", "") + "\n")
            elif kind == "error":
                problem = _COLOURS.sub("", "\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(shown), problem

    def _next(self) -> Any:
        try:
            return self._client.get_iopub_msg(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"the cell did not end within {PATIENCE:.0f} s") from None
