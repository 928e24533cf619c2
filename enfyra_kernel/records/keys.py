"""Fields that tell records apart, for upserts."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import EnfyraError
from ..metadata.tables import Table
from ..query.plan import Access


def check_key(table: Table, key: tuple[str, ...], access: Access) -> None:
    """Refuse a key that two records could share.

    Raises:
        EnfyraError: INVALID_QUERY, with the keys that there are.
    """
    if not key:
        raise EnfyraError("INVALID_QUERY", "upsert needs a key: the fields that tell records apart")
    seen = {table.primary.name, *access.names(table)}
    groups = [(table.primary.name,), *table.definition.uniques]
    uniques = [group for group in groups if seen.issuperset(group)]
    if not any(sorted(group) == sorted(key) for group in uniques):
        listed = "; ".join(", ".join(group) for group in uniques)
        raise EnfyraError(
            "INVALID_QUERY",
            f"key must be a unique group of '{table.name}': {listed}",
            hint="Add the group to the table's uniques first",
        )


def fixed_columns(table: Table) -> Iterable[str]:
    """Give the stored columns that a record that is there keeps."""
    yield table.primary.physical
    for column in table.columns.values():
        if not column.is_updatable:
            yield column.physical
    for relation in table.relations.values():
        fixed = not relation.updatable and relation.read_only is None
        if relation.foreign_key is not None and relation.holds_key and fixed:
            yield relation.foreign_key


def physical(table: Table, fields: Iterable[str]) -> tuple[str, ...]:
    """Give the stored columns of fields."""
    return tuple(
        column.physical
        if (column := table.columns.get(name)) is not None
        else table.relations[name].foreign_key or name
        for name in fields
    )
