"""The report of an adoption: what became of each table, and what could not be said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ...metadata.definitions import RelationDefinition, TableDefinition
from ...metadata.types import RelationKind
from .adopter import Adopter


class AdoptedTable(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A table that is defined now.

    Attributes:
        kind: `table`, `view`, `materialized view` or `foreign table`.
        key: The field that stands for a record.
        key_fields: Those that only together tell records apart; None where `key` does.
        methods: What its route answers.
        fields: How many columns it shows.
        read_only: Why its records cannot be written; None where they can.
    """

    name: str
    physical_name: str
    kind: str
    key: str
    key_fields: tuple[str, ...] | None
    methods: tuple[str, ...]
    fields: int
    read_only: str | None


class AdoptedRelation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A relation that a foreign key or a junction became, from the side that holds it.

    Attributes:
        inverse: The property of the other table.
        through: The physical column or junction that holds it.
    """

    table: str
    name: str
    type: str
    target: str
    inverse: str | None
    through: str


class NewName(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A table or column that goes by another name than the database's.

    Attributes:
        table: The physical table.
        column: The physical column; None for the table itself.
        name: What it goes by.
    """

    table: str
    column: str | None
    name: str


class Unsaid(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that a definition cannot say, or says otherwise.

    Attributes:
        table: The physical table.
        what: The kind of thing: `column`, `foreign key`, `check`, `trigger` and the like.
        reason: What becomes of it.
    """

    table: str
    what: str
    name: str
    reason: str


class NotAdopted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A table that has no definition."""

    table: str
    kind: str
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an adoption did, or would do.

    Attributes:
        names: What goes by another name than the database's.
        unsaid: What the definitions cannot say.
        not_adopted: Tables that were asked for and have no definition.
        already_defined: Physical names of those that had one before.
    """

    dry_run: bool
    tables: tuple[AdoptedTable, ...]
    relations: tuple[AdoptedRelation, ...]
    names: tuple[NewName, ...]
    unsaid: tuple[Unsaid, ...]
    not_adopted: tuple[NotAdopted, ...]
    already_defined: tuple[str, ...]


def report_of(adopter: Adopter, *, dry_run: bool) -> Report:
    """Give the report of what an adopter did."""
    catalog = adopter.catalog
    tables = [catalog[id_] for id_ in adopter.adopted.values()]
    tables.sort(key=lambda one: one.name)
    made = set(adopter.relations)
    inverses = {one.mapped_by: one.property_name for one in catalog.relations()}
    return Report(
        dry_run=dry_run,
        tables=tuple(_table(one, adopter.physical[one.physical].kind) for one in tables),
        relations=tuple(
            _relation(one, inverses.get(one.id), adopter)
            for one in catalog.relations()
            if one.id in made
        ),
        names=tuple(name for one in tables for name in _names(one)),
        unsaid=tuple(
            Unsaid(table=table, what=one.what, name=one.name, reason=one.reason)
            for table, one in adopter.remarks
        ),
        not_adopted=tuple(
            NotAdopted(table=name, kind=adopter.physical[name].kind, reason=reason)
            for name, reason in adopter.refused.items()
        ),
        already_defined=tuple(adopter.known),
    )


def _table(table: TableDefinition, kind: str) -> AdoptedTable:
    return AdoptedTable(
        name=table.name,
        physical_name=table.physical,
        kind=kind,
        key=table.primary.name,
        key_fields=table.key_fields,
        methods=table.methods,
        fields=len(table.columns),
        read_only=table.read_only,
    )


def _relation(
    relation: RelationDefinition, inverse: str | None, adopter: Adopter
) -> AdoptedRelation:
    catalog = adopter.catalog
    source = catalog[relation.source]
    through = f"{source.physical}.{relation.foreign_key_column}"
    if relation.type is RelationKind.MANY_TO_MANY:
        through = relation.junction_table_name or ""
    return AdoptedRelation(
        table=source.name,
        name=relation.property_name,
        type=relation.type.value,
        target=catalog[relation.target].name,
        inverse=inverse,
        through=through,
    )


def _names(table: TableDefinition) -> Iterable[NewName]:
    if table.physical != table.name:
        yield NewName(table=table.physical, column=None, name=table.name)
    for column in table.columns:
        if column.physical != column.name:
            yield NewName(table=table.physical, column=column.physical, name=column.name)
