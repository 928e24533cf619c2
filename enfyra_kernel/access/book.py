"""All rules of fields and records, and what they come to for each caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import EnfyraError
from ..logs import get_logger
from ..metadata.permissions import Action, FieldPermission, Permissions, RowPolicy
from ..query.visibility import PUBLISHED, Access, UserValue
from .conditions import NEVER, Clause, read_clause
from .rules import FieldRule, RowRule, RuleSet, actions_of, applies, rule_set, users_of

_log = get_logger("access")

# It compares with something that nobody has.
_UNREADABLE = Clause(NEVER, (UserValue(("?",)),))


class _Kind(NamedTuple):
    """What tells callers apart for whom rules come to different things.

    Attributes:
        user: The caller's id, if any rule names that.
        missing: Of the values that conditions compare with, those that the caller does not have.
    """

    role: int | None
    user: str | None
    missing: frozenset[tuple[str, ...]]


class Book:
    """The rules of one state of the definitions.

    Callers about whom the same is true share one `RuleSet`, and with it their plans.
    """

    def __init__(self, permissions: Permissions) -> None:
        self._fields = tuple(
            FieldRule(one, _clause(one.condition, f"field permission {one.id}"))
            for one in permissions.fields
        )
        self._rows = tuple(
            RowRule(one, _clause(one.filter, f"row policy '{one.name}'"))
            for one in permissions.rows
        )
        rules: list[FieldPermission | RowPolicy] = [*permissions.fields, *permissions.rows]
        self._users = users_of(rules)
        self._restricted: frozenset[tuple[int, Action]] = frozenset(
            (one.table, action) for one in permissions.rows for action in actions_of(one)
        )
        self._paths = frozenset(
            path
            for rule in (*self._fields, *self._rows)
            if rule.clause is not None
            for path in rule.clause.paths
        )
        self._sets: dict[_Kind, RuleSet | None] = {}

    @property
    def empty(self) -> bool:
        """Whether there are no rules at all."""
        return not self._fields and not self._rows

    def access(
        self,
        caller: str | None = None,
        role: int | None = None,
        user: Mapping[str, Any] | None = None,
    ) -> Access:
        """Give what somebody other than an administrator may see.

        Args:
            caller: The id; None for nobody.
            user: The caller's row, with those of relations in it.
        """
        if self.empty:
            return PUBLISHED
        values = user or {}
        missing = frozenset(path for path in self._paths if UserValue(path).of(values) is None)
        kind = _Kind(role, caller if caller in self._users else None, missing)
        if kind not in self._sets:
            made = self._made(kind)
            self._sets[kind] = made or None
        rules = self._sets[kind]
        return PUBLISHED if rules is None else Access(rules=rules, user=values)

    def _made(self, kind: _Kind) -> RuleSet:
        def about(rule: FieldPermission | RowPolicy) -> bool:
            return applies(rule.users, rule.role, caller=kind.user, caller_role=kind.role)

        def unknown(clause: Clause | None) -> bool:
            return clause is not None and not kind.missing.isdisjoint(clause.paths)

        return rule_set(
            [
                rule._replace(unknown=unknown(rule.clause))
                for rule in self._fields
                if about(rule.permission)
            ],
            [
                rule._replace(unknown=unknown(rule.clause))
                for rule in self._rows
                if about(rule.policy)
            ],
            self._restricted,
        )


def _clause(source: Any, place: str) -> Clause | None:
    """Read a condition; one that cannot be read allows nothing.

    It was refused when it was saved; somebody may have written to the database itself.
    """
    if source is None:
        return None
    try:
        return read_clause(source, place)
    except EnfyraError as error:
        _log.error("unreadable condition", extra={"rule": place, "reason": error.message})
        return _UNREADABLE
