"""Where the registry loads definitions from: the system tables."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Collection
from types import GenericAlias
from typing import Any, TypeVar

import msgspec

from ..encoding import decode_json
from ..metadata.flows import FlowDefinition, FlowRow, FlowStepRow, assemble_flows
from ..metadata.hooks import Scripts
from ..metadata.kinds import ALL_KINDS, Kinds
from ..metadata.permission_rows import PermissionRow, UserLinkRow, assemble_permissions
from ..metadata.permissions import Permissions
from ..metadata.queries import SavedQuery
from ..metadata.registry import DefinitionChange, Definitions
from ..metadata.rows import (
    LinkRow,
    MethodRow,
    RelationRow,
    RouteRow,
    RuleRow,
    ScriptRow,
    TableRow,
    assemble_routes,
    assemble_scripts,
    assemble_tables,
    decode_columns,
)
from ..metadata.snapshot import Snapshot
from ..metadata.system import PERMISSION_TABLES, SCRIPT_TABLES
from ..metadata.tables import Table, junction_as_table
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, plan
from ..schema.lock import SchemaLock
from ..storage.database import Database, Read, Session

T = TypeVar("T")

# How often to look for a moment in which nothing changes.
_ATTEMPTS = 4

METHOD_PROPERTIES = ("availableMethods", "publicMethods", "skipRoleGuardMethods")
HOOK_TABLES = ("pre_hook_definition", "post_hook_definition")
WITH_METHODS = ("route_permission_definition", "guard_definition")
WITH_USERS = {
    "route_permission_definition": "allowedUsers",
    "field_permission_definition": "allowedUsers",
    "row_policy_definition": "allowedUsers",
    "guard_rule_definition": "users",
}


class SystemSource:
    """Loads definitions through plans over the system tables.

    Args:
        system: The system tables as this version of Enfyra declares them.
    """

    def __init__(self, database: Database, system: Snapshot, lock: SchemaLock) -> None:
        self._database = database
        self._reader: Session = database
        self._system = system
        self._lock = lock
        self._prepared: dict[tuple[Table, str | None], Read] = {}
        self._junctions = {
            name: self._junction("route_definition", name) for name in METHOD_PROPERTIES
        }
        self._hook_junctions = {name: self._junction(name, "methods") for name in HOOK_TABLES}
        self._permission_methods = {name: self._junction(name, "methods") for name in WITH_METHODS}
        self._permission_users = {
            name: self._junction(name, property_name) for name, property_name in WITH_USERS.items()
        }

    def _junction(self, table: str, property_name: str) -> Table:
        """Give the table between another one and its methods or users."""
        owner = self._system.tables[table]
        relation = owner.relations[property_name]
        if relation.junction is None:
            raise AssertionError(f"{table}.{property_name} has no junction")
        target = self._system.tables[relation.target]
        return junction_as_table(relation.junction, owner.key, target.key)

    async def version(self) -> int:
        """Give the number of the last committed change."""
        return (await self._lock.row()).version

    async def load(self, change: DefinitionChange, *, physical_only: bool = False) -> Definitions:
        """Load the definitions that a change touched, all of one version.

        Args:
            physical_only: Leave out what the physical tables do not depend on: rules of fields,
                and all kinds that are loaded as wholes.
        """
        for _ in range(_ATTEMPTS):
            version = await self.version()
            loaded = await self._load(change, version, physical_only=physical_only)
            if await self.version() == version:
                return loaded
        # So much is being changed that it never stays for as long as loading takes.
        async with self._database.transaction() as session:
            version = (await self._lock.row(session, locked=True)).version
            source = copy.copy(self)
            source._reader = session
            return await source._load(change, version, physical_only=physical_only)

    async def _load(
        self, change: DefinitionChange, version: int, *, physical_only: bool
    ) -> Definitions:
        everything = change.tables is None
        tables = None if everything else change.tables
        routes = None if everything else change.routes
        kinds = ALL_KINDS if everything else change.kinds
        if physical_only:
            kinds = frozenset[str]()
        table_rows = await self._rows("table_definition", TableRow, "id", tables)
        columns = self._system.tables["column_definition"]
        column_rows = decode_columns(await self._found(columns, "table", tables))
        relation_rows = await self._rows("relation_definition", RelationRow, "sourceTable", tables)
        rule_rows = [] if physical_only else await self._rules(tables)
        return Definitions(
            version=version,
            tables=assemble_tables(table_rows, column_rows, relation_rows, rule_rows),
            routes=assemble_routes(
                await self._rows("route_definition", RouteRow, "id", routes),
                await self._rows("method_definition", MethodRow, "id", None),
                {
                    name: await self._read(junction, LinkRow, "sourceId", routes)
                    for name, junction in self._junctions.items()
                },
            ),
            kinds=await self._kinds(kinds),
        )

    async def _kinds(self, names: Collection[str]) -> Kinds:
        load: dict[str, Callable[[], Awaitable[Any]]] = {
            "settings": self._settings,
            "scripts": self._scripts,
            "permissions": self._permissions,
            "flows": self._flows,
            "queries": self._queries,
        }
        return Kinds(**{name: await load[name]() for name in sorted(names)})

    async def _flows(self) -> tuple[FlowDefinition, ...]:
        return assemble_flows(
            await self._rows("flow_definition", FlowRow, "id", None),
            await self._rows("flow_step_definition", FlowStepRow, "id", None),
        )

    async def _queries(self) -> tuple[SavedQuery, ...]:
        return tuple(await self._rows("query_definition", SavedQuery, "id", None))

    async def _scripts(self) -> Scripts:
        return assemble_scripts(
            {name: await self._rows(name, ScriptRow, "id", None) for name in SCRIPT_TABLES},
            await self._rows("method_definition", MethodRow, "id", None),
            {
                name: await self._read(junction, LinkRow, "sourceId", None)
                for name, junction in self._hook_junctions.items()
            },
        )

    async def _permissions(self) -> Permissions:
        return assemble_permissions(
            {name: await self._rows(name, PermissionRow, "id", None) for name in PERMISSION_TABLES},
            await self._rows("method_definition", MethodRow, "id", None),
            {
                name: await self._read(junction, LinkRow, "sourceId", None)
                for name, junction in self._permission_methods.items()
            },
            {
                name: await self._read(junction, UserLinkRow, "sourceId", None)
                for name, junction in self._permission_users.items()
            },
        )

    async def _rules(self, tables: Collection[int] | None) -> list[RuleRow]:
        """Load the rules of tables' fields: of their columns, and of their relations."""
        of_columns = await self._rows("column_rule_definition", RuleRow, "column.table", tables)
        if tables is None:
            return of_columns
        return of_columns + await self._rows(
            "column_rule_definition", RuleRow, "relation.sourceTable", tables
        )

    async def _settings(self) -> dict[str, Any]:
        table = self._system.tables["setting_definition"]
        shape = parse({"fields": stored_fields(table)}).shape
        made = plan(shape, table, self._system, ADMINISTRATOR)
        page = await self._reader.find(self._database.read(made), (), 1)
        rows = decode_json(page.rows)
        return rows[0] if rows else {}

    async def _rows(
        self, name: str, kind: type[T], field: str, ids: Collection[int] | None
    ) -> list[T]:
        return await self._read(self._system.tables[name], kind, field, ids)

    async def _read(
        self, table: Table, kind: type[T], field: str, ids: Collection[int] | None
    ) -> list[T]:
        # Since version 0.23, msgspec's types take no variables in the place of types.
        rows: Any = GenericAlias(list, (kind,))
        return msgspec.json.decode(await self._found(table, field, ids), type=rows)

    async def _found(self, table: Table, field: str, ids: Collection[int] | None) -> bytes:
        if ids is not None and not ids:
            return b"[]"
        parameters: dict[str, Any] = {"sort": table.primary.name, "fields": stored_fields(table)}
        if ids is not None:
            condition: Any = {"_in": sorted(ids)}
            for name in reversed(field.split(".")):
                condition = {name: condition}
            parameters["filter"] = condition
        query = parse(parameters)
        asked = (table, None if ids is None else field)
        read = self._prepared.get(asked)
        if read is None:
            made = plan(query.shape, table, self._system, ADMINISTRATOR)
            read = self._prepared[asked] = self._database.read(made)
        # SQLite answers without a pause, and to load everything takes dozens of reads.
        await asyncio.sleep(0)
        return (await self._reader.find(read, read.plan.bind(query.values), -1)).rows


def stored_fields(table: Table) -> list[str]:
    """Give the fields that a table's own rows hold: columns, and to-one relations as keys."""
    return [
        *table.columns,
        *(name for name, relation in table.relations.items() if relation.holds_key),
    ]
