"""Packages on all instances: a change of one is a change of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .packages import Packages


class SharedPackages:
    """Packages of this instance, and word to the others when rows have changed.

    Args:
        tell: Tells the other instances.
    """

    def __init__(self, packages: Packages, tell: Callable[[], Awaitable[None]]) -> None:
        self._packages = packages
        self._tell = tell

    async def start(self) -> None:
        """Take what is installed, and begin to install what is missing."""
        await self._packages.start()

    async def stop(self) -> None:
        """End; what is being installed is broken off."""
        await self._packages.stop()

    def check(self, row: Mapping[str, Any]) -> None:
        """Refuse a row whose package could not be installed anyway; see `Packages.check`."""
        self._packages.check(row)

    def modules(self) -> Mapping[str, tuple[str, ...]]:
        """Give the names of each package's modules."""
        return self._packages.modules()

    async def changed(self) -> None:
        """Have rows looked at, here and on all other instances."""
        self._packages.sync_soon()
        await self._tell()

    async def changed_elsewhere(self, _: Any) -> None:
        """Have rows looked at that another instance has changed."""
        self._packages.sync_soon()
