"""From a table's definition to its physical tables.

They are the table itself, and a junction for each many-to-many relation that it owns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..metadata import names
from ..metadata.definitions import ColumnDefinition, RelationDefinition, TableDefinition
from ..metadata.types import DATES, ColumnType, OnDelete, RelationKind
from ..metadata.values import enum_values
from ..storage.physical import (
    PhysicalCheck,
    PhysicalColumn,
    PhysicalIndex,
    PhysicalReference,
    PhysicalTable,
)

Tables = Mapping[int, TableDefinition]


def layout(table: TableDefinition, tables: Tables) -> list[PhysicalTable]:
    """Give the physical tables of a definition."""
    owned = [one for one in table.relations if one.owning]
    junctions = [one for one in owned if one.type is RelationKind.MANY_TO_MANY]
    # The foreign keys of an adopted table were there before, and are not ours to change.
    keys = [one for one in owned if one.type.to_one and not is_adopted(one)]
    return [_own_table(table, keys, tables), *(_junction(one, table, tables) for one in junctions)]


def is_adopted(relation: RelationDefinition) -> bool:
    """Say whether a relation's foreign key or junction was there before Enfyra."""
    return "adopted" in (relation.metadata or ())


def _own_table(
    table: TableDefinition, keys: list[RelationDefinition], tables: Tables
) -> PhysicalTable:
    columns = [_column(one) for one in table.columns]
    taken = {column.name for column in columns}
    columns += [one for one in (_key_column(key, tables) for key in keys) if one.name not in taken]
    return PhysicalTable(
        name=table.physical,
        columns=tuple(columns),
        indexes=tuple(_indexes(table, keys)),
        references=tuple(_reference(one, tables) for one in keys),
        checks=tuple(_checks(table)),
        key=f"table:{table.id}",
        adopted=table.is_adopted,
    )


def _column(column: ColumnDefinition) -> PhysicalColumn:
    if column.is_encrypted:
        # What is stored is the ciphertext, whatever the type.
        return PhysicalColumn(
            name=column.physical,
            type=ColumnType.TEXT,
            nullable=column.is_nullable,
            key=f"column:{column.id}",
        )
    return PhysicalColumn(
        name=column.physical,
        type=column.type,
        options=column.options,
        nullable=column.is_nullable and not column.is_primary,
        default=column.default_value,
        primary=column.is_primary,
        generated=column.is_primary and column.is_generated and column.type is not ColumnType.UUID,
        native=column.physical_type,
        key=f"column:{column.id}",
    )


def _key_column(relation: RelationDefinition, tables: Tables) -> PhysicalColumn:
    target = tables[relation.target].primary
    return PhysicalColumn(
        name=relation.foreign_key_column or names.foreign_key_column(relation.property_name),
        type=target.type,
        options=target.options,
        nullable=relation.is_nullable,
        key=f"relation:{relation.id}",
    )


def _reference(relation: RelationDefinition, tables: Tables) -> PhysicalReference:
    target = tables[relation.target]
    return PhysicalReference(
        name=relation.constraint_name,
        columns=(relation.foreign_key_column or "",),
        target=target.physical,
        target_columns=(relation.referenced_column or target.primary.physical,),
        on_delete=relation.effective_on_delete,
    )


def _checks(table: TableDefinition) -> Iterable[PhysicalCheck]:
    if table.is_adopted:
        return
    for column in table.columns:
        if column.type is ColumnType.ENUM and not column.is_encrypted:
            yield PhysicalCheck(
                name=names.enum_check(table.physical, column.physical),
                column=column.physical,
                values=enum_values(column.options),
            )


def physical_group(table: TableDefinition, group: Iterable[str]) -> tuple[str, ...]:
    """Give the physical columns of a group of column and relation names."""
    result: list[str] = []
    for name in group:
        relation = table.relation(name)
        column = table.column(name)
        if relation is not None and relation.foreign_key_column is not None:
            result.append(relation.foreign_key_column)
        elif column is not None:
            result.append(column.physical)
    return tuple(result)


def _indexes(table: TableDefinition, keys: list[RelationDefinition]) -> Iterable[PhysicalIndex]:
    """Give the indexes: those asked for, one for each key, and those of dates and ids."""
    primary = table.primary.physical
    seen: set[tuple[str, ...]] = set()
    uniques = [physical_group(table, group) for group in table.uniques]
    uniques += [
        (one.foreign_key_column or "",) for one in keys if one.type is RelationKind.ONE_TO_ONE
    ]
    for columns in uniques:
        if columns not in seen:
            seen.add(columns)
            name = names.unique_index(table.physical, columns)
            yield PhysicalIndex(name=name, columns=columns, unique=True)
    groups = [physical_group(table, group) for group in table.indexes]
    if not table.is_adopted:
        groups += [(one,) for one in _automatic(table, keys)]
    for columns in groups:
        if columns not in seen:
            seen.add(columns)
            # The key makes the order within equal values definite, as every answer's order is.
            tied = columns if primary in columns else (*columns, primary)
            name = names.index(table.physical, columns)
            yield PhysicalIndex(name=name, columns=tied)


def _automatic(table: TableDefinition, keys: list[RelationDefinition]) -> Iterable[str]:
    for one in keys:
        yield one.foreign_key_column or ""
    for column in table.columns:
        if column.is_primary or column.is_encrypted:
            continue
        if column.name.endswith("Id") or column.type in DATES:
            yield column.physical


def _junction(
    relation: RelationDefinition, table: TableDefinition, tables: Tables
) -> PhysicalTable:
    target = tables[relation.target]
    name = relation.junction_table_name or ""
    source_column = relation.junction_source_column or "sourceId"
    target_column = relation.junction_target_column or "targetId"
    ends = ((source_column, table, "source"), (target_column, target, "target"))
    return PhysicalTable(
        name=name,
        columns=tuple(
            PhysicalColumn(
                name=column,
                type=end.primary.type,
                options=end.primary.options,
                nullable=False,
                primary=True,
                key=f"{side}:{relation.id}",
            )
            for column, end, side in ends
        ),
        # The primary key serves the way from the source; this one the way back.
        indexes=(
            PhysicalIndex(name=names.index(name, (target_column,)), columns=(target_column,)),
        ),
        references=tuple(
            PhysicalReference(
                name=names.foreign_key_constraint(name, column),
                columns=(column,),
                target=end.physical,
                target_columns=(end.primary.physical,),
                on_delete=OnDelete.CASCADE,
            )
            for column, end, _ in ends
        ),
        key=f"junction:{relation.id}",
        adopted=is_adopted(relation),
    )
