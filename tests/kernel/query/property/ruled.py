"""Callers with rules, and the rows as they are for them: what is out of sight is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enfyra_kernel.access.book import Book
from enfyra_kernel.metadata.permissions import FieldPermission, Permissions, RowPolicy
from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.tables import Table
from enfyra_kernel.query.ast import Shape
from enfyra_kernel.query.evaluation import Row, Rows, evaluate
from enfyra_kernel.query.filters import FilterParser
from enfyra_kernel.query.plan import ADMINISTRATOR, Access, plan
from hypothesis import strategies as st

from .cases import Case
from .datasets import TABLES, Dataset, datasets
from .queries import Asker

REQUESTS = 6


@dataclass(frozen=True)
class Ruled:
    """Rows, requests, and the rules about whoever sends them.

    Attributes:
        policies: Of some tables, the filter that leaves the rows in sight.
        fields: Of some columns, the filter that leaves the rows whose value is in sight.
    """

    case: Case
    policies: dict[str, Any]
    fields: dict[tuple[str, str], Any]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"policies {self.policies}, fields {self.fields}")


@st.composite
def ruled_cases(draw: st.DrawFn, snapshot: Snapshot) -> Ruled:
    """Draw rows, rules and requests."""
    dataset = draw(datasets(snapshot))
    asker = Asker(draw, snapshot, dataset)
    tables = [snapshot.tables[name] for name in TABLES]
    policies = {one.name: _filter(asker, one) for one in tables if asker.maybe(2, 3)}
    fields: dict[tuple[str, str], Any] = {}
    for table in tables:
        open_ = [one for one in table.columns.values() if not one.is_primary]
        if asker.maybe():
            fields[table.name, asker.one(open_).name] = _filter(asker, table)
    requests: list[tuple[str, Any]] = []
    for _ in range(REQUESTS):
        name = asker.one(["alpha", *TABLES])
        requests.append((name, asker.request(snapshot.tables[name])))
    return Ruled(Case(dataset, requests), policies, fields)


def _filter(asker: Asker, table: Table) -> Any:
    return asker.filter(table) or {table.primary.name: {"_is_not_null": True}}


def access_of(ruled: Ruled, snapshot: Snapshot) -> Access:
    """Give what a caller may see about whom the rules are."""
    tables = snapshot.tables
    rows = [
        RowPolicy(id=number, name=name, table=tables[name].definition.id, filter=one)
        for number, (name, one) in enumerate(ruled.policies.items())
    ]
    fields = [
        FieldPermission(
            id=number, column=tables[table].columns[name].id, effect="deny",
            condition={"_not": one},
        )
        for number, ((table, name), one) in enumerate(ruled.fields.items())
    ]  # fmt: skip
    return Book(Permissions(rows=tuple(rows), fields=tuple(fields))).access()


def in_sight(ruled: Ruled, snapshot: Snapshot) -> Dataset:
    """Give the rows as they are for the caller, found without any rule of ours."""
    dataset = ruled.case.dataset
    seen = {name: _keys(snapshot, dataset, name, ruled.policies.get(name)) for name in TABLES}
    made: dict[str, list[Row]] = {
        name: [dict(row) for row in rows] for name, rows in dataset.items()
    }
    for (name, field), condition in ruled.fields.items():
        shown = _keys(snapshot, dataset, name, condition)
        table = snapshot.tables[name]
        for row in made[name]:
            if row[table.primary.physical] not in shown:
                row[table.columns[field].physical] = None  # type: ignore[index]
    for name in TABLES:
        _leave(made, snapshot.tables[name], seen)
    return made


def _leave(made: dict[str, list[Row]], table: Table, seen: dict[str, set[Any]]) -> None:
    """Leave the rows of a table that are in sight, and of what refers to others, what does so."""
    key = table.primary.physical
    made[table.name] = [row for row in made[table.name] if row[key] in seen[table.name]]
    for relation in table.relations.values():
        if relation.holds_key:
            for row in made[table.name]:
                if row[relation.foreign_key] not in seen[relation.target]:
                    row[relation.foreign_key] = None  # type: ignore[index]
        elif relation.junction is not None and relation.owning:
            link = relation.junction
            made[link.table] = [
                row
                for row in made[link.table]
                if row[link.source_column] in seen[table.name]
                and row[link.target_column] in seen[relation.target]
            ]


def _keys(snapshot: Snapshot, dataset: Dataset, name: str, condition: Any) -> set[Any]:
    """Give the keys of the rows that meet a condition."""
    table = snapshot.tables[name]
    parser = FilterParser()
    where = parser.parse(condition)
    made = plan(Shape(where=where, fields=(table.primary.name,)), table, snapshot, ADMINISTRATOR)
    found = evaluate(made, Rows(dataset), made.bind(parser.values))
    return {row[table.primary.name] for row in found.rows}
