"""The catalog: all tables' definitions at one moment, as a value to edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec.structs

from ..metadata.definitions import ColumnDefinition, RelationDefinition, TableDefinition

Field = ColumnDefinition | RelationDefinition


class Catalog(Mapping[int, TableDefinition]):
    """Definitions by id. Immutable: an edit gives another catalog.

    New definitions carry negative ids until they have been written.
    """

    def __init__(self, tables: Mapping[int, TableDefinition]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, id_: int) -> TableDefinition:
        return self._tables[id_]

    def __iter__(self) -> Iterator[int]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def with_table(self, table: TableDefinition) -> Catalog:
        """Give the catalog with a table added or replaced."""
        return Catalog({**self._tables, table.id: table})

    def without_table(self, id_: int) -> Catalog:
        """Give the catalog without a table."""
        return Catalog({key: one for key, one in self._tables.items() if key != id_})

    def with_relation(self, relation: RelationDefinition) -> Catalog:
        """Give the catalog with a relation added to its table, or replaced."""
        table = self[relation.source]
        others = tuple(one for one in table.relations if one.id != relation.id)
        position = next(
            (number for number, one in enumerate(table.relations) if one.id == relation.id),
            len(others),
        )
        relations = (*others[:position], relation, *others[position:])
        return self.with_table(msgspec.structs.replace(table, relations=relations))

    def without_relations(self, ids: set[int]) -> Catalog:
        """Give the catalog without some relations, and with the groups that named them."""
        catalog = self
        for table in self.values():
            gone = {one.property_name for one in table.relations if one.id in ids}
            if gone:
                kept = tuple(one for one in table.relations if one.id not in ids)
                catalog = catalog.with_table(
                    msgspec.structs.replace(
                        table,
                        relations=kept,
                        uniques=without_names(table.uniques, gone),
                        indexes=without_names(table.indexes, gone),
                    )
                )
        return catalog

    def by_name(self, name: str) -> TableDefinition | None:
        """Find a table by name or alias."""
        for table in self._tables.values():
            if name in {table.name, table.alias}:
                return table
        return None

    def relations(self) -> Iterator[RelationDefinition]:
        """Give every relation, both sides."""
        for table in self._tables.values():
            yield from table.relations

    def relation(self, id_: int) -> RelationDefinition | None:
        """Find a relation by id."""
        return next((one for one in self.relations() if one.id == id_), None)

    def inverse_of(self, owner: int) -> RelationDefinition | None:
        """Find the inverse side of an owning relation."""
        return next((one for one in self.relations() if one.mapped_by == owner), None)

    def fields(self) -> Iterator[tuple[int, Field]]:
        """Give every column and relation, each with the id of its table."""
        for table in self._tables.values():
            for field in (*table.columns, *table.relations):
                yield table.id, field

    def next_id(self) -> int:
        """Give an id for a new definition."""
        ids = [0]
        for table in self._tables.values():
            ids.append(table.id)
            for field in (*table.columns, *table.relations):
                ids += [field.id, *(rule.id for rule in field.rules)]
        return min(ids) - 1


def without_names(
    groups: tuple[tuple[str, ...], ...], names: set[str]
) -> tuple[tuple[str, ...], ...]:
    """Give the groups that name none of the given fields."""
    return tuple(group for group in groups if not names.intersection(group))
