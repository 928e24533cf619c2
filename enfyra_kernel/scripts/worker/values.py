"""JSON values as scripts see them."""

from __future__ import annotations

from typing import Any, cast

import msgspec

MAX_DEPTH = 200
_decode = msgspec.json.Decoder().decode


class Record(dict[str, Any]):
    """An object of JSON: `row["title"]` and `row.title`; what it does not have is None.

    A key that is the name of a method of `dict`, such as `items`, is read with brackets.

    Example:
        >>> row = Record(title="Hello")
        >>> row.title, row["title"], row.author, row["author"]
        ('Hello', 'Hello', None, None)
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

    def copy(self) -> Record:
        """Give another one with the same values."""
        return Record(self)


def decoded(text: bytes) -> Any:
    """Give the value of JSON, with records for objects.

    Example:
        >>> decoded(b'[{"a": {"b": 1}}]')[0].a.b
        1
    """
    return _recorded(_decode(text))


def _recorded(value: Any) -> Any:
    if value.__class__ is dict:
        record = Record(value)
        for key, inner in record.items():
            if inner.__class__ is dict or inner.__class__ is list:
                record[key] = _recorded(inner)
        return record
    if value.__class__ is list:
        for index, inner in enumerate(value):
            if inner.__class__ is dict or inner.__class__ is list:
                value[index] = _recorded(inner)
    return value


def encoded(value: Any) -> bytes:
    """Give a value as JSON.

    Raises:
        TypeError: It, or something in it, is nothing that JSON has.
        ValueError: It is nested too deeply, or holds itself.
    """
    try:
        return msgspec.json.encode(value, enc_hook=_plain)
    except RecursionError:
        raise ValueError("The value is nested too deeply, or holds itself") from None
    except (OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"The value cannot be given as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if type(value) in (tuple, list, frozenset):
        # As a value, it would not come here.
        raise TypeError(f"A key of the type {type(value).__name__} cannot be given as JSON")
    if isinstance(value, dict):
        return dict(cast("dict[Any, Any]", value))
    if isinstance(value, (tuple, list, set, frozenset)):
        return list(cast("list[Any]", value))
    raise TypeError(f"A value of the type {type(value).__name__} cannot be given as JSON")
