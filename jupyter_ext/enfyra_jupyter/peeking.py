"""Copies of what the server knows that completion can look at without waiting."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

from .client import ApiError, Client

Known = TypeVar("Known")


class Peek(Generic[Known]):
    """Holds what was last known of something.

    Who needs it exactly calls `load`; completion takes what `glance` gives as it is, and has it
    brought up to date behind its back. What is asked is said by `_ask` of a class of its own.

    Args:
        empty: What is known before the server has told.
        lifetime: Seconds after which `glance` looks again.
    """

    def __init__(self, client: Client, empty: Known, *, lifetime: float = 5.0) -> None:
        self.current = empty
        self._client = client
        self._lifetime = lifetime
        self._loaded = -lifetime
        self._loading = threading.Lock()

    def _ask(self) -> Known:
        raise NotImplementedError

    def load(self) -> Known:
        """Ask the server.

        Raises:
            ApiError: If it does not tell.
        """
        self.current = self._ask()
        self._loaded = time.monotonic()
        return self.current

    def forget(self) -> None:
        """Have the next `glance` look again, since something has changed."""
        self._loaded = -self._lifetime

    def glance(self) -> Known:
        """Give what is known, at once; if that is old, begin to ask the server."""
        if time.monotonic() - self._loaded > self._lifetime and self._loading.acquire(
            blocking=False
        ):
            # Not again and again while the server is away.
            self._loaded = time.monotonic()
            threading.Thread(target=self._load_quietly, daemon=True).start()
        return self.current

    def wait(self, seconds: float) -> None:
        """Wait for what is being asked, but not longer."""
        if self._loading.acquire(timeout=seconds):
            self._loading.release()

    def _load_quietly(self) -> None:
        try:
            self.load()
        except (ApiError, RuntimeError, LookupError, TypeError, AttributeError, ValueError):
            # Completion is a courtesy; the connection may be gone or closed, or the server one of
            # another version.
            pass
        finally:
            self._loading.release()
