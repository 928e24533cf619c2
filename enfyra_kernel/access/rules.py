"""What permissions of fields and row policies say about callers of one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..metadata.permissions import Action, FieldPermission, RowPolicy
from ..metadata.tables import Relation, Table
from ..query.ast import Compare, Operator
from ..query.visibility import Condition, Field, Use, UserValue
from .conditions import ALWAYS, NEVER, Clause, every, some

# Whether a field is a relation, its id, and what is to be done with it.
FieldKey = tuple[bool, int, str]


class FieldRule(NamedTuple):
    """A field permission with its condition read.

    Attributes:
        unknown: Whether the condition compares with something that the caller does not have.
    """

    permission: FieldPermission
    clause: Clause | None
    unknown: bool = False


class RowRule(NamedTuple):
    """A row policy with its filter read; `unknown` as for a field's rule."""

    policy: RowPolicy
    clause: Clause | None
    unknown: bool = False


class _Open(NamedTuple):
    """What is decided only by whether the field is published."""

    published: bool | Condition
    unpublished: bool | Condition


Verdict = bool | Condition | _Open
# A table's id, and what is to be done with its records.
RowKey = tuple[int, Action]
_OWN = Clause(Compare("id", Operator.EQ, 0), (UserValue(("id",)),))


class RuleSet:
    """The rules about callers of one kind, decided as far as they can be without a record.

    A field's rules are tried in tiers: of the user with a condition, of the role with one, of the
    user, of the role. The first tier with a rule that applies decides, and within it a rule that
    denies. Row policies add up: a record is in reach if one of them names it, and of a table with
    policies for an action nothing else is.

    Args:
        fields: What those about the caller come to, by field and use.
        rows: What policies come to, by table and action, for all that have any.
    """

    def __init__(
        self, fields: Mapping[FieldKey, Verdict], rows: Mapping[RowKey, Condition | None]
    ) -> None:
        self._fields = fields
        self._rows = rows
        self._own: RuleSet | None = None

    def __bool__(self) -> bool:
        return bool(self._fields) or any(one is not None for one in self._rows.values())

    def of_field(self, field: Field, use: Use) -> bool | Condition | None:
        """Say whether a field may be used: always, never, for some records; None if no rule does.

        `query.visibility.Rules` has the details.
        """
        verdict = self._fields.get((isinstance(field, Relation), field.id, use))
        if not isinstance(verdict, _Open):
            return verdict
        published = field.published if isinstance(field, Relation) else field.is_published
        return verdict.published if published else verdict.unpublished

    def with_own_account(self, users: int) -> RuleSet:
        """Give the same rules for the caller's own account, which is always within reach.

        Args:
            users: The id of the table of accounts.
        """
        if self._own is None:
            rows = dict(self._rows)
            for action in ("read", "update"):
                condition = rows.get((users, action))
                if condition is not None:
                    policies = Clause(condition.where, condition.values)
                    rows[users, action] = some([policies, _OWN]).named(condition.place)
            self._own = RuleSet(self._fields, rows)
        return self._own

    def of_rows(self, table: Table, action: Action) -> Condition | None:
        """Give the condition that records have to meet; None where all do."""
        return self._rows.get((table.definition.id, action))


def rule_set(
    fields: Iterable[FieldRule], policies: Iterable[RowRule], restricted: Iterable[RowKey]
) -> RuleSet:
    """Put the rules about a caller together.

    Args:
        restricted: The tables and actions that have policies, whoever they are about.
    """
    of_field: defaultdict[FieldKey, list[FieldRule]] = defaultdict(list)
    for rule in fields:
        of_field[_key_of(rule.permission)].append(rule)
    of_rows: defaultdict[RowKey, list[RowRule]] = defaultdict(list)
    for rule in policies:
        for action in actions_of(rule.policy):
            of_rows[rule.policy.table, action].append(rule)
    return RuleSet(
        {key: _of_field(key, rules) for key, rules in of_field.items()},
        {key: _of_rows(of_rows[key]) for key in restricted},
    )


def actions_of(policy: RowPolicy) -> tuple[Action, ...]:
    """Give the actions that a policy is about."""
    match policy.action:
        case "all":
            return ("read", "create", "update", "delete")
        case "read" | "create" | "update" | "delete" as action:
            return (action,)
        case _:
            return ()


def _key_of(permission: FieldPermission) -> FieldKey:
    if permission.relation is not None:
        return True, permission.relation, permission.action
    return False, permission.column or 0, permission.action


def _of_field(key: FieldKey, rules: Sequence[FieldRule]) -> Verdict:
    flat = [rule for rule in rules if rule.clause is None]
    conditional = [rule for rule in rules if rule.clause is not None]
    settled = _settled(flat)
    if not conditional:
        # There is a rule, so that it is settled.
        return bool(settled)
    place = f"a permission to {key[2]} a field"
    if settled is not None:
        return _decided(conditional, settled, place)
    return _Open(_decided(conditional, True, place), _decided(conditional, False, place))


def _settled(rules: Sequence[FieldRule]) -> bool | None:
    """Decide by the rules without conditions."""
    for about_user in (True, False):
        effects = {
            rule.permission.effect for rule in rules if bool(rule.permission.users) is about_user
        }
        if effects:
            return "deny" not in effects
    return None


def _decided(rules: Sequence[FieldRule], otherwise: bool, place: str) -> bool | Condition:
    """Decide by rules with conditions, from the last tier to the first."""
    decided = Clause(ALWAYS if otherwise else NEVER)
    for about_user in (False, True):
        tier = [rule for rule in rules if bool(rule.permission.users) is about_user]
        # What compares with something that the caller does not have allows nothing, and denies.
        allowed = [_clause(rule) for rule in tier if _allows(rule) and not rule.unknown]
        denied = [
            Clause(ALWAYS) if rule.unknown else _clause(rule) for rule in tier if not _allows(rule)
        ]
        decided = _or(allowed, decided)
        decided = _and_not(denied, decided)
    if decided.where == ALWAYS or decided.where == NEVER:
        return decided.where == ALWAYS
    return decided.named(place)


def _allows(rule: FieldRule) -> bool:
    return rule.permission.effect != "deny"


def _clause(rule: FieldRule) -> Clause:
    return rule.clause or Clause(ALWAYS)


def _or(clauses: Sequence[Clause], rest: Clause) -> Clause:
    if any(one.where == ALWAYS for one in (*clauses, rest)):
        return Clause(ALWAYS)
    return some(one for one in (*clauses, rest) if one.where != NEVER)


def _and_not(clauses: Sequence[Clause], rest: Clause) -> Clause:
    if rest.where == NEVER or any(one.where == ALWAYS for one in clauses):
        return Clause(NEVER)
    return every(one for one in (*(c.negated() for c in clauses), rest) if one.where != ALWAYS)


def _of_rows(rules: Sequence[RowRule]) -> Condition | None:
    known = [rule for rule in rules if not rule.unknown]
    if any(rule.clause is None or rule.clause.where == ALWAYS for rule in known):
        return None
    named = ", ".join(f"'{rule.policy.name}'" for rule in known)
    clauses = [rule.clause for rule in known if rule.clause is not None]
    return some(clauses).named(f"row policy {named}" if named else "row policies")


def applies(
    users: frozenset[str], role: int | None, *, caller: str | None, caller_role: int | None
) -> bool:
    """Say whether a rule is about somebody: one of its users, else whoever has its role, or any.

    Example:
        >>> applies(frozenset(), 3, caller="ann", caller_role=3)
        True
        >>> applies(frozenset({"ben"}), 3, caller="ann", caller_role=3)
        False
    """
    if users:
        return caller in users
    return role is None or role == caller_role


def users_of(rules: Iterable[FieldPermission | RowPolicy]) -> frozenset[str]:
    """Give all users that rules name."""
    return frozenset[str]().union(*(rule.users for rule in rules))
