"""The registry: holds the current Snapshot and brings it up to date."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

import msgspec

from ..logs import get_logger
from .definitions import RouteDefinition, TableDefinition
from .kinds import ALL_KINDS, Kinds
from .snapshot import Snapshot

_log = get_logger("registry")


class DefinitionChange(msgspec.Struct, frozen=True, kw_only=True):
    """Which definitions a change touched.

    Attributes:
        tables: Ids; None means all.
        routes: Ids; None means all.
        kinds: Names of kinds that are loaded as wholes.
    """

    tables: frozenset[int] | None = frozenset()
    routes: frozenset[int] | None = frozenset()
    kinds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *kinds: str) -> DefinitionChange:
        """Make one that touched nothing but some kinds."""
        return cls(kinds=frozenset(kinds))

    def __or__(self, other: DefinitionChange) -> DefinitionChange:
        return DefinitionChange(
            tables=_union(self.tables, other.tables),
            routes=_union(self.routes, other.routes),
            kinds=self.kinds | other.kinds,
        )


EVERYTHING = DefinitionChange(tables=None, routes=None, kinds=ALL_KINDS)


def _union(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    return None if one is None or other is None else one | other


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded, by id; an id that was asked for and is absent is gone."""

    version: int
    tables: Mapping[int, TableDefinition]
    routes: Mapping[int, RouteDefinition]
    kinds: Kinds = Kinds()


# Which form they have: instances of different versions may not understand each other's.
_FORM = msgspec.json.schema(tuple[DefinitionChange, Definitions])
SHAPE = hashlib.sha256(msgspec.json.encode(_FORM)).hexdigest()[:16]


class DefinitionSource(Protocol):
    """Where the definitions are stored."""

    async def version(self) -> int:
        """Give the number of the last committed change."""
        ...

    async def load(self, change: DefinitionChange) -> Definitions:
        """Load the definitions that a change touched, all of one version."""
        ...


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """What changed between two versions, as instances tell each other.

    Attributes:
        since: Every version from this one up to `version` can be brought up to date.
        definitions: What the change touched, as it is at `version`; None to be looked up.
        shape: Which form the definitions have; another version of Enfyra may have another one.
    """

    since: int
    version: int
    change: DefinitionChange
    definitions: Definitions | None = None
    shape: str = SHAPE


class Registry:
    """Holds the current Snapshot; a change makes the next one and swaps the reference.

    Changes are known by the versions that they lead from and to. The registry applies those whose
    definitions it was given, loads what the others touched, and loads everything where it has to:
    when it does not know what was changed in between.
    """

    def __init__(self, source: DefinitionSource, initial: Snapshot) -> None:
        self._source = source
        self._loading = asyncio.Lock()
        self._news = asyncio.Event()
        # Of changes after the current version, by the version that they lead to.
        self._known: dict[int, Update] = {}
        self.current = initial

    # -- what is known --------------------------------------------------------------------------

    def apply(self, update: Update) -> bool:
        """Take a change over, and all that were waiting for it; say whether it is live now."""
        if update.shape != SHAPE:
            update = msgspec.structs.replace(update, change=EVERYTHING, definitions=None)
        known = self._known.get(update.version)
        if known is None or (known.definitions is None and update.definitions is not None):
            self._known[update.version] = update
        while (ready := self._ready()) is not None and ready.definitions is not None:
            self._swap(ready.definitions, ready.change)
        self._tell()
        return self.current.version >= update.version

    @property
    def newest(self) -> int:
        """The newest version that is known of."""
        return max(self._known, default=self.current.version)

    def _ready(self) -> Update | None:
        """Give the change that leads farthest of those which can be applied now."""
        version = self.current.version
        found = (
            one
            for one in self._known.values()
            if one.since <= version < one.version and one.definitions is not None
        )
        return max(found, key=lambda one: one.version, default=None)

    def _known_until(self, last: int | None = None) -> tuple[DefinitionChange, int]:
        """Give all that is known to have changed since the current version, and up to which one."""
        change, version = DefinitionChange(), self.current.version
        for reached in sorted(self._known):
            update = self._known[reached]
            if update.since > version or (last is not None and reached > last):
                break
            version, change = max(version, reached), change | update.change
        return change, version

    def _swap(self, loaded: Definitions, change: DefinitionChange) -> None:
        if loaded.version <= self.current.version:
            return
        self.current = self._next(loaded, change)
        for version in [one for one in self._known if one <= loaded.version]:
            del self._known[version]
        _log.debug("snapshot", extra={"version": self.current.version})

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    # -- bringing it up to date -----------------------------------------------------------------

    async def reload(self) -> Definitions:
        """Load everything; give what was loaded."""
        async with self._loading:
            before = tuple(self._known)
            loaded = await self._source.load(EVERYTHING)
            self._swap(loaded, EVERYTHING)
            # Who told of them was mistaken: what had been committed has been loaded.
            for version in before:
                if version > loaded.version:
                    self._known.pop(version, None)
        self._tell()
        return loaded

    async def refresh(self) -> bool:
        """Reload everything if the database holds a newer version; say whether it did."""
        if await self._source.version() <= self.current.version:
            return False
        await self.reload()
        return True

    async def version(self) -> int:
        """Give the version that the database holds."""
        return await self._source.version()

    async def catch_up(self, version: int, *, patience: float) -> Update | None:
        """Make a version live that is known of, and load only what is known to have changed.

        Args:
            patience: Seconds to wait for the news of what others changed in between.

        Returns:
            What was loaded; None if somebody else had brought it, or if it is not known what was
            changed, so that `current` is still older.
        """
        deadline = asyncio.get_running_loop().time() + patience
        async with self._loading:
            while self.current.version < version:
                news = self._news
                change, reached = self._known_until()
                if reached >= version:
                    loaded = await self._source.load(change)
                    # Others may have committed before it was loaded.
                    touched, reached = self._known_until(loaded.version)
                    if reached >= loaded.version and touched | change == change:
                        return self._brought(loaded, change)
                    if reached >= loaded.version:
                        continue
                try:
                    async with asyncio.timeout(deadline - asyncio.get_running_loop().time()):
                        await news.wait()
                except TimeoutError:
                    return None
        return None

    def _brought(self, loaded: Definitions, change: DefinitionChange) -> Update | None:
        since = self.current.version
        if loaded.version <= since:
            return None
        self._swap(loaded, change)
        self._tell()
        return Update(since=since, version=loaded.version, change=change, definitions=loaded)

    async def reached(self, version: int, *, patience: float) -> bool:
        """Wait until a version is live, brought by somebody else; say whether it is."""
        try:
            async with asyncio.timeout(patience):
                while self.current.version < version:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _next(self, loaded: Definitions, change: DefinitionChange) -> Snapshot:
        if change.tables is None:
            return Snapshot(
                loaded.version,
                loaded.tables.values(),
                loaded.routes.values(),
                loaded.kinds,
            )
        routes = change.routes
        if routes is None:
            routes = {*loaded.routes, *(one.id for one in self.current.route_definitions)}
        return self.current.with_changes(
            loaded.version,
            tables=_asked_for(change.tables, loaded.tables),
            routes=_asked_for(routes, loaded.routes),
            kinds=loaded.kinds,
        )


_T = TypeVar("_T")


def _asked_for(ids: Collection[int], found: Mapping[int, _T]) -> dict[int, _T | None]:
    return {id_: found.get(id_) for id_ in ids}
