"""Scripts in Python: from a source to what it returns, or to the place where it failed."""

from __future__ import annotations

import ast
import inspect
import types
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any

from ..channel import MAX_MESSAGE
from ..script import Problem
from .context import Context
from .rules import Broken, GuardWrites, enforce
from .source import Expanded, MacroError, expand
from .vocabulary import names_for

_KEPT = 512
FUNCTION = "script"


class InvalidSource(Exception):
    """A source that cannot be run."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Compiled:
    """A source that can be run.

    Attributes:
        code: That of the function which the source is the body of.
    """

    expanded: Expanded
    code: CodeType
    file: str


class Compiler:
    """Compiles sources, and keeps those that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Compiled] = OrderedDict()

    def compiled(self, digest: str, source: str) -> Compiled:
        """Give a source compiled.

        Raises:
            InvalidSource: It is not Python, or breaks a rule.
        """
        known = self._kept.get(digest)
        if known is not None and known.expanded.source == source:
            self._kept.move_to_end(digest)
            return known
        made = self._kept[digest] = compiled(source)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return made


def compiled(source: str) -> Compiled:
    """Compile a source.

    Raises:
        InvalidSource: It is not Python, or breaks a rule.
    """
    try:
        expanded = expand(source)
    except MacroError as error:
        raise InvalidSource(error.problem) from None
    file = f"<script {id(expanded):x}>"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(expanded.text)
            enforce(tree)
            code = compile(_wrapped(GuardWrites().visit(tree)), file, "exec", dont_inherit=True)
    except Broken as error:
        line, column = _place_of(expanded, error.node)
        raise InvalidSource(expanded.problem(str(error), line, column, error.hint)) from None
    except SyntaxError as error:
        raise InvalidSource(expanded.problem(error.msg, error.lineno, error.offset)) from None
    except (RecursionError, MemoryError):
        problem = Problem(message="The script is nested too deeply, or too long")
        raise InvalidSource(problem) from None
    except ValueError as error:
        raise InvalidSource(Problem(message=f"This is not Python: {error}")) from None
    function = next(one for one in code.co_consts if isinstance(one, CodeType))
    if function.co_flags & inspect.CO_ASYNC_GENERATOR:
        problem = Problem(message="A script gives its result with return, not with yield")
        raise InvalidSource(problem)
    return Compiled(expanded, function, file)


def _wrapped(tree: ast.Module) -> ast.Module:
    """Make the body of a function of what was written; every node keeps its place."""
    function = ast.AsyncFunctionDef(
        name=FUNCTION,
        args=ast.arguments(
            posonlyargs=[], args=[ast.arg("ctx", lineno=1, col_offset=0)], kwonlyargs=[],
            kw_defaults=[], defaults=[],
        ),
        body=tree.body or [ast.Pass(lineno=1, col_offset=0)],
        decorator_list=[],
        lineno=1,
        col_offset=0,
    )  # fmt: skip
    if hasattr(ast, "TypeVar"):
        function.type_params = []  # pyright: ignore[reportAttributeAccessIssue] - from 3.12 on
    return ast.fix_missing_locations(ast.Module(body=[function], type_ignores=[]))


def _place_of(expanded: Expanded, node: ast.AST) -> tuple[int | None, int | None]:
    line = getattr(node, "lineno", None)
    offset = getattr(node, "col_offset", None)
    if line is None or offset is None:
        return line, None
    return line, _column(expanded, line, offset)


def _column(expanded: Expanded, line: int, offset: int) -> int:
    # The compiler counts bytes.
    lines = expanded.text.split("\n")
    text = lines[line - 1].encode() if line <= len(lines) else b""
    return len(text[:offset].decode(errors="ignore")) + 1


async def run_python(script: Compiled, context: Context) -> Any:
    """Run a script and give what it returns."""
    # Its names do not have the function itself: that would be a circle for the collector.
    return await types.FunctionType(script.code, names_for(context.logs), FUNCTION)(context)


def problem_of(script: Compiled | None, error: BaseException) -> Problem:
    """Say what went wrong, at the last place in the author's source that it came through."""
    message = message_of(error)
    if script is None:
        return Problem(message=message)
    place = None
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == script.file:
            place = traceback
        traceback = traceback.tb_next
    if place is None:
        return Problem(message=message)
    code = place.tb_frame.f_code
    line, column = place.tb_lineno, None
    for index, (first, _, offset, _) in enumerate(code.co_positions()):
        if index == place.tb_lasti // 2:
            if first is not None and offset is not None:
                line, column = first, _column(script.expanded, first, offset)
            break
    return script.expanded.problem(message, line, column)


def message_of(error: BaseException) -> str:
    """Give the type and the text of an error, as far as they can be told."""
    try:
        text = str(error)
    except Exception:  # a script's own class may do anything
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:MAX_MESSAGE]
