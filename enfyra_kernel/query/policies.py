"""The conditions that a caller's rules put into a Plan: on records, and on fields of records."""

from __future__ import annotations

from typing import Any

from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.permissions import Action
from ..metadata.snapshot import Snapshot
from ..metadata.tables import Table
from .answers import moved
from .conditions import Conditions
from .predicates import Predicate
from .slots import Slots
from .visibility import ADMINISTRATOR, Access, Condition, Field, Names, Use

_log = get_logger("access")


class Policies:
    """Resolves the conditions of one caller's rules for one Plan.

    Their values stand behind those of the query. They may compare any field but secret ones,
    whatever the caller may see, and records of other tables that the caller may not.

    Attributes:
        values: The values of the conditions, in the order of their slots.
    """

    def __init__(self, snapshot: Snapshot, access: Access, slots: Slots, first: int) -> None:
        self.values: list[Any] = []
        self._access = access
        self._slots = slots
        self._first = first
        self._trusted = Names(snapshot, ADMINISTRATOR)
        self._of_rows: dict[tuple[str, Action], Predicate | None] = {}

    def rows(self, table: Table, action: Action) -> Predicate | None:
        """Give the condition for something to be done with records of a table."""
        known = (table.name, action)
        if known not in self._of_rows:
            condition = self._access.rows(table, action)
            self._of_rows[known] = None if condition is None else self._resolved(condition, table)
        return self._of_rows[known]

    def of_field(self, table: Table, field: Field, use: Use) -> Predicate | None:
        """Give the condition for a field of a record to be used."""
        verdict = self._access.verdict(field, use)
        return self._resolved(verdict, table) if isinstance(verdict, Condition) else None

    def _resolved(self, condition: Condition, table: Table) -> Predicate:
        where = moved(condition.where, self._first + len(self.values))
        self.values += condition.values
        try:
            return Conditions(self._trusted, self._slots, condition.place).resolve(where, table)
        except EnfyraError as error:
            # It was right when it was saved: what it names has changed since then.
            _log.error("rule does not fit", extra={"table": table.name, "reason": error.message})
            raise EnfyraError(
                "AUTHORIZATION_ERROR",
                f"A rule about '{table.name}' does not fit its definition any more; "
                "an administrator has to change it, the server's log says which",
            ) from None
