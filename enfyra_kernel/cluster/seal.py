"""The seal of messages: who does not have the signing key cannot make one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import cached_property


class Seal:
    """Seals messages with a key that is derived from the signing key.

    What goes over Redis becomes permissions and scripts: write access to Redis must not be enough
    to give oneself both.

    Args:
        keys: Gives the signing keys: the first one seals, all of them are accepted. It is asked
            when they are first needed.

    Example:
        >>> here, there = Seal(lambda: ["new", "old"]), Seal(lambda: ["old"])
        >>> seal = there.of(b"channel", b"body")
        >>> here.fits(seal, b"channel", b"body"), here.fits(seal, b"channel", b"other")
        (True, False)
        >>> there.fits(here.of(b"channel", b"body"), b"channel", b"body")
        False
    """

    def __init__(self, keys: Callable[[], Sequence[str]]) -> None:
        self._keys = keys

    @cached_property
    def _derived(self) -> tuple[bytes, ...]:
        return tuple(
            hashlib.sha256(b"enfyra bus\0" + one.encode()).digest() for one in self._keys()
        )

    def of(self, *parts: bytes) -> str:
        """Give the seal of a message."""
        return _seal(self._derived[0], parts)

    def fits(self, seal: str, *parts: bytes) -> bool:
        """Say whether a message was sealed by one who has one of the keys."""
        return seal.isascii() and any(
            hmac.compare_digest(seal, _seal(key, parts)) for key in self._derived
        )


def _seal(key: bytes, parts: Sequence[bytes]) -> str:
    made = hashlib.blake2b(key=key, digest_size=16)
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.hexdigest()
