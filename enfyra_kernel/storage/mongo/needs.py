"""Which columns of which tables a Plan reads.

MongoDB knows no columns: a field that was renamed a moment ago would be read as null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ...metadata.tables import Relation, StoredColumn, Table
from ...query.plan import (
    All,
    Any_,
    Comparison,
    Emptiness,
    Existence,
    Measure,
    MeasureComparison,
    MeasureEmptiness,
    Not,
    Ordering,
    Plan,
    Predicate,
    RelatedMeasure,
)
from ...query.selection import SelectedColumn, SelectedMany, Selection

Columns = defaultdict[str, set[str]]


def needs(plan: Plan) -> dict[str, set[str]]:
    """Give the columns that a Plan reads, by table."""
    found = _Needs()
    found.selection(plan.selection, plan.table)
    found.predicate(plan.where, plan.table)
    found.orderings(plan.order, plan.table)
    for aggregate in plan.aggregates:
        if isinstance(aggregate.measure, RelatedMeasure):
            found.related(aggregate.measure, plan.table)
        else:
            found.measure(aggregate.measure, plan.table)
    if plan.groups is not None:
        for one in plan.groups.dimensions:
            found.path(one.joins, one.targets, one.column, plan.table)
        for measure in plan.groups.measures:
            found.measure(measure.measure, plan.table)
    return dict(found.columns)


class _Needs:
    def __init__(self) -> None:
        self.columns: Columns = defaultdict(set)

    def _column(self, table: Table, name: str) -> None:
        self.columns[table.definition.physical].add(name)

    def relation(self, relation: Relation, table: Table, target: Table) -> None:
        """Note what a relation is stored in."""
        if relation.junction is not None:
            junction = self.columns[relation.junction.table]
            junction |= {relation.junction.source_column, relation.junction.target_column}
        elif relation.foreign_key is not None:
            self._column(table if relation.holds_key else target, relation.foreign_key)

    def selection(self, selection: Selection, table: Table) -> None:
        """Note what is selected."""
        for one in selection:
            if isinstance(one, SelectedColumn):
                self._column(table, one.column.physical)
                continue
            self.relation(one.relation, table, one.target)
            self.selection(one.selection, one.target)
            self.predicate(one.where, one.target)
            if isinstance(one, SelectedMany):
                self.orderings(one.order, one.target)

    def predicate(self, node: Predicate | None, table: Table) -> None:
        """Note what a condition looks at."""
        match node:
            case Comparison(column) | Emptiness(column):
                self._column(table, column.name)
            case Existence(relation, target, where):
                self.relation(relation, table, target)
                self.predicate(where, target)
            case MeasureComparison(related) | MeasureEmptiness(related):
                self.related(related, table)
            case Not(part):
                self.predicate(part, table)
            case All(parts) | Any_(parts):
                for part in parts:
                    self.predicate(part, table)
            case None:
                pass

    def related(self, one: RelatedMeasure, table: Table) -> None:
        """Note what a figure over related records is made of."""
        self.relation(one.relation, table, one.target)
        self.measure(one.measure, one.target)

    def measure(self, one: Measure, table: Table) -> None:
        """Note what a figure is made of."""
        if one.column is not None:
            self._column(table, one.column.name)
        self.predicate(one.where, table)

    def orderings(self, order: Sequence[Ordering], table: Table) -> None:
        """Note what is ordered by."""
        for one in order:
            if isinstance(one.by, StoredColumn):
                self.path(one.joins, one.targets, one.by, table)
            else:
                self.related(one.by, table)

    def path(
        self,
        joins: Sequence[Relation],
        targets: Sequence[Table],
        column: StoredColumn,
        table: Table,
    ) -> None:
        """Note a path along relations to a column."""
        for relation, target in zip(joins, targets, strict=True):
            self.relation(relation, table, target)
            table = target
        self._column(table, column.name)
