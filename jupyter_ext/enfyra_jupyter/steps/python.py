"""Runs the source of a `python` step."""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from typing import Any

from .failures import Failed

RESULT = "result"


def run(task: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """Run a source as a module of its own; give its `result`, or what its last line gives.

    Args:
        task: `name`, `source` and `flow`.
        names: What it finds besides `flow`.

    Raises:
        Failed: With the line that it was at; the traceback is printed.

    Example:
        >>> run({"name": "sum", "source": "flow['payload'] + 1", "flow": {"payload": 2}}, {})
        3
    """
    file, source = f"<{task['name']}>", task["source"]
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    # Under this name functions find each other also in processes that the step begins.
    module = types.ModuleType("__main__")
    module.__file__ = file
    vars(module).update(names, flow=task["flow"])
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        value = _value(compile(tree, file, "exec"), last, file, vars(module))
    except SystemExit as left:
        if left.code not in {None, 0}:
            raise Failed(f"The step has left with {left.code}") from None
        value = None
    except BaseException as error:
        raise _failed(error, file) from None
    finally:
        sys.modules["__main__"] = before
    return vars(module).get(RESULT, value)


def _value(code: Any, last: ast.Expr | None, file: str, names: dict[str, Any]) -> Any:
    exec(code, names)  # noqa: S102 - this is what the step is
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), file, "eval"), names)  # noqa: S307


def _failed(error: BaseException, file: str) -> Failed:
    frames = traceback.extract_tb(error.__traceback__)
    first = next((n for n, frame in enumerate(frames) if frame.filename == file), len(frames))
    lines = [
        "Traceback (most recent call last):\n",
        *traceback.format_list(frames[first:]),
        *traceback.format_exception_only(error),
    ]
    sys.stderr.write("".join(lines))
    own = [frame.lineno for frame in frames if frame.filename == file]
    place = f"line {own[-1]}: " if own else ""
    return Failed(f"{place}{type(error).__name__}: {error}".rstrip(": "))


def reporter(say: Callable[..., None], what: str) -> Callable[..., None]:
    """Give the function `progress` of a step."""

    def progress(done: float, total: float, what: str = what) -> None:
        """Say how much is done, of how much."""
        say("progress", done=float(done), total=float(total), what=str(what))

    return progress
