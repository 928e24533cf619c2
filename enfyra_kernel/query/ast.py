"""The Query: what a request asks for, as a tree without values.

Values are kept beside the tree and the tree refers to them by number (`slot`). Two requests that
differ in values only have equal trees, so the tree is the key under which plans and statements
are cached, and no value can end up in a statement's text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Operator(StrEnum):
    """A comparison of a field with a value."""

    EQ = "_eq"
    NEQ = "_neq"
    GT = "_gt"
    GTE = "_gte"
    LT = "_lt"
    LTE = "_lte"
    IN = "_in"
    NOT_IN = "_not_in"
    BETWEEN = "_between"
    CONTAINS = "_contains"
    STARTS_WITH = "_starts_with"
    ENDS_WITH = "_ends_with"


class Function(StrEnum):
    """What is made of many values."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


LISTS = frozenset({Operator.IN, Operator.NOT_IN})
SEARCHES = frozenset({Operator.CONTAINS, Operator.STARTS_WITH, Operator.ENDS_WITH})
ORDERINGS = frozenset({Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN})


class Compare(msgspec.Struct, frozen=True):
    """A field compared with the value in a slot."""

    field: str
    operator: Operator
    slot: int


class IsNull(msgspec.Struct, frozen=True):
    """Whether a field, or a relation, is empty."""

    field: str
    empty: bool


class Related(msgspec.Struct, frozen=True):
    """Whether a related record exists that meets a condition."""

    relation: str
    where: Filter


class Figure(msgspec.Struct, frozen=True):
    """A figure over records: of one of their fields, or how many there are."""

    function: Function
    field: str | None = None


class Measured(msgspec.Struct, frozen=True):
    """A figure over related records, compared with the value in a slot."""

    relation: str
    figure: Figure
    operator: Operator
    slot: int


class MeasuredNull(msgspec.Struct, frozen=True):
    """Whether there is no such figure over related records: none of them has a value."""

    relation: str
    figure: Figure
    empty: bool


class Every(msgspec.Struct, frozen=True):
    """Whether all parts hold; with no parts it holds."""

    parts: tuple[Filter, ...]


class Some(msgspec.Struct, frozen=True):
    """Whether at least one part holds; with no parts it does not."""

    parts: tuple[Filter, ...]


class Negate(msgspec.Struct, frozen=True):
    """Whether the part does not hold: exactly the records for which it does not."""

    part: Filter


Filter = Compare | IsNull | Related | Measured | MeasuredNull | Every | Some | Negate


class SortKey(msgspec.Struct, frozen=True):
    """What to sort by.

    Attributes:
        path: A field, with the to-one relations on the way to it; or, of a figure, the relation.
        figure: A figure over the records of a to-many relation.
    """

    path: tuple[str, ...]
    descending: bool = False
    figure: Figure | None = None


class Deep(msgspec.Struct, frozen=True):
    """What to load of one relation.

    Attributes:
        limit: The slot of the most records to load; None for the default.
        offset: The slot of the number of records to pass over.
    """

    relation: str
    fields: tuple[str, ...] | None = None
    deep: tuple[Deep, ...] = ()
    where: Filter | None = None
    sort: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int | None = None


class Aggregate(msgspec.Struct, frozen=True):
    """A figure over all records that meet the filter, beside the records themselves.

    Attributes:
        field: A column; or a relation, whose records are counted.
        function: None for how many related records there are.
        where: Which values, or which related records, to take.
    """

    field: str
    function: Function | None
    where: Filter | None = None


class Measure(msgspec.Struct, frozen=True):
    """A figure over each group, and its name in the answer."""

    name: str
    figure: Figure


class Grouping(msgspec.Struct, frozen=True):
    """Groups of records in the place of records.

    Attributes:
        dimensions: The fields that the records of a group share, as paths.
    """

    dimensions: tuple[tuple[str, ...], ...]
    measures: tuple[Measure, ...]


class Keyset(msgspec.Struct, frozen=True):
    """That a page begins behind a record.

    Attributes:
        slots: For each key of the order, the slot of that record's value; None where it is null.
    """

    slots: tuple[int | None, ...]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A query without its values.

    Attributes:
        fields: Names as given: paths, wildcards, exclusions; None for the default.
        filter_count: Whether to count the records that meet the filter.
        total_count: Whether to count all records.
        keyed: Whether to give each record's place in the order, from which pages go on.
        after: Where the page begins, if it is not the first.
    """

    where: Filter | None = None
    sort: tuple[SortKey, ...] = ()
    fields: tuple[str, ...] | None = None
    deep: tuple[Deep, ...] = ()
    aggregates: tuple[Aggregate, ...] = ()
    grouping: Grouping | None = None
    filter_count: bool = False
    total_count: bool = False
    keyed: bool = False
    after: Keyset | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed query.

    Attributes:
        values: What the shape's slots refer to, as the client sent them.
        limit: Rows asked for; None for the default, 0 for all.
        page: The page, from 1.
        explain: Whether to tell how the query is answered, in the place of the answer.
    """

    shape: Shape = Shape()
    values: tuple[Any, ...] = ()
    limit: int | None = None
    page: int = 1
    explain: bool = False


EVERYTHING = Query()
