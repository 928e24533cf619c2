"""What a script in Python may not say.

The rules keep scripts from state that outlives them, and give good messages. The boundary that
holds against malice is the operating system's; see `hardening`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .facades import MODULES

WRITE = "_write_"
# Ways into frames, code, the loop and formats that read attributes.
_FORBIDDEN_TEXT = (
    "format format_map mro get_loop get_coro get_stack print_stack with_traceback f_back "
    "f_builtins f_code f_globals f_lasti f_lineno f_locals f_trace f_trace_lines "
    "f_trace_opcodes gi_code gi_frame gi_running gi_suspended gi_yieldfrom cr_await cr_code "
    "cr_frame cr_origin cr_running cr_suspended ag_await ag_code ag_frame ag_running tb_frame "
    "tb_lasti tb_lineno tb_next co_code co_consts co_names func_globals func_code"
)
FORBIDDEN = frozenset(_FORBIDDEN_TEXT.split())
# What a class of a script may define.
_SPECIAL_TEXT = (
    "__init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ "
    "__len__ __iter__ __next__ __contains__ __getitem__ __setitem__ __delitem__ __call__ "
    "__enter__ __exit__ __aenter__ __aexit__ __aiter__ __anext__ __await__ __add__ __radd__ "
    "__sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __mod__ __neg__ "
    "__abs__ __int__ __float__ __index__ __missing__ __post_init__"
)
_SPECIAL = frozenset(_SPECIAL_TEXT.split())


class Broken(Exception):
    """A rule that a source breaks, at a node of it."""

    def __init__(self, node: ast.AST, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.node = node
        self.hint = hint


def is_allowed(name: str) -> bool:
    """Whether a script may read or write an attribute of that name.

    Example:
        >>> is_allowed("title"), is_allowed("__class__"), is_allowed("gi_frame")
        (True, False, False)
    """
    return not name.startswith("_") and name not in FORBIDDEN


def enforce(tree: ast.Module) -> None:
    """Look through a script's tree.

    Raises:
        Broken: The first rule that it breaks.
    """
    methods = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name in _SPECIAL
    }
    for node in ast.walk(tree):
        for name in _names(node):
            if name.startswith("_") and name != "_" and id(node) not in methods:
                raise Broken(node, f"'{name}' begins with an underscore", _UNDERSCORE)
        match node:
            case ast.Attribute(attr=attribute) if not _may_be_read(node):
                raise Broken(node, f"'.{attribute}' cannot be used in a script", _hint(attribute))
            case ast.Global():
                raise Broken(node, "'global' cannot be used in a script", _GLOBAL)
            case ast.Import() | ast.ImportFrom():
                _look_at_import(node)
            case ast.MatchClass(kwd_attrs=names):
                for name in names:
                    if not is_allowed(name):
                        raise Broken(node, f"'.{name}' cannot be used in a script")
            case _:
                pass


_UNDERSCORE = "Such names belong to Python itself: take a name that begins with a letter"
_GLOBAL = "What lives on between scripts is kept in ctx.share, or in ctx.cache"


def _hint(attribute: str) -> str | None:
    if attribute in ("format", "format_map"):
        return 'Write f"... {value} ..."'
    return _UNDERSCORE if attribute.startswith("_") else None


def _may_be_read(node: ast.Attribute) -> bool:
    if node.attr in _SPECIAL:
        call = node.value
        return (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "super"
            and isinstance(node.ctx, ast.Load)
        )
    return is_allowed(node.attr)


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.keyword(arg=str(name)):
            yield name
        case ast.Nonlocal(names=names):
            yield from names
        case ast.alias(name=name, asname=other):
            yield from name.split(".")
            if other:
                yield other
        case _:
            pass


def _look_at_import(node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.ImportFrom):
        names = [node.module or "."]
        if node.level:
            raise Broken(node, "There is nothing beside a script to import from")
        if any(alias.name == "*" for alias in node.names):
            raise Broken(node, "'import *' cannot be used in a script", "Name what you import")
    else:
        names = [alias.name for alias in node.names]
    for name in names:
        if name not in MODULES:
            shown = ", ".join(sorted(MODULES))
            raise Broken(node, f"The module '{name}' cannot be imported", f"There are {shown}")


class GuardWrites(ast.NodeTransformer):
    """Lets every write to an attribute or item go through a look at what is written to."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Look at the owner of an attribute that is written."""
        return self._guarded(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Look at the owner of an item that is written."""
        return self._guarded(node)

    def _guarded(self, node: ast.Attribute | ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            owner = node.value
            name = ast.copy_location(ast.Name(WRITE, ast.Load()), owner)
            node.value = ast.copy_location(ast.Call(name, [owner], []), owner)
        return node
