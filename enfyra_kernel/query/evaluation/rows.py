"""Records in memory, and how one finds those that it is related to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ...metadata.tables import Relation, Table

# A record: canonical values (see `metadata.values`) by the names of the stored columns.
Row = Mapping[str, Any]


class RelatedRows(Protocol):
    """Finds the records that a record is related to."""

    def related(self, row: Row, table: Table, relation: Relation, target: Table) -> Iterable[Row]:
        """Give the related records of one record of `table`, in no order."""
        ...


class Rows:
    """All records of some tables.

    Args:
        tables: The records of each table, junctions included, by the table's stored name.
    """

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self._tables = tables
        self._indexes: dict[tuple[str, str], dict[Any, list[Row]]] = {}

    def of(self, name: str) -> Sequence[Row]:
        """Give the records of a table by its stored name."""
        return self._tables.get(name, ())

    def related(self, row: Row, table: Table, relation: Relation, target: Table) -> Iterable[Row]:
        """Give the related records of one record."""
        name = target.definition.physical
        junction = relation.junction
        if junction is not None:
            links = self._where(junction.table, junction.source_column, row[table.primary.physical])
            return [
                found
                for link in links
                for found in self._where(
                    name, target.primary.physical, link[junction.target_column]
                )
            ]
        if relation.foreign_key is None:
            raise ValueError(f"'{relation.name}' is stored nowhere")
        if relation.holds_key:
            return self._where(name, relation.referenced, row[relation.foreign_key])
        return self._where(name, relation.foreign_key, row[relation.referenced])

    def _where(self, name: str, column: str, value: Any) -> Sequence[Row]:
        if value is None:
            return ()
        index = self._indexes.get((name, column))
        if index is None:
            index = self._indexes[(name, column)] = {}
            for row in self.of(name):
                index.setdefault(row[column], []).append(row)
        return index.get(value, ())
