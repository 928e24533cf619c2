"""JSON Patch (RFC 6902): a list of operations on a JSON document.

Example:
    >>> apply_patch({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}])
    {'a': [1, 2]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple, cast

from ..errors import EnfyraError, did_you_mean

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
MAX_OPERATIONS = 1000
# Copies of copies double a document again and again.
MAX_GROWTH = 1_000_000
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_ESCAPE = re.compile(r"~(?![01])")

Pointer = tuple[str, ...]


class Operation(NamedTuple):
    """One operation.

    Attributes:
        number: Its place in the patch.
        origin: For `move` and `copy`, where the value comes from.
    """

    number: int
    op: str
    path: Pointer
    origin: Pointer = ()
    value: Any = None


def read_patch(body: Any) -> list[Operation]:
    """Read a patch.

    Raises:
        EnfyraError: INVALID_BODY with every problem.
    """
    if not isinstance(body, list):
        raise EnfyraError("INVALID_BODY", "A JSON Patch is a list of operations")
    operations = cast("list[Any]", body)
    if len(operations) > MAX_OPERATIONS:
        raise EnfyraError(
            "INVALID_BODY", f"A JSON Patch can have {MAX_OPERATIONS} operations at most"
        )
    found: list[Operation] = []
    problems: list[str] = []
    for number, one in enumerate(operations):
        try:
            found.append(_read_operation(number, one))
        except ValueError as error:
            problems.append(f"[{number}] {error}")
    if problems:
        raise EnfyraError("INVALID_BODY", problems=problems)
    return found


def apply_patch(document: Any, patch: Any) -> Any:
    """Give a document with a patch applied: all of it or, on an error, nothing.

    Raises:
        EnfyraError: INVALID_BODY for what is no patch; PATCH_CONFLICT for a test that fails, or a
            path that does not lead anywhere in this document.
    """
    return apply_operations(document, read_patch(patch))


def apply_operations(document: Any, operations: list[Operation]) -> Any:
    """Give a document with operations applied, as `apply_patch`."""
    document = deepcopy(document)
    budget = MAX_GROWTH
    for operation in operations:
        try:
            if operation.op == "copy":
                budget -= _size(_found(document, operation.origin))
                if budget < 0:
                    raise _Conflict("copies too much")
            document = _applied(document, operation)
        except _Conflict as conflict:
            raise EnfyraError(
                "PATCH_CONFLICT",
                f"[{operation.number}] {operation.op} {_written(operation.path)}: {conflict}",
                details={
                    "operation": operation.number,
                    "op": operation.op,
                    "path": _written(operation.path),
                },
            ) from None
    return document


class _Conflict(Exception):
    """An operation does not go with the document."""


# -- reading --------------------------------------------------------------------------------------


def _read_operation(number: int, one: Any) -> Operation:
    if not isinstance(one, Mapping):
        raise ValueError("must be an object with op and path")
    named = cast("Mapping[str, Any]", one)
    op = named.get("op")
    if op not in OPERATIONS:
        hint = did_you_mean(str(op)[:40], OPERATIONS)
        raise ValueError(f"op must be one of {', '.join(OPERATIONS)}.{hint}")
    path = _pointer(named, "path")
    if op in {"move", "copy"}:
        origin = _pointer(named, "from")
        if op == "move" and len(path) > len(origin) and path[: len(origin)] == origin:
            raise ValueError("moves a value into itself")
        return Operation(number, op, path, origin)
    if op == "remove":
        return Operation(number, op, path)
    if "value" not in named:
        raise ValueError(f"{op} needs a value")
    return Operation(number, op, path, value=named["value"])


def _pointer(named: Mapping[str, Any], name: str) -> Pointer:
    """Read a JSON Pointer (RFC 6901)."""
    text = named.get(name)
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a JSON Pointer, such as /title")
    if not text:
        return ()
    if not text.startswith("/") or _ESCAPE.search(text):
        raise ValueError(
            f"{name} must be a JSON Pointer, such as /title; in names, ~1 stands for / and ~0 for ~"
        )
    parts = text[1:].split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _written(pointer: Pointer) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in pointer)


# -- applying -------------------------------------------------------------------------------------


def _applied(document: Any, operation: Operation) -> Any:
    match operation.op:
        case "add":
            return _with(document, operation.path, deepcopy(operation.value))
        case "remove":
            return _without(document, operation.path)
        case "replace":
            _found(document, operation.path)
            return _replaced(document, operation.path, deepcopy(operation.value))
        case "move":
            value = _found(document, operation.origin)
            if operation.origin == operation.path:
                return document
            return _with(_without(document, operation.origin), operation.path, value)
        case "copy":
            value = deepcopy(_found(document, operation.origin))
            return _with(document, operation.path, value)
        case _:
            if not same(_found(document, operation.path), operation.value):
                raise _Conflict("the value is another one")
            return document


def _found(document: Any, pointer: Pointer) -> Any:
    value = document
    for number, part in enumerate(pointer):
        value = _child(value, part, pointer[: number + 1])
    return value


def _child(value: Any, part: str, pointer: Pointer) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        if part not in named:
            raise _missing(pointer)
        return named[part]
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return items[_index(part, len(items) - 1, pointer)]
    raise _missing(pointer)


def _with(document: Any, pointer: Pointer, value: Any) -> Any:
    if not pointer:
        return value
    parent = _found(document, pointer[:-1])
    last = pointer[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        items = cast("list[Any]", parent)
        at = len(items) if last == "-" else _index(last, len(items), pointer)
        items.insert(at, value)
    else:
        raise _missing(pointer)
    return document


def _replaced(document: Any, pointer: Pointer, value: Any) -> Any:
    if not pointer:
        return value
    parent = _found(document, pointer[:-1])
    if isinstance(parent, dict):
        parent[pointer[-1]] = value
    else:
        parent[int(pointer[-1])] = value
    return document


def _without(document: Any, pointer: Pointer) -> Any:
    if not pointer:
        return None
    _found(document, pointer)
    parent = _found(document, pointer[:-1])
    if isinstance(parent, dict):
        del parent[pointer[-1]]
    else:
        del parent[int(pointer[-1])]
    return document


def _index(part: str, most: int, pointer: Pointer) -> int:
    if not _INDEX.fullmatch(part) or int(part) > most:
        raise _missing(pointer)
    return int(part)


def _missing(pointer: Pointer) -> _Conflict:
    return _Conflict(f"there is nothing at {_written(pointer)}")


def same(one: Any, other: Any) -> bool:
    """Say whether two JSON values are equal: numbers by value, objects in any order.

    Example:
        >>> same(1, 1.0), same(1, True)
        (True, False)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return first.keys() == second.keys() and all(
            same(value, second[name]) for name, value in first.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        pairs = cast("tuple[list[Any], list[Any]]", (one, other))
        return len(pairs[0]) == len(pairs[1]) and all(map(same, *pairs))
    return bool(one == other)


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_size, cast("dict[str, Any]", value).values()))
    if isinstance(value, list):
        return 1 + sum(map(_size, cast("list[Any]", value)))
    return 1 + len(value) // 16 if isinstance(value, str) else 1
