"""The OpenAPI documents of a Snapshot: one for all callers who may see the same."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from enfyra_kernel.lifecycle.viewing import View, named_accounts
from enfyra_kernel.metadata.snapshot import Snapshot

from .openapi import openapi

# A document of a thousand tables has some megabytes.
MOST = 32


class Documents:
    """Makes documents when they are first asked for, and keeps them until a definition changes.

    Args:
        prefix: The mount point.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._snapshot: Snapshot | None = None
        self._named: frozenset[str] = frozenset()
        self._made: dict[Hashable, asyncio.Task[bytes]] = {}

    async def of(self, view: View) -> bytes:
        """Give the document of what a caller may see."""
        if self._snapshot is not view.snapshot:
            self._snapshot, self._named = view.snapshot, named_accounts(view.snapshot)
            self._made = {}
        kind = view.kind(self._named)
        made = self._made.pop(kind, None)
        if made is None or (made.done() and (made.cancelled() or made.exception() is not None)):
            # Off the loop: a thousand tables take a while.
            made = asyncio.ensure_future(asyncio.to_thread(openapi, view, self._prefix))
        # Behind all others, of which the one that was asked for longest ago goes first.
        self._made[kind] = made
        if len(self._made) > MOST:
            del self._made[next(iter(self._made))]
        return await asyncio.shield(made)
