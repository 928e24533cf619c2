"""The registry: holds the current Snapshot and brings it up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from ..logs import get_logger
from .definitions import RouteDefinition, TableDefinition
from .hooks import Scripts
from .permissions import Permissions
from .snapshot import Snapshot

_log = get_logger("registry")


class DefinitionChange(msgspec.Struct, frozen=True, kw_only=True):
    """Which definitions a change touched; None means all of that kind."""

    tables: frozenset[int] | None = frozenset()
    routes: frozenset[int] | None = frozenset()
    settings: bool = False
    scripts: bool = False
    permissions: bool = False

    def __or__(self, other: DefinitionChange) -> DefinitionChange:
        return DefinitionChange(
            tables=_union(self.tables, other.tables),
            routes=_union(self.routes, other.routes),
            settings=self.settings or other.settings,
            scripts=self.scripts or other.scripts,
            permissions=self.permissions or other.permissions,
        )


EVERYTHING = DefinitionChange(
    tables=None, routes=None, settings=True, scripts=True, permissions=True
)


def _union(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    return None if one is None or other is None else one | other


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded, by id; an id that was asked for and is absent is gone.

    Settings, scripts and permissions are None where they were not asked for.
    """

    version: int
    tables: Mapping[int, TableDefinition]
    routes: Mapping[int, RouteDefinition]
    settings: Mapping[str, Any] | None
    scripts: Scripts | None = None
    permissions: Permissions | None = None


class DefinitionSource(Protocol):
    """Where the definitions are stored."""

    async def version(self) -> int:
        """Give the number of the last committed change."""
        ...

    async def load(self, change: DefinitionChange) -> Definitions:
        """Load the definitions that a change touched, all of one version."""
        ...


class Registry:
    """Holds the current Snapshot; a reload builds the next one and swaps the reference."""

    def __init__(self, source: DefinitionSource, initial: Snapshot) -> None:
        self._source = source
        self._loading = asyncio.Lock()
        self.current = initial

    async def reload(self, change: DefinitionChange = EVERYTHING) -> Snapshot:
        """Load what a change touched and swap in the next Snapshot."""
        async with self._loading:
            loaded = await self._source.load(change)
            if change != EVERYTHING and loaded.version == self.current.version:
                # The look for others' changes has found this one already.
                return self.current
            if change != EVERYTHING and loaded.version != self.current.version + 1:
                # Somebody else changed definitions in between: what they touched is not known.
                loaded, change = await self._source.load(EVERYTHING), EVERYTHING
            snapshot = self._next(loaded, change)
            self.current = snapshot
            _log.debug("snapshot", extra={"version": snapshot.version})
            return snapshot

    async def refresh(self) -> bool:
        """Reload everything if the database holds a newer version; say whether it did."""
        if await self._source.version() <= self.current.version:
            return False
        await self.reload()
        return True

    def _next(self, loaded: Definitions, change: DefinitionChange) -> Snapshot:
        if change.tables is None or change.routes is None:
            return Snapshot(
                loaded.version,
                loaded.tables.values(),
                loaded.routes.values(),
                loaded.settings,
                loaded.scripts,
                loaded.permissions,
            )
        return self.current.with_changes(
            loaded.version,
            tables=_asked_for(change.tables, loaded.tables),
            routes=_asked_for(change.routes, loaded.routes),
            settings=loaded.settings,
            scripts=loaded.scripts,
            permissions=loaded.permissions,
        )


_T = TypeVar("_T")


def _asked_for(ids: Collection[int], found: Mapping[int, _T]) -> dict[int, _T | None]:
    return {id_: found.get(id_) for id_ in ids}
