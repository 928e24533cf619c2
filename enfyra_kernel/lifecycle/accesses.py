"""What each caller may see: kept for as long as nobody and no definition changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..access.book import Book
from ..encoding import decode_json
from ..identity.callers import Caller
from ..metadata.snapshot import Snapshot
from ..query.plan import ADMINISTRATOR, PUBLISHED, Access

_MOST_KEPT = 10_000


class Accesses:
    """Finds out what a caller may see, by the permissions and policies of a Snapshot.

    Args:
        profile: Gives a caller's row as JSON.
    """

    def __init__(self, profile: Callable[[Caller], Awaitable[bytes]]) -> None:
        self._profile = profile
        self._snapshot: Snapshot | None = None
        self._book: Book | None = None
        # By the identity of the caller, who is somebody new as soon as anything about him changes.
        self._known: dict[int, tuple[Caller, Access]] = {}

    def known(self, snapshot: Snapshot, caller: Caller | None) -> Access | None:
        """Give what a caller may see, if that needs no question."""
        book = self._book_of(snapshot)
        if caller is None:
            return book.access()
        if caller.is_root:
            return ADMINISTRATOR
        if book.empty:
            return PUBLISHED
        found = self._known.get(id(caller))
        return found[1] if found is not None and found[0] is caller else None

    async def of(self, snapshot: Snapshot, caller: Caller | None) -> Access:
        """Give what a caller may see."""
        access = self.known(snapshot, caller)
        if access is not None or caller is None:
            return access or PUBLISHED
        user: dict[str, Any] = decode_json(await self._profile(caller)) or {}
        access = self._book_of(snapshot).access(caller.id, caller.role, user)
        if self._snapshot is snapshot:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[id(caller)] = (caller, access)
        return access

    def _book_of(self, snapshot: Snapshot) -> Book:
        if self._book is not None and self._snapshot is snapshot:
            return self._book
        book = self._book
        if (
            self._snapshot is None
            or book is None
            or (self._snapshot.permissions is not snapshot.permissions)
        ):
            book = Book(snapshot.permissions)
            self._known.clear()
        self._snapshot, self._book = snapshot, book
        return book
