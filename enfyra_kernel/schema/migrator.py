"""Makes a schema change: checks it against the data, applies it, writes the definitions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec.structs

from ..clock import Clock
from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.snapshot import Snapshot
from ..storage import changes as c
from ..storage.database import Database, SchemaSession, Session
from ..storage.physical import PhysicalTable
from .catalog import Catalog
from .conversion import check_of, check_possible
from .diff import diff
from .journal import COMMITTED, COMPLETED, ROLLED_BACK, RUNNING, Journal, JournalEntry
from .layout import layout
from .lock import Lease
from .preview import Warnings, confirm_hash, losses, preview
from .renaming import name_before, old_names_of_tables
from .rows import CatalogWriter, SystemRows

_log = get_logger("schema")

Also = Callable[[SystemRows, CatalogWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A change that has been worked out and not made.

    Attributes:
        preview: What it will do, as shown to people.
        lost: What it can lose, in words.
    """

    old: Catalog
    new: Catalog
    changes: tuple[c.Change, ...]
    preview: Mapping[str, Any]
    lost: tuple[str, ...]


class Migrator:
    """Works out and makes changes; whoever calls holds the schema lock.

    Args:
        system: The system tables, through which definitions are written.
    """

    def __init__(self, database: Database, system: Snapshot, clock: Clock) -> None:
        self._database = database
        self._system = system
        self._clock = clock
        self.journal = Journal(database, system, clock)

    # -- before ---------------------------------------------------------------------------------

    async def draft(
        self,
        old: Catalog,
        new: Catalog,
        table_id: int,
        *,
        physical: bool = True,
        warnings: Warnings = (),
    ) -> Draft:
        """Work a change out and check it against the data.

        Args:
            physical: Whether the database changes; it does not when a table is adopted.
            warnings: What else is to be said of it.

        Raises:
            EnfyraError: VALIDATION_ERROR or CONVERSION_FAILED when the data stands in the way,
                TABLE_EXISTS when a table of the name is there that Enfyra does not know.
        """
        changes = diff(_layouts(old, new, old), _layouts(old, new, new)) if physical else ()
        _refuse_read_only(old, changes)
        for change in changes:
            if isinstance(change, c.AlterColumn):
                check_possible(change)
        await self._refuse_existing(changes)
        filled = await self._filled(old, new, changes)
        lost = tuple(losses(changes, filled))
        shown = preview(old, new, table_id, changes, lost, warnings)
        return Draft(old, new, changes, shown, lost)

    def confirm(self, draft: Draft, given_hash: str | None) -> None:
        """Refuse a change that can lose data, unless its hash was given.

        Raises:
            EnfyraError: SCHEMA_CONFIRMATION_REQUIRED or SCHEMA_CONFIRMATION_MISMATCH, with the
                preview in `details`.
        """
        required = confirm_hash(draft.old, draft.new)
        if given_hash is not None and given_hash != required:
            raise EnfyraError("SCHEMA_CONFIRMATION_MISMATCH", details=draft.preview)
        if draft.lost and given_hash is None:
            raise EnfyraError(
                "SCHEMA_CONFIRMATION_REQUIRED",
                f"The change would lose {'; '.join(draft.lost)}. It was not applied",
                details=draft.preview,
            )

    async def _refuse_existing(self, changes: Sequence[c.Change]) -> None:
        """An existing physical table is never dropped or written over."""
        wanted = [one.table.name for one in changes if isinstance(one, c.CreateTable)]
        wanted += [one.new for one in changes if isinstance(one, c.RenameTable)]
        if not wanted:
            return
        there = await self._database.inspect(wanted)
        if there:
            raise EnfyraError(
                "TABLE_EXISTS",
                f"The database has a table '{there[0].name}' that Enfyra does not manage",
                hint='Adopt it with {"adopt": true}, or choose another name',
                details={"table": there[0].name},
            )

    async def _filled(self, old: Catalog, new: Catalog, changes: Sequence[c.Change]) -> set[str]:
        """Check changes against the rows that are there; give the tables that have any.

        Tables are called by their new names.
        """
        names = old_names_of_tables(changes)
        asking = {name: names.get(name, name) for name in _asking(changes)}
        if not asking:
            return set()
        filled: set[str] = set()
        async with self._database.schema_change(_concerned(old, new)) as session:
            for now, before in asking.items():
                if await session.count(before):
                    filled.add(now)
            for change in changes:
                if c.table_of(change) in filled:
                    await self._check(session, change, names, changes)
        return filled

    async def _check(
        self,
        session: SchemaSession,
        change: c.Change,
        names: Mapping[str, str],
        changes: Sequence[c.Change],
    ) -> None:
        match change:
            case c.AddColumn(table, column) if not column.nullable and column.default is None:
                raise EnfyraError(
                    "VALIDATION_ERROR",
                    f"'{table}' has records: the new field '{column.name}' must be nullable or "
                    "have a default",
                )
            case c.AlterColumn(table, old):
                before = name_before(changes, table, old.name)
                source = names.get(table, table)
                await self._check_alteration(session, source, before, change)
            case c.AddIndex(table, index) if index.unique:
                # The database checks that itself, and says which values are in the way.
                pass
            case _:
                pass

    async def _check_alteration(
        self, session: SchemaSession, source: str, before: str, change: c.AlterColumn
    ) -> None:
        old, new = change.old, change.new
        if old.nullable and not new.nullable and await session.has_null(source, before):
            raise EnfyraError(
                "CONVERSION_FAILED",
                f"'{change.table}.{new.name}' cannot become not nullable: some records have no "
                "value there",
                details={"table": change.table, "field": new.name},
            )
        check = check_of(old, new)
        if check is None:
            return
        stored_now = msgspec.structs.replace(old, name=before)
        problems = await session.distinct_values(source, stored_now, check)
        if problems:
            raise EnfyraError(
                "CONVERSION_FAILED",
                f"Values of '{change.table}.{new.name}' cannot become {new.type}: "
                + "; ".join(problems),
                details={"table": change.table, "field": new.name, "values": problems},
                hint="Correct these values first; nothing was changed",
            )

    # -- making ---------------------------------------------------------------------------------

    async def make(self, draft: Draft, lease: Lease, *, also: Also | None = None) -> dict[int, int]:
        """Make a change: all of it or nothing. Give the real ids of new definitions.

        Args:
            also: Further rows of system tables to write in the same transaction.
        """
        name = str(draft.preview["tableName"])
        operation = str(draft.preview["operation"])
        if self._database.transactional_schema:
            return await self._make_at_once(draft, lease, name, operation, also)
        return await self._make_journalled(draft, lease, name, operation, also)

    async def _make_at_once(
        self, draft: Draft, lease: Lease, name: str, operation: str, also: Also | None
    ) -> dict[int, int]:
        state = _concerned(draft.old, draft.new)
        async with self._database.schema_change(state) as session:
            for change in draft.changes:
                await session.apply(change)
            writer = await self._write_rows(session, draft, also)
            await self.journal.begin(
                name, operation, draft.changes, status=COMPLETED, session=session
            )
            await lease.commit_version(session)
        return writer.ids

    async def _write_rows(self, session: Session, draft: Draft, also: Also | None) -> CatalogWriter:
        rows = SystemRows(self._database, session, dict(self._system.tables), self._clock.now())
        writer = CatalogWriter(rows)
        await writer.write(draft.old, draft.new)
        if also is not None:
            await also(rows, writer)
        return writer

    async def _make_journalled(
        self, draft: Draft, lease: Lease, name: str, operation: str, also: Also | None
    ) -> dict[int, int]:
        entry = await self.journal.begin(name, operation, draft.changes)
        safe = [one for one in draft.changes if not isinstance(one, c.LOSING)]
        losing = [one for one in draft.changes if isinstance(one, c.LOSING)]
        made = 0
        state = _concerned(draft.old, draft.new)
        async with self._database.schema_change(state) as session:
            try:
                for change in safe:
                    made += 1
                    await session.apply(change)
                    await self.journal.progress(entry, made)
                writer = await self._write_rows(session, draft, also)
                await lease.commit_version(session)
                await self.journal.mark(entry, COMMITTED, session=session)
                await session.commit_writes()
            except Exception as error:
                await self._give_up(session, entry, safe[:made], error)
                raise
            for change in losing:
                await session.apply(change)
        await self.journal.mark(entry, COMPLETED)
        return writer.ids

    async def _give_up(
        self, session: SchemaSession, entry: int, made: Sequence[c.Change], reason: Exception
    ) -> None:
        try:
            # The first change of the schema would make half written definitions final.
            await session.discard_writes()
            await self._take_back(session, made)
            await self.journal.mark(entry, ROLLED_BACK, error=str(reason))
        except Exception as error:
            # As on a full disk. The journal still says that it is unfinished.
            _log.error("a schema change could not be taken back yet", extra={"reason": repr(error)})

    async def _take_back(self, session: SchemaSession, made: Sequence[c.Change]) -> None:
        created = {one.table.name for one in made if isinstance(one, c.CreateTable)}
        for change in reversed(made):
            # What belongs to a table that goes needs no care, and may not go before it.
            if isinstance(change, c.CreateTable) or c.table_of(change) not in created:
                await session.revert(change)

    # -- after a crash --------------------------------------------------------------------------

    async def interrupted(self) -> bool:
        """Say whether a change has been begun and not finished, now or before a crash."""
        if self._database.transactional_schema:
            return False
        return bool(await self.journal.unfinished())

    async def recover(self, catalog: Catalog) -> None:
        """Take back or finish what was interrupted; whoever calls holds the schema lock.

        Args:
            catalog: The definitions as they are stored.
        """
        if self._database.transactional_schema:
            return
        state = {one.name: one for table in catalog.values() for one in layout(table, catalog)}
        for entry in await self.journal.unfinished():
            _log.warning(
                "an interrupted schema change was found",
                extra={"table": entry.table_name, "status": entry.status},
            )
            if entry.status == COMMITTED:
                await self._finish(entry, state)
            elif entry.status == RUNNING:
                await self._undo(entry, state)

    async def _undo(self, entry: JournalEntry, state: Mapping[str, PhysicalTable]) -> None:
        safe = [one for one in entry.steps if not isinstance(one, c.LOSING)]
        # The step after the last one noted may have been made, too.
        begun = safe[: entry.progress + 1]
        async with self._database.schema_change(_following(state, begun)) as session:
            if not self._database.transactional_schema:
                await self._take_back(session, begun)
        await self.journal.mark(entry.id, ROLLED_BACK, error="interrupted")

    async def _finish(self, entry: JournalEntry, state: Mapping[str, PhysicalTable]) -> None:
        losing = [one for one in entry.steps if isinstance(one, c.LOSING)]
        async with self._database.schema_change(state) as session:
            for change in losing:
                await session.ensure(change)
        await self.journal.mark(entry.id, COMPLETED)


def _refuse_read_only(old: Catalog, changes: Sequence[c.Change]) -> None:
    """Refuse physical changes of what can only be read, such as a view."""
    reasons = {one.physical: (one.name, one.read_only) for one in old.values() if one.read_only}
    for change in changes:
        if c.table_of(change) in reasons:
            name, reason = reasons[c.table_of(change)]
            raise EnfyraError(
                "VALIDATION_ERROR",
                f"'{name}' can only be read: {reason}. Its columns cannot be changed here",
            )


def _layouts(old: Catalog, new: Catalog, which: Catalog) -> list[PhysicalTable]:
    """Give the physical tables of a catalog, as far as old and new may differ in them."""
    changed = {id_ for id_ in {*old, *new} if old.get(id_) is not new.get(id_)}
    changed |= {
        one.source
        for catalog in (old, new)
        for one in catalog.relations()
        if one.target in changed and one.owning
    }
    return [
        physical
        for id_ in sorted(changed)
        if id_ in which
        for physical in layout(which[id_], which)
    ]


def _concerned(old: Catalog, new: Catalog) -> dict[str, PhysicalTable]:
    """Give the physical tables, as they are, that a change has to do with."""
    return {physical.name: physical for physical in _layouts(old, new, old)}


def _following(
    state: Mapping[str, PhysicalTable], changes: Sequence[c.Change]
) -> dict[str, PhysicalTable]:
    """Give the tables as changes leave them, ignoring those that do not fit."""
    tables = dict(state)
    for change in changes:
        try:
            c.follow(tables, change)
        except KeyError:
            continue
    return tables


def _asking(changes: Sequence[c.Change]) -> set[str]:
    """Give the existing tables whose rows matter to a change."""
    created = {one.table.name for one in changes if isinstance(one, c.CreateTable)}
    return {
        c.table_of(one)
        for one in changes
        if isinstance(one, c.AddColumn | c.AlterColumn | c.DropColumn | c.DropTable)
    } - created
