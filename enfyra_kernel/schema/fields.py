"""Whether what is said of a field beside its type holds together: its rules, its encryption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..metadata.definitions import ColumnDefinition, RelationDefinition, TableDefinition
from ..metadata.rules import checks_of, problems_of_rules
from ..metadata.types import ENCRYPTABLE, ColumnType
from ..metadata.values import length_of, precision_of, reader
from .payload import NOW
from .raw import Problems


def check_rules(table: TableDefinition, problems: Problems) -> None:
    """Check the rules of all fields of a table, and defaults against them."""
    for column in table.columns:
        if column.rules:
            _check_rules(f"{table.name}.{column.name}", column, problems)
            _check_owner(table, column, problems)
    for relation in table.relations:
        if relation.rules:
            _check_rules(f"{table.name}.{relation.property_name}", relation, problems)


def _check_rules(
    place: str, field: ColumnDefinition | RelationDefinition, problems: Problems
) -> None:
    try:
        found = problems_of_rules(field)
    except (TypeError, ValueError):
        return  # Options that are none; they are named with the type's problems.
    for kind, problem in found:
        problems.add(f"{place}: the rule {kind}", problem)
    if found or isinstance(field, RelationDefinition) or field.default_value in {None, NOW}:
        return
    checks = checks_of(field)
    try:
        default = reader(field.type, field.options)(field.default_value)
    except (TypeError, ValueError):
        return  # The default's own problem is named with the type's.
    for violation in checks(default) if checks is not None else ():
        problems.add(place, f"defaultValue breaks a rule: {violation.text}")


def _check_owner(table: TableDefinition, column: ColumnDefinition, problems: Problems) -> None:
    if column.is_secret or (column.is_system and column.is_generated):
        problems.add(f"{table.name}.{column.name}", "is kept by the server and takes no rules")


def keeps_values(old: ColumnDefinition, new: ColumnDefinition) -> bool:
    """Say whether every value of a column fits it after a change, without looking at any."""
    if old.type is not new.type:
        return False
    if old.type is ColumnType.VARCHAR:
        return _at_least(old.options, new.options, length_of)
    if old.type is ColumnType.DECIMAL:
        return _at_least(old.options, new.options, lambda one: precision_of(one)[1]) and _at_least(
            old.options, new.options, lambda one: precision_of(one)[0] - precision_of(one)[1]
        )
    return True


def _at_least(old: Any, new: Any, size: Callable[[Any], int]) -> bool:
    try:
        return size(new) >= size(old)
    except (TypeError, ValueError):
        return True  # What is wrong with the options is said elsewhere.


def check_encryption(table: TableDefinition, column: ColumnDefinition, problems: Problems) -> None:
    """Check a column whose values are stored encrypted."""
    place = f"{table.name}.{column.name}"
    if column.is_primary:
        problems.add(place, "is the primary key and cannot be encrypted")
    elif column.type not in ENCRYPTABLE:
        listed = ", ".join(one.value for one in ColumnType if one in ENCRYPTABLE)
        problems.add(place, f"cannot be encrypted: a {column.type.value} cannot, but {listed} can")
    if column.default_value is not None:
        problems.add(place, "is encrypted and takes no defaultValue: definitions are no secret")
