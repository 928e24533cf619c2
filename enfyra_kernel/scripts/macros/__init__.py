"""Macros: `@BODY`, `#post.find(...)` and `%package` become plain Python or JavaScript.

Example:
    >>> from enfyra_kernel.scripts.macros import expand
    >>> from enfyra_kernel.scripts.script import Language
    >>> expanded = expand("return @BODY.title", Language.PYTHON)
    >>> expanded.text
    'return ctx.body.title'
    >>> expanded.origin(1, 17)  # the `t` of `title`
    (1, 14)
"""

from __future__ import annotations

from ..script import Language
from .expanded import Expanded, MacroError, expanded
from .javascript import JavascriptScanner
from .names import METHODS, PREFIXES, THROWN, expansions
from .python import PythonScanner

__all__ = [
    "METHODS",
    "PREFIXES",
    "THROWN",
    "Expanded",
    "JavascriptScanner",
    "MacroError",
    "PythonScanner",
    "expand",
    "expansions",
    "unix_lines",
]


def unix_lines(source: str) -> str:
    """Give a source with one kind of line break."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def expand(source: str, language: Language) -> Expanded:
    """Expand the macros of a script; text in strings and comments stays as it is.

    Raises:
        MacroError: A macro that does not exist, or one that may also be something else.

    Example:
        >>> expand("return await #post.find({})", Language.JAVASCRIPT).text
        'return await $ctx.$repos.post.find({})'
    """
    source = unix_lines(source)
    scanner = PythonScanner if language is Language.PYTHON else JavascriptScanner
    return expanded(source, scanner(source).edits())
