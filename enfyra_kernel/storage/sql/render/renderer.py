"""The renderer: which statement stands for a Plan or a command."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ....metadata.tables import StoredColumn, Table
from ....query.commands import Delete, Insert, Update
from ....query.plan import Plan
from ....query.selection import SelectedColumn, Selection
from ..dialect import Dialect, Expression, number_literal
from ..statement import Statement
from .conditions import condition
from .flat_rows import Conversion, FlatRows
from .layout import Layout
from .scope import From, Scope, Sizes, sa_table


class Renderer:
    """Renders for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # -- reading --------------------------------------------------------------------------------

    def page(self, plan: Plan, sizes: Sizes) -> Statement:
        """Render a Plan as one statement that gives one row: the JSON array, and the counts."""
        scope = Scope(self.dialect, sizes)
        flat, statement = _rows(scope, plan)
        rows = _paged(scope, statement).subquery("r")
        data = self.dialect.json_rows(rows, flat.pairs_over(rows)).label("data")
        return scope.statement(sa.select(data, *_counts(scope, plan)))

    def rows(self, plan: Plan, sizes: Sizes) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives flat rows, and how they nest."""
        scope = Scope(self.dialect, sizes)
        flat, statement = _rows(scope, plan, self.dialect.json_value)
        return scope.statement(_paged(scope, statement)), flat.layout

    def stream(self, plan: Plan, sizes: Sizes, *, limited: bool) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives its flat rows as they are stored."""
        scope = Scope(self.dialect, sizes)
        flat, statement = _rows(scope, plan, self.dialect.plain_value)
        if limited:
            # SQLAlchemy gives SQLite an offset in any case, as a parameter unless it is there.
            statement = statement.limit(scope.limit()).offset(number_literal(0))
        return scope.statement(statement), flat.layout

    def counts(self, plan: Plan, sizes: Sizes) -> Statement:
        """Render only the counts that a Plan asks for."""
        scope = Scope(self.dialect, sizes)
        return scope.statement(sa.select(*_counts(scope, plan)))

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
        return scope.statement(self._returning(scope, statement, table, insert.selection))

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
        return scope.statement(self._returning(scope, statement, table, insert.selection))

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
        statement = (
            sa.update(table)
            .values(
                {
                    column.name: _sum(table, column, scope.assigned(number, column))
                    if column.name in update.added
                    else scope.assigned(number, column)
                    for number, column in enumerate(update.columns)
                }
            )
            .where(condition(scope, update.where, table, update.table))
        )
        return scope.statement(self._returning(scope, statement, table, update.selection))

    def delete(self, delete: Delete, sizes: Sizes) -> Statement:
        """Render a delete."""
        scope = Scope(self.dialect, sizes)
        table = sa_table(delete.table)
        where = condition(scope, delete.where, table, delete.table)
        return scope.statement(sa.delete(table).where(where))

    def _returning(
        self, scope: Scope, statement: Any, table: From, selection: Selection | None
    ) -> Any:
        if selection is None or not self.dialect.returning:
            return statement
        if joined(selection):
            flat = FlatRows(scope, statement.returning(*table.c).cte("w"), selection)
            pairs = flat.pairs_over(flat.select().subquery("r"))
            return sa.select(sa.cast(self.dialect.json_object(pairs), sa.Text).label("data"))
        pairs = FlatRows(scope, table, selection).pairs()
        return statement.returning(sa.cast(self.dialect.json_object(pairs), sa.Text).label("data"))


def joined(selection: Selection) -> bool:
    """Say whether a selection needs more than the record's own table."""
    return any(not isinstance(one, SelectedColumn) and not one.key_only for one in selection)


def comes_back(selection: Selection, table: Table) -> bool:
    """Say whether the relations of a selection lead back to a table.

    The statement that writes it would show those records as they were before.
    """
    return any(
        one.target.name == table.name or comes_back(one.selection, table)
        for one in selection
        if not isinstance(one, SelectedColumn) and not one.key_only
    )


def _rows(
    scope: Scope, plan: Plan, convert: Conversion | None = None
) -> tuple[FlatRows, sa.Select[Any]]:
    """Select what a Plan asks for, from its first row to its last."""
    base = scope.alias(plan.table)
    rows = FlatRows(scope, base, plan.selection)
    statement = rows.select(convert, plan.order)
    if plan.where is not None:
        statement = statement.where(condition(scope, plan.where, base, plan.table))
    return rows, statement


def _paged(scope: Scope, statement: sa.Select[Any]) -> sa.Select[Any]:
    return statement.limit(scope.limit()).offset(scope.offset())


def _counts(scope: Scope, plan: Plan) -> list[Any]:
    columns: list[Any] = []
    for wanted, name, where in (
        (plan.filter_count, "filter_count", plan.where),
        (plan.total_count, "total_count", None),
    ):
        if wanted:
            base = scope.alias(plan.table)
            count = sa.select(sa.func.count()).select_from(base)
            if where is not None:
                count = count.where(condition(scope, where, base, plan.table))
            columns.append(count.scalar_subquery().label(name))
    return columns


def _sum(table: From, column: StoredColumn, value: Expression) -> Expression:
    return table.c[column.name] + value
