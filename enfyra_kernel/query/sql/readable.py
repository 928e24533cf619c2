"""What SQL may read of the tables that are defined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ...metadata.definitions import ColumnDefinition
from ...metadata.snapshot import Snapshot
from ...metadata.tables import Table


@dataclass(frozen=True, slots=True)
class ReadableTable:
    """A table as the database has it.

    Attributes:
        columns: What may be read, by the names that the database has for them.
        hidden: What may not: secrets, and what is stored encrypted.
    """

    name: str
    columns: tuple[str, ...]
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Readable:
    """All tables that SQL may read, by the names that the database has for them.

    Example:
        >>> posts = ReadableTable("post", ("id", "createdAt"))
        >>> Readable({"post": posts}).spelling("CREATEDAT")
        'createdAt'
    """

    tables: Mapping[str, ReadableTable]

    @staticmethod
    def of(snapshot: Snapshot) -> Readable:
        """Read the definitions."""
        tables = snapshot.tables.values()
        junctions = {one.name: one for table in tables for one in _junctions(table)}
        # An adopted junction may have a definition of its own, which knows more.
        return Readable(junctions | {one.name: one for one in map(_read, tables)})

    @cached_property
    def _spellings(self) -> Mapping[str, str]:
        names = {*self.tables, *(name for one in self.tables.values() for name in one.columns)}
        folded = Counter(name.casefold() for name in names)
        return {name.casefold(): name for name in names if folded[name.casefold()] == 1}

    def spelling(self, name: str) -> str | None:
        """Give a name as the definitions have it, whatever case it is written in.

        None if there is none, or several that differ in case only.
        """
        return self._spellings.get(name.casefold())

    def find(self, name: str) -> ReadableTable | None:
        """Give the table of a name."""
        return self.tables.get(name)

    def may_read(self, table: str, column: str) -> bool:
        """Say whether a column may be read."""
        known = self.tables.get(table)
        return known is not None and column not in known.hidden


def _read(table: Table) -> ReadableTable:
    keys = [one.foreign_key for one in table.relations.values() if one.holds_key]
    columns = table.columns.values()
    shown = [one.physical for one in columns if not _is_hidden(table, one)]
    return ReadableTable(
        table.definition.physical,
        tuple(dict.fromkeys([*shown, *(key for key in keys if key is not None)])),
        frozenset(one.physical for one in columns if _is_hidden(table, one)),
    )


def _junctions(table: Table) -> Iterator[ReadableTable]:
    for one in table.relations.values():
        if one.junction is not None:
            columns = (one.junction.source_column, one.junction.target_column)
            yield ReadableTable(one.junction.table, columns)


def _is_hidden(table: Table, column: ColumnDefinition) -> bool:
    of_system = table.definition.is_system and not column.is_published
    return column.is_secret or column.is_encrypted or of_system
