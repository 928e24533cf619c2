"""Plans and commands into SQLAlchemy statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from ...metadata.tables import Relation, StoredColumn, Table, key_of, stored
from ...query.ast import LISTS, SEARCHES, Operator
from ...query.commands import Delete, Insert, Update
from ...query.plan import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    Not,
    Ordering,
    Plan,
    Predicate,
)
from ...query.selection import SelectedColumn, Selection
from .dialect import WHOLE, Dialect, Encoder, Expression, number_literal
from .statement import LIMIT, OFFSET, Source, Statement, compile_statement

Sizes = tuple[int, ...]
From = sa.FromClause


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column of the flat rows below an answer."""

    name: str
    label: str
    column: StoredColumn


@dataclass(frozen=True, slots=True)
class Branch:
    """A related record of the answer; it is null when the leaf `presence` is."""

    name: str
    presence: str
    parts: Layout


Layout = tuple["Leaf | Branch", ...]

_COMPARISONS: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: lambda column, value: column == value,
    Operator.NEQ: lambda column, value: column != value,
    Operator.GT: lambda column, value: column > value,
    Operator.GTE: lambda column, value: column >= value,
    Operator.LT: lambda column, value: column < value,
    Operator.LTE: lambda column, value: column <= value,
}


def leaves(layout: Layout) -> Iterable[Leaf]:
    """Give the leaves of a layout in the order of the flat rows' columns."""
    for part in layout:
        if isinstance(part, Leaf):
            yield part
        else:
            yield from leaves(part.parts)


class Renderer:
    """Renders for one dialect; keeps a table's columns as SQLAlchemy knows them."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    # -- reading --------------------------------------------------------------------------------

    def page(self, plan: Plan, sizes: Sizes) -> Statement:
        """Render a Plan as one statement that gives one row: the JSON array, and the counts."""
        scope = _Scope(self.dialect, sizes)
        inner, layout = scope.rows(plan, paged=True)
        rows = inner.subquery("r")
        pairs = list(scope.pairs(layout, rows))
        columns = [self.dialect.json_rows(rows, pairs).label("data"), *scope.counts(plan)]
        return scope.statement(sa.select(*columns))

    def rows(self, plan: Plan, sizes: Sizes) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives flat rows, and how they nest."""
        scope = _Scope(self.dialect, sizes)
        inner, layout = scope.rows(plan, paged=True, convert=self.dialect.json_value)
        return scope.statement(inner), layout

    def stream(self, plan: Plan, sizes: Sizes, *, limited: bool) -> tuple[Statement, Layout]:
        """Render a Plan as a statement that gives its flat rows as they are stored."""
        scope = _Scope(self.dialect, sizes)
        inner, layout = scope.rows(plan, paged=False, convert=self.dialect.plain_value)
        if limited:
            # SQLAlchemy gives SQLite an offset in any case, as a parameter unless it is there.
            inner = inner.limit(scope.limit()).offset(number_literal(0))
        return scope.statement(inner), layout

    def counts(self, plan: Plan, sizes: Sizes) -> Statement:
        """Render only the counts that a Plan asks for."""
        scope = _Scope(self.dialect, sizes)
        return scope.statement(sa.select(*scope.counts(plan)))

    # -- writing --------------------------------------------------------------------------------

    def insert(self, insert: Insert) -> Statement:
        """Render an insert of one record, giving it back as JSON where the dialect can."""
        scope = _Scope(self.dialect, ())
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
        scope = _Scope(self.dialect, ())
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
        scope = _Scope(self.dialect, sizes, first_slot=len(update.columns))
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
            .where(scope.condition(update.where, table, update.table))
        )
        return scope.statement(self._returning(scope, statement, table, update.selection))

    def delete(self, delete: Delete, sizes: Sizes) -> Statement:
        """Render a delete."""
        scope = _Scope(self.dialect, sizes)
        table = sa_table(delete.table)
        condition = scope.condition(delete.where, table, delete.table)
        return scope.statement(sa.delete(table).where(condition))

    def _returning(
        self, scope: _Scope, statement: Any, table: From, selection: Selection | None
    ) -> Any:
        if selection is None or not self.dialect.returning:
            return statement
        if joined(selection):
            written = statement.returning(*table.c).cte("w")
            inner, layout = scope.flat(written, selection, None)
            rows = inner.subquery("r")
            element = self.dialect.json_object(list(scope.pairs(layout, rows)))
            return sa.select(sa.cast(element, sa.Text).label("data"))
        layout: Layout = tuple(scope.layout(selection, table, ()))
        pairs = list(scope.pairs_of(layout))
        return statement.returning(sa.cast(self.dialect.json_object(pairs), sa.Text).label("data"))


def joined(selection: Selection) -> bool:
    """Say whether a selection needs more than the record's own table."""
    return any(not isinstance(one, SelectedColumn) and not one.key_only for one in selection)


def sa_table(table: Table) -> sa.TableClause:
    """Give a table as SQLAlchemy knows it, with the columns that are stored."""
    names = [column.physical for column in table.columns.values()]
    names += [
        relation.foreign_key
        for relation in table.relations.values()
        if relation.holds_key and relation.foreign_key is not None
    ]
    return sa.table(
        sa.quoted_name(table.definition.physical, quote=True),
        *[_sa_column(name) for name in dict.fromkeys(names)],
    )


def _sa_column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(sa.quoted_name(name, quote=True))


class _Scope:
    """One statement in the making: its aliases, joins and parameters."""

    def __init__(self, dialect: Dialect, sizes: Sizes, *, first_slot: int = 0) -> None:
        self._dialect = dialect
        self._sizes = sizes
        self._first_slot = first_slot
        self._sources: dict[str, Source] = {}
        self._aliases = 0
        self._labels = 0
        self._leaves: dict[str, Expression] = {}
        self._joins: dict[tuple[str, ...], From] = {}
        self._joining: list[tuple[From, Expression]] = []

    def statement(self, statement: Any) -> Statement:
        return compile_statement(statement, self._dialect.sa, self._sources)

    def _alias(self, table: Table) -> From:
        self._aliases += 1
        return sa_table(table).alias(f"t{self._aliases}")

    # -- rows -----------------------------------------------------------------------------------

    def rows(
        self,
        plan: Plan,
        *,
        paged: bool,
        convert: Callable[[Expression, StoredColumn], Expression] | None = None,
    ) -> tuple[sa.Select[Any], Layout]:
        base = self._alias(plan.table)
        statement, layout = self.flat(base, plan.selection, convert, plan.order)
        if plan.where is not None:
            statement = statement.where(self.condition(plan.where, base, plan.table))
        if paged:
            statement = statement.limit(self.limit())
            statement = statement.offset(self._bound(OFFSET, Source(OFFSET), sa.BigInteger()))
        return statement, layout

    def limit(self) -> Expression:
        """Give the parameter that holds the limit."""
        return self._bound(LIMIT, Source(LIMIT), sa.BigInteger())

    def flat(
        self,
        base: From,
        selection: Selection,
        convert: Callable[[Expression, StoredColumn], Expression] | None,
        order: Sequence[Ordering] = (),
    ) -> tuple[sa.Select[Any], Layout]:
        """Select the flat rows of a selection from a table, an alias or a common table."""
        layout = tuple(self.layout(selection, base, ()))
        orderings = [self._ordering(one, base) for one in order]
        columns = [
            (
                convert(self._leaves[leaf.label], leaf.column)
                if convert
                else self._leaves[leaf.label]
            ).label(leaf.label)
            for leaf in leaves(layout)
        ]
        source: From = base
        for target, condition in self._joining:
            source = source.outerjoin(target, condition)
        return sa.select(*columns).select_from(source).order_by(*orderings), layout

    def layout(
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
                parts = tuple(self.layout(one.selection, target, (*path, one.name)))
                presence = next(
                    part.label
                    for part in parts
                    if isinstance(part, Leaf) and part.column.name == one.target.primary.physical
                )
                yield Branch(one.name, presence, parts)

    def _leaf(self, name: str, column: StoredColumn, base: From) -> Leaf:
        label = f"c{self._labels}"
        self._labels += 1
        self._leaves[label] = base.c[column.name]
        return Leaf(name, label, column)

    def _join(self, relation: Relation, target: Table, base: From, path: tuple[str, ...]) -> From:
        alias = self._joins.get(path)
        if alias is None:
            alias = self._joins[path] = self._alias(target)
            if relation.foreign_key is None:
                raise ValueError(f"'{relation.name}' cannot be joined")
            if relation.holds_key:
                condition = base.c[relation.foreign_key] == alias.c[relation.referenced]
            else:
                condition = alias.c[relation.foreign_key] == base.c[relation.referenced]
            self._joining.append((alias, condition))
        return alias

    def _ordering(self, one: Ordering, base: From) -> Expression:
        path: tuple[str, ...] = ()
        for relation, target in zip(one.joins, one.targets, strict=True):
            path = (*path, relation.name)
            base = self._join(relation, target, base, path)
        value = self._dialect.compared(base.c[one.column.name], one.column)
        return self._dialect.ordered(value, nullable=one.nullable, descending=one.descending)

    # -- JSON -----------------------------------------------------------------------------------

    def pairs(self, layout: Layout, rows: sa.Subquery) -> Iterable[tuple[str, Expression]]:
        """Give names and JSON values of a layout over a subquery of its flat rows."""
        return self._pairs(layout, lambda label: rows.c[label])

    def pairs_of(self, layout: Layout) -> Iterable[tuple[str, Expression]]:
        """Give names and JSON values of a layout over the columns themselves."""
        return self._pairs(layout, self._leaves.__getitem__)

    def _pairs(
        self, layout: Layout, value_of: Callable[[str], Expression]
    ) -> Iterable[tuple[str, Expression]]:
        for part in layout:
            if isinstance(part, Leaf):
                yield part.name, self._dialect.json_value(value_of(part.label), part.column)
            else:
                inner = self._dialect.json_object(list(self._pairs(part.parts, value_of)))
                absent = self._dialect.is_absent(value_of(part.presence))
                yield part.name, sa.case((absent, sa.null()), else_=inner)

    def counts(self, plan: Plan) -> list[Any]:
        columns: list[Any] = []
        for wanted, name, where in (
            (plan.filter_count, "filter_count", plan.where),
            (plan.total_count, "total_count", None),
        ):
            if wanted:
                base = self._alias(plan.table)
                count = sa.select(sa.func.count()).select_from(base)
                if where is not None:
                    count = count.where(self.condition(where, base, plan.table))
                columns.append(count.scalar_subquery().label(name))
        return columns

    # -- conditions -----------------------------------------------------------------------------

    def condition(self, node: Predicate, base: From, table: Table) -> Expression:
        match node:
            case Comparison():
                return self._comparison(node, base)
            case Emptiness(column, empty):
                value = base.c[column.name]
                return value.is_(None) if empty else value.is_not(None)
            case Existence():
                return self._existence(node, base, table)
            case Not(part):
                return sa.not_(self._dialect.holds(self.condition(part, base, table)))
            case All(parts):
                return sa.and_(sa.true(), *(self.condition(one, base, table) for one in parts))
            case Any_(parts):
                return sa.or_(sa.false(), *(self.condition(one, base, table) for one in parts))

    def _comparison(self, node: Comparison, base: From) -> Expression:
        column, operator, slot = node.column, node.operator, node.slot + self._first_slot
        value = base.c[column.name]
        encode = self._dialect.encoder(column)
        name = f"v{slot}"
        if operator in SEARCHES:
            self._sources[name] = Source(slot, partial(self._dialect.search_text, operator))
            return self._dialect.search(value, operator, name)
        value = self._dialect.compared(value, column)
        if operator in LISTS:
            return self._in_list(value, node, name, slot, encode)
        type_ = self._dialect.parameter_type(column)
        if operator is Operator.BETWEEN:
            low = self._bound(f"{name}_0", Source(slot, _item(0, encode)), type_)
            high = self._bound(f"{name}_1", Source(slot, _item(1, encode)), type_)
            return sa.and_(value >= low, value <= high)
        return _COMPARISONS[operator](value, self._bound(name, Source(slot, encode), type_))

    def _in_list(
        self,
        value: Expression,
        node: Comparison,
        name: str,
        slot: int,
        encode: Encoder | None,
    ) -> Expression:
        size = self._sizes[node.slot] if self._dialect.expands_lists else WHOLE
        if size != WHOLE:
            for number in range(size):
                self._sources[f"{name}_{number}"] = Source(slot, _item(number, encode))
        else:
            self._sources[name] = Source(slot, partial(self._dialect.list_value, encode))
        listed = self._dialect.in_list(value, node.column, name, size)
        if node.operator is Operator.IN:
            return listed
        return sa.and_(value.is_not(None), sa.not_(listed))

    def _existence(self, node: Existence, base: From, table: Table) -> Expression:
        relation = node.relation
        target = self._alias(node.target)
        where = None
        if node.where is not None:
            where = self.condition(node.where, target, node.target)
        if relation.junction is not None:
            return self._linked(node, base, table, target, where)
        if relation.foreign_key is None:
            raise ValueError(f"'{relation.name}' is stored nowhere")
        if relation.holds_key:
            keys = sa.select(target.c[relation.referenced])
            value = base.c[relation.foreign_key]
        else:
            key = target.c[relation.foreign_key]
            keys = sa.select(key).where(key.is_not(None))
            value = base.c[relation.referenced]
        return value.in_(keys if where is None else keys.where(where))

    def _linked(
        self,
        node: Existence,
        base: From,
        table: Table,
        target: From,
        where: Expression | None,
    ) -> Expression:
        junction = node.relation.junction
        if junction is None:
            raise ValueError(f"'{node.relation.name}' has no junction")
        self._aliases += 1
        link = sa.table(
            sa.quoted_name(junction.table, quote=True),
            _sa_column(junction.source_column),
            _sa_column(junction.target_column),
        ).alias(f"t{self._aliases}")
        keys = sa.select(link.c[junction.source_column])
        if where is not None:
            key = target.c[node.target.primary.physical]
            keys = keys.join(target, key == link.c[junction.target_column]).where(where)
        return base.c[table.primary.physical].in_(keys)

    # -- parameters -----------------------------------------------------------------------------

    def _bound(self, name: str, source: Source, type_: sa.types.TypeEngine[Any]) -> Expression:
        self._sources[name] = source
        return sa.bindparam(name, type_=type_)

    def assigned(self, number: int, column: StoredColumn) -> Expression:
        type_ = self._dialect.type_of(column.type, column.options)
        if self._dialect.name != "postgresql":
            type_ = sa.types.NullType()
        return self._bound(f"s{number}", Source(number, self._dialect.encoder(column)), type_)

    def assigned_array(self, number: int, column: StoredColumn) -> Expression:
        type_ = sa.ARRAY(self._dialect.type_of(column.type, column.options))
        return self._bound(f"s{number}", Source(number, self._dialect.encoder(column)), type_)


def _sum(table: From, column: StoredColumn, value: Expression) -> Expression:
    return table.c[column.name] + value


def _item(number: int, encode: Encoder | None) -> Encoder:
    if encode is None:
        return lambda values: values[number]
    return lambda values: encode(values[number])
