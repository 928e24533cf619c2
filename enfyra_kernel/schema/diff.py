"""From two states of the physical tables to the changes between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec.structs

from ..storage import changes as c
from ..storage.physical import PhysicalColumn, PhysicalReference, PhysicalTable
from .renaming import renames as order_renames


@dataclass(slots=True)
class _Steps:
    """Changes in the order in which they can be made.

    Everything that loses data comes last, after all that can still be taken back.
    """

    rename_tables: list[c.Change] = field(default_factory=list[c.Change])
    loosen: list[c.Change] = field(default_factory=list[c.Change])
    create: list[c.Change] = field(default_factory=list[c.Change])
    rename: list[c.Change] = field(default_factory=list[c.Change])
    add: list[c.Change] = field(default_factory=list[c.Change])
    alter: list[c.Change] = field(default_factory=list[c.Change])
    index: list[c.Change] = field(default_factory=list[c.Change])
    unindex: list[c.Change] = field(default_factory=list[c.Change])
    tighten: list[c.Change] = field(default_factory=list[c.Change])
    drop_columns: list[c.Change] = field(default_factory=list[c.Change])
    drop_tables: list[c.Change] = field(default_factory=list[c.Change])

    def all(self) -> tuple[c.Change, ...]:
        return (
            *self.rename_tables, *self.loosen, *self.create, *self.rename, *self.add, *self.alter,
            *self.index, *self.unindex, *self.tighten, *self.drop_columns, *self.drop_tables,
        )  # fmt: skip


def diff(old: Iterable[PhysicalTable], new: Iterable[PhysicalTable]) -> tuple[c.Change, ...]:
    """Give the changes that lead from the old tables to the new ones.

    Tables and columns are matched by their keys, so that a rename is one.

    Example:
        >>> post = PhysicalTable(name="post", columns=(), key="table:1")
        >>> diff([post], [msgspec.structs.replace(post, name="article")])
        (RenameTable(old='post', new='article'),)
    """
    before = {table.key: table for table in old}
    after = {table.key: table for table in new}
    steps = _Steps()
    kept = [(before[key], table) for key, table in after.items() if key in before]
    for was, now in kept:
        if was.name != now.name:
            steps.rename_tables.append(c.RenameTable(was.name, now.name))
    _create(steps, [table for key, table in after.items() if key not in before])
    renames = {was.name: now.name for was, now in kept}
    for was, now in kept:
        _change(steps, _with_targets_renamed(was, renames), now)
    _drop(steps, [table for key, table in before.items() if key not in after])
    return steps.all()


def _with_targets_renamed(table: PhysicalTable, renames: dict[str, str]) -> PhysicalTable:
    """Databases follow the rename of a table that is referred to by themselves."""
    return msgspec.structs.replace(
        table,
        references=tuple(
            msgspec.structs.replace(one, target=renames.get(one.target, one.target))
            for one in table.references
        ),
    )


def _create(steps: _Steps, tables: Sequence[PhysicalTable]) -> None:
    waiting = {table.name for table in tables}
    for table in _dependencies_first(tables):
        waiting.discard(table.name)
        ready = tuple(one for one in table.references if one.target not in waiting)
        steps.create.append(
            c.CreateTable(msgspec.structs.replace(table, references=ready, indexes=()))
        )
        steps.index += [c.AddIndex(table.name, index) for index in table.indexes]
        steps.tighten += [
            c.AddReference(table.name, one) for one in table.references if one not in ready
        ]


def _dependencies_first(tables: Sequence[PhysicalTable]) -> list[PhysicalTable]:
    by_name = {table.name: table for table in tables}
    ordered: list[PhysicalTable] = []
    visited: set[str] = set()

    def visit(table: PhysicalTable) -> None:
        if table.name in visited:
            return
        visited.add(table.name)
        for one in table.references:
            if one.target in by_name:
                visit(by_name[one.target])
        ordered.append(table)

    for table in tables:
        visit(table)
    return ordered


def _change(steps: _Steps, was: PhysicalTable, now: PhysicalTable) -> None:
    name = now.name
    renames = _columns(steps, was, now)
    _constraints(steps, was, now, renames)
    old_indexes = {one.name: one for one in was.indexes}
    new_indexes = {one.name: one for one in now.indexes}
    for label, index in old_indexes.items():
        kept = new_indexes.get(label)
        followed = tuple(renames.get(column, column) for column in index.columns)
        if kept is None:
            steps.unindex.append(c.DropIndex(name, index))
        elif kept.columns != followed or kept.unique != index.unique:
            steps.loosen.append(c.DropIndex(name, index))
            steps.index.append(c.AddIndex(name, kept))
    steps.index += [
        c.AddIndex(name, index) for label, index in new_indexes.items() if label not in old_indexes
    ]


def _columns(steps: _Steps, was: PhysicalTable, now: PhysicalTable) -> dict[str, str]:
    """Compare columns; give the renames by old name."""
    before = {column.key: column for column in was.columns}
    after = {column.key: column for column in now.columns}
    renames: dict[str, str] = {}
    for key, column in after.items():
        old = before.get(key)
        if old is None:
            steps.add.append(c.AddColumn(now.name, column))
            continue
        if old.name != column.name:
            renames[old.name] = column.name
        renamed = msgspec.structs.replace(old, name=column.name)
        if _differs(renamed, column):
            steps.alter.append(c.AlterColumn(now.name, renamed, column))
    gone = [old for key, old in before.items() if key not in after]
    made, going = order_renames(
        now.name,
        [(old, renames[old.name]) for old in was.columns if old.name in renames],
        gone,
        {column.name for column in now.columns},
    )
    steps.rename += made
    steps.drop_columns += [c.DropColumn(now.name, column) for column in going]
    return renames | {old.name: left.name for old, left in zip(gone, going, strict=True)}


def _differs(old: PhysicalColumn, new: PhysicalColumn) -> bool:
    return (
        old.type is not new.type
        or old.options != new.options
        or old.nullable != new.nullable
        or old.default != new.default
    )


def _constraints(
    steps: _Steps, was: PhysicalTable, now: PhysicalTable, renames: dict[str, str]
) -> None:
    name = now.name
    old_references = {one.name: _followed(one, renames) for one in was.references}
    originals = {one.name: one for one in was.references}
    new_references = {one.name: one for one in now.references}
    for label, reference in old_references.items():
        if new_references.get(label) != reference:
            steps.loosen.append(c.DropReference(name, originals[label]))
    for label, reference in new_references.items():
        if old_references.get(label) != reference:
            steps.tighten.append(c.AddReference(name, reference))
    old_checks = {one.name: one for one in was.checks}
    new_checks = {one.name: one for one in now.checks}
    for label, check in old_checks.items():
        followed = msgspec.structs.replace(check, column=renames.get(check.column, check.column))
        if new_checks.get(label) != followed:
            steps.loosen.append(c.DropCheck(name, check))
        else:
            new_checks.pop(label)
    steps.tighten += [c.AddCheck(name, check) for check in new_checks.values()]


def _followed(reference: PhysicalReference, renames: dict[str, str]) -> PhysicalReference:
    columns = tuple(renames.get(column, column) for column in reference.columns)
    return msgspec.structs.replace(reference, columns=columns)


def _drop(steps: _Steps, tables: Sequence[PhysicalTable]) -> None:
    """Drop tables, those that refer to others first; circles are cut before."""
    droppable = [table for table in tables if not table.adopted]
    ordered = list(reversed(_dependencies_first(droppable)))
    gone: set[str] = set()
    for table in ordered:
        gone.add(table.name)
        for one in table.references:
            if one.target in gone and one.target != table.name:
                steps.loosen.append(c.DropReference(table.name, one))
        steps.drop_tables.append(c.DropTable(table))
