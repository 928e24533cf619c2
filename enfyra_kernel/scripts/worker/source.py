"""A source as it is compiled, and the way back to what its author wrote."""

from __future__ import annotations

from ..macros import Expanded, MacroError
from ..macros import expand as expand_macros
from ..script import Language

__all__ = ["Expanded", "MacroError", "expand"]


def expand(source: str) -> Expanded:
    """Give what is compiled for a source in Python.

    Raises:
        MacroError: A macro that does not exist, or one that may also be something else.
    """
    return expand_macros(source, Language.PYTHON)
