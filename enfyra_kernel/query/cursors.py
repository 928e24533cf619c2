"""Cursors: where in an order the next page begins, as a text that clients hand back."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any, cast

from ..encoding import decode_json, encode_json
from ..errors import EnfyraError
from .ast import SortKey

MAX_LENGTH = 8192


def encode_cursor(place: list[Any], sort: tuple[SortKey, ...]) -> str:
    """Give the cursor of a record's place in an order.

    Example:
        >>> decode_cursor(encode_cursor([3, None, 1], ()), ())
        [3, None, 1]
    """
    data = encode_json([_fingerprint(sort), *place])
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode_cursor(cursor: str, sort: tuple[SortKey, ...]) -> list[Any]:
    """Give the place that a cursor stands for.

    Raises:
        EnfyraError: INVALID_CURSOR when it is none, or one of a query with another sort.
    """
    try:
        if len(cursor) > MAX_LENGTH:
            raise ValueError
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        content = decode_json(data)
    except (ValueError, binascii.Error, EnfyraError):
        content = None
    if not isinstance(content, list) or len(cast("list[Any]", content)) < 2:
        raise EnfyraError("INVALID_CURSOR", "The cursor is not one that an answer gave")
    mark, *place = cast("list[Any]", content)
    if any(isinstance(value, list | dict) for value in place):
        raise EnfyraError("INVALID_CURSOR", "The cursor is not one that an answer gave")
    if mark != _fingerprint(sort):
        raise EnfyraError("INVALID_CURSOR", "The cursor belongs to a query with another sort")
    return place


def _fingerprint(sort: tuple[SortKey, ...]) -> int:
    return zlib.crc32(repr(sort).encode())
