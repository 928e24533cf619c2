"""Passwords: hashed with Argon2, off the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import EnfyraError

# What RFC 9106 recommends where memory is scarce: KiB, and how often it is gone through.
DEFAULT_MEMORY = 65_536
DEFAULT_PASSES = 3
# Each hash takes 64 MB for a moment: two at a time is enough for a login form.
AT_ONCE = 2
MAX_LENGTH = 1024


class Passwords:
    """Hashes and verifies passwords.

    Args:
        memory: KiB that a hash takes.
        passes: How often it goes through them.
    """

    def __init__(self, memory: int = DEFAULT_MEMORY, passes: int = DEFAULT_PASSES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="enfyra-password")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Give the hash that is stored for a password.

        Raises:
            EnfyraError: INVALID_VALUE when it is longer than any that is compared.
        """
        if len(password) > MAX_LENGTH:
            raise EnfyraError("INVALID_VALUE", f"A password has at most {MAX_LENGTH} characters")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> bool:
        """Say whether a password is the one that was hashed.

        Without a stored hash (there is no such user) the same work is done, so that the time it
        takes tells nothing.
        """
        if self._nobody is None:
            # Whoever comes first waits for it, known or not.
            self._nobody = await self.hash("nobody")
        if stored is None:
            await self._verify(password, self._nobody)
            return False
        return await self._verify(password, stored)

    def is_outdated(self, stored: str) -> bool:
        """Say whether a hash was made with other parameters than those of now."""
        return self._hasher.check_needs_rehash(stored)

    async def _verify(self, password: str, stored: str) -> bool:
        if len(password) > MAX_LENGTH:
            return False
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._matches, stored, password)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def stop(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False)
