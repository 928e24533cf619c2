"""The order in which columns can take each other's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec.structs

from ..storage import changes as c
from ..storage.physical import PhysicalColumn

# No field's name starts with a line, so these are free.
GOING = "_old_"
COMING = "_new_"


def renames(
    table: str,
    wanted: Sequence[tuple[PhysicalColumn, str]],
    going: Sequence[PhysicalColumn],
    taken: set[str],
) -> tuple[list[c.Change], list[PhysicalColumn]]:
    """Give the renames in an order that works, and the columns to drop by their names then.

    A name gets free before another column takes it. Columns that swap their names go through one
    in between; a column that will be dropped gives up a name that somebody else needs.

    Args:
        wanted: The columns that get other names.
        going: The columns that will be dropped, after everything else.
        taken: The names that kept and new columns have in the end.

    Example:
        >>> name, title = (PhysicalColumn(name=one, type=None) for one in ("name", "title"))
        >>> made, _ = renames("post", [(name, "title")], [title], {"title"})
        >>> [(one.old.name, one.new) for one in made]
        [('title', '_old_title'), ('name', 'title')]
    """
    made: list[c.Change] = []
    left: list[PhysicalColumn] = []
    for column in going:
        name = column.name
        if name in taken:
            name = f"{GOING}{name}"
            made.append(c.RenameColumn(table, column, name))
        left.append(msgspec.structs.replace(column, name=name))
    pending = {column.name: (column, new) for column, new in wanted}
    while pending:
        old = next((old for old, (_, new) in pending.items() if new not in pending), None)
        if old is not None:
            made.append(c.RenameColumn(table, *pending.pop(old)))
            continue
        old, (column, new) = next(iter(pending.items()))
        del pending[old]
        between = msgspec.structs.replace(column, name=f"{COMING}{old}")
        made.append(c.RenameColumn(table, column, between.name))
        pending[between.name] = (between, new)
    return made, left


def name_before(changes: Sequence[c.Change], table: str, column: str) -> str:
    """Give the name that a column had before the changes; `table` is its new one."""
    for one in reversed(changes):
        if isinstance(one, c.RenameColumn) and one.table == table and one.new == column:
            column = one.old.name
    return column


def old_names_of_tables(changes: Sequence[c.Change]) -> Mapping[str, str]:
    """Give the old names of renamed tables by their new ones."""
    return {one.new: one.old for one in changes if isinstance(one, c.RenameTable)}
