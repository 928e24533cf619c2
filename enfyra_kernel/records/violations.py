"""What the database refused, in the words of the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import EnfyraError
from ..metadata import names
from ..metadata.tables import Table
from ..metadata.types import RelationKind
from ..schema.layout import physical_group
from ..storage.database import ConstraintViolation


def explain_write(
    violation: ConstraintViolation,
    table: Table,
    values: Mapping[str, Any],
    columns: Sequence[str] | None = None,
    place: str = "",
) -> EnfyraError:
    """Explain why a record could not be written.

    Args:
        values: The values that were written, by stored column.
        columns: The stored columns that it is about; those of the violation if not given.
        place: Where in the request the record stands.
    """
    if columns is None:
        columns = violation.columns or columns_of(violation.constraint, table)
    fields = field_names(table, columns)
    listed = ", ".join(fields)
    details = _details(table, fields, place)
    before = f"{place}: " if place else ""
    match violation.kind:
        case "unique":
            given = ", ".join(
                f"{field} {values[column]!r}"
                for field, column in zip(fields, columns, strict=False)
                if column in values
            )
            what = f" with {given}" if given else ""
            return EnfyraError(
                "DUPLICATE_RESOURCE",
                f"{before}{listed or 'A value'} must be unique: "
                f"a '{table.name}'{what} exists already",
                details=details,
            )
        case "reference":
            return missing_reference(table, fields, place)
        case "missing":
            problem = f"{place}.{listed} is required" if place else f"{listed} is required"
            return EnfyraError("INVALID_BODY", problems=[problem], details=details)
        case "range":
            return EnfyraError(
                "CONSTRAINT_VIOLATION",
                f"{before}{listed or 'a value'} does not fit the field",
                details=details,
            )
        case _:
            what = listed or violation.constraint or "a check"
            return EnfyraError(
                "CONSTRAINT_VIOLATION",
                f"{before}The database refused the record: {what} "
                + ("has a value that is not allowed" if listed else "does not hold"),
                details={**details, "constraint": violation.constraint},
            )


def missing_reference(table: Table, fields: Iterable[str], place: str = "") -> EnfyraError:
    """Make the error for a related record that is not there."""
    listed = list(fields)
    what = ", ".join(listed) or "a relation"
    targets = {table.relations[name].target for name in listed if name in table.relations}
    hint = f"Create the '{', '.join(sorted(targets))}' first" if targets else None
    return EnfyraError(
        "RELATION_NOT_FOUND",
        f"{place}: {what} refers to a record that does not exist"
        if place
        else f"{what} refers to a record that does not exist",
        details=_details(table, listed, place),
        hint=hint,
    )


def _details(table: Table, fields: Sequence[str], place: str) -> dict[str, Any]:
    details: dict[str, Any] = {"table": table.name, "fields": list(fields)}
    if place:
        details["place"] = place
    return details


def in_use(table: Table, relations: Iterable[str]) -> EnfyraError:
    """Make the error for a record that others refer to."""
    listed = sorted(relations)
    by = f" by {', '.join(listed)}" if listed else ""
    return EnfyraError(
        "RELATION_IN_USE",
        f"The '{table.name}' is still referred to{by}",
        details={"table": table.name, "relations": listed},
        hint="Delete or change those records first, or let the relation cascade",
    )


def field_names(table: Table, columns: Iterable[str]) -> list[str]:
    """Give the fields that stored columns stand for: relations go by their name."""
    by_column = {column.physical: name for name, column in table.columns.items()}
    by_column |= {
        relation.foreign_key: relation.name
        for relation in table.relations.values()
        if relation.holds_key and relation.foreign_key is not None and relation.read_only is None
    }
    return [by_column.get(column, column) for column in columns]


def columns_of(constraint: str | None, table: Table) -> tuple[str, ...]:
    """Find the columns of a constraint by its name."""
    if constraint is None:
        return ()
    if constraint == "PRIMARY" or constraint == f"{table.definition.physical}_pkey":
        return tuple(column.physical for column in table.keys)
    for group in unique_groups(table):
        if names.unique_index(table.definition.physical, group) == constraint:
            return group
    for column in table.columns.values():
        if names.enum_check(table.definition.physical, column.physical) == constraint:
            return (column.physical,)
    return ()


def unique_groups(table: Table) -> list[tuple[str, ...]]:
    """Give the groups of stored columns whose values no two records share, but for the key."""
    groups = [physical_group(table.definition, group) for group in table.definition.uniques]
    groups += [
        (relation.foreign_key,)
        for relation in table.relations.values()
        if relation.kind is RelationKind.ONE_TO_ONE
        and relation.holds_key
        and relation.foreign_key is not None
    ]
    return groups
