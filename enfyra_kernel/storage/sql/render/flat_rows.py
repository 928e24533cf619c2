"""The flat rows of a selection, and the JSON that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ....metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ....query.plan import Ordering
from ....query.selection import SelectedColumn, Selection
from ..dialect import Dialect, Expression
from .layout import Branch, Layout, Leaf, leaves
from .scope import From, Scope

Conversion = Callable[[Expression, StoredColumn], Expression]


class FlatRows:
    """Selects columns of a table and, by joins, of the records that it refers to.

    Args:
        base: The table itself, an alias of it, or the rows that were just written.

    Attributes:
        layout: How the rows nest.
    """

    def __init__(self, scope: Scope, base: From, selection: Selection) -> None:
        self._scope = scope
        self._base = base
        self._columns: dict[str, Expression] = {}
        self._joined: dict[tuple[str, ...], From] = {}
        self._joins: list[tuple[From, Expression]] = []
        self.layout: Layout = tuple(self._parts(selection, base, ()))

    def select(
        self, convert: Conversion | None = None, order: Sequence[Ordering] = ()
    ) -> sa.Select[Any]:
        """Give the statement; `convert` prepares each column for who reads it."""
        orderings = [self._ordering(one) for one in order]
        columns: list[sa.Label[Any]] = []
        for leaf in leaves(self.layout):
            value = self._columns[leaf.label]
            columns.append((convert(value, leaf.column) if convert else value).label(leaf.label))
        source = self._base
        for target, condition in self._joins:
            source = source.outerjoin(target, condition)
        return sa.select(*columns).select_from(source).order_by(*orderings)

    def pairs(self) -> list[tuple[str, Expression]]:
        """Give names and JSON values, made of the columns themselves."""
        return json_pairs(self._scope.dialect, self.layout, self._columns.__getitem__)

    def pairs_over(self, rows: sa.Subquery) -> list[tuple[str, Expression]]:
        """Give names and JSON values, made of a subquery of the flat rows."""
        return json_pairs(self._scope.dialect, self.layout, lambda label: rows.c[label])

    # -- columns and joins ----------------------------------------------------------------------

    def _parts(
        self, selection: Selection, base: From, path: tuple[str, ...]
    ) -> Iterable[Leaf | Branch]:
        for one in selection:
            if isinstance(one, SelectedColumn):
                yield self._leaf(one.name, stored(one.column), base)
            elif one.key_only:
                key = self._leaf(one.selection[0].name, key_of(one.relation, one.target), base)
                yield Branch(one.name, key.label, (key,))
            else:
                target = self._join(one.relation, one.target, base, (*path, one.name))
                parts = tuple(self._parts(one.selection, target, (*path, one.name)))
                presence = next(
                    part.label
                    for part in parts
                    if isinstance(part, Leaf) and part.column.name == one.target.primary.physical
                )
                yield Branch(one.name, presence, parts)

    def _leaf(self, name: str, column: StoredColumn, base: From) -> Leaf:
        label = f"c{len(self._columns)}"
        self._columns[label] = base.c[column.name]
        return Leaf(name, label, column)

    def _join(self, relation: Relation, target: Table, base: From, path: tuple[str, ...]) -> From:
        alias = self._joined.get(path)
        if alias is None:
            alias = self._joined[path] = self._scope.alias(target)
            if relation.foreign_key is None:
                raise ValueError(f"'{relation.name}' cannot be joined")
            if relation.holds_key:
                condition = base.c[relation.foreign_key] == alias.c[relation.referenced]
            else:
                condition = alias.c[relation.foreign_key] == base.c[relation.referenced]
            self._joins.append((alias, condition))
        return alias

    def _ordering(self, one: Ordering) -> Expression:
        base, path = self._base, ()
        for relation, target in zip(one.joins, one.targets, strict=True):
            path = (*path, relation.name)
            base = self._join(relation, target, base, path)
        dialect = self._scope.dialect
        value = dialect.compared(base.c[one.column.name], one.column)
        return dialect.ordered(value, nullable=one.nullable, descending=one.descending)


def json_pairs(
    dialect: Dialect, layout: Layout, value_of: Callable[[str], Expression]
) -> list[tuple[str, Expression]]:
    """Give names and JSON values of a layout, given the column for each label."""
    pairs: list[tuple[str, Expression]] = []
    for part in layout:
        if isinstance(part, Leaf):
            pairs.append((part.name, dialect.json_value(value_of(part.label), part.column)))
        else:
            inner = dialect.json_object(json_pairs(dialect, part.parts, value_of))
            absent = dialect.is_absent(value_of(part.presence))
            pairs.append((part.name, sa.case((absent, sa.null()), else_=inner)))
    return pairs
