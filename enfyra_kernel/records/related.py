"""Related records in bodies: named by their keys, or given whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from ..metadata.tables import Relation, Table, why_not_written
from ..metadata.values import reader

# Sent back by clients as they got them; the server keeps its own.
IGNORED = frozenset({"_id", "createdAt", "updatedAt"})


class Invalid(Exception):
    """One value is not right; the message follows the field's name."""


class Nested(NamedTuple):
    """A related record given whole.

    Attributes:
        key: Of the record that is there and is to be changed; None for a new one.
    """

    key: Any
    body: Mapping[str, Any]


def item_reader(relation: Relation, target: Table) -> Callable[[Any], Any]:
    """Give the function that reads a related record: a key, `{"id": key}`, or fields.

    It gives the key, or a `Nested`, and raises Invalid.
    """
    primary = target.primary
    read = reader(primary.type, primary.options)
    whole = _may_be_whole(relation, target)

    def read_key(value: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise Invalid(f"must be the {primary.name} of a '{target.name}': it {error}") from None

    def read_item(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return read_key(value)
        named = cast("Mapping[str, Any]", value)
        key = named.get(primary.name, named.get("_id"))
        more = any(name not in IGNORED and name != primary.name for name in named)
        if key is not None and not more:
            return read_key(key)
        if not whole or (key is None and not more):
            raise Invalid(
                f"must name an existing record of '{target.name}' by its {primary.name}"
                + (" alone" if key is not None else "")
            )
        return Nested(None if key is None else read_key(key), named)

    return read_item


def read_list(value: Any) -> list[Any]:
    """Read what a relation to many holds."""
    if not isinstance(value, list):
        raise Invalid("must be a list")
    return cast("list[Any]", value)


def _may_be_whole(relation: Relation, target: Table) -> bool:
    """Say whether records of a table can be written as part of others.

    The system's own have rules that only their own routes keep.
    """
    if target.definition.is_system or target.definition.is_single_record:
        return False
    if why_not_written(target, "POST") or why_not_written(target, "PATCH"):
        return False
    return not relation.holds_key or relation.referenced == target.primary.physical
