"""What of the definitions a caller may see, and names looked up within that."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EnfyraError, did_you_mean
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, Table


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may see; callers with equal access share plans.

    Attributes:
        unpublished: Whether fields that are not published may be seen and used.
        secrets: Whether even password hashes and the like may; never for a caller, only for the
            server's own work.
    """

    unpublished: bool = False
    secrets: bool = False

    def sees(self, field: ColumnDefinition | Relation) -> bool:
        """Say whether a field may be shown."""
        if isinstance(field, Relation):
            return field.published or self.unpublished
        if field.is_secret:
            return self.secrets
        return field.is_published or self.unpublished

    def names(self, table: Table) -> list[str]:
        """Give the names of a table that may be shown: columns, then relations."""
        return [
            name
            for fields in (table.columns, table.relations)
            for name, field in fields.items()
            if self.sees(field)
        ]


PUBLISHED = Access()
ADMINISTRATOR = Access(unpublished=True)
INTERNAL = Access(unpublished=True, secrets=True)


class Names:
    """Looks up the names of a query for one caller."""

    def __init__(self, snapshot: Snapshot, access: Access) -> None:
        self.snapshot = snapshot
        self.access = access

    def column(self, table: Table, name: str, place: str) -> ColumnDefinition:
        """Give a column that may be compared and ordered by."""
        column = table.columns.get(name)
        if column is None:
            raise self.unknown(table, name, place)
        if column.is_encrypted:
            raise EnfyraError("INVALID_QUERY", f"{place}: encrypted fields cannot be used here")
        self.permit(table, name, column, place)
        return column

    def relation(self, table: Table, name: str, place: str) -> Relation:
        """Give a relation."""
        relation = table.relations.get(name)
        if relation is None:
            if name in table.columns:
                raise EnfyraError("INVALID_QUERY", f"{place}: '{name}' is a column, not a relation")
            raise self.unknown(table, name, place)
        self.permit(table, name, relation, place)
        return relation

    def to_many(self, table: Table, name: str, place: str) -> Relation:
        """Give a relation to many records, which figures are made of."""
        relation = self.relation(table, name, place)
        if relation.kind.to_one:
            raise EnfyraError(
                "INVALID_QUERY",
                f"{place}: '{name}' holds one record; figures are made of relations to many",
            )
        return relation

    def target(self, relation: Relation) -> Table:
        """Give the table that a relation leads to."""
        return self.snapshot.tables[relation.target]

    def permit(
        self, table: Table, name: str, field: ColumnDefinition | Relation, place: str
    ) -> None:
        """Refuse a field that the caller may not see."""
        if not self.access.sees(field):
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{place}: you are not allowed to use the field '{name}' of '{table.name}'",
            )

    def unknown(self, table: Table, name: str, place: str) -> EnfyraError:
        """Make the error for a name that a table does not have."""
        return unknown_field(table, name, place, self.access)


def unknown_field(table: Table, name: str, place: str, access: Access) -> EnfyraError:
    """Make the error for a name that a table does not have; names only what the caller sees."""
    for relation in table.relations.values():
        stands_for = name in {relation.foreign_key, f"{relation.name}_id"} and relation.holds_key
        if stands_for and access.sees(relation):
            return EnfyraError(
                "UNKNOWN_FIELD",
                f"{place}: '{table.name}' has no field '{name}'. "
                f"Use the relation '{relation.name}'",
                details={"field": name, "table": table.name},
                hint=f'Relations go by their name, as in {{"{relation.name}": {{"id": ...}}}}',
            )
    return EnfyraError(
        "UNKNOWN_FIELD",
        f"{place}: '{table.name}' has no field '{name}'.{did_you_mean(name, access.names(table))}",
        details={"field": name, "table": table.name},
    )
