"""Changes of definitions, made live everywhere.

Tables, columns and relations go through the planner and the lock; rows of other definition tables
are written together with the version that tells everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import EnfyraError
from ..metadata.definitions import TableDefinition, has_encrypted
from ..metadata.registry import EVERYTHING, DefinitionChange, Registry
from ..metadata.snapshot import Snapshot
from ..schema.adopting import Adopter
from ..schema.catalog import Catalog
from ..schema.edit import Editor
from ..schema.lock import SchemaLock
from ..schema.migrator import Draft, Migrator
from ..schema.payload import TableInput, read_column, read_relation, read_rule, read_table
from ..schema.preview import Warnings
from ..schema.raw import Problems
from ..storage.database import ConstraintViolation, Database, Session
from .encryption import Keyring
from .refusals import together
from .table_routes import RouteKeeper

# Takes what changed, and the version that it made.
GoLive = Callable[[DefinitionChange, int], Awaitable[None]]
# Says what fits the definitions before a change and not afterwards; called on a thread.
Warn = Callable[[Snapshot, Snapshot], Warnings]


class Edited(NamedTuple):
    """What an edit was about: a table, and in it the definition that was asked for."""

    table: int
    asked: int


Edit = Callable[[Editor], Edited]


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change of definitions did.

    Attributes:
        id: The id of the definition that was created or changed; None if it was only previewed.
        preview: What the change does.
    """

    id: int | None
    preview: Mapping[str, Any]


class Definitions:
    """Changes what the API is made of.

    Args:
        go_live: Makes a committed change live, here and on other instances.
        warn: Says what a change leaves behind that refers to fields by their names.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        lock: SchemaLock,
        migrator: Migrator,
        keyring: Keyring,
        go_live: GoLive,
        warn: Warn,
    ) -> None:
        self._database = database
        self._registry = registry
        self._lock = lock
        self._migrator = migrator
        self._keyring = keyring
        self._go_live = go_live
        self._warn = warn

    # -- tables, columns, relations -------------------------------------------------------------

    async def create_table(
        self, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Create a table with its physical table and its route."""
        problems = Problems()
        given = read_table(body, problems)
        problems.check()
        if given.adopt:
            return await self._adopt_table(given, preview=preview)

        def edit(editor: Editor) -> Edited:
            table_id = editor.tables.create(given)
            return Edited(table_id, table_id)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def _adopt_table(self, given: TableInput, *, preview: bool) -> Changed:
        """Give an existing physical table a definition; it stays as it is."""
        if given.columns or given.relations:
            raise EnfyraError(
                "VALIDATION_ERROR",
                problems=["columns and relations of an adopted table are read from the database"],
            )
        physical = await self._database.survey()

        def edit(editor: Editor) -> Edited:
            adopter = Adopter(editor.catalog, physical, self.paths())
            table_id = adopter.adopt(str(given.values.get("name", "")), given.values)
            editor.catalog = adopter.catalog
            return Edited(table_id, table_id)

        return await self.adopt(edit, preview=preview)

    async def adopt(self, edit: Edit, *, preview: bool) -> Changed:
        """Make a change that defines what is there; nothing in the database changes."""
        return await self._change(edit, confirm=None, preview=preview, physical=False)

    def paths(self) -> frozenset[str]:
        """Give the paths that are taken, as names of tables."""
        routes = self._registry.current.route_definitions
        return frozenset(route.path.removeprefix("/") for route in routes)

    async def update_table(
        self, id_: int, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Change a table; columns or relations in the body replace those that are there."""
        problems = Problems()
        given = read_table(body, problems)
        problems.check()

        def edit(editor: Editor) -> Edited:
            self._known("table", id_, editor.catalog)
            editor.tables.update(id_, given)
            return Edited(id_, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def change_tables(
        self,
        edit: Callable[[Editor], None],
        *,
        confirm: str | None = None,
        preview: bool = False,
    ) -> Changed:
        """Change any number of tables at once, with the relations between them.

        Args:
            edit: Makes the new definitions of the old ones.
        """

        def edited(editor: Editor) -> Edited:
            old = editor.catalog
            edit(editor)
            first = min(_touched(old, editor.catalog), default=0)
            return Edited(first, first)

        return await self._change(edited, confirm=confirm, preview=preview, many=True)

    async def drop_table(
        self, id_: int, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Drop a table, its records, its route and every relation that leads to it."""

        def edit(editor: Editor) -> Edited:
            self._known("table", id_, editor.catalog)
            editor.tables.drop(id_)
            return Edited(id_, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def create_column(
        self, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Add a column to the table that the body names."""
        problems = Problems()
        given = read_column(body, "", problems)
        problems.check()

        def edit(editor: Editor) -> Edited:
            table_id = self._table_named(body, "table", editor.catalog)
            return Edited(table_id, editor.columns.add(table_id, given))

        return await self._change(edit, confirm=confirm, preview=preview)

    async def update_column(
        self, id_: int, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Change a column."""
        problems = Problems()
        given = read_column(body, "", problems)
        problems.check()

        def edit(editor: Editor) -> Edited:
            table_id = self._table_of_column(id_, editor.catalog)
            editor.columns.update(table_id, id_, given)
            return Edited(table_id, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def drop_column(
        self, id_: int, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Drop a column."""

        def edit(editor: Editor) -> Edited:
            table_id = self._table_of_column(id_, editor.catalog)
            editor.columns.drop(table_id, id_)
            return Edited(table_id, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def create_relation(
        self, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Add a relation to the table that the body names as `sourceTable`."""
        problems = Problems()
        given = read_relation(body, "", problems)
        problems.check()

        def edit(editor: Editor) -> Edited:
            table_id = self._table_named(body, "sourceTable", editor.catalog)
            relation_id = editor.relations.add(table_id, given)
            # Without an id there are problems, which end the change.
            return Edited(table_id, relation_id or table_id)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def update_relation(
        self, id_: int, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Change a relation."""
        problems = Problems()
        given = read_relation(body, "", problems)
        problems.check()

        def edit(editor: Editor) -> Edited:
            relation = editor.catalog.relation(id_)
            if relation is None:
                raise _unknown("relation", id_)
            editor.relations.update(relation.source, id_, given)
            return Edited(relation.source, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def drop_relation(
        self, id_: int, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Drop a relation."""

        def edit(editor: Editor) -> Edited:
            relation = editor.catalog.relation(id_)
            if relation is None:
                raise _unknown("relation", id_)
            editor.relations.drop(relation.source, id_)
            return Edited(relation.source, id_)

        return await self._change(edit, confirm=confirm, preview=preview)

    async def create_rule(
        self, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Add a rule to the column or relation that the body names."""
        problems = Problems()
        given = read_rule(body, "", problems)
        problems.check()
        return await self._change(
            lambda editor: Edited(*editor.rules.add(given)), confirm=confirm, preview=preview
        )

    async def update_rule(
        self, id_: int, body: Any, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Change a rule."""
        problems = Problems()
        given = read_rule(body, "", problems)
        problems.check()
        return await self._change(
            lambda editor: Edited(editor.rules.update(id_, given), id_),
            confirm=confirm,
            preview=preview,
        )

    async def drop_rule(
        self, id_: int, *, confirm: str | None = None, preview: bool = False
    ) -> Changed:
        """Drop a rule."""
        return await self._change(
            lambda editor: Edited(editor.rules.drop(id_), id_), confirm=confirm, preview=preview
        )

    def _known(self, what: str, id_: int, catalog: Catalog) -> None:
        if id_ not in catalog:
            raise _unknown(what, id_)

    def _table_named(self, body: Any, key: str, catalog: Catalog) -> int:
        value = body.get(key) if isinstance(body, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(value, Mapping):
            value = value.get("id", value.get("name"))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        found = catalog.by_name(value) if isinstance(value, str) else None
        if found is None and isinstance(value, int):
            found = catalog.get(value)
        if found is None:
            raise EnfyraError(
                "VALIDATION_ERROR", problems=[f"{key} must be the id or name of a table"]
            )
        return found.id

    def _table_of_column(self, id_: int, catalog: Catalog) -> int:
        for table in catalog.values():
            if any(column.id == id_ for column in table.columns):
                return table.id
        raise _unknown("column", id_)

    # -- the change itself ----------------------------------------------------------------------

    async def _change(
        self,
        edit: Edit,
        *,
        confirm: str | None,
        preview: bool,
        physical: bool = True,
        many: bool = False,
    ) -> Changed:
        async with self._lock.hold() as lease:
            await self._registry.refresh()
            snapshot = self._registry.current
            old = Catalog(snapshot.definitions)
            await self._migrator.recover(old)
            editor = Editor(old, engine=self._database.engine)
            if physical and not many:
                (table_id, asked), new = _edited(editor, edit)
            else:
                # Of a whole database, the event loop need not wait for that.
                (table_id, asked), new = await asyncio.to_thread(_edited, editor, edit)
            self._check_keys(new[id_] for id_ in _touched(old, new) if id_ in new)
            draft = await self._migrator.draft(
                old,
                new,
                table_id,
                physical=physical,
                warnings=await self._warnings(snapshot, new, _touched(old, new)),
            )
            if preview:
                return Changed(None, draft.preview)
            self._migrator.confirm(draft, confirm)
            routes = RouteKeeper(snapshot, draft)
            try:
                ids = await self._migrator.make(draft, lease, also=routes.write)
            except ConstraintViolation as violation:
                raise _refused(violation, draft) from violation
            change = DefinitionChange(
                tables=frozenset(ids.get(id_, id_) for id_ in _touched(old, new)),
                routes=frozenset(routes.touched),
            )
            await self._go_live(change, lease.version)
        return Changed(ids.get(asked, asked), draft.preview)

    async def _warnings(self, snapshot: Snapshot, new: Catalog, touched: set[int]) -> Warnings:
        """Say what will not fit any more, where there is anything that could."""
        queries, permissions = snapshot.queries, snapshot.permissions
        there = queries.by_name or permissions.rows or permissions.fields
        if not there or touched.isdisjoint(snapshot.definitions):
            return ()

        def judged() -> Warnings:
            # All that is no table stays what it was.
            after = Snapshot(snapshot.version, new.values(), previous=snapshot, changed=touched)
            return self._warn(snapshot, after)

        return await asyncio.to_thread(judged)

    def _check_keys(self, tables: Iterable[TableDefinition]) -> None:
        """Refuse encrypted columns that nothing could be encrypted for."""
        if any(has_encrypted(table) for table in tables):
            try:
                self._keyring.check()
            except EnfyraError as error:
                raise EnfyraError("VALIDATION_ERROR", problems=[error.message]) from None

    async def heal(self) -> None:
        """Take back or finish what a crashed instance left half done.

        Nothing happens while somebody holds the schema lock: the change may still be going on.
        """
        if not await self._migrator.interrupted():
            return
        try:
            async with self._lock.hold(patience=0):
                await self._registry.refresh()
                await self._migrator.recover(Catalog(self._registry.current.definitions))
        except EnfyraError as error:
            if error.code != "SCHEMA_LOCKED":
                raise

    # -- rows of other definition tables --------------------------------------------------------

    @asynccontextmanager
    async def changing(
        self, change: DefinitionChange = EVERYTHING
    ) -> AsyncGenerator[Session, None]:
        """Change rows of definition tables in a block; afterwards the change is live."""
        async with together(self._database) as session:
            yield session
            version = await self._lock.advance(session)
        await self._go_live(change, version or 0)


def _edited(editor: Editor, edit: Edit) -> tuple[Edited, Catalog]:
    old = editor.catalog
    edited = edit(editor)
    return edited, editor.finish(edited.table, *_touched(old, editor.catalog))


def _touched(old: Catalog, new: Catalog) -> set[int]:
    return {id_ for id_ in {*old, *new} if old.get(id_) is not new.get(id_)}


def _unknown(what: str, id_: Any) -> EnfyraError:
    return EnfyraError("RESOURCE_NOT_FOUND", f"There is no {what} with the id {id_}")


def _refused(violation: ConstraintViolation, draft: Draft) -> EnfyraError:
    """Explain why the database refused a change of the schema: existing values stand in the way."""
    columns = ", ".join(violation.columns)
    table = draft.preview["tableName"]
    if violation.kind == "unique":
        return EnfyraError(
            "CONVERSION_FAILED",
            f"Records of '{table}' share values of {columns or 'the fields'} that shall be unique",
            details={"table": table, "fields": list(violation.columns)},
            hint="Make the values unique first; nothing was changed",
        )
    return EnfyraError(
        "CONVERSION_FAILED",
        f"Existing records of '{table}' do not fit the change"
        + (f" ({violation.constraint})" if violation.constraint else ""),
        details={"table": table, "fields": list(violation.columns)},
        hint="Correct these records first; nothing was changed",
    )
