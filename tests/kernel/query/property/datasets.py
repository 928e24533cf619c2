"""Rows for the property test, with references that are kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.tables import Relation, StoredColumn, Table, key_of, stored
from enfyra_kernel.metadata.types import ColumnType, RelationKind
from enfyra_kernel.query.evaluation import Row
from hypothesis import strategies as st

from .values import canonical

# All rows by the stored names of tables and junctions.
Dataset = Mapping[str, Sequence[Row]]

# Each with the most rows that it has.
TABLES = {"gamma": 9, "beta": 9, "alpha": 16}


def columns_of(table: Table, snapshot: Snapshot) -> list[StoredColumn]:
    """Give all columns that rows of a table have, keys of relations included."""
    columns = [stored(column) for column in table.columns.values()]
    return columns + [
        key_of(relation, snapshot.tables[relation.target])
        for relation in table.relations.values()
        if relation.holds_key
    ]


def _key(table: Table, number: int) -> Any:
    """Give the key of a row; no row of another table has the same."""
    number += 100 * list(TABLES).index(table.name)
    if table.primary.type is ColumnType.UUID:
        # In another order than the rows are in.
        return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128)))
    return number


@st.composite
def datasets(draw: st.DrawFn, snapshot: Snapshot) -> Dataset:
    """Draw the rows of all tables."""
    rows: dict[str, list[Row]] = {}
    for name, most in TABLES.items():
        table = snapshot.tables[name]
        rows[name] = []
        for drawn in draw(_drawn_rows(table, most)):
            _refer(drawn, table, rows)
            if drawn:
                rows[name].append(drawn)
    for name in TABLES:
        for relation in snapshot.tables[name].relations.values():
            if relation.junction is not None and relation.owning:
                rows[relation.junction.table] = _linked(draw(_LINKS), relation, name, rows)
    return rows


def _drawn_rows(table: Table, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw rows whose references are numbers, to be taken as the place of another row."""
    columns: dict[str, st.SearchStrategy[Any]] = {
        column.physical: canonical(stored(column), column.is_nullable)
        for column in table.columns.values()
        if not column.is_primary
    }
    for relation in table.relations.values():
        if relation.holds_key:
            place = st.integers(0, 9)
            columns[str(relation.foreign_key)] = st.one_of(st.none(), place, place)
    return st.lists(st.fixed_dictionaries(columns), max_size=most)


def _refer(row: dict[str, Any], table: Table, rows: Mapping[str, list[Row]]) -> None:
    """Give a row a key and references; it is emptied when there is not what it must refer to."""
    row["id"] = _key(table, len(rows[table.name]) + 1)
    for relation in table.relations.values():
        if not relation.holds_key:
            continue
        name = str(relation.foreign_key)
        # A row may refer to itself, and to those that are there before it.
        others = [one["id"] for one in rows[relation.target]]
        if relation.target == table.name:
            others.append(row["id"])
        if relation.kind is RelationKind.ONE_TO_ONE:
            taken = {one[name] for one in rows[table.name]}
            others = [one for one in others if one not in taken]
        place = row[name] if row[name] is not None or relation.nullable else 0
        if others:
            row[name] = None if place is None else others[place % len(others)]
        elif relation.nullable:
            row[name] = None
        else:
            row.clear()
            return


_LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, max_size=12)


def _linked(
    drawn: list[tuple[int, int]], relation: Relation, name: str, rows: Mapping[str, list[Row]]
) -> list[Row]:
    junction, sources, targets = relation.junction, rows[name], rows[relation.target]
    assert junction is not None
    return [
        {
            junction.source_column: sources[source]["id"],
            junction.target_column: targets[target]["id"],
        }
        for source, target in drawn
        if source < len(sources) and target < len(targets)
    ]
