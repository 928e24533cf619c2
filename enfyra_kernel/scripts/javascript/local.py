"""What a script in JavaScript asks for and the worker does without the host."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from typing import Any

_LONGEST_SLEEP = 30_000
_MOST_BYTES = 4_096
_ENCODINGS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode(),
}


def _encoded(data: bytes, encoding: Any) -> str:
    if encoding is None:
        encoding = "hex"
    if encoding not in _ENCODINGS:
        raise ValueError(f"{encoding!r} is not an encoding: these are {', '.join(_ENCODINGS)}")
    return _ENCODINGS[encoding](data)


def _random_bytes(size: Any = 32, encoding: Any = None) -> str:
    if type(size) is not int or not 1 <= size <= _MOST_BYTES:
        raise ValueError(f"The size has to be a whole number from 1 to {_MOST_BYTES}, not {size!r}")
    return _encoded(secrets.token_bytes(size), encoding)


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"A text is needed, not {value!r}")
    return value.encode(errors="surrogatepass")


def _sha256(text: Any = None, encoding: Any = None) -> str:
    return _encoded(hashlib.sha256(_text(text)).digest(), encoding)


def _hmac_sha256(text: Any = None, key: Any = None, encoding: Any = None) -> str:
    return _encoded(hmac.digest(_text(key), _text(text), "sha256"), encoding)


_CRYPTO: dict[str, Callable[..., str]] = {
    "crypto.randomUUID": lambda: str(uuid.uuid4()),
    "crypto.randomBytes": _random_bytes,
    "crypto.sha256": _sha256,
    "crypto.hmacSha256": _hmac_sha256,
}

FUNCTIONS = frozenset({"sleep", *_CRYPTO})


async def call(name: str, arguments: list[Any]) -> Any:
    """Do it.

    Raises:
        ValueError: The arguments are not right.
        TypeError: There are too many of them.
    """
    if name != "sleep":
        return _CRYPTO[name](*arguments)
    milliseconds = arguments[0]
    if type(milliseconds) not in (int, float) or not 0 <= milliseconds <= _LONGEST_SLEEP:
        message = f"$sleep takes 0 to {_LONGEST_SLEEP} milliseconds, not {milliseconds!r}"
        raise ValueError(message)
    await asyncio.sleep(milliseconds / 1000)
    return None
