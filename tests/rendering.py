"""Renders a statement once, instead of for each of 2,000 kernels.

Half of what a test of the API computes is the text of statements, nearly all of them for tables
that were there in the test before, too: those of the system, or those that a fixture defines. The
renderer is pure, so what it has made holds wherever it is asked for the same; by value, for each
kernel has tables and plans of its own.
"""

from __future__ import annotations

import hashlib
import marshal
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, NoneType
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
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


# What is its own description.
_PLAIN = frozenset((NoneType, bool, int, float, str, bytes))


def _written(many: Iterable[Any]) -> list[Any]:
    """Give what a statement is made of as plain values, the same for everything that is equal."""
    return [
        one if (kind := type(one)) in _PLAIN else (_WRITERS.get(kind) or _writer_of(kind))(one)
        for one in many
    ]


def _function_written(one: Any) -> str:
    # How values are read is no part of a statement.
    return f"{one.__module__}.{one.__qualname__}"


def _mapping_written(one: Mapping[Any, Any]) -> Any:
    return _written(one), _written(one.values())


def _table_written(table: Table) -> bytes:
    digest = _digests.get(table)
    if digest is None:
        facts = (table.definition, table.name, table.columns, table.relations, table.primary)
        digest = _digests[table] = _digest(*facts)
    return digest


_WRITERS: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((FunctionType, BuiltinFunctionType, MethodType), _function_written),
    **dict.fromkeys((tuple, list), _written),
    **dict.fromkeys((dict, MappingProxyType), _mapping_written),
    frozenset: lambda one: _written(sorted(one)),
    Table: _table_written,
}


def _writer_of(kind: type) -> Callable[[Any], Any]:
    """Give what writes down all values of a type, with the type's name."""
    write = _WRITERS[kind] = _new_writer(kind, f"{kind.__module__}.{kind.__qualname__}")
    return write


def _new_writer(kind: Any, name: str) -> Callable[[Any], Any]:
    if issubclass(kind, Enum):
        return {one: (name, one.value) for one in kind}.__getitem__
    if issubclass(kind, msgspec.Struct):
        # The type says what each field is, so that what is in the text is told apart.
        return lambda one: (name, msgspec.json.encode(one))
    if is_dataclass(kind):
        values_of = attrgetter(*(field.name for field in fields(kind)), "__class__")
        return lambda one: (name, _written(values_of(one)[:-1]))
    if issubclass(kind, tuple):
        return lambda one: (name, _written(one))
    return lambda one: (name, pickle.dumps(one))


def _digest(*parts: Any) -> bytes:
    # Later versions write references, which depend on who shares what.
    return hashlib.blake2b(marshal.dumps(_written(parts), 2), digest_size=16).digest()


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
