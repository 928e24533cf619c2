"""Modules of the operator's own that say which handlers a server has."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..errors import EnfyraError


def register_handlers(modules: Sequence[str], kernel: Any) -> None:
    """Import modules, and have the function `register` of each name its handlers.

    Args:
        kernel: What they are given: a `Kernel`.

    Raises:
        EnfyraError: CONFIGURATION_ERROR, naming the module.
    """
    for name in modules:
        try:
            module = import_module(name)
        except Exception as error:
            raise _wrong(name, f"cannot be imported: {type(error).__name__}: {error}") from error
        register = getattr(module, "register", None)
        if not callable(register):
            raise _wrong(name, "has no function register(kernel)")
        try:
            register(kernel)
        except Exception as error:
            raise _wrong(
                name, f"register(kernel) raised {type(error).__name__}: {error}"
            ) from error


def _wrong(module: str, problem: str) -> EnfyraError:
    return EnfyraError(
        "CONFIGURATION_ERROR",
        f"ENFYRA_JOB_HANDLERS: {module} {problem}",
        hint="PYTHONPATH is where modules are looked for",
    )
