"""The routes that tables bring with them, in step with the tables."""

from __future__ import annotations

from typing import Any

from ..metadata.definitions import RouteDefinition, TableDefinition
from ..metadata.snapshot import Snapshot
from ..schema.migrator import Draft
from ..schema.rows import CatalogWriter, SystemRows

ICON = "lucide:table"


class RouteKeeper:
    """Keeps a table's own route in step: made with the table, renamed with it, gone with it.

    Attributes:
        touched: Ids of routes that changed.
    """

    def __init__(self, snapshot: Snapshot, draft: Draft) -> None:
        self._snapshot = snapshot
        self._draft = draft
        self._methods: dict[str, Any] = {}
        self.touched: set[int] = set()

    async def write(self, rows: SystemRows, writer: CatalogWriter) -> None:
        """Write the routes of tables that are new, renamed or gone."""
        old, new = self._draft.old, self._draft.new
        taken = {route.path for route in self._snapshot.route_definitions}
        for id_, table in new.items():
            before = old.get(id_)
            if before is None and f"/{table.name}" not in taken:
                await self._create(rows, writer.ids[id_], table)
            elif before is not None and before.name != table.name:
                await self._rename(rows, id_, before.name, table.name)
        gone = {id_ for id_ in old if id_ not in new}
        # The rows themselves go with their table.
        self.touched |= {
            route.id for route in self._snapshot.route_definitions if route.main_table in gone
        }

    async def _create(self, rows: SystemRows, table_id: int, table: TableDefinition) -> None:
        fact = {
            "path": f"/{table.name}",
            "isEnabled": True,
            "isSystem": False,
            "icon": ICON,
            "mainTable": table_id,
        }
        route_id = (await rows.insert("route_definition", [fact]))[0]
        if not self._methods:
            self._methods = await rows.ids_by("method_definition", "name")
        methods = [self._methods[name] for name in table.methods if name in self._methods]
        await rows.link("route_definition", "availableMethods", route_id, methods)
        self.touched.add(route_id)

    async def _rename(self, rows: SystemRows, table_id: int, old: str, new: str) -> None:
        route = self._own_route(table_id, old)
        if route is not None:
            await rows.update("route_definition", route.id, {"path": f"/{new}"})
            self.touched.add(route.id)

    def _own_route(self, table_id: int, name: str) -> RouteDefinition | None:
        for route in self._snapshot.route_definitions:
            if route.main_table == table_id and route.path == f"/{name}":
                return route
        return None
