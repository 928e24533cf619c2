"""An author's source as what the engine is given, and places in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..macros import Expanded, JavascriptScanner, MacroError
from ..macros.expanded import expanded, problem_at
from ..macros.javascript import Token
from ..script import Problem

# The prelude has fewer lines: a place behind this one is the author's. All code of an engine has
# the same file name, so its line is what tells whose it is.
FIRST_LINE = 300
_HEAD = "\n" * (FIRST_LINE - 2) + '(async function script($ctx) { "use strict";\n'
_TAIL = "\n})"
_FRAME = re.compile(
    r"^ +at (?:(?P<name>.*?) \()?<input>:(?P<line>\d+):(?P<column>\d+)\)?$", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A source that can be given to an engine.

    Attributes:
        text: An expression that gives the function.
        tokens: The tokens of the author's source.
    """

    expanded: Expanded
    text: str
    tokens: tuple[Token, ...]

    def problem(self, message: str, stack: str, hint: str | None = None) -> Problem:
        """Give a problem at the innermost place of a stack that is in the author's source."""
        for line, column in _places(stack):
            lines = self.expanded.text.split("\n")
            if 1 <= line <= len(lines):
                # The engine counts bytes.
                before = lines[line - 1].encode()[: column - 1].decode(errors="ignore")
                return self.expanded.problem(message, line, len(before) + 1, hint)
            if line == len(lines) + 1:
                return self.expanded.problem(message, len(lines), None, hint)
        return Problem(message=message, hint=hint)


def _places(stack: str) -> Iterator[tuple[int, int]]:
    for frame in _FRAME.finditer(stack):
        line = int(frame["line"]) - FIRST_LINE + 1
        if line >= 1:
            yield line, int(frame["column"])


@lru_cache(maxsize=256)
def prepare(source: str) -> Prepared:
    """Expand the macros of a source and make a function of it.

    Args:
        source: With `\\n` at the end of every line.

    Raises:
        MacroError: A macro that does not exist, a bracket without its counterpart, or a character
            that no source may have.
    """
    for unfit, name in (("\0", "The character NUL"), (r"[\ud800-\udfff]", "Half a character")):
        if found := re.search(unfit, source):
            message = f"{name} cannot stand in a script"
            raise MacroError(problem_at(source, found.start(), message))
    scanner = JavascriptScanner(source)
    done = expanded(source, scanner.edits())
    # The function's end is told by its bracket: a source must not bring that itself.
    if problem := scanner.bracket_problem():
        raise MacroError(problem)
    return Prepared(expanded=done, text=_HEAD + done.text + _TAIL, tokens=tuple(scanner.tokens))
