"""Rows of field permissions and row policies: checked against what they are about."""

from __future__ import annotations

from typing import Any

from ..access.conditions import Clause, read_clause
from ..encoding import decode_json
from ..errors import EnfyraError, did_you_mean
from ..identity.users import USER
from ..metadata.definitions import ColumnDefinition
from ..metadata.snapshot import Snapshot
from ..metadata.system import PLANNED_TABLES
from ..metadata.tables import Relation, Table
from ..query.ast import Shape
from ..query.parse import parse
from ..query.plan import ADMINISTRATOR, plan
from ..query.visibility import Field, UserValue
from ..records.records import Records
from ..storage.database import Session

FIELD_PERMISSION = "field_permission_definition"
ROW_POLICY = "row_policy_definition"
ROLE = "role_definition"


class RuleRows:
    """Refuses rules that could not hold, or not for anybody."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def settle(
        self, table: Table, written: bytes, snapshot: Snapshot, session: Session | None
    ) -> None:
        """Refuse a rule, as it has been written, that does not fit the definitions.

        Args:
            written: The row, in a list, as JSON.

        Raises:
            EnfyraError: INVALID_BODY, with all that is wrong.
        """
        if table.name not in {FIELD_PERMISSION, ROW_POLICY}:
            return
        key = decode_json(written)[0]["id"]
        query = parse({"filter": {"id": key}, "fields": "*", "limit": 1})
        (row,) = await self._records.of(table.name).rows(query, ADMINISTRATOR, session)
        found = _policy if table.name == ROW_POLICY else _permission
        problems = found(row, snapshot)
        if problems:
            raise EnfyraError("INVALID_BODY", problems=problems)

    async def refuse_orphans(self, table: Table, key: Any, session: Session | None) -> None:
        """Refuse to delete a role or an account that a rule is about.

        Without its last account a rule would be about everybody; with its role it would go, and
        what it keeps people from would be open.

        Raises:
            EnfyraError: RELATION_IN_USE, with the rules.
        """
        if table.name not in {USER, ROLE}:
            return
        found: list[str] = []
        for name in (FIELD_PERMISSION, ROW_POLICY):
            whose = {"allowedUsers": {"id": key}} if table.name == USER else {"role": {"id": key}}
            deep = {"allowedUsers": {"fields": "id", "limit": 2}}
            query = parse({"filter": whose, "fields": "id,role", "deep": deep, "limit": 0})
            for row in await self._records.of(name).rows(query, ADMINISTRATOR, session):
                last = row["role"] is None and len(row["allowedUsers"]) == 1
                if last or table.name == ROLE:
                    found.append(f"{name} {row['id']}")
        if found:
            what = "account" if table.name == USER else "role"
            raise EnfyraError(
                "RELATION_IN_USE",
                f"This {what} is the one that rules are about: {', '.join(found[:20])}",
                hint="Change or delete them first: without it they would be about everybody, or "
                "leave open what they close",
            )


def _policy(row: dict[str, Any], snapshot: Snapshot) -> list[str]:
    table = _by_id(snapshot, row["table"])
    if table is None:
        return ["table is not there"]
    if table.name in PLANNED_TABLES and row["action"] != "read":
        return [
            f"action: what '{table.name}' defines is changed as a whole; policies can say what of "
            "it is read"
        ]
    return condition_problems("filter", row["filter"], table, snapshot)


def _permission(row: dict[str, Any], snapshot: Snapshot) -> list[str]:
    if (row["column"] is None) is (row["relation"] is None):
        return ["column or relation is required, one of them"]
    found = _field(row, snapshot)
    if found is None:
        return ["column or relation is not there"]
    table, field = found
    if table.name in PLANNED_TABLES and row["action"] != "read":
        return [
            f"action: what '{table.name}' defines is changed as a whole; permissions can say which "
            "fields are read"
        ]
    conditional = row["condition"] is not None
    if isinstance(field, Relation):
        if conditional and not field.kind.to_one and row["action"] == "read":
            return [
                f"condition: '{field.name}' holds many records; a row policy of '{field.target}' "
                "says which of them are seen"
            ]
    elif field.is_secret:
        return [f"column: '{field.name}' is secret, which no permission changes"]
    elif field.is_primary:
        return [f"column: '{field.name}' is the primary key, which everybody sees and nobody sets"]
    if row["role"] is None and not row["allowedUsers"] and row["effect"] == "allow":
        published = field.published if isinstance(field, Relation) else field.is_published
        if published and not conditional and row["action"] == "read":
            return [f"'{field.name}' is published: everybody may read it anyway"]
    return condition_problems("condition", row["condition"], table, snapshot)


def _by_id(snapshot: Snapshot, ref: dict[str, Any] | None) -> Table | None:
    tables = snapshot.tables.values()
    return next((one for one in tables if ref and one.definition.id == ref["id"]), None)


def _field(row: dict[str, Any], snapshot: Snapshot) -> tuple[Table, Field] | None:
    """Give what a permission is about, and its table."""
    for table in snapshot.tables.values():
        fields: list[ColumnDefinition] | list[Relation]
        if row["column"] is not None:
            fields, id_ = list(table.columns.values()), row["column"]["id"]
        else:
            fields, id_ = list(table.relations.values()), row["relation"]["id"]
        for field in fields:
            if field.id == id_:
                return table, field
    return None


def condition_problems(name: str, source: Any, table: Table, snapshot: Snapshot) -> list[str]:
    """Say what is wrong with a condition on the records of a table.

    Args:
        name: Of the field that holds the condition.
    """
    if source is None:
        return []
    try:
        clause = read_clause(source, name)
        made = plan(Shape(where=clause.where), table, snapshot, ADMINISTRATOR)
        for slot, value in zip(made.slots, clause.values, strict=True):
            if not _depends(value):
                slot.bind(value)
    except EnfyraError as error:
        # The place is named already where the filter itself is at fault.
        return [error.message if error.message.startswith(name) else f"{name}: {error.message}"]
    return _unknown_values(name, clause, snapshot.tables[USER], snapshot.tables[ROLE])


def _depends(value: Any) -> bool:
    """Say whether a value is the caller's own."""
    return isinstance(value, UserValue) or (isinstance(value, list) and any(map(_depends, value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _deeper(users: Table, roles: Table) -> set[tuple[str, tuple[str, ...]]]:
    """Give the paths beyond a field of the account that a caller's values are known of."""
    own = {("role", (one,)) for one in roles.columns}
    return own | {(one, ("id",)) for one in users.relations}


def _unknown_values(name: str, clause: Clause, users: Table, roles: Table) -> list[str]:
    problems: list[str] = []
    for path in clause.paths:
        first = path[0]
        column = users.columns.get(first)
        if column is not None and column.is_secret:
            problems.append(f"{name}: @USER.{first} is secret and is compared with nothing")
        elif len(path) > 1 and (first, path[1:]) not in _deeper(users, roles):
            problems.append(
                f"{name}: @USER.{'.'.join(path)} is more than the account holds; there are its "
                "fields, the ids of what it refers to, and @USER.role.name"
            )
        elif first in users.relations and not users.relations[first].holds_key:
            problems.append(
                f"{name}: @USER.{first} is not held by the account, but by '"
                f"{users.relations[first].target}'; filter by its relation to the account instead"
            )
        elif column is None and first not in users.relations:
            known = ADMINISTRATOR.names(users)
            problems.append(
                f"{name}: there is no @USER.{first}; it stands for a field of "
                f"'{users.name}'.{did_you_mean(first, known)}"
            )
    return problems
