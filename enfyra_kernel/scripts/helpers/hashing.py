"""Passwords that scripts hash and compare."""

from __future__ import annotations

import asyncio
import re
from types import ModuleType

from ...errors import EnfyraError
from ...identity.passwords import MAX_LENGTH, Passwords

_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
# bcrypt sees no more of a password than that.
_BCRYPT_LENGTH = 72
# Each step doubles the time, and a hash comes from who knows where.
_MOST_ROUNDS = 14


class ScriptPasswords:
    """Hashes with Argon2, under the name that scripts know; compares also with hashes of bcrypt.

    Args:
        passwords: Does the work. Logins had better have another one, which scripts do not keep
            busy.
    """

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._one_at_a_time = asyncio.Lock()

    async def hash(self, text: str) -> str:
        """Give the hash of a password.

        Raises:
            EnfyraError: INVALID_ARGUMENT when it is too long.
        """
        if len(text) > MAX_LENGTH:
            raise EnfyraError(
                "INVALID_ARGUMENT",
                f"helpers.bcrypt.hash: text is longer than {MAX_LENGTH} characters",
            )
        return await self._passwords.hash(text)

    async def compare(self, text: str, stored: str) -> bool:
        """Say whether a password is the one that was hashed; False for what is no hash.

        Raises:
            EnfyraError: INVALID_ARGUMENT for a hash of bcrypt when its library is not there.
        """
        found = _BCRYPT.fullmatch(stored)
        if found is None:
            return await self._passwords.verify(text, stored)
        if int(found[1]) > _MOST_ROUNDS or len(text) > MAX_LENGTH:
            return False
        library = _bcrypt()
        async with self._one_at_a_time:
            return await asyncio.to_thread(
                library.checkpw, text.encode()[:_BCRYPT_LENGTH], stored.encode()
            )


def _bcrypt() -> ModuleType:
    try:
        import bcrypt
    except ImportError:
        raise EnfyraError(
            "INVALID_ARGUMENT",
            "helpers.bcrypt.compare: the hash is one of bcrypt, whose library is not installed",
            hint="pip install 'enfyra-kernel[bcrypt]'",
        ) from None
    return bcrypt
