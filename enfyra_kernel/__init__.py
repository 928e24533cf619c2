"""Enfyra Kernel: define a table, and its API is live.

Example:
    >>> from enfyra_kernel import Kernel, Settings
    >>> kernel = Kernel(Settings.load({"DB_URI": "sqlite:///shop.db"}, dotenv=None))
    >>> kernel.started
    False
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import VERSION as __version__  # noqa: N811 - the name that everybody looks for

if TYPE_CHECKING:
    from .errors import EnfyraError
    from .kernel import Kernel
    from .settings import Settings

__all__ = ["EnfyraError", "Kernel", "Settings", "__version__"]

_HOMES = {"Kernel": "kernel", "Settings": "settings", "EnfyraError": "errors"}


def __getattr__(name: str) -> Any:
    # Late, so that `enfyra --help` and a notebook's client need not load the database libraries.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
