"""What `ctx.helpers` can do without the server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import re
import unicodedata
import uuid
from collections.abc import Awaitable
from typing import Any

_LONGEST_SLEEP = 30_000
_MOST_BYTES = 4096
# Letters that no decomposition turns into plain ones.
_LETTERS = str.maketrans({"đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae", "ł": "l"})


def auto_slug(
    text: Any,
    options: dict[str, Any] | None = None,
    *,
    separator: str = "-",
    lowercase: bool = True,
    trim: bool = True,
    max_length: int = 100,
) -> str:
    """Make a text fit for an address.

    Example:
        >>> auto_slug("Đà Nẵng: Hello, World!")
        'da-nang-hello-world'
    """
    chosen = {
        "separator": separator, "lowercase": lowercase, "trim": trim, "maxLength": max_length,
    } | (options or {})  # fmt: skip
    between = str(chosen["separator"])
    plain = unicodedata.normalize("NFKD", str(text).translate(_LETTERS))
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    if chosen["lowercase"]:
        plain = plain.lower()
    slug = between.join(part for part in re.split(r"[^A-Za-z0-9]+", plain) if part)
    slug = slug[: int(chosen["maxLength"])]
    return slug.strip(between) if chosen["trim"] and between else slug


def sleep(milliseconds: float) -> Awaitable[None]:
    """Wait, at most 30 seconds."""
    return asyncio.sleep(min(max(float(milliseconds), 0), _LONGEST_SLEEP) / 1000)


def _written(data: bytes, encoding: str) -> str:
    match encoding:
        case "hex":
            return data.hex()
        case "base64":
            return base64.b64encode(data).decode()
        case "base64url":
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        case _:
            raise ValueError(f"the encoding {encoding!r} is none of hex, base64, base64url")


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode()


def random_uuid() -> str:
    """Give a random UUID."""
    return str(uuid.uuid4())


def random_bytes(size: int = 32, encoding: str = "hex") -> str:
    """Give random bytes, at most 4096."""
    if not 1 <= size <= _MOST_BYTES:
        raise ValueError(f"from 1 to {_MOST_BYTES} random bytes can be had")
    return _written(os.urandom(size), encoding)


def sha256(value: Any, encoding: str = "hex") -> str:
    """Give a hash.

    Example:
        >>> sha256("abc", "base64")
        'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='
    """
    return _written(hashlib.sha256(_bytes(value)).digest(), encoding)


def hmac_sha256(value: Any, key: Any, encoding: str = "hex") -> str:
    """Give the signature of a value under a key."""
    return _written(hmac.digest(_bytes(key), _bytes(value), "sha256"), encoding)
