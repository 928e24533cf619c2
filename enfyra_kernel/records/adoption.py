"""Adopting a whole database: all tables that somebody else made, in one change of definitions."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..metadata.system import SYSTEM_TABLES
from ..schema.adopting import Adopter, Report, Selection, report_of
from ..schema.catalog import Catalog
from ..schema.edit import Editor
from ..storage.database import Database
from .definitions import Definitions, Edited


class Adoption:
    """Defines what is there; all of it or nothing, and nothing in the database changes."""

    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    async def adopt(self, selection: Selection, *, dry_run: bool = False) -> Report:
        """Adopt the tables that are meant.

        Args:
            dry_run: Whether only to say what would be defined.

        Raises:
            EnfyraError: RESOURCE_NOT_FOUND for a name that is no table's, VALIDATION_ERROR for a
                key that cannot be one or a database that cannot be adopted.
        """
        physical = await self._database.survey()
        adopters: list[Adopter] = []

        def edit(editor: Editor) -> Edited:
            adopter = Adopter(editor.catalog, physical, self._definitions.paths())
            adopter.adopt_all(selection)
            editor.catalog = adopter.catalog
            adopters.append(adopter)
            if not adopter.adopted:
                raise _NothingNew
            first = next(iter(adopter.adopted.values()))
            return Edited(first, first)

        with suppress(_NothingNew):
            await self._definitions.adopt(edit, preview=dry_run)
        return await asyncio.to_thread(report_of, adopters[-1], dry_run=dry_run)


async def look(database: Database, selection: Selection) -> Report:
    """Say what would be adopted in a database that Enfyra has never been in."""
    system = Catalog({table.id: table for table in SYSTEM_TABLES})
    adopter = Adopter(system, await database.survey())
    await asyncio.to_thread(adopter.adopt_all, selection)
    return report_of(adopter, dry_run=True)


class _NothingNew(Exception):
    """Ends a change that would change nothing."""
