"""The built-in names that scripts in Python have."""

from __future__ import annotations

import builtins
import collections
import decimal
from collections.abc import Callable
from typing import Any, cast

from .context import Context
from .facades import MODULES, Facade
from .rules import WRITE, is_allowed
from .throwing import Thrown
from .values import Record

_PLAIN_TEXT = (
    "abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate "
    "filter float format frozenset hash hex int isinstance issubclass iter len list map max "
    "min next object oct ord pow property range repr reversed round set slice sorted "
    "staticmethod classmethod str sum super tuple zip aiter anext ArithmeticError "
    "AssertionError AttributeError BaseException BufferError EOFError Exception "
    "ExceptionGroup FloatingPointError GeneratorExit ImportError IndexError KeyError "
    "LookupError MemoryError NameError NotImplementedError OverflowError RecursionError "
    "RuntimeError StopAsyncIteration StopIteration SyntaxError TimeoutError TypeError "
    "UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError "
    "ZeroDivisionError NotImplemented Ellipsis"
)
_PLAIN = _PLAIN_TEXT.split()
_WRITABLE = frozenset(
    {
        dict, list, bytearray, Record, Context, decimal.Context, collections.defaultdict,
        collections.OrderedDict, collections.Counter, collections.deque, collections.ChainMap,
    }
)  # fmt: skip
_MISSING = object()


def _write(owner: Any) -> Any:
    """Give what is written to, if a script may."""
    kind = cast("type[Any]", type(owner))
    if kind in _WRITABLE:
        return owner
    if isinstance(owner, type):
        made = type.__getattribute__(owner, "__module__") == "script"
    else:
        made = type.__getattribute__(kind, "__module__") == "script"
    if kind is Facade:
        raise TypeError(f"{owner!r} cannot be changed")
    if not made:
        raise TypeError(f"a script cannot change a value of the type {kind.__name__}")
    return owner


def _check_name(name: Any) -> None:
    if type(name) is not str:
        raise TypeError("the name of an attribute is a text")
    if not is_allowed(name):
        raise AttributeError(f"'.{name}' cannot be used in a script")


def _getattr(owner: Any, name: str, default: Any = _MISSING) -> Any:
    _check_name(name)
    return getattr(owner, name) if default is _MISSING else getattr(owner, name, default)


def _hasattr(owner: Any, name: str) -> bool:
    _check_name(name)
    return hasattr(owner, name)


def _setattr(owner: Any, name: str, value: Any) -> None:
    _check_name(name)
    setattr(_write(owner), name, value)


def _delattr(owner: Any, name: str) -> None:
    _check_name(name)
    delattr(_write(owner), name)


def _type(value: Any) -> Any:
    return cast("Any", type(value))


def _import(
    name: str,
    _globals: Any = None,
    _locals: Any = None,
    names: tuple[str, ...] | None = None,
    _level: int = 0,
) -> Any:
    if name not in MODULES:
        raise ImportError(f"the module '{name}' cannot be imported")
    return MODULES[name if names else name.partition(".")[0]]


# A plain dictionary, as it is copied for each run. No script ever has it itself: what one replaces
# in its copy, no other one reads.
_BUILTINS: dict[str, Any] = {
    name: getattr(builtins, name) for name in _PLAIN if hasattr(builtins, name)
} | {
    "None": None,
    "True": True,
    "False": False,
    "__build_class__": builtins.__build_class__,
    "__import__": _import,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "delattr": _delattr,
    "type": _type,
    "EnfyraError": Thrown,
    WRITE: _write,
}


def names_for(log: Callable[..., None]) -> dict[str, Any]:
    """Give the global names of one run of a script; `print` writes to its log."""
    return {
        "__builtins__": _BUILTINS | {"print": log},
        "__name__": "script",
    }
