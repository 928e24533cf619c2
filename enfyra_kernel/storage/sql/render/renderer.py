"""The renderer: which statement stands for a Plan or a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ....metadata.tables import Table
from ....query.commands import Delete, Insert, Update
from ....query.plan import Plan
from ....query.selection import (
    DEFAULT_LIMIT,
    Selected,
    SelectedColumn,
    SelectedMany,
    SelectedOne,
    Selection,
)
from ..dialect import Dialect, Expression, number_literal
from ..statement import Statement
from .conditions import condition, in_list
from .figures import aggregates, by_field, groups
from .flat_rows import Conversion, FlatRows, related_rows
from .keyset import behind
from .layout import Layout, Leaf, Many, leaves
from .scope import From, Scope, Sizes, sa_table


class Renderer:
    """Renders for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # -- reading --------------------------------------------------------------------------------

    def page(self, plan: Plan, sizes: Sizes, most: int | None = None) -> Statement:
        """Render a Plan as one statement that gives one row: the JSON array, and the figures.

        Args:
            most: How many rows there are at most up to the end of the page, if the text tells.
        """
        scope = Scope(self.dialect, sizes)
        rows, pairs = self._records(scope, plan, most)
        data = self.dialect.json_text(self.dialect.json_rows(rows, pairs)).label("data")
        columns = [data, *_counts(scope, plan)]
        if plan.aggregates:
            columns.append(self._aggregates(scope, plan).label("aggregate"))
        return scope.statement(sa.select(*columns))

    def _records(
        self, scope: Scope, plan: Plan, most: int | None = None
    ) -> tuple[sa.Subquery, list[tuple[str, Expression]]]:
        """Give a page of rows, and the names and JSON values that are made of them."""
        if plan.groups is not None:
            statement, layout = groups(scope, plan, plan.groups)
            rows = _paged(scope, statement, most).subquery("r")
            return rows, leaf_pairs(self.dialect, layout, rows)
        flat, statement = _rows(scope, plan)
        rows = _paged(scope, statement, most).subquery("r")
        return rows, flat.pairs_over(rows)

    def _aggregates(self, scope: Scope, plan: Plan) -> Expression:
        statement, layout = aggregates(scope, plan)
        rows = statement.subquery("a")
        values = [value for _, value in leaf_pairs(self.dialect, layout, rows)]
        named = by_field(plan, values)
        objects = [
            (field, self.dialect.json_object(list(operations.items())))
            for field, operations in named.items()
        ]
        made = self.dialect.json_text(self.dialect.json_object(objects))
        return sa.select(made).select_from(rows).scalar_subquery()

    def rows(self, plan: Plan, sizes: Sizes) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives flat rows, and how they nest."""
        scope = Scope(self.dialect, sizes)
        if plan.groups is not None:
            statement, layout = groups(scope, plan, plan.groups)
            rows = _paged(scope, statement).subquery("r")
            columns = [
                self.dialect.json_value(rows.c[leaf.label], leaf.column).label(leaf.label)
                for leaf in layout
                if isinstance(leaf, Leaf)
            ]
            return scope.statement(sa.select(*columns)), layout
        flat, statement = _rows(scope, plan, self.dialect.json_value)
        return scope.statement(_paged(scope, statement)), flat.layout

    def related(self, part: Many, sizes: Sizes, slots: int) -> tuple[Statement, Layout]:
        """Render the records of a relation to many, for all those whose keys a list holds.

        The list is the value behind those of the Plan. Each row begins with the key that it was
        found by, and has those of its layout behind it.

        Args:
            slots: How many values the Plan has.
        """
        scope = Scope(self.dialect, sizes)
        found, statement = related_rows(scope, part, self.dialect.json_value, paged=False)
        key = found.link.column
        order = [found.rows.ordering(one) for one in part.selected.order]
        place = sa.func.row_number().over(partition_by=key, order_by=order).label("n")
        among = in_list(scope, key, part.key.column, slots)
        # The columns first: ordering may have joined more tables.
        numbered = found.rows.select_from([key.label("k"), place, *statement.selected_columns])
        if statement.whereclause is not None:
            numbered = numbered.where(statement.whereclause)
        rows = numbered.where(among).subquery("x")
        first = scope.count(part.selected.offset, 0)
        last = first + scope.count(part.selected.limit, DEFAULT_LIMIT)
        columns = [rows.c.k, *(rows.c[leaf.label] for leaf in leaves(found.rows.layout))]
        page = sa.select(*columns).where(rows.c.n > first, rows.c.n <= last).order_by(rows.c.n)
        return scope.statement(page), found.rows.layout

    def stream(self, plan: Plan, sizes: Sizes, *, limited: bool) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives its flat rows as they are stored."""
        scope = Scope(self.dialect, sizes)
        flat, statement = _rows(scope, plan, self.dialect.plain_value)
        if limited:
            # SQLAlchemy gives SQLite an offset in any case, as a parameter unless it is there.
            statement = statement.limit(scope.limit()).offset(number_literal(0))
        return scope.statement(statement), flat.layout

    def lines(self, plan: Plan, sizes: Sizes, most: int | None = None) -> Statement:
        """Render a Plan as a statement that gives each record as JSON; `most` as for `page`."""
        scope = Scope(self.dialect, sizes)
        return scope.statement(self.dialect.json_lines(*self._records(scope, plan, most)))

    def figures(self, plan: Plan, sizes: Sizes) -> tuple[Statement, Layout]:
        """Render the counts and the figures that a Plan asks for, as one row."""
        scope = Scope(self.dialect, sizes)
        columns = _counts(scope, plan)
        if not plan.aggregates:
            return scope.statement(sa.select(*columns)), ()
        statement, layout = aggregates(scope, plan)
        rows = statement.subquery("a")
        values = [value for _, value in leaf_pairs(self.dialect, layout, rows)]
        return scope.statement(sa.select(*columns, *values).select_from(rows)), layout

    # -- writing --------------------------------------------------------------------------------

    def insert(self, insert: Insert) -> Statement:
        """Render an insert of one record, giving it back as JSON where the dialect can."""
        scope = Scope(self.dialect)
        table = sa_table(insert.table)
        assignments = {
            column.name: scope.assigned(number, column)
            for number, column in enumerate(insert.columns)
        }
        statement = self._conflicting(self.dialect.insert(table), insert)
        if assignments:
            statement = statement.values(assignments)
        return scope.statement(self._returning(scope, statement, table, insert))

    def insert_arrays(self, insert: Insert) -> Statement:
        """Render an insert of many records whose columns are bound as arrays (PostgreSQL)."""
        scope = Scope(self.dialect)
        table = sa_table(insert.table)
        arrays = [
            sa.func.unnest(scope.assigned_array(number, column))
            for number, column in enumerate(insert.columns)
        ]
        names = [column.name for column in insert.columns]
        statement = self.dialect.insert(table).from_select(names, sa.select(*arrays))
        statement = self._conflicting(statement, insert)
        return scope.statement(self._returning(scope, statement, table, insert))

    def _conflicting(self, statement: Any, insert: Insert) -> Any:
        if not insert.conflict:
            return statement
        written = [
            column.name
            for column in insert.columns
            if column.name not in insert.conflict and column.name not in insert.kept
        ]
        return self.dialect.upsert(statement, insert.conflict, written)

    def update(self, update: Update, sizes: Sizes) -> Statement:
        """Render an update, giving the records back as JSON where the dialect can."""
        scope = Scope(self.dialect, sizes, first_slot=len(update.columns))
        table = sa_table(update.table)
        values = [scope.assigned(number, one) for number, one in enumerate(update.columns)]
        statement = (
            sa.update(table)
            .values(self._set(update, table, values))
            .where(condition(scope, update.where, table, update.table))
        )
        return scope.statement(self._returning(scope, statement, table, update))

    def update_arrays(self, update: Update) -> Statement:
        """Render an update of many records, each by its key, with values as arrays (PostgreSQL)."""
        scope = Scope(self.dialect)
        table = sa_table(update.table)
        columns = (*update.columns, update.table.key)
        arrays = [
            sa.func.unnest(scope.assigned_array(number, column)).label(f"c{number}")
            for number, column in enumerate(columns)
        ]
        *values, key = sa.select(*arrays).subquery("d").c
        statement = (
            sa.update(table)
            .values(self._set(update, table, values))
            .where(table.c[update.table.key.name] == key)
        )
        return scope.statement(statement)

    def update_cases(self, update: Update, size: int) -> Statement:
        """Render an update of many records, each by its key, as one case for each (MySQL).

        Args:
            size: The number of records; their values stand behind one another.
        """
        scope = Scope(self.dialect)
        table = sa_table(update.table)
        key = table.c[update.table.key.name]
        width = len(update.columns) + 1
        keys = [scope.assigned((row + 1) * width - 1, update.table.key) for row in range(size)]
        values = [
            sa.case(
                *(
                    (key == keys[row], scope.assigned(row * width + number, column))
                    for row in range(size)
                ),
                else_=table.c[column.name],
            )
            for number, column in enumerate(update.columns)
        ]
        statement = sa.update(table).values(self._set(update, table, values)).where(key.in_(keys))
        return scope.statement(statement)

    def _set(self, update: Update, table: From, values: Sequence[Any]) -> dict[str, Any]:
        return {
            column.name: self.dialect.increased(table.c[column.name], value, column)
            if column.name in update.added
            else value
            for column, value in zip(update.columns, values, strict=True)
        }

    def delete(self, delete: Delete, sizes: Sizes) -> Statement:
        """Render a delete."""
        scope = Scope(self.dialect, sizes)
        table = sa_table(delete.table)
        where = condition(scope, delete.where, table, delete.table)
        return scope.statement(sa.delete(table).where(where))

    def _returning(
        self, scope: Scope, statement: Any, table: From, command: Insert | Update
    ) -> Any:
        selection = command.selection
        if selection is None or not self.dialect.returning:
            return statement
        new = is_new(command)
        if joined(selection, new=new):
            written = statement.returning(*table.c).cte("w")
            flat = FlatRows(scope, written, command.table, selection, new=new)
            pairs = flat.pairs_over(flat.select().subquery("r"))
            return sa.select(sa.cast(self.dialect.json_object(pairs), sa.Text).label("data"))
        pairs = FlatRows(scope, table, command.table, selection, new=new).pairs()
        return statement.returning(sa.cast(self.dialect.json_object(pairs), sa.Text).label("data"))


def is_new(command: Insert | Update) -> bool:
    """Say whether a command writes records that no other one can be related to yet."""
    return isinstance(command, Insert) and not command.conflict


def joined(selection: Selection, *, new: bool = False) -> bool:
    """Say whether a selection needs more than the record's own table."""
    return any(_needs_rows(one, new=new) for one in selection)


def _needs_rows(one: Selected, *, new: bool) -> bool:
    if isinstance(one, SelectedMany):
        return not new
    return isinstance(one, SelectedOne) and not one.key_only


def comes_back(selection: Selection, table: Table, *, new: bool = False) -> bool:
    """Say whether the relations of a selection lead back to a table.

    The statement that writes it would show those records as they were before.
    """
    return any(
        one.target.name == table.name or comes_back(one.selection, table)
        for one in selection
        if not isinstance(one, SelectedColumn) and _needs_rows(one, new=new)
    )


def leaf_pairs(dialect: Dialect, layout: Layout, rows: sa.Subquery) -> list[tuple[str, Expression]]:
    """Give names and JSON values of rows that do not nest."""
    return [
        (leaf.name, dialect.json_value(rows.c[leaf.label], leaf.column)) for leaf in leaves(layout)
    ]


def _rows(
    scope: Scope, plan: Plan, convert: Conversion | None = None
) -> tuple[FlatRows, sa.Select[Any]]:
    """Select what a Plan asks for, from its first row to its last."""
    base = scope.alias(plan.table)
    place = plan.order if plan.keyed else ()
    rows = FlatRows(scope, base, plan.table, plan.selection, place=place)
    statement = rows.select(convert, plan.order)
    if plan.where is not None:
        statement = statement.where(condition(scope, plan.where, base, plan.table))
    if plan.after is not None:
        statement = statement.where(behind(scope, rows, plan.order, plan.after))
    if plan.locked:
        # SQLite, which has one writer, knows no such clause and needs none.
        statement = statement.with_for_update(of=base)
    return rows, statement


def _paged(scope: Scope, statement: sa.Select[Any], most: int | None = None) -> sa.Select[Any]:
    if most is not None:
        first = statement.limit(number_literal(most)).subquery("p")
        statement = sa.select(*first.c)
    return statement.limit(scope.limit()).offset(scope.offset())


def _counts(scope: Scope, plan: Plan) -> list[Any]:
    columns: list[Any] = []
    for wanted, name, where in (
        (plan.filter_count, "filter_count", plan.where),
        (plan.total_count, "total_count", plan.scope),
    ):
        if wanted:
            base = scope.alias(plan.table)
            count = sa.select(sa.func.count()).select_from(base)
            if where is not None:
                count = count.where(condition(scope, where, base, plan.table))
            columns.append(count.scalar_subquery().label(name))
    return columns
