"""What the database refused, in the words of the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import EnfyraError
from ..metadata import names
from ..metadata.tables import Table
from ..schema.layout import physical_group
from ..storage.database import ConstraintViolation


def explain_write(
    violation: ConstraintViolation, table: Table, values: Mapping[str, Any]
) -> EnfyraError:
    """Explain why a record could not be written.

    Args:
        values: The values that were written, by stored column.
    """
    columns = violation.columns or _columns_of(violation.constraint, table)
    fields = field_names(table, columns)
    listed = ", ".join(fields)
    details = {"table": table.name, "fields": fields}
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
                f"{listed or 'A value'} must be unique: a '{table.name}'{what} exists already",
                details=details,
            )
        case "reference":
            return missing_reference(table, fields)
        case "missing":
            return EnfyraError("INVALID_BODY", problems=[f"{listed} is required"], details=details)
        case "range":
            return EnfyraError(
                "INVALID_BODY",
                problems=[f"{listed or 'a value'} does not fit the field"],
                details=details,
            )
        case _:
            return EnfyraError(
                "CONSTRAINT_VIOLATION",
                f"The database refused the record: {violation.constraint or 'a check'} does not "
                "hold",
                details={**details, "constraint": violation.constraint},
            )


def missing_reference(table: Table, fields: Iterable[str]) -> EnfyraError:
    """Make the error for a related record that is not there."""
    listed = list(fields)
    what = ", ".join(listed) or "a relation"
    targets = {table.relations[name].target for name in listed if name in table.relations}
    hint = f"Create the '{', '.join(sorted(targets))}' first" if targets else None
    return EnfyraError(
        "RELATION_NOT_FOUND",
        f"{what} refers to a record that does not exist",
        details={"table": table.name, "fields": listed},
        hint=hint,
    )


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


def _columns_of(constraint: str | None, table: Table) -> tuple[str, ...]:
    """Find the columns of a constraint by its name."""
    if constraint is None:
        return ()
    if constraint == "PRIMARY" or constraint == f"{table.definition.physical}_pkey":
        return tuple(column.physical for column in table.keys)
    groups = [physical_group(table.definition, group) for group in table.definition.uniques]
    groups += [
        (relation.foreign_key,)
        for relation in table.relations.values()
        if relation.holds_key and relation.foreign_key is not None
    ]
    for group in groups:
        if names.unique_index(table.definition.physical, group) == constraint:
            return group
    for column in table.columns.values():
        if names.enum_check(table.definition.physical, column.physical) == constraint:
            return (column.physical,)
    return ()
