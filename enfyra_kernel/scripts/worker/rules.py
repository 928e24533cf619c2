"""What scripts in Python may say: hygiene and good messages; the process is the boundary."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from ..script import Problem

# Name of the function that looks at what is written to; no script can say it.
GUARD = "_writable"
MODULES = frozenset(
    {"base64", "binascii", "bisect", "calendar", "collections", "colorsys", "copy", "datetime",
     "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "html",
     "itertools", "json", "math", "numbers", "random", "re", "secrets", "statistics", "string",
     "textwrap", "time", "unicodedata", "urllib.parse", "uuid", "zoneinfo", "zlib"}
)  # fmt: skip
# Attributes that lead to frames, code, or out of a format's text.
FORBIDDEN = frozenset(
    {"gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin",
     "ag_frame", "ag_code", "ag_await", "f_back", "f_builtins", "f_code", "f_globals", "f_locals",
     "f_trace", "tb_frame", "tb_next", "tb_lasti", "co_code", "co_consts", "func_globals",
     "func_code", "mro", "format", "format_map", "with_traceback", "register"}
)  # fmt: skip


def problems_of(tree: ast.AST) -> Iterator[Problem]:
    """Say what a script says that it may not."""
    for node in ast.walk(tree):
        message, hint = _objection(node)
        if message is not None:
            line = getattr(node, "lineno", None)
            column = getattr(node, "col_offset", -1) + 1
            yield Problem(message=message, line=line, column=column or None, hint=hint)


def _objection(node: ast.AST) -> tuple[str | None, str | None]:
    match node:
        case ast.Name(id=name) if name.startswith("_") and name != "_":
            return f"Names that begin with _ are not for scripts: {name}", None
        case ast.Attribute(attr=name) if name.startswith("_"):
            return f"Attributes that begin with _ are not for scripts: {name}", None
        case ast.Attribute(attr=("format" | "format_map") as name):
            return f".{name}() is not for scripts", 'Write f"... {value} ..."'
        case ast.Attribute(attr=name) if name in FORBIDDEN:
            return f"'{name}' is not for scripts", None
        case ast.Global():
            return "Scripts have no globals", "Keep what hooks share in @SHARE"
        case ast.Import(names=names):
            return _objection_to_modules(*(one.name for one in names))
        case ast.ImportFrom(module=module, level=level, names=names):
            if level:
                return "Scripts are in no package", None
            if any(one.name == "*" or one.name.startswith("_") for one in names):
                return "Name what is imported", None
            return _objection_to_modules(module or "")
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            if name.startswith("_") and not (name.startswith("__") and name.endswith("__")):
                return f"Names that begin with _ are not for scripts: {name}", None
        case ast.arg(arg=name) | ast.keyword(arg=str(name)) if name.startswith("_"):
            return f"Names that begin with _ are not for scripts: {name}", None
        case ast.MatchClass(kwd_attrs=names) if any(one.startswith("_") for one in names):
            return "Attributes that begin with _ are not for scripts", None
        case ast.ExceptHandler(type=None):
            return "'except:' without a type catches too much", "Write: except Exception:"
        case _:
            pass
    return None, None


# Modules of packages that are installed for scripts.
installed: set[str] = set()


def _objection_to_modules(*names: str) -> tuple[str | None, str | None]:
    for name in names:
        if name not in MODULES and name not in installed:
            modules = [*MODULES, *installed]
            near = difflib.get_close_matches(name, modules, n=1, cutoff=0.6)
            known = f"There are: {', '.join(sorted(modules))}"
            hint = f"Did you mean {near[0]}?" if near else known
            return f"The module '{name}' is not for scripts", hint
    return None, None


class Guarding(ast.NodeTransformer):
    """Has a script look at what it writes an attribute of: its own things only."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Put the guard around the object whose attribute is set or deleted."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            return node
        guarded = ast.Call(
            func=ast.copy_location(ast.Name(id=GUARD, ctx=ast.Load()), node.value),
            args=[node.value],
            keywords=[],
        )
        node.value = ast.copy_location(guarded, node.value)
        return node
