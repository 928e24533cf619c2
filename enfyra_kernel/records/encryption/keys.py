"""The keys, and how a text is encrypted with one of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Sequence
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...errors import EnfyraError

_MARK = "enc"
_VERSION = "1"
_NONCE = 12


class Undecipherable(Exception):
    """A stored value cannot be decrypted; the message is a phrase for people, without the value."""


class Keyring:
    """Encrypts with the first key, decrypts with any.

    What is stored is `enc:1:<key id>:<nonce, ciphertext and tag in base64>`, AES-256 in Galois
    counter mode. It is bound to a context and can be decrypted in no other one.

    Args:
        load: Gives the keys as texts; called when they are first needed.

    Example:
        >>> keyring = Keyring(lambda: ["an example that is long enough to be a key"])
        >>> stored = keyring.encrypt(b"secret", b"person.ssn")
        >>> keyring.decrypt(stored, b"person.ssn")
        b'secret'
        >>> keyring.decrypt(stored, b"person.name")
        Traceback (most recent call last):
        ...
        enfyra_kernel.records.encryption.keys.Undecipherable: it was changed, or belongs elsewhere
    """

    def __init__(self, load: Callable[[], Sequence[str]]) -> None:
        self._load = load

    @cached_property
    def _keys(self) -> dict[str, AESGCM]:
        keys = {_id_of(text): AESGCM(_key_of(text)) for text in self._load()}
        if not keys:
            raise EnfyraError("CONFIGURATION_ERROR", "There is no key to encrypt with")
        return keys

    @cached_property
    def current(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self._keys))

    def check(self) -> None:
        """Make sure that there are keys.

        Raises:
            EnfyraError: CONFIGURATION_ERROR.
        """
        _ = self.current

    def encrypt(self, content: bytes, context: bytes) -> str:
        """Encrypt a value."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._keys[self.current].encrypt(nonce, content, context)
        return ":".join((_MARK, _VERSION, self.current, base64.b64encode(sealed).decode()))

    def decrypt(self, stored: str, context: bytes) -> bytes:
        """Decrypt a stored value.

        Raises:
            Undecipherable: The key is missing, or the value is not what was stored here.
        """
        id_, content = self._taken_apart(stored)
        key = self._keys.get(id_)
        if key is None:
            raise Undecipherable(f"its key {id_} is not among those that are set")
        try:
            sealed = base64.b64decode(content, validate=True)
            return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, binascii.Error, ValueError):
            raise Undecipherable("it was changed, or belongs elsewhere") from None

    def is_current(self, stored: str) -> bool:
        """Say whether a stored value was encrypted with the first key."""
        return self._taken_apart(stored)[0] == self.current

    def _taken_apart(self, stored: str) -> tuple[str, str]:
        mark, _, rest = stored.partition(":")
        version, _, rest = rest.partition(":")
        id_, colon, content = rest.partition(":")
        if (mark, version) != (_MARK, _VERSION) or not colon:
            raise Undecipherable("it is not encrypted as it should be")
        # Whatever stands there may be the plain value that somebody else wrote.
        if len(id_) != 8 or not id_.isalnum():
            raise Undecipherable("it is not encrypted as it should be")
        return id_, content


def _key_of(text: str) -> bytes:
    return hashlib.sha256(b"enfyra encryption key\0" + text.encode()).digest()


def _id_of(text: str) -> str:
    return hashlib.sha256(b"enfyra encryption key id\0" + text.encode()).hexdigest()[:8]
