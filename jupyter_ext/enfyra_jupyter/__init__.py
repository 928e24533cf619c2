"""Enfyra in Jupyter: its API inside a Jupyter Server, and the magic `%enfyra` in notebooks.

The two halves are independent: the server needs the extension, the notebook's kernel needs the
magic. Nothing of either is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .client import Client
    from .connection import connect
    from .frames import ResultFrame

__all__ = ["Client", "ResultFrame", "connect"]

_LAZY = {"Client": "client", "ResultFrame": "frames", "connect": "connection"}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magic; what `%load_ext enfyra_jupyter` calls."""
    from .loading import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magic away again; what `%unload_ext enfyra_jupyter` calls."""
    from .loading import unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server what to load."""
    from .extension import EnfyraApp

    return [{"module": "enfyra_jupyter", "app": EnfyraApp}]


def __getattr__(name: str) -> Any:
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'enfyra_jupyter' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f".{module}", __name__), name)
