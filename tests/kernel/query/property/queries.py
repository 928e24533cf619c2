"""Requests for the property test: parameters as clients write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from enfyra_kernel.metadata.snapshot import Snapshot
from enfyra_kernel.metadata.tables import Relation, StoredColumn, Table, stored
from enfyra_kernel.metadata.types import DOCUMENTS, NUMBERS, TEXTS, ColumnType
from enfyra_kernel.query.ast import Function, Operator
from hypothesis import strategies as st

from .datasets import Dataset
from .values import NEEDLES, spellings, written

T = TypeVar("T")
Parameters = dict[str, Any]

_SEARCHES = [Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH]
_EQUALS = [Operator.EQ, Operator.NEQ, Operator.IN, Operator.NOT_IN]
_ORDERINGS = [Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN]
_NULLS = [
    None, {"_is_null": True}, {"_is_null": "false"}, {"_is_not_null": "true"}, {"_neq": None},
    {"_not": {"_eq": None}},
]  # fmt: skip


class Asker:
    """Draws what a client may ask of the tables of a snapshot."""

    def __init__(self, draw: st.DrawFn, snapshot: Snapshot, dataset: Dataset) -> None:
        self._draw = draw
        self._snapshot = snapshot
        self._dataset = dataset

    def one(self, items: list[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def maybe(self, likely: int = 1, of: int = 2) -> bool:
        return self.number(1, of) > of - likely

    def some(self, make: Callable[[], T], least: int = 0, most: int = 3) -> list[T]:
        return [make() for _ in range(self.number(least, most))]

    def target(self, relation: Relation) -> Table:
        return self._snapshot.tables[relation.target]

    def value(self, column: StoredColumn, table: Table | None) -> Any:
        """Draw a value to compare a column with, often one that a record has."""
        rows = self._dataset[table.name] if table is not None else []
        if rows and self.maybe(2, 3):
            value = self.one(list(rows))[column.name]
            if value is not None:
                return self.one(spellings(column.type, value))
        return self._draw(written(column))

    # -- filters --------------------------------------------------------------------------------

    def filter(self, table: Table, depth: int = 2) -> Any:
        kind = self.number(0, 9)
        if depth and kind >= 8:
            name = self.one(["_and", "_or"])
            return {name: self.some(lambda: self.filter(table, depth - 1))}
        if depth and kind == 7:
            return {"_not": self.filter(table, depth - 1)}
        if kind >= 4:
            relation = self.one(list(table.relations.values()))
            return {relation.name: self.on_relation(relation, depth)}
        column = self.one(columns_of(table))
        found = {column.name: self.on_column(column, table)}
        return {**self.filter(table, 0), **found} if kind == 3 and depth else found

    def on_column(self, column: StoredColumn, table: Table) -> Any:
        if column.type is ColumnType.SIMPLE_JSON or self.maybe(1, 4):
            return self.one(_NULLS)
        condition = self.comparison(column, table)
        return {"_not": condition} if self.maybe(1, 5) else condition

    def comparison(
        self, column: StoredColumn, table: Table | None, *, searches: bool = True
    ) -> Any:
        """Draw an operator with a value, or a short form."""
        if column.type is ColumnType.ARRAY_SELECT:
            return {"_contains": self._draw(NEEDLES)}
        kinds = list(_EQUALS)
        if column.type is not ColumnType.BOOLEAN:
            kinds += _ORDERINGS
        if column.type in TEXTS and searches:
            kinds += _SEARCHES * 3
        operator = self.one(kinds)
        if operator in _SEARCHES:
            return {operator.value: self._draw(NEEDLES)}
        if operator in {Operator.IN, Operator.NOT_IN}:
            return {operator.value: self.some(lambda: self.value(column, table), most=4)}
        if operator is Operator.BETWEEN:
            return {operator.value: [self.value(column, table) for _ in range(2)]}
        value = self.value(column, table)
        return value if operator is Operator.EQ and self.maybe() else {operator.value: value}

    def on_relation(self, relation: Relation, depth: int) -> Any:
        target = self.target(relation)
        kind = self.number(0, 9)
        if depth and kind >= 5:
            return self.filter(target, depth - 1)
        if kind >= 3 and not relation.kind.to_one:
            return self.on_figure(target)
        if kind == 0:
            return self.one([None, {"_is_null": False}, {"_is_null": True}])
        key = self.comparison(stored(target.primary), target)
        return key if kind == 1 else {"id": key}

    def on_figure(self, target: Table) -> Any:
        function = self.one(list(Function))
        if function is Function.COUNT:
            operator = self.one(["_eq", "_neq", "_gt", "_lte"])
            return {"_count": {operator: self.number(0, 3)}}
        column = self.one(measurable(target, function))
        # An average is none of the values, and a float.
        average = function is Function.AVG
        like = StoredColumn("tame", ColumnType.FLOAT) if average else column
        held = None if average else target
        if self.maybe(1, 4):
            return {f"_{function.value}": {column.name: self.one(_NULLS[1:])}}
        return {f"_{function.value}": {column.name: self.comparison(like, held, searches=False)}}

    # -- orders ---------------------------------------------------------------------------------

    def sort(self, table: Table, *, paths: bool = True) -> Any:
        keys = self.some(lambda: self.sort_key(table, paths=paths), most=3)
        signs = [self.maybe(1, 3) for _ in keys]
        if keys and self.maybe(1, 4):
            return {name: "desc" if down else "ASC" for name, down in zip(keys, signs)}  # noqa: B905
        return ",".join(f"-{key}" if down else key for key, down in zip(keys, signs, strict=True))

    def sort_key(self, table: Table, *, paths: bool) -> str:
        kind = self.number(0, 5) if paths else 0
        to_many = [one for one in table.relations.values() if not one.kind.to_one]
        if kind == 5 and to_many:
            relation = self.one(to_many)
            function = self.one([Function.COUNT, Function.MIN, Function.MAX])
            if function is Function.COUNT:
                return f"_count({relation.name})"
            column = self.one(measurable(self.target(relation), function))
            return f"_{function.value}({relation.name}.{column.name})"
        return ".".join(self.path(table, 2 if kind >= 3 else 0))

    def path(self, table: Table, depth: int) -> list[str]:
        """Draw a column with to-one relations on the way to it."""
        to_one = [one for one in table.relations.values() if one.kind.to_one]
        if depth and to_one and self.maybe(2, 3):
            relation = self.one(to_one)
            return [relation.name, *self.path(self.target(relation), depth - 1)]
        return [self.one(orderable(table)).name]

    # -- what to show ---------------------------------------------------------------------------

    def fields(self, table: Table, depth: int = 2) -> str:
        names: list[str] = []
        if self.maybe(1, 3):
            names.append("*")
        names += self.some(lambda: self.field(table, depth), most=3)
        positive = {name.partition(".")[0] for name in names}
        if self.maybe(1, 4):
            left = [name for name in (*table.columns, *table.relations) if name not in positive]
            names += [f"-{name}" for name in self.some(lambda: self.one(left), most=2)]
        return ",".join(names)

    def field(self, table: Table, depth: int) -> str:
        if not depth or self.maybe():
            return self.one([*table.columns, *table.relations])
        relation = self.one(list(table.relations.values()))
        inner = "*" if self.maybe(1, 4) else self.field(self.target(relation), depth - 1)
        return f"{relation.name}.{inner}"

    def deep(self, table: Table, depth: int = 2) -> Any:
        relations = self.some(lambda: self.one(list(table.relations.values())), 1, 2)
        return {one.name: self.deep_entry(one, depth) for one in relations}

    def deep_entry(self, relation: Relation, depth: int) -> Any:
        target = self.target(relation)
        options: dict[str, Any] = {}
        if self.maybe():
            options["fields"] = self.fields(target, 1)
        if self.maybe():
            options["filter"] = self.filter(target, 1)
        if not relation.kind.to_one:
            if self.maybe():
                options["sort"] = self.sort(target)
            if self.maybe():
                options["limit"] = self.number(0, 3)
                if options["limit"] and self.maybe(1, 3):
                    options["page"] = self.number(1, 2)
        if depth > 1 and self.maybe(1, 3):
            options["deep"] = self.deep(target, depth - 1)
        return options

    # -- figures --------------------------------------------------------------------------------

    def aggregate(self, table: Table) -> Any:
        asked: dict[str, dict[str, Any]] = {}
        for _ in range(self.number(1, 3)):
            if self.maybe(1, 3):
                relation = self.one(list(table.relations.values()))
                where = self.filter(self.target(relation), 1) if self.maybe() else True
                asked.setdefault(relation.name, {})["countRecords"] = where
                continue
            function = self.one(list(Function))
            column = self.one(measurable(table, function))
            narrowed = self.maybe(1, 3) and column.type is not ColumnType.SIMPLE_JSON
            where = self.comparison(column, table) if narrowed else True
            where = where if isinstance(where, dict) else True
            asked.setdefault(column.name, {})[function.value] = where
        return asked

    def groups(self, table: Table) -> Parameters:
        dimensions = [".".join(self.path(table, 1)) for _ in range(self.number(0, 2))]
        measures: dict[str, Any] = {}
        for number in range(self.number(0 if dimensions else 1, 3)):
            function = self.one(list(Function))
            column = self.one(measurable(table, function))
            whole = function is Function.COUNT and self.maybe()
            measures[f"m{number}"] = "count" if whole else {function.value: column.name}
        asked: Parameters = {"dimensions": ",".join(dimensions), "measures": measures}
        names = [*dimensions, *measures]
        keys = self.some(lambda: self.one(["", "-"]) + self.one(names), most=2)
        if keys:
            asked["sort"] = ",".join(keys)
        return asked

    # -- requests -------------------------------------------------------------------------------

    def request(self, table: Table) -> Parameters:
        """Draw the parameters of a list."""
        asked: Parameters = {}
        kind = self.number(0, 5)
        if self.maybe(2, 3):
            asked["filter"] = self.filter(table)
        if kind == 5:
            asked |= self.groups(table)
        else:
            if self.maybe():
                asked["sort"] = self.sort(table)
            if kind >= 2:
                asked["fields"] = self.fields(table)
            if kind == 4:
                asked["deep"] = self.deep(table)
        if self.maybe(1, 4):
            asked["aggregate"] = self.aggregate(table)
        if self.maybe(1, 3):
            asked["meta"] = self.one(["*", "filterCount", "totalCount,filterCount"])
        if self.maybe(1, 3):
            asked["limit"] = self.number(0, 4)
            asked["page"] = self.number(1, 3)
        return asked

    def ordered_request(self, table: Table) -> Parameters:
        """Draw the parameters of a list that is walked page by page."""
        asked: Parameters = {"limit": self.number(1, 3), "sort": self.sort(table)}
        if self.maybe(1, 3):
            asked["filter"] = self.filter(table, 1)
        if self.maybe(1, 3):
            asked["fields"] = self.fields(table, 1)
        return asked


def columns_of(table: Table) -> list[StoredColumn]:
    return [stored(column) for column in table.columns.values()]


def orderable(table: Table) -> list[StoredColumn]:
    return [one for one in columns_of(table) if one.type not in DOCUMENTS]


def measurable(table: Table, function: Function) -> list[StoredColumn]:
    """Give the columns that a function knows; there is always one."""
    if function is Function.COUNT:
        return columns_of(table)
    if function in {Function.SUM, Function.AVG}:
        # What wild floats sum up to depends on the order.
        return [one for one in columns_of(table) if one.type in NUMBERS and one.name != "wild"]
    return [one for one in orderable(table) if one.type is not ColumnType.BOOLEAN]
