"""Renders a statement once, instead of for each of 2,000 kernels.

Half of what a test of the API computes is the text of statements, nearly all of them for tables
that were there in the test before, too: those of the system, or those that a fixture defines. The
renderer is pure, so what it has made holds wherever it is asked for the same; by value, for each
kernel has tables and plans of its own.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from cachetools import LRUCache
from enfyra_kernel.metadata.tables import Table
from enfyra_kernel.storage.sql.render.renderer import Renderer

# Those that give a statement, and nothing that leads back to tables.
METHODS = (
    "page", "lines", "insert", "insert_arrays", "update", "update_arrays", "update_cases", "delete",
)  # fmt: skip
MOST = 8_000
_digests: WeakKeyDictionary[Table, bytes] = WeakKeyDictionary()


class _Writer(pickle.Pickler):
    """Writes down what a statement is made of, the same for everything that is equal."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        # Without references to what has been written, which depend on who shares it.
        self.fast = True

    def reducer_override(self, obj: Any) -> Any:
        write = _WRITTEN.get(type(obj))
        return NotImplemented if write is None else write(obj)


def _function(one: Any) -> Any:
    # How values are read is no part of a statement.
    return str, (f"{one.__module__}.{one.__qualname__}",)


def _digest(*parts: Any) -> bytes:
    file = io.BytesIO()
    _Writer(file).dump(parts)
    return hashlib.blake2b(file.getbuffer(), digest_size=16).digest()


def _digest_of(table: Table) -> bytes:
    digest = _digests.get(table)
    if digest is None:
        facts = (table.definition, table.name, table.columns, table.relations, table.primary)
        digest = _digests[table] = _digest(*facts)
    return digest


_WRITTEN: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((FunctionType, BuiltinFunctionType, MethodType), _function),
    Table: lambda table: (bytes, (_digest_of(table),)),
    MappingProxyType: lambda one: (dict, (dict(one),)),
    frozenset: lambda one: (frozenset, (sorted(one),)),
}


def _of_dialect(dialect: Any) -> Any:
    """Give what a dialect has found out about its server."""
    kept = {key: one for key, one in vars(dialect).items() if isinstance(one, str | int | None)}
    return type(dialect).__qualname__, kept


@contextmanager
def rendered_once() -> Iterator[None]:
    """Keep what is rendered as long as the block lasts."""
    made: LRUCache[Any, Any] = LRUCache(MOST)

    def keeping(name: str) -> Any:
        original = getattr(Renderer, name)

        def render(self: Renderer, *arguments: Any) -> Any:
            key = _digest(name, _of_dialect(self.dialect), arguments)
            statement = made.get(key)
            if statement is None:
                statement = made[key] = original(self, *arguments)
            return statement

        return render

    with pytest.MonkeyPatch.context() as patched:
        for name in METHODS:
            patched.setattr(Renderer, name, keeping(name))
        yield
