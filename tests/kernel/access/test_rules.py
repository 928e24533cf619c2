"""Rules about one field, three at a time, in all combinations, against what they should come to."""

from __future__ import annotations

from itertools import product
from typing import Any

from enfyra_kernel.access.book import Book
from enfyra_kernel.metadata.definitions import ColumnDefinition
from enfyra_kernel.metadata.permissions import FieldPermission, Permissions
from enfyra_kernel.metadata.types import ColumnType
from enfyra_kernel.query.ast import Compare, Every, Filter, Negate, Some
from enfyra_kernel.query.visibility import Condition

from .verdicts import Who, World

ANN = Who("ann", "1", "reader")
ROLE = 7
# Conditions that the record meets, and does not.
ROW = {"state": "open"}
CONDITIONS = (None, {"state": {"_eq": "open"}}, {"state": {"_eq": "shut"}})
KINDS = tuple(product((True, False), CONDITIONS, ("allow", "deny")))


def holds(node: Filter, values: tuple[Any, ...]) -> bool:
    match node:
        case Every(parts):
            return all(holds(part, values) for part in parts)
        case Some(parts):
            return any(holds(part, values) for part in parts)
        case Negate(part):
            return not holds(part, values)
        case Compare(field, _, slot):
            return ROW[field] == values[slot]
        case _:
            raise AssertionError(node)


def decided(rules: tuple[Any, ...], *, published: bool) -> bool:
    permissions = [
        FieldPermission(
            id=number, column=1, effect=effect, condition=condition,
            users=frozenset({"1"}) if user else frozenset(), role=None if user else ROLE,
        )
        for number, (user, condition, effect) in enumerate(rules)
    ]  # fmt: skip
    access = Book(Permissions(fields=tuple(permissions))).access("1", ROLE)
    column = ColumnDefinition(id=1, name="x", type=ColumnType.TEXT, is_published=published)
    verdict = access.verdict(column)
    if isinstance(verdict, Condition):
        return holds(verdict.where, verdict.values)
    return verdict


def expected(rules: tuple[Any, ...], *, published: bool) -> bool:
    world = World(hidden={"t": set() if published else {"x"}})
    world.fields = [
        {"table": "t", "field": "x", "action": "read", "isEnabled": True, "effect": effect,
         "condition": condition, "users": ["1"] if user else [],
         "role": None if user else "reader"}
        for user, condition, effect in rules
    ]  # fmt: skip
    return world.allows(ANN, "t", "x", "read", ROW)


def test_tiers() -> None:
    for rules in product(KINDS, repeat=3):
        for published in (True, False):
            wanted = expected(rules, published=published)
            assert decided(rules, published=published) is wanted, (rules, published)


def test_a_condition_on_what_the_caller_does_not_have() -> None:
    """It allows nothing, and denies."""
    for effect, published, wanted in (("allow", False, False), ("deny", True, False)):
        rules = (True, {"state": {"_eq": "@USER.tenant"}}, effect)
        assert decided((rules,), published=published) is wanted


def test_callers_about_whom_the_same_is_true_share_their_rules() -> None:
    rule = FieldPermission(id=1, column=1, effect="deny", role=ROLE)
    book = Book(Permissions(fields=(rule,)))
    ann, ben, cy = book.access("1", ROLE), book.access("2", ROLE), book.access("3", None)
    assert ann == ben
    assert hash(ann) == hash(ben)
    assert ann != cy
    assert cy.rules is None
