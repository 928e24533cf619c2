"""What a change will do, for people and programs to look at before it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..encoding import encode_json
from ..metadata.definitions import ColumnDefinition, TableDefinition
from ..storage import changes as c
from .catalog import Catalog
from .conversion import loses
from .renaming import name_before

# Ids of new definitions are provisional (negative) and make no difference.
_IDS = {"id", "source", "target", "mappedBy"}


# What fits no longer after a change: the section and name of it, and a message for people.
Warnings = Sequence[Mapping[str, Any]]


def preview(
    old: Catalog,
    new: Catalog,
    table_id: int,
    changes: Sequence[c.Change],
    lost: Sequence[str],
    warnings: Warnings = (),
) -> dict[str, Any]:
    """Describe a change of one table, and of the tables related to it.

    Args:
        old: The definitions as they are.
        new: The definitions as they shall be.
        table_id: The table that the request was about.
        changes: The physical changes.
        lost: What can get lost, in words; empty for a change that is safe.
        warnings: What will not fit any more; it keeps nobody from the change.
    """
    before, after = old.get(table_id), new.get(table_id)
    operation = "create" if before is None else "delete" if after is None else "update"
    named = after or before
    return {
        "tableName": named.name if named is not None else None,
        "operation": operation,
        "schemaChanged": bool(changes),
        "isDestructive": bool(lost),
        "losses": list(lost),
        "warnings": list(warnings),
        **_columns(before, after),
        **_relations(old, new, before, after),
        "addedUniques": _groups(before, after, "uniques", added=True),
        "removedUniques": _groups(before, after, "uniques", added=False),
        "addedIndexes": _groups(before, after, "indexes", added=True),
        "removedIndexes": _groups(before, after, "indexes", added=False),
        "steps": [describe(change) for change in changes],
        "requiredConfirmHash": confirm_hash(old, new),
    }


def losses(changes: Sequence[c.Change], filled: set[str]) -> list[str]:
    """Say in words what changes can lose, given the tables that hold any rows."""
    found: list[str] = []
    for change in changes:
        match change:
            case c.DropTable(table) if table.name in filled:
                found.append(f"the table '{table.name}' and its records")
            case c.DropColumn(table, column) if table in filled:
                name = name_before(changes, table, column.name)
                found.append(f"the column '{table}.{name}' and its values")
            case c.AlterColumn(table, old, new) if table in filled and loses(old, new):
                found.append(
                    f"the exact form of values in '{table}.{new.name}' "
                    f"({old.type} becomes {new.type})"
                )
            case _:
                pass
    return found


def confirm_hash(old: Catalog, new: Catalog) -> str:
    """Give the hash that confirms one change of one state.

    It is the same for the same change whatever ids new definitions happen to have.
    """
    changed = [
        (_canonical(old.get(id_)), _canonical(new.get(id_)))
        for id_ in sorted({*old, *new})
        if old.get(id_) != new.get(id_)
    ]
    changed.sort(key=lambda pair: encode_json(pair))
    return hashlib.sha256(encode_json(changed)).hexdigest()


def _canonical(table: TableDefinition | None) -> Any:
    return None if table is None else _without_ids(msgspec.to_builtins(table))


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_ids(item)
            for key, item in sorted(value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if key not in _IDS or (isinstance(item, int) and item > 0)
        }
    if isinstance(value, list):
        return [_without_ids(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _columns(before: TableDefinition | None, after: TableDefinition | None) -> dict[str, Any]:
    old = {one.id: one for one in before.columns} if before is not None else {}
    new = {one.id: one for one in after.columns} if after is not None else {}
    both = [(old[id_], one) for id_, one in new.items() if id_ in old]
    return {
        "addedColumns": [_shown(one) for id_, one in new.items() if id_ not in old],
        "removedColumns": [_shown(one) for id_, one in old.items() if id_ not in new],
        "renamedColumns": [
            {"from": was.name, "to": now.name} for was, now in both if was.name != now.name
        ],
        "changedColumns": [
            {"name": now.name, "changes": difference}
            for was, now in both
            if (difference := _difference(was, now))
        ],
    }


def _shown(column: ColumnDefinition) -> dict[str, Any]:
    return {"name": column.name, "type": column.type.value}


def _difference(was: ColumnDefinition, now: ColumnDefinition) -> dict[str, Any]:
    before, after = msgspec.to_builtins(was), msgspec.to_builtins(now)
    return {
        key: {"from": before[key], "to": after[key]}
        for key in after
        if key != "name" and before[key] != after[key]
    }


def _relations(
    old: Catalog, new: Catalog, before: TableDefinition | None, after: TableDefinition | None
) -> dict[str, Any]:
    was = {one.id: one for one in before.relations} if before is not None else {}
    now = {one.id: one for one in after.relations} if after is not None else {}

    def shown(id_: int, catalog: Catalog, relations: dict[int, Any]) -> dict[str, Any]:
        one = relations[id_]
        return {
            "name": one.property_name,
            "type": one.type.value,
            "target": catalog[one.target].name,
        }

    return {
        "addedRelations": [shown(id_, new, now) for id_ in now if id_ not in was],
        "removedRelations": [shown(id_, old, was) for id_ in was if id_ not in now],
        "renamedRelations": [
            {"from": was[id_].property_name, "to": one.property_name}
            for id_, one in now.items()
            if id_ in was and was[id_].property_name != one.property_name
        ],
    }


def _groups(
    before: TableDefinition | None, after: TableDefinition | None, kind: str, *, added: bool
) -> list[list[str]]:
    old: tuple[tuple[str, ...], ...] = getattr(before, kind) if before is not None else ()
    new: tuple[tuple[str, ...], ...] = getattr(after, kind) if after is not None else ()
    here, there = (new, old) if added else (old, new)
    return [list(group) for group in here if group not in there]


def describe(change: c.Change) -> str:
    """Say in a line what a physical change does.

    Example:
        >>> describe(c.RenameTable("post", "article"))
        'rename table post to article'
    """
    match change:
        case c.CreateTable(table):
            return f"create table {table.name} ({len(table.columns)} columns)"
        case c.DropTable(table):
            return f"drop table {table.name}"
        case c.RenameTable(old, new):
            return f"rename table {old} to {new}"
        case c.AddColumn(table, column):
            return f"add column {table}.{column.name} {column.type}"
        case c.DropColumn(table, column):
            return f"drop column {table}.{column.name}"
        case c.RenameColumn(table, old, new):
            return f"rename column {table}.{old.name} to {new}"
        case c.AlterColumn(table, old, new):
            return f"alter column {table}.{new.name}" + (
                f" from {old.type} to {new.type}" if change.converts else ""
            )
        case c.AddIndex(table, index):
            kind = "unique index" if index.unique else "index"
            return f"add {kind} {index.name} on {table} ({', '.join(index.columns)})"
        case c.DropIndex(table, index):
            return f"drop index {index.name} on {table}"
        case c.AddReference(table, one):
            return f"add foreign key {table}.{', '.join(one.columns)} to {one.target}"
        case c.DropReference(table, one):
            return f"drop foreign key {table}.{', '.join(one.columns)}"
        case c.AddCheck(table, check):
            return f"add check {check.name} on {table}"
        case c.DropCheck(table, check):
            return f"drop check {check.name} on {table}"
