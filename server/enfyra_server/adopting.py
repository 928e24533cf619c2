"""`enfyra adopt`: adopts the tables of a database, and prints what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from enfyra_kernel.errors import EnfyraError
from enfyra_kernel.kernel import Kernel
from enfyra_kernel.records.adoption import look
from enfyra_kernel.schema.adopting import Report, Selection
from enfyra_kernel.schema.adopting.sections import headline, sections
from enfyra_kernel.settings import Settings
from enfyra_kernel.storage.connect import connect


async def adopt(settings: Settings, selection: Selection, *, dry_run: bool) -> Report:
    """Adopt, in the database of the settings.

    A dry run makes nothing there, not even the system's own tables.

    Raises:
        EnfyraError: CONFIGURATION_ERROR for a file that is not there, and all that `Adoption` does.
    """
    uri = settings.db_uri
    if uri.engine == "sqlite" and not uri.path.is_file():
        raise EnfyraError("CONFIGURATION_ERROR", f"There is no database {uri.path}")
    if dry_run:
        database = connect(uri, pool_size=2, timeout=settings.db_timeout)
        await database.start()
        try:
            if not await database.inspect(["table_definition"]):
                return await look(database, selection)
        finally:
            await database.stop()
    async with Kernel(settings) as kernel:
        return await kernel.adoption.adopt(selection, dry_run=dry_run)


def text_of(report: Report) -> str:
    """Give a report as a person reads it on a terminal."""
    shown: Any = msgspec.to_builtins(report)
    lines = [headline(shown)]
    for section in sections(shown):
        lines += ["", f"{section.title}:", *_table(section.columns, section.rows)]
    if shown["dryRun"] and shown["tables"]:
        lines += ["", "Nothing was changed: this was a dry run."]
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    # Names come from the database, and a terminal obeys what is not printable.
    cells = [[_printable(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded)}".rstrip()


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
