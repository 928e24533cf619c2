"""The flat rows of a selection, and the JSON that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ....metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ....metadata.types import ColumnType
from ....query.plan import PLACE
from ....query.predicates import Ordering, Predicate, RelatedMeasure
from ....query.selection import (
    DEFAULT_LIMIT,
    SelectedColumn,
    SelectedMany,
    SelectedOne,
    Selection,
)
from ..dialect import Expression
from .conditions import condition, related_measure
from .layout import Branch, Layout, Leaf, Listed, Many, Part, leaves
from .links import Link, link, parent_key
from .scope import From, Scope

Conversion = Callable[[Expression, StoredColumn], Expression]


class FlatRows:
    """Selects columns of a table and, by joins, of the records that it refers to.

    Args:
        base: The table itself, an alias of it, or the rows that were just written.
        table: What it holds.
        place: The order whose values each row shall have, in a list by the name of `PLACE`.
        source: What to select from, where that is more than the base.
        new: Whether the records are so new that no other one is related to them.

    Attributes:
        layout: How the rows nest.
    """

    def __init__(
        self,
        scope: Scope,
        base: From,
        table: Table,
        selection: Selection,
        *,
        place: Sequence[Ordering] = (),
        source: From | None = None,
        new: bool = False,
    ) -> None:
        self._new = new
        self._scope = scope
        self._base = base
        self._table = table
        self._source = base if source is None else source
        self._columns: dict[str, Expression] = {}
        self._joined: dict[tuple[str, ...], From] = {}
        self._joins: list[tuple[From, Expression]] = []
        parts = list(self._parts(selection, base, table, ()))
        if place:
            parts.append(Listed(PLACE, tuple(self._placed(one) for one in place)))
        self.layout: Layout = tuple(parts)

    def select(
        self, convert: Conversion | None = None, order: Sequence[Ordering] = ()
    ) -> sa.Select[Any]:
        """Give the statement; `convert` prepares each column for who reads it."""
        columns: list[sa.Label[Any]] = []
        for leaf in leaves(self.layout):
            value = self._columns[leaf.label]
            columns.append((convert(value, leaf.column) if convert else value).label(leaf.label))
        return self.select_from(columns, order=[self.ordering(one) for one in order])

    def select_from(
        self, columns: Sequence[Expression], order: Sequence[Expression] = ()
    ) -> sa.Select[Any]:
        """Select other columns, of the same tables."""
        source = self._source
        for target, on in self._joins:
            source = source.outerjoin(target, on)
        return sa.select(*columns).select_from(source).order_by(*order)

    def pairs(self) -> list[tuple[str, Expression]]:
        """Give names and JSON values, made of the columns themselves."""
        return self._all_pairs(self._columns.__getitem__, None)

    def pairs_over(self, rows: sa.Subquery) -> list[tuple[str, Expression]]:
        """Give names and JSON values, made of a subquery of the flat rows."""
        return self._all_pairs(lambda label: rows.c[label], rows.name)

    def value(
        self, joins: Sequence[Relation], targets: Sequence[Table], column: StoredColumn
    ) -> Expression:
        """Give a column that to-one relations lead to."""
        base, path = self._base, ()
        for relation, target in zip(joins, targets, strict=True):
            path = (*path, relation.name)
            base = self._join(relation, target, base, path)
        return base.c[column.name]

    def ordered_by(self, one: Ordering) -> Expression:
        """Give what an ordering compares."""
        if isinstance(one.by, RelatedMeasure):
            figure = related_measure(self._scope, one.by, self._base, self._table)
            column = self._scope.dialect.figure_column(one.by.measure)
            return self._scope.dialect.compared(figure, column)
        value = self.value(one.joins, one.targets, one.by)
        return self._scope.dialect.compared(value, one.by)

    def ordering(self, one: Ordering) -> Expression:
        """Give an ordering as ORDER BY has it."""
        return self._scope.dialect.ordered(
            self.ordered_by(one), nullable=one.nullable, descending=one.descending
        )

    # -- columns and joins ----------------------------------------------------------------------

    def _parts(
        self, selection: Selection, base: From, table: Table, path: tuple[str, ...]
    ) -> Iterable[Part]:
        for one in selection:
            if isinstance(one, SelectedColumn):
                column = stored(one.column)
                value = self._shown(base.c[column.name], one.visible, base, table)
                yield self._labelled(one.name, column, value)
            elif isinstance(one, SelectedMany):
                key = self._leaf(one.name, parent_key(one.relation, table, one.target), base)
                yield Many(one.name, key, one, table)
            elif one.key_only:
                column = key_of(one.relation, one.target)
                value = self._shown(base.c[column.name], one.visible, base, table)
                key = self._labelled(one.selection[0].name, column, value)
                yield Branch(one.name, key.label, (key,))
            else:
                yield self._branch(one, base, table, (*path, one.name))

    def _shown(
        self, value: Expression, visible: Predicate | None, base: From, table: Table
    ) -> Expression:
        """Give a value where a condition on the record holds, otherwise null."""
        if visible is None:
            return value
        return sa.case((condition(self._scope, visible, base, table), value))

    def _branch(self, one: SelectedOne, base: From, table: Table, path: tuple[str, ...]) -> Branch:
        # One with a condition is another one than that of the same name in the order.
        conditional = one.where is not None or one.visible is not None
        joined = (*path, "where") if conditional else path
        on = self._on(one, base, table)
        target = self._join(one.relation, one.target, base, joined, one.where, on)
        parts = tuple(self._parts(one.selection, target, one.target, joined))
        presence = next(
            part.label
            for part in parts
            if isinstance(part, Leaf) and part.column.name == one.target.primary.physical
        )
        return Branch(one.name, presence, parts)

    def _on(self, one: SelectedOne, base: From, table: Table) -> Expression | None:
        """Give the condition on the record itself for its related record to be joined."""
        if one.visible is None:
            return None
        return condition(self._scope, one.visible, base, table)

    def _leaf(self, name: str, column: StoredColumn, base: From) -> Leaf:
        return self._labelled(name, column, base.c[column.name])

    def _labelled(self, name: str, column: StoredColumn, value: Expression) -> Leaf:
        label = f"c{len(self._columns)}"
        self._columns[label] = value
        return Leaf(name, label, column)

    def _placed(self, one: Ordering) -> Leaf:
        if isinstance(one.by, StoredColumn):
            value = self.value(one.joins, one.targets, one.by)
            return self._labelled(PLACE, one.by, value)
        column = self._scope.dialect.figure_column(one.by.measure)
        figure = related_measure(self._scope, one.by, self._base, self._table)
        return self._labelled(PLACE, column, figure)

    def _join(
        self,
        relation: Relation,
        target: Table,
        base: From,
        path: tuple[str, ...],
        where: Predicate | None = None,
        also: Expression | None = None,
    ) -> From:
        alias = self._joined.get(path)
        if alias is None:
            alias = self._joined[path] = self._scope.alias(target)
            if relation.foreign_key is None:
                raise ValueError(f"'{relation.name}' cannot be joined")
            if relation.holds_key:
                on = base.c[relation.foreign_key] == alias.c[relation.referenced]
            else:
                on = alias.c[relation.foreign_key] == base.c[relation.referenced]
            if where is not None:
                on = sa.and_(on, condition(self._scope, where, alias, target))
            if also is not None:
                on = sa.and_(on, also)
            self._joins.append((alias, on))
        return alias

    # -- JSON -----------------------------------------------------------------------------------

    def _all_pairs(
        self, value_of: Callable[[str], Expression], rows: str | None
    ) -> list[tuple[str, Expression]]:
        dialect = self._scope.dialect
        nothing = dialect.json_value(dialect.json_array([]), NESTED)
        return [
            (part.name, nothing)
            if self._new and isinstance(part, Many)
            else (part.name, self._json(part, value_of, rows))
            for part in self.layout
        ]

    def _pairs(
        self, layout: Layout, value_of: Callable[[str], Expression], rows: str | None
    ) -> list[tuple[str, Expression]]:
        return [(part.name, self._json(part, value_of, rows)) for part in layout]

    def _json(
        self, part: Part, value_of: Callable[[str], Expression], rows: str | None
    ) -> Expression:
        dialect = self._scope.dialect
        match part:
            case Leaf(label=label, column=column):
                return dialect.json_value(value_of(label), column)
            case Listed(parts=parts):
                return dialect.json_array(
                    [dialect.json_value(value_of(leaf.label), leaf.column) for leaf in parts]
                )
            case Branch(presence=presence, parts=parts):
                inner = dialect.json_object(self._pairs(parts, value_of, rows))
                return sa.case((dialect.is_absent(value_of(presence)), sa.null()), else_=inner)
            case Many():
                if rows is None:
                    raise ValueError(f"'{part.name}' is not in rows of its own")
                # By its name: the record is two selects further out.
                return self._many(part, sa.literal_column(f"{rows}.{part.key.label}"))

    def _many(self, part: Many, key: Expression) -> Expression:
        """Give the JSON array of the records of a relation to many."""
        flat, statement = related_rows(self._scope, part)
        rows = statement.where(flat.link.column == key).subquery(self._scope.name())
        array = self._scope.dialect.json_rows(rows, flat.rows.pairs_over(rows))
        return self._scope.dialect.json_value(array, NESTED)


class RelatedRows(NamedTuple):
    """The rows of a relation to many, and how they are found."""

    rows: FlatRows
    link: Link


def related_rows(
    scope: Scope, part: Many, convert: Conversion | None = None, *, paged: bool = True
) -> tuple[RelatedRows, sa.Select[Any]]:
    """Select the records of a relation to many, of all records that have it.

    Args:
        paged: Whether to cut them off at the limit, which is right for one record's.
    """
    selected = part.selected
    found = link(scope, selected.relation, selected.target)
    rows = FlatRows(scope, found.target, selected.target, selected.selection, source=found.source)
    statement = rows.select(convert, selected.order if paged else ())
    if selected.where is not None:
        where = condition(scope, selected.where, found.target, selected.target)
        statement = statement.where(where)
    if paged:
        statement = statement.limit(scope.count(selected.limit, DEFAULT_LIMIT))
        statement = statement.offset(scope.count(selected.offset, 0))
    return RelatedRows(rows, found), statement


# What was made of JSON by the statement itself.
NESTED = StoredColumn("", ColumnType.SIMPLE_JSON)
