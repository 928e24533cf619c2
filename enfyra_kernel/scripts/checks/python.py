"""Problems of a source in Python."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace

from ..macros import METHODS, Expanded, MacroError, expand
from ..script import Language, Problem
from .wording import hint_for, rules

# What the compiler says, and what to do about it.
_SAID = rules(
    [
        (r"was never closed|unmatched|does not match opening", "Every ( [ { needs its counterpart"),
        (r"expected ':'", "if, for, while, def and the like end with a colon"),
        (r"expected an indented block", "What belongs to the line above is indented: 4 spaces"),
        (r"unexpected indent", "The line is further in than the one above, without reason"),
        (r"unindent does not match", "The line is as far in as no line above"),
        (r"inconsistent use of tabs", "Indent with spaces only"),
        (r"unterminated .*string", "The text has no closing quotes on its line"),
        (r"forgot a comma", "Is there a comma, or a sign between two values, missing?"),
        (r"Maybe you meant '==' ", "Two values are compared with =="),
        (r"async generator", "A script gives its result with return, not with yield"),
    ]
)
# What stands in the line of a mistake, and how Python has it.
_WRITTEN = rules(
    [
        (r"&&", "Python writes 'and' for &&"),
        (r"\|\|", "Python writes 'or' for ||"),
        (r"[=!]==", "Python writes == and != for === and !=="),
        (r"^\s*//", "In Python a comment begins with #"),
        (
            r"^\s*(?:export\s+)?(?:const|let|var)\s",
            "Python has no const, let and var: name = value",
        ),
        (r"\bfunction\b", "Python writes: def name(argument):"),
        (r"=>", "Python writes: lambda argument: value"),
        (r"\?\.", "Python has no ?. - what @BODY or a record does not have is None"),
        (r"\?\?", "Python has no ?? - write: value if value is not None else another"),
        (r"\belse\s+if\b", "Python writes elif"),
        (r"\bcatch\b", "Python writes: except"),
        (r"\bthrow\s", "@THROW400(message) throws, or raise"),
        (r"\bnew\s+\w", "Python has no new: Name(...)"),
        (r"`", 'Python writes f"... {value} ..."'),
        (r"\+\+|--\s*$", "Python writes: n += 1"),
        (r"(?:^|[\s(,=])!\s*[\w@#(]", "Python writes 'not' for !"),
        (r"\)\s*\{\s*$|^\s*\}", "Python has no braces: a colon, and indented lines"),
        (r"\S\s*\?\s*\S.*:", "Python writes: this if condition else that"),
        (r"\bNone\b.*\bis\b", "Write: is None"),
        (r"^\s*\w+\s+await\b", "await stands before what is waited for"),
    ]
)
_NAMES = {
    "null": "Python writes None",
    "undefined": "Python writes None",
    "true": "Python writes True",
    "false": "Python writes False",
    "console": "print(...) or @LOGS(...) writes to the log",
    "JSON": "import json; json.dumps(value), json.loads(text)",
    "this": "The request is in @BODY, @QUERY, @PARAMS, @USER and @REQ",
    "$ctx": "In Python the context is ctx, as in ctx.body",
}
# What asks the server; `*` stands for any name. It does so at once, awaited or not.
_ASKS = [
    ("ctx", "cache", "*"),
    ("ctx", "trigger"),
    ("ctx", "helpers", "fetch"),
    ("ctx", "helpers", "jwt"),
    ("ctx", "helpers", "bcrypt", "*"),
    ("ctx", "helpers", "rateLimit", "*"),
    ("ctx", "helpers", "rate_limit", "*"),
    *(("ctx", "repos", "*", method) for method in METHODS),
    *(("ctx", "repos", "secure", "*", method) for method in METHODS),
]
# What does nothing at all unless it is awaited.
_STARTS = [
    ("ctx", "helpers", "sleep"),
    ("ctx", "res", "stream"),
    ("ctx", "transaction", "run"),
]
_IN_FSTRING = re.compile(r"^f-string: ")


def python_tree(text: str) -> ast.Module:
    """Parse a script whose macros are expanded: a module with the one function `script(ctx)`.

    Every node keeps its line and column.

    Raises:
        SyntaxError: It is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    [function] = ast.parse("async def script(ctx): pass").body
    assert isinstance(function, ast.AsyncFunctionDef)  # noqa: S101 - that is what was parsed
    function.body = tree.body or function.body
    tree.body = [function]
    return tree


def python_problems(source: str) -> list[Problem]:
    """Say what is wrong with a source that has `\\n` at the end of every line."""
    try:
        expanded = expand(source, Language.PYTHON)
    except MacroError as error:
        return [error.problem]
    try:
        tree = python_tree(expanded.text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "script", "exec")
    except SyntaxError as error:
        return [_syntax_problem(expanded, error)]
    except (RecursionError, MemoryError):
        return [Problem(message="The script is nested too deeply")]
    except ValueError as error:  # a character that no source may have
        return [Problem(message=f"This is not Python: {error}")]
    return sorted(_misuses(expanded, tree), key=lambda one: (one.line or 0, one.column or 0))


def _syntax_problem(expanded: Expanded, error: SyntaxError) -> Problem:
    message = error.msg[:1].upper() + error.msg[1:] if error.msg[:1].isalpha() else error.msg
    column = error.offset
    if _IN_FSTRING.match(error.msg):
        # Until 3.12 the column is that within the braces.
        message, column = error.msg, None
    problem = expanded.problem(message, error.lineno, column)
    if isinstance(error, IndentationError) and problem.text.strip():
        first = len(problem.text) - len(problem.text.lstrip()) + 1
        problem = replace(problem, column=first)
    hint = hint_for(problem.text, _WRITTEN) or hint_for(error.msg, _SAID)
    return replace(problem, hint=hint)


def _misuses(expanded: Expanded, tree: ast.Module) -> Iterator[Problem]:
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    bound |= {alias.asname or alias.name for node in ast.walk(tree) for alias in _aliases(node)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _NAMES and node.id not in bound:
            message = f"There is no '{node.id}' in Python"
            yield _problem(expanded, node, message, _NAMES[node.id])
        elif isinstance(node, ast.Call) and _lacks_await(node, parents, tree):
            message = f"await is missing before {_shown(expanded, node)}"
            yield _problem(expanded, node, message, "What asks the server has to be awaited")
        elif isinstance(node, (ast.Yield, ast.YieldFrom)) and _is_of_script(node, parents):
            message = "A script cannot yield"
            yield _problem(expanded, node, message, "It gives its result with return")


def _aliases(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []


def _problem(expanded: Expanded, node: ast.expr, message: str, hint: str) -> Problem:
    return expanded.problem(message, node.lineno, _column(expanded, node), hint)


def _column(expanded: Expanded, node: ast.expr) -> int:
    # The parser counts bytes.
    line = expanded.text.split("\n")[node.lineno - 1].encode()
    return len(line[: node.col_offset].decode(errors="ignore")) + 1


def _shown(expanded: Expanded, call: ast.Call) -> str:
    """Give the called function as the author wrote it."""
    end = call.func.end_col_offset or 0
    if call.func.end_lineno != call.lineno:
        return "this"
    line = expanded.text.split("\n")[call.lineno - 1].encode()
    last = len(line[:end].decode(errors="ignore")) + 1
    begin = expanded.origin(call.lineno, _column(expanded, call))[1]
    end = expanded.origin(call.lineno, last)[1]
    return expanded.source.split("\n")[call.lineno - 1][begin - 1 : end - 1] + "(...)"


def _path(node: ast.expr) -> tuple[str, ...]:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else "")
    return tuple(reversed(names))


def _is_one_of(path: tuple[str, ...], names: list[tuple[str, ...]]) -> bool:
    return any(
        len(path) == len(one)
        and all(part in ("*", name) for part, name in zip(one, path, strict=True))
        for one in names
    )


def _is_of_script(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether it belongs to the script itself, not to a function in it."""
    while not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        node = parents[node]
    return isinstance(parents[node], ast.Module)


def _lacks_await(call: ast.Call, parents: dict[ast.AST, ast.AST], tree: ast.Module) -> bool:
    """Whether the server is asked, and the answer used as if it were there already."""
    path = _path(call.func)
    starts = _is_one_of(path, _STARTS)
    if not starts and not _is_one_of(path, _ASKS):
        return False
    parent = parents[call]
    match parent:
        case ast.Expr():
            return starts
        case ast.Await() | ast.Call() | ast.keyword() | ast.Starred():
            return False
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return not _is_handed_on(name, parents, tree)
        case ast.Assign(targets=[ast.Tuple() | ast.List()]):
            return True
        case ast.Assign() | ast.List() | ast.Tuple() | ast.Set() | ast.Dict() | ast.Lambda():
            return False
        case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
            return False
        case ast.IfExp():
            return call is parent.test
        case _:
            return True


def _is_handed_on(name: str, parents: dict[ast.AST, ast.AST], tree: ast.Module) -> bool:
    """Whether a variable is awaited or given to something that may await it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            if isinstance(parents[node], (ast.Attribute, ast.Subscript)):
                continue
            return True
    return False
