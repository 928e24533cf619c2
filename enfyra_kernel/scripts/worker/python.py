"""Runs scripts in Python."""

from __future__ import annotations

import ast
import traceback
import types
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from ..checks import python_tree
from ..macros import Expanded, MacroError, expand
from ..script import Language, Problem
from .call import Call
from .context import Context, log_text
from .modules import MARK, Module, frozen_builtins, guard, importer, load_modules
from .rules import GUARD, Guarding, installed, problems_of

# Of so many scripts the code is kept.
_KEPT = 512
FILE = "<script>"


class RefusedError(Exception):
    """A script that is not run: it is wrong, or says what it may not."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Compiled:
    """A script that can be run."""

    __slots__ = ("code", "expanded")

    def __init__(self, code: types.CodeType, expanded: Expanded) -> None:
        self.code = code
        self.expanded = expanded

    def place_of(self, error: BaseException) -> tuple[int | None, int | None]:
        """Give the line and column in the script that an error comes from."""
        frames = traceback.extract_tb(error.__traceback__)
        for frame in reversed(frames):
            if frame.filename == FILE:
                column = frame.colno + 1 if frame.colno is not None else None
                return frame.lineno, column
        return None, None

    def problem(self, message: str, error: BaseException, hint: str | None = None) -> Problem:
        """Give a problem at the place in its author's source."""
        line, column = self.place_of(error)
        return self.expanded.problem(message, line, column, hint)


def compiled(source: str) -> Compiled:
    """Compile a script.

    Raises:
        RefusedError: With the first thing that is wrong with it.
    """
    try:
        expanded = expand(source, Language.PYTHON)
    except MacroError as error:
        raise RefusedError(error.problem) from None
    try:
        tree = python_tree(expanded.text)
        for problem in problems_of(tree):
            raise RefusedError(
                expanded.problem(problem.message, problem.line, problem.column, problem.hint)
            )
        guarded = ast.fix_missing_locations(Guarding().visit(tree))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Compiled(compile(guarded, FILE, "exec"), expanded)
    except SyntaxError as error:
        raise RefusedError(expanded.problem(error.msg, error.lineno, error.offset)) from None
    except (RecursionError, MemoryError, ValueError) as error:
        message = f"The script cannot be compiled: {error or type(error).__name__}"
        raise RefusedError(Problem(message=message)) from None


class Python:
    """Runs scripts in Python, each with names of its own.

    Args:
        packages: Modules that are installed for scripts, by name.
    """

    def __init__(self, packages: Mapping[str, Module] | None = None) -> None:
        self._packages = packages or {}
        installed.update(self._packages)
        modules = {**self._packages, **load_modules()}
        self._builtins: Mapping[str, Any] = frozen_builtins(importer(modules))
        self._guard = guard()
        self._kept: OrderedDict[str, Compiled] = OrderedDict()

    @property
    def packages(self) -> Mapping[str, Module]:
        """The modules that are installed for scripts."""
        return self._packages

    def compiled(self, digest: str, source: str) -> Compiled:
        """Compile a script, unless that has been done."""
        found = self._kept.get(digest)
        if found is not None:
            self._kept.move_to_end(digest)
            return found
        made = compiled(source)
        self._kept[digest] = made
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made

    async def run(self, script: Compiled, context: Context, call: Call) -> Any:
        """Run a script, and give what it returns."""

        def printed(*values: Any, sep: str = " ", end: str = "", **_: Any) -> None:
            call.log(sep.join(map(log_text, values)) + end)

        names: dict[str, Any] = {
            "__builtins__": {**self._builtins, "print": printed},
            "__name__": MARK,
            GUARD: self._guard,
        }
        exec(script.code, names)  # noqa: S102 - what this process is for
        return await names["script"](context)
