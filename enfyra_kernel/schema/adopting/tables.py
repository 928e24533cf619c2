"""From somebody's table to a definition of it, without its relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...metadata.definitions import ColumnDefinition, TableDefinition
from ...metadata.types import ColumnType
from ...storage.physical import PhysicalColumn, PhysicalTable, Remark
from ..validate import MAX_COLUMNS
from .keys import Key
from .naming import field_name, free

NewId = Callable[[], int]
_EXACT = ("NUMERIC", "DECIMAL")


def why_not(table: PhysicalTable, key: Key | None) -> str | None:
    """Say why a table cannot be adopted at all, or None."""
    if not table.columns:
        return f"this {table.kind} cannot be read"
    if len(table.columns) > MAX_COLUMNS:
        return f"it has more than {MAX_COLUMNS} columns"
    if key is None:
        return "none of its columns can be shown and put in order"
    return None


def define(
    table: PhysicalTable, name: str, key: Key, new_id: NewId, facts: Mapping[str, Any]
) -> TableDefinition:
    """Give the definition of a table.

    Args:
        name: What it shall be called.
        facts: Further fields of the definition, such as `description`.
    """
    taken: set[str] = set()
    columns = [
        _column(one, one.type, free(field_name(one.name), taken), key, new_id)
        for one in table.columns
        if one.type is not None
    ]
    by_physical = {column.physical: column.name for column in columns}
    metadata: dict[str, Any] = dict(facts.get("metadata") or {})
    left_out = [
        {"what": one.what, "name": one.name, "reason": one.reason} for one in remarks_on(table)
    ]
    if left_out:
        metadata["notAdopted"] = left_out
    together = None if key.together is None else tuple(by_physical[one] for one in key.together)
    return TableDefinition(
        id=new_id(),
        name=name,
        is_adopted=True,
        physical_name=table.name if table.name != name else None,
        alias=facts.get("alias"),
        description=facts.get("description"),
        metadata=metadata or None,
        columns=tuple(columns),
        uniques=tuple(dict.fromkeys(_uniques(table, by_physical, key))),
        indexes=tuple(dict.fromkeys(_groups(table, by_physical, unique=False))),
        read_only=key.read_only,
        key_fields=together,
    )


def _column(
    column: PhysicalColumn, type_: ColumnType, name: str, key: Key, new_id: NewId
) -> ColumnDefinition:
    is_key = column.name == key.primary or column.name in (key.together or ())
    return ColumnDefinition(
        id=new_id(),
        name=name,
        type=type_,
        options=column.options,
        is_primary=column.name == key.primary,
        is_generated=column.generated,
        is_nullable=column.nullable,
        is_updatable=not is_key and column.read_only is None,
        physical_name=column.name if column.name != name else None,
        physical_type=column.native,
        read_only=column.read_only,
    )


def _uniques(
    table: PhysicalTable, by_physical: Mapping[str, str], key: Key
) -> Iterable[tuple[str, ...]]:
    primary = tuple(table.primary)
    groups = list(_groups(table, by_physical, unique=True))
    if primary and primary != (key.primary,) and all(one in by_physical for one in primary):
        groups.insert(0, tuple(by_physical[one] for one in primary))
    return groups


def _groups(
    table: PhysicalTable, by_physical: Mapping[str, str], *, unique: bool
) -> Iterable[tuple[str, ...]]:
    for index in table.indexes:
        if index.unique is unique and all(column in by_physical for column in index.columns):
            yield tuple(by_physical[column] for column in index.columns)


def remarks_on(table: PhysicalTable) -> list[Remark]:
    """Say what of a table its definition cannot say, or says otherwise."""
    remarks = [remark for one in table.columns for remark in _remarks_on_column(one)]
    left_out = {one.name for one in table.columns if one.type is None}
    for index in table.indexes:
        if index.unique and left_out.intersection(index.columns):
            reason = "it covers a column that is left out; the database keeps it"
            remarks.append(Remark("unique index", index.name, reason))
    required = [one.name for one in table.columns if _cannot_be_given(one)]
    if required and table.kind == "table":
        reason = f"cannot be created: {', '.join(required)} must have a value, and is not written"
        remarks.append(Remark("new records", table.name, reason))
    return [*remarks, *table.remarks]


def _cannot_be_given(column: PhysicalColumn) -> bool:
    unwritten = column.type is None or column.read_only is not None
    return unwritten and not column.nullable and not column.generated


def _remarks_on_column(column: PhysicalColumn) -> Iterable[Remark]:
    native = " ".join((column.native or "").split())
    if column.type is None:
        yield Remark("column", column.name, f"left out: JSON has no place for {native or 'BLOB'}")
    elif column.read_only is not None:
        yield Remark("column", column.name, f"read only: {column.read_only}")
    elif column.type is ColumnType.FLOAT and native.startswith(_EXACT):
        yield Remark("column", column.name, f"{native} of any precision is taken for a float")
    elif column.type is ColumnType.BIGINT and native.startswith("BIGINT") and "UNSIGNED" in native:
        yield Remark("column", column.name, "values above 9223372036854775807 are not written")
