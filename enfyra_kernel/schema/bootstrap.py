"""The first start, and each later one: the system tables are there and as this version wants."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

import msgspec.structs

from ..clock import Clock
from ..encoding import encode_json
from ..errors import DeadlockError, EnfyraError
from ..logs import get_logger
from ..metadata.definitions import METHODS, RelationDefinition, TableDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.system import (
    ENDED_TABLES,
    LOCK_TABLE,
    PLANNED_TABLES,
    READ_ONLY_TABLES,
    SYSTEM_TABLES,
)
from ..storage.changes import AddColumn, CreateTable
from ..storage.database import ConstraintViolation, Database
from .catalog import Catalog
from .diff import diff
from .layout import layout
from .lock import LEASE, Lease, SchemaLock
from .migrator import Migrator
from .rows import CatalogWriter, SystemRows

# Who crashed while holding the lock holds it until its lease runs out.
_LONG_ENOUGH = LEASE + 5

# Seconds between attempts that others have come in between.
_PAUSES = (0.05, 0.2, 0.5, 1.0)

_log = get_logger("schema")

# Path, methods, methods open to everybody, methods open to everybody who is logged in.
STATIC_ROUTES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("/auth/login", ("POST",), ("POST",), ()),
    ("/auth/refresh-token", ("POST",), ("POST",), ()),
    ("/auth/logout", ("POST",), ("POST",), ()),
    ("/auth/password/forgot", ("POST",), ("POST",), ()),
    ("/auth/password/reset", ("POST",), ("POST",), ()),
    ("/auth/providers", ("GET",), ("GET",), ()),
    ("/auth/:provider", ("GET",), ("GET",), ()),
    ("/auth/:provider/callback", ("GET",), ("GET",), ()),
    ("/auth/oauth/exchange", ("POST",), ("POST",), ()),
    ("/auth/token/exchange", ("POST",), ("POST",), ()),
    ("/me", ("GET", "PATCH"), (), ("GET", "PATCH")),
    ("/me/sessions", ("GET",), (), ("GET",)),
    ("/me/sessions/:id", ("DELETE",), (), ("DELETE",)),
    ("/me/oauth-accounts", ("GET",), (), ("GET",)),
    ("/me/tokens", ("GET", "POST"), (), ("GET", "POST")),
    ("/me/tokens/:id", ("DELETE",), (), ("DELETE",)),
    ("/metadata", ("GET",), (), ("GET",)),
    ("/metadata/:name", ("GET",), (), ("GET",)),
    ("/metrics", ("GET",), (), ()),
    ("/admin/access/explain", ("POST",), (), ()),
    ("/admin/adopt", ("POST",), (), ()),
    ("/admin/definitions", ("GET",), (), ()),
    ("/admin/definitions/diff", ("POST",), (), ()),
    ("/admin/definitions/apply", ("POST",), (), ()),
    ("/admin/bootstrap/run", ("POST",), (), ()),
    ("/admin/job", ("GET",), (), ()),
    ("/admin/job/:id", ("DELETE",), (), ()),
    ("/admin/job/:id/retry", ("POST",), (), ()),
    ("/admin/flow/trigger/:id", ("POST",), (), ()),
    ("/admin/flow/cancel/:id", ("POST",), (), ()),
    ("/admin/flow/rerun/:id", ("POST",), (), ()),
    ("/admin/flow/schedule", ("GET",), (), ()),
    ("/admin/flow/artifact/:run/:name", ("GET",), (), ()),
    ("/admin/flow/:name", ("PUT",), (), ()),
    ("/trigger/:path", ("POST",), ("POST",), ()),
    ("/admin/query/check", ("GET",), (), ()),
    ("/admin/sql", ("POST",), (), ()),
    ("/admin/script/validate", ("POST",), (), ()),
    ("/admin/test/run", ("POST",), (), ()),
)


class SystemRoute(NamedTuple):
    """A route of the system, as it is at the first start."""

    path: str
    table: str | None
    available: tuple[str, ...]
    public: tuple[str, ...] = ()
    logged_in: tuple[str, ...] = ()


LoadCatalog = Callable[[], Awaitable[Catalog]]


def declarations_hash() -> str:
    """Give a hash of what this version declares, to see at a glance whether it is there."""
    declared = [msgspec.to_builtins(table) for table in SYSTEM_TABLES]
    methods = [_methods_of(table.name) for table in SYSTEM_TABLES]
    content = encode_json([declared, METHODS, STATIC_ROUTES, methods])
    return hashlib.sha256(content).hexdigest()[:40]


class Bootstrap:
    """Prepares a database.

    Args:
        load: Loads the catalog as it is stored.
    """

    def __init__(
        self,
        database: Database,
        system: Snapshot,
        lock: SchemaLock,
        migrator: Migrator,
        clock: Clock,
        load: LoadCatalog,
    ) -> None:
        self._database = database
        self._system = system
        self._lock = lock
        self._migrator = migrator
        self._clock = clock
        self._load = load

    async def run(self) -> None:
        """Make the database ready; safe to run on several instances at once."""
        await self._ensure_lock_table()
        wanted = declarations_hash()
        for pause in (*_PAUSES, None):
            try:
                await self._ensure_declared(wanted)
                break
            except DeadlockError:
                # The lease is prolonged meanwhile, and MongoDB takes that for a conflict.
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        if await self._migrator.interrupted():
            async with self._lock.hold(patience=_LONG_ENOUGH):
                await self._migrator.recover(await self._load())

    async def _ensure_declared(self, wanted: str) -> None:
        """Install what this version declares, unless it is there."""
        if (await self._lock.row()).system == wanted:
            return
        async with self._lock.hold(patience=_LONG_ENOUGH) as lease:
            row = await self._lock.row()
            if row.system != wanted:
                await self._install(lease, wanted, first=row.system is None)

    async def _ensure_lock_table(self) -> None:
        if await self._database.inspect([LOCK_TABLE.name]):
            await self._lock.ensure_row()
            return
        change = CreateTable(layout(LOCK_TABLE, {})[0])
        try:
            async with self._database.schema_change({}) as session:
                await session.ensure(change)
        except (EnfyraError, ConstraintViolation):
            # Two instances started at once and the other one was faster.
            if not await self._database.inspect([LOCK_TABLE.name]):
                raise
        await self._lock.ensure_row()

    async def _install(self, lease: Lease, wanted: str, *, first: bool) -> None:
        _log.info("preparing the system tables", extra={"first": first})
        if not first:
            await self._add_columns()
        old = Catalog({}) if first else await self._load()
        new = merged(old, SYSTEM_TABLES)
        before = [one for table in old.values() for one in layout(table, old)]
        after = [one for table in new.values() for one in layout(table, new)]
        changes = diff(before, after)
        # An interrupted first start, where the schema is not transactional, left some of it.
        again = not first or bool(await self._database.inspect([table.name for table in after]))
        async with self._database.schema_change({one.name: one for one in before}) as session:
            for change in changes:
                if again:
                    await session.ensure(change)
                else:
                    await session.apply(change)
            rows = SystemRows(self._database, session, dict(self._system.tables), self._clock.now())
            writer = CatalogWriter(rows)
            await writer.write(old, new)
            await _Seeds(rows, writer, new).write(first=first)
            await lease.commit_version(session, system=wanted)
            await session.commit_writes()

    async def _add_columns(self) -> None:
        """Give the system tables of an earlier version the columns of this one.

        What is stored in them is loaded by this version's declarations, which name all of them.
        """
        declared = Catalog({table.id: table for table in SYSTEM_TABLES})
        wanted = [one for table in SYSTEM_TABLES for one in layout(table, declared)]
        there = {
            one.name: one for one in await self._database.inspect([one.name for one in wanted])
        }
        missing = [
            AddColumn(table.name, column)
            for table in wanted
            if (found := there.get(table.name)) is not None
            for column in table.columns
            if all(one.name != column.name for one in found.columns)
        ]
        if not missing:
            return
        async with self._database.schema_change(there) as session:
            for change in missing:
                await session.ensure(change)


def merged(stored: Catalog, declared: tuple[TableDefinition, ...]) -> Catalog:
    """Add what a version declares to what is stored; nothing is taken away.

    Tables, columns and relations are matched by name. Ids of what is new stay negative.
    """
    ids = {table.id: found.id for table in declared if (found := stored.by_name(table.name))}
    relations: dict[int, int] = {}
    for table in declared:
        found = stored.by_name(table.name)
        for relation in table.relations:
            same = found.relation(relation.property_name) if found is not None else None
            if same is not None:
                relations[relation.id] = same.id
    catalog = stored
    for table in declared:
        found = stored.by_name(table.name)
        catalog = catalog.with_table(
            _with_real_ids(table, ids, relations)
            if found is None
            else _extended(found, _with_real_ids(table, ids, relations))
        )
    return catalog


def _with_real_ids(
    table: TableDefinition, ids: dict[int, int], relations: dict[int, int]
) -> TableDefinition:
    def real(relation: RelationDefinition) -> RelationDefinition:
        return msgspec.structs.replace(
            relation,
            id=relations.get(relation.id, relation.id),
            source=ids.get(relation.source, relation.source),
            target=ids.get(relation.target, relation.target),
            mapped_by=None
            if relation.mapped_by is None
            else relations.get(relation.mapped_by, relation.mapped_by),
        )

    return msgspec.structs.replace(
        table,
        id=ids.get(table.id, table.id),
        relations=tuple(real(relation) for relation in table.relations),
    )


def _extended(found: TableDefinition, declared: TableDefinition) -> TableDefinition:
    columns = [one for one in declared.columns if found.column(one.name) is None]
    relations = [one for one in declared.relations if found.relation(one.property_name) is None]
    return msgspec.structs.replace(
        found,
        columns=(*found.columns, *columns),
        relations=(*(_loosened(one, declared) for one in found.relations), *relations),
        uniques=tuple(dict.fromkeys((*found.uniques, *declared.uniques))),
        indexes=tuple(dict.fromkeys((*found.indexes, *declared.indexes))),
    )


def _loosened(found: RelationDefinition, declared: TableDefinition) -> RelationDefinition:
    """Let a relation be empty where a newer version lets it."""
    wanted = declared.relation(found.property_name)
    if wanted is None or not wanted.is_nullable:
        return found
    return msgspec.structs.replace(found, is_nullable=True)


class _Seeds:
    """Writes what a database starts with, as far as it is not there yet."""

    def __init__(self, rows: SystemRows, writer: CatalogWriter, catalog: Catalog) -> None:
        self._rows = rows
        self._writer = writer
        self._catalog = catalog

    async def write(self, *, first: bool) -> None:
        if first:
            await self._role_and_setting()
        await self._routes(await self._methods())

    async def _role_and_setting(self) -> None:
        await self._rows.insert(
            "role_definition",
            [{"name": "Admin", "description": "May be given route and field permissions"}],
        )
        setting = {
            "isInit": True,
            "projectName": "Enfyra",
            "maxQueryDepth": 7,
            "maxUploadFileSize": 10,
            "maxRequestBodySize": 32,
            "isSystem": True,
        }
        await self._rows.insert("setting_definition", [setting])

    async def _methods(self) -> dict[str, Any]:
        there = await self._rows.ids_by("method_definition", "name")
        missing = [name for name in METHODS if name not in there]
        ids = await self._rows.insert(
            "method_definition", [{"name": name, "isSystem": True} for name in missing]
        )
        return there | dict(zip(missing, ids, strict=True))

    async def _routes(self, methods: dict[str, Any]) -> None:
        there = await self._rows.ids_by("route_definition", "path")
        await self._open_ended(there, methods["DELETE"])
        tables = {table.name: table.id for table in self._catalog.values()}
        facts: list[dict[str, Any]] = []
        links: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = []
        for one in system_routes():
            if one.path not in there:
                id_ = tables[one.table] if one.table is not None else None
                facts.append(_route(one.path, id_ and self._writer.ids.get(id_, id_)))
                links.append((one.available, one.public, one.logged_in))
        ids = await self._rows.insert("route_definition", facts)
        properties = ("availableMethods", "publicMethods", "skipRoleGuardMethods")
        for position, property_name in enumerate(properties):
            pairs = [
                (id_, methods[method])
                for id_, groups in zip(ids, links, strict=True)
                for method in groups[position]
            ]
            await self._rows.link_pairs("route_definition", property_name, pairs)

    async def _open_ended(self, routes: dict[str, Any], delete: Any) -> None:
        """Let rows be deleted that an earlier version could only show."""
        for name in ENDED_TABLES:
            route = routes.get(f"/{name}")
            if route is not None:
                open_ = await self._rows.linked("route_definition", "availableMethods", route)
                if delete not in open_:
                    pair = (route, delete)
                    await self._rows.link_pairs("route_definition", "availableMethods", [pair])


def system_routes() -> Iterator[SystemRoute]:
    """Give the routes that a database begins with: those of the system's tables, and its own."""
    for table in SYSTEM_TABLES:
        yield SystemRoute(f"/{table.name}", table.name, _methods_of(table.name))
    for path, available, public, logged_in in STATIC_ROUTES:
        yield SystemRoute(path, None, available, public, logged_in)


def _methods_of(name: str) -> tuple[str, ...]:
    if name in READ_ONLY_TABLES:
        return ("GET",)
    if name in ENDED_TABLES:
        return ("GET", "DELETE")
    # What a replacement leaves out of a definition would be ambiguous.
    return tuple(one for one in METHODS if one != "PUT" or name not in PLANNED_TABLES)


def _route(path: str, table_id: int | None) -> dict[str, Any]:
    return {"path": path, "isEnabled": True, "isSystem": True, "mainTable": table_id}
