"""Routes that are there anyway: those of tables, and the server's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..metadata.definitions import METHODS
from ..metadata.snapshot import Snapshot
from ..records.table_routes import ICON
from ..schema.bootstrap import system_routes
from .kinds import KINDS, ROUTES, Item


@dataclass(frozen=True, slots=True)
class RouteDefaults:
    """What is said of a route by nobody.

    Attributes:
        tables: The methods of the tables that are not the system's, by name.
        there: The paths of all routes that there are.
    """

    tables: Mapping[str, tuple[str, ...]]
    there: frozenset[str] = frozenset()

    @staticmethod
    def of(snapshot: Snapshot) -> RouteDefaults:
        """Take the tables as they are."""
        own = [one for one in snapshot.tables.values() if not one.definition.is_system]
        return RouteDefaults(
            {one.name: tuple(one.definition.methods) for one in own},
            frozenset(one.path for one in snapshot.route_definitions),
        )

    def and_of(self, names: Iterable[str]) -> RouteDefaults:
        """Take tables that there will be, too."""
        return RouteDefaults({**dict.fromkeys(names, METHODS), **self.tables}, self.there)

    def paths(self) -> set[str]:
        """Give the paths of routes that come by themselves."""
        return {f"/{name}" for name in self.tables} | set(_SYSTEM)

    def of_path(self, path: Any) -> Item | None:
        """Give the fields of a route that comes by itself; None for one that does not.

        Example:
            >>> RouteDefaults({"post": ("GET",)}).of_path("/post")["availableMethods"]
            ['GET']
        """
        if not isinstance(path, str):
            return None
        usual = KINDS[ROUTES].defaults
        name = path.removeprefix("/")
        if name in self.tables:
            methods = [one for one in METHODS if one in self.tables[name]]
            return {**usual, "mainTable": name, "icon": ICON, "availableMethods": methods}
        return _SYSTEM.get(path)


def _of_the_system() -> dict[str, Item]:
    usual = KINDS[ROUTES].defaults
    return {
        one.path: {
            **usual,
            "mainTable": one.table,
            "availableMethods": [name for name in METHODS if name in one.available],
            "publicMethods": [name for name in METHODS if name in one.public],
            "skipRoleGuardMethods": [name for name in METHODS if name in one.logged_in],
        }
        for one in system_routes()
    }


_SYSTEM = _of_the_system()
