"""Rows and bodies as scripts in Python see them."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Record(dict[str, Any]):
    """An object of JSON: `row.title` is `row["title"]`, and what is not there is None.

    Example:
        >>> row = Record(title="Hello")
        >>> row.title, row["title"], row.author
        ('Hello', 'Hello', None)
        >>> row.views = 5
        >>> row
        {'title': 'Hello', 'views': 5}
    """

    __slots__ = ()

    def __missing__(self, key: str) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        self.pop(name, None)


def loaded(text: bytes | str) -> Any:
    """Read JSON; its objects are records."""
    return json.loads(text, object_hook=Record)


_encoder = msgspec.json.Encoder()


def dumped(value: Any) -> bytes:
    """Write a value as JSON: dates, decimals, UUIDs and sets too.

    Raises:
        TypeError: It is nothing that JSON can hold; ValueError for what holds itself.
    """
    try:
        return _encoder.encode(value)
    except RecursionError:
        raise ValueError("The value holds itself, or is nested too deeply") from None
