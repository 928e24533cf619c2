"""The Snapshot: everything a request needs to know about definitions, immutable, with a version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ..errors import EnfyraError, did_you_mean
from .definitions import RelationDefinition, RouteDefinition, TableDefinition
from .flows import Flows
from .hooks import Scripts
from .kinds import Kinds
from .permissions import Permissions, grants_by_route
from .queries import SavedQueries
from .routes import RouteTable, make_route
from .system import ALIASES
from .tables import Table, resolve

_NONE = Kinds()


class Snapshot:
    """One state of all definitions.

    Attributes:
        version: Grows with each change of any definition.
        definitions: Tables as stored, by id.
        tables: Tables as requests use them, by name.
        routes: The compiled route table.
        settings: The row of `setting_definition`.
        scripts: All hooks and handlers.
        permissions: Who may do what.
        flows: What runs beside requests.
        queries: What has been given a name, to be asked by it.

    A request takes one Snapshot and sees it from start to end; a change makes a new one that
    shares what has not changed.
    """

    def __init__(
        self,
        version: int,
        definitions: Iterable[TableDefinition],
        routes: Iterable[RouteDefinition] = (),
        kinds: Kinds = _NONE,
        *,
        previous: Snapshot | None = None,
        changed: Collection[int] | None = None,
    ) -> None:
        self.version = version
        self.definitions: Mapping[int, TableDefinition] = MappingProxyType(
            {one.id: one for one in definitions}
        )
        self.route_definitions = tuple(routes)
        self._kinds: Kinds = kinds if previous is None else previous._kinds.changed(kinds)
        self.settings: Mapping[str, Any] = MappingProxyType(dict(self._kinds.settings or {}))
        self.scripts = self._kinds.scripts or Scripts()
        self.permissions = self._kinds.permissions or Permissions()
        kept = previous if kinds.flows is None else None
        self.flows = kept.flows if kept is not None else Flows(kinds.flows or ())
        kept = previous if kinds.queries is None else None
        self.queries = kept.queries if kept is not None else SavedQueries(kinds.queries or ())
        self._relations = {
            relation.id: relation for one in self.definitions.values() for relation in one.relations
        }
        self._inverses = {
            relation.mapped_by: relation
            for relation in self._relations.values()
            if relation.mapped_by is not None
        }
        self.tables: Mapping[str, Table] = MappingProxyType(self._resolve(previous, changed))
        self._aliases = {
            table.definition.alias: table.name
            for table in self.tables.values()
            if table.definition.alias
        }
        grants = grants_by_route(self.permissions.routes)
        self.routes = RouteTable(
            make_route(route, self._table_of_route(route), self.scripts, grants.get(route.id))
            for route in self.route_definitions
            if route.is_enabled
        )

    def _resolve(
        self, previous: Snapshot | None, changed: Collection[int] | None
    ) -> dict[str, Table]:
        touched = None if previous is None or changed is None else self._touched(changed, previous)
        tables: dict[str, Table] = {}
        for one in self.definitions.values():
            kept = None
            if touched is not None and one.id not in touched and previous is not None:
                kept = previous.tables.get(one.name)
            tables[one.name] = kept or resolve(
                one, self.definitions.__getitem__, self._relations.__getitem__, self._inverses
            )
        return tables

    def _touched(self, changed: Collection[int], previous: Snapshot) -> set[int]:
        """Give the changed tables and all that are related to one of them, now or before."""
        touched = set(changed)
        for state in (self, previous):
            for relation in state.relations():
                if relation.target in changed:
                    touched.add(relation.source)
                elif relation.source in changed:
                    touched.add(relation.target)
        return touched

    def _table_of_route(self, route: RouteDefinition) -> Table | None:
        if route.main_table is None:
            return None
        definition = self.definitions.get(route.main_table)
        return None if definition is None else self.tables[definition.name]

    def relations(self) -> Iterable[RelationDefinition]:
        """Give all relations' definitions, both sides."""
        return self._relations.values()

    def relation_definition(self, id_: int) -> RelationDefinition | None:
        """Give the definition of a relation by its id."""
        return self._relations.get(id_)

    def inverse_of(self, owner: int) -> RelationDefinition | None:
        """Give the inverse side of an owning relation."""
        return self._inverses.get(owner)

    def find(self, name: str) -> Table | None:
        """Find a table by its name or alias."""
        table = self.tables.get(name)
        if table is None:
            other = self._aliases.get(name) or ALIASES.get(name)
            table = self.tables.get(other) if other is not None else None
        return table

    def table(self, name: str) -> Table:
        """Find a table by its name or alias.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND, with the nearest name.
        """
        table = self.find(name)
        if table is None:
            raise EnfyraError(
                "RESOURCE_NOT_FOUND",
                f"There is no table '{name}'.{did_you_mean(name, self.tables)}",
                hint="GET /metadata lists the tables",
            )
        return table

    def with_changes(
        self,
        version: int,
        *,
        tables: Mapping[int, TableDefinition | None] | None = None,
        routes: Mapping[int, RouteDefinition | None] | None = None,
        kinds: Kinds = _NONE,
    ) -> Snapshot:
        """Make the next Snapshot: changed definitions by id, None for those that are gone."""
        tables = tables or {}
        definitions = {**self.definitions, **tables}
        route_map = {**{one.id: one for one in self.route_definitions}, **(routes or {})}
        return Snapshot(
            version,
            (one for one in definitions.values() if one is not None),
            (one for one in route_map.values() if one is not None),
            kinds,
            previous=self,
            changed=tuple(tables),
        )

    def __repr__(self) -> str:
        return f"<Snapshot {self.version}: {len(self.tables)} tables>"
