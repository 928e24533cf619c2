"""What is wrong with a source, told before it is saved."""

from __future__ import annotations

from ..macros import unix_lines
from ..script import Language, Problem
from .javascript import javascript_problems
from .python import python_problems, python_tree

__all__ = ["check", "python_tree"]


def check(language: Language, source: str) -> list[Problem]:
    """Say what is wrong with a source, without running it.

    A source can exhaust the compiler that reads it: this is called where that does no harm.

    Example:
        >>> [problem] = check(Language.PYTHON, "if @BODY.title:\\n    return (1")
        >>> print(problem.marked())
        '(' was never closed
          line 2:     return (1
                             ^
        >>> check(Language.PYTHON, "return await #post.find()")
        []
    """
    problems = python_problems if language is Language.PYTHON else javascript_problems
    return problems(unix_lines(source))
