"""What of the definitions a caller may see, and names looked up within that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ..errors import EnfyraError, did_you_mean
from ..metadata.definitions import ColumnDefinition
from ..metadata.permissions import Action
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Relation, Table
from .ast import Filter
from .predicates import Predicate

if TYPE_CHECKING:
    from .policies import Policies

Field = ColumnDefinition | Relation
Use = Literal["read", "create", "update"]


@dataclass(frozen=True, slots=True)
class UserValue:
    """A value that depends on who calls: a field of the user, or one that relations lead to."""

    path: tuple[str, ...]

    def of(self, user: Mapping[str, Any]) -> Any:
        """Give the value for a user; of a related record it is the key.

        Example:
            >>> UserValue(("role",)).of({"role": {"id": 3, "name": "agent"}})
            3
        """
        found: Any = user
        for name in self.path:
            found = cast("Mapping[str, Any]", found).get(name) if _is_object(found) else None
        return found.get("id") if _is_object(found) else found


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter that a rule brings along.

    Attributes:
        where: Its slots are numbered from 0.
        values: What they refer to; a `UserValue`, also within a list, stands for the caller's.
        place: What to call the rule in messages.
    """

    where: Filter
    values: tuple[Any, ...]
    place: str


class Rules(Protocol):
    """What permissions and policies say about callers of one kind."""

    def of_field(self, field: Field, use: Use) -> bool | Condition | None:
        """Say whether a field may be used: always, never, for some records; None if no rule does.

        What is true of a condition is then true of the record.
        """
        ...

    def of_rows(self, table: Table, action: Action) -> Condition | None:
        """Give the condition that records have to meet; None where all do."""
        ...

    def with_own_account(self, users: int) -> Rules:
        """Give the same rules with the caller's own account always within reach.

        Args:
            users: The id of the table of accounts.
        """
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may see; callers with equal access share plans.

    Attributes:
        unpublished: Whether fields that are not published may be seen and used.
        secrets: Whether even password hashes and the like may; never for a caller, only for the
            server's own work.
        rules: What permissions and policies add to that; None for nothing.
        user: The caller, for the values of rules that depend on that.
    """

    unpublished: bool = False
    secrets: bool = False
    rules: Rules | None = None
    user: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)

    def verdict(self, field: Field, use: Use = "read") -> bool | Condition:
        """Say whether a field may be used: always, never, or for some records.

        The primary key may always be read: without it a record cannot be addressed.
        """
        if isinstance(field, Relation):
            published = field.published
        elif field.is_secret:
            return self.secrets or (self.unpublished and use != "read")
        else:
            published = field.is_published
        if self.rules is not None:
            ruled = self.rules.of_field(field, use)
            if ruled is not None:
                return ruled
        return published or self.unpublished

    def sees(self, field: Field) -> bool:
        """Say whether a field may be shown, of some records at least."""
        return self.verdict(field) is not False

    def names(self, table: Table) -> list[str]:
        """Give the names of a table that may be shown: columns, then relations."""
        return [
            name
            for fields in (table.columns, table.relations)
            for name, field in fields.items()
            if self.sees(field)
        ]

    def rows(self, table: Table, action: Action) -> Condition | None:
        """Give the condition that records have to meet; None where all do."""
        return None if self.rules is None else self.rules.of_rows(table, action)

    def with_own_account(self, users: Table) -> Access:
        """Give the same with the caller's own account always within reach."""
        if self.rules is None:
            return self
        return replace(self, rules=self.rules.with_own_account(users.definition.id))

    def resolved(self, values: Iterable[Any]) -> Iterator[Any]:
        """Put the caller's own values in the place of each `UserValue`."""
        for value in values:
            if isinstance(value, UserValue):
                yield value.of(self.user)
            elif isinstance(value, list):
                yield list(self._listed(cast("Sequence[Any]", value)))
            else:
                yield value

    def _listed(self, items: Sequence[Any]) -> Iterator[Any]:
        """Resolve the items of a list; a list of the user's is part of it."""
        for value in self.resolved(items):
            if isinstance(value, list):
                yield from cast("list[Any]", value)
            else:
                yield value


PUBLISHED = Access()
ADMINISTRATOR = Access(unpublished=True)
INTERNAL = Access(unpublished=True, secrets=True)


class Names:
    """Looks up the names of a query for one caller.

    Args:
        policies: Gives the conditions that records and fields of records have to meet; None where
            there are none.
    """

    def __init__(
        self, snapshot: Snapshot, access: Access, policies: Policies | None = None
    ) -> None:
        self.snapshot = snapshot
        self.access = access
        self._policies = policies

    def rows(self, table: Table) -> Predicate | None:
        """Give the condition for records of a table to be seen; None where all are."""
        return None if self._policies is None else self._policies.rows(table, "read")

    def visible(self, table: Table, field: Field) -> Predicate | None:
        """Give the condition for a field of a record to be shown; None where it always is."""
        if self._policies is None:
            return None
        return self._policies.of_field(table, field, "read")

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

    def whole(self, table: Table, place: str) -> None:
        """Refuse to order or group by values of records that the caller may not all see."""
        if self.access.rows(table, "read") is not None:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{place}: you may see some records of '{table.name}' only, so that nothing can "
                "be ordered or grouped by what is in them",
            )

    def permit(self, table: Table, name: str, field: Field, place: str) -> None:
        """Refuse a field that the caller may not see of every record: what it is would show."""
        verdict = self.access.verdict(field)
        if verdict is not True:
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"{place}: you are not allowed to use the field '{name}' of '{table.name}'"
                + ("" if verdict is False else ", which you see of some records only"),
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
