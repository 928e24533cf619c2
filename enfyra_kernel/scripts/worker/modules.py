"""Modules and builtins as scripts see them: nothing that one script does reaches the next."""

from __future__ import annotations

import builtins
import importlib
import random
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

from .records import Record
from .rules import FORBIDDEN, MODULES

# What of a module leads around the rules, keeps state, or holds the worker up.
_HIDDEN: Mapping[str, frozenset[str]] = {
    "decimal": frozenset({"DefaultContext", "BasicContext", "ExtendedContext", "setcontext"}),
    "string": frozenset({"Formatter"}),
    "time": frozenset({"sleep", "tzset", "pthread_getcpuclockid", "clock_settime"}),
    "functools": frozenset({"singledispatch", "singledispatchmethod"}),
    "json": frozenset({"tool"}),
    "zoneinfo": frozenset({"reset_tzpath"}),
}
_BUILTINS = (
    "abs", "aiter", "all", "anext", "any", "ascii", "bin", "bool", "bytearray", "bytes",
    "callable", "chr", "complex", "dict", "divmod", "enumerate", "filter", "float", "frozenset",
    "hash", "hex", "id", "int", "isinstance", "issubclass", "iter", "len", "list", "map", "max",
    "min", "next", "object", "oct", "ord", "pow", "property", "range", "repr", "reversed", "round",
    "set", "slice", "sorted", "staticmethod", "classmethod", "str", "sum", "super", "tuple", "zip",
    "True", "False", "None", "NotImplemented", "Ellipsis", "__build_class__",
)  # fmt: skip


class Module:
    """A module of which nothing can be changed."""

    __slots__ = ("_names", "_title")

    def __init__(self, title: str, names: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_names", types.MappingProxyType(dict(names)))

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Module
        names = object.__getattribute__(self, "_names")
        if name in names:
            return names[name]
        title = object.__getattribute__(self, "_title")
        raise AttributeError(f"The module '{title}' has no '{name}' for scripts")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("Modules cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Modules cannot be changed")

    def __repr__(self) -> str:
        return f"<module '{object.__getattribute__(self, '_title')}'>"


def _public(name: str) -> dict[str, Any]:
    module = importlib.import_module(name)
    if name == "random":
        # The module's own generator could be seeded for all that come after.
        own = random.SystemRandom()
        return {one: getattr(own, one) for one in dir(own) if _is_public(one)} | {
            "Random": random.SystemRandom
        }
    names = getattr(module, "__all__", None) or dir(module)
    hidden = _HIDDEN.get(name, frozenset())
    return {
        one: value
        for one in names
        if _is_public(one)
        and one not in hidden
        and not isinstance(value := getattr(module, one, None), types.ModuleType)
    }


def _is_public(name: str) -> bool:
    return not name.startswith("_")


def load_packages(folder: str, names: Iterable[str]) -> dict[str, Module]:
    """Load the modules of installed packages, before there are no files any more.

    One that cannot be loaded is left out: scripts that import it are told.
    """
    # Last: nothing that is installed takes the place of what Python itself has.
    sys.path.append(folder)
    found: dict[str, Module] = {}
    for name in names:
        if name in MODULES or name in sys.stdlib_module_names:
            continue
        with suppress(Exception):
            found[name] = _package(name, importlib.import_module(name))
    return found


def _package(name: str, module: types.ModuleType) -> Module:
    """Give a module of a package with its own modules in it."""
    names = {
        one: _package(value.__name__, value) if isinstance(value, types.ModuleType) else value
        for one, value in vars(module).items()
        if _is_public(one)
        and not (isinstance(value, types.ModuleType) and not value.__name__.startswith(f"{name}."))
    }
    return Module(name, names)


def load_modules() -> dict[str, Module]:
    """Load everything that scripts may import, before there are no files any more."""
    found = {name: Module(name, _public(name)) for name in sorted(MODULES) if "." not in name}
    for name in sorted(one for one in MODULES if "." in one):
        package, _, last = name.rpartition(".")
        inner = Module(name, _public(name))
        found[name] = inner
        found[package] = Module(package, {last: inner})
    return found


def importer(modules: Mapping[str, Module]) -> Callable[..., Module]:
    """Give what `import` calls."""

    def imported(
        name: str, _globals: Any = None, _locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Module:
        found = modules.get(name)
        if found is None or level:
            raise ImportError(f"The module '{name}' is not for scripts")
        if fromlist:
            return found
        return modules[name.partition(".")[0]]

    return imported


_RAISE = object()


def _getattr(value: Any, name: Any, default: Any = _RAISE) -> Any:
    if not isinstance(name, str) or name.startswith("_") or name in FORBIDDEN:
        raise AttributeError("That attribute is not for scripts")
    return getattr(value, name) if default is _RAISE else getattr(value, name, default)


def _hasattr(value: Any, name: Any) -> bool:
    try:
        _getattr(value, name)
    except AttributeError:
        return False
    return True


def _type(value: Any) -> Any:
    return cast("Any", type(value))


def _writable(value: Any) -> Any:
    """Give an object whose attributes a script may set: a record, or of a class of its own."""
    if isinstance(value, Record) or getattr(_type(value), "scripts_may_write", False) is True:
        return value
    kind: Any = _type(value)
    if kind.__module__ == MARK and not isinstance(value, type):
        return value
    raise AttributeError(f"Attributes of {kind.__name__} cannot be set")


# The module that classes of scripts belong to.
MARK = "script"


def frozen_builtins(imported: Callable[..., Module]) -> dict[str, Any]:
    """Give the builtins of scripts; each call has a copy."""
    exceptions = {
        name: value
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    return {
        **{name: getattr(builtins, name) for name in _BUILTINS},
        **exceptions,
        "getattr": _getattr,
        "hasattr": _hasattr,
        "type": _type,
        "__import__": imported,
    }


def guard() -> Callable[[Any], Any]:
    """Give what is called with each object that a script writes an attribute of."""
    return _writable
