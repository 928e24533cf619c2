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


class Every(msgspec.Struct, frozen=True):
    """Whether all parts hold; with no parts it holds."""

    parts: tuple[Filter, ...]


class Some(msgspec.Struct, frozen=True):
    """Whether at least one part holds; with no parts it does not."""

    parts: tuple[Filter, ...]


class Negate(msgspec.Struct, frozen=True):
    """Whether the part does not hold: exactly the records for which it does not."""

    part: Filter


Filter = Compare | IsNull | Related | Every | Some | Negate


class SortKey(msgspec.Struct, frozen=True):
    """A field to sort by, with the to-one relations on the way to it."""

    path: tuple[str, ...]
    descending: bool = False


class Deep(msgspec.Struct, frozen=True):
    """What to load of one relation."""

    relation: str
    fields: tuple[str, ...] | None = None
    deep: tuple[Deep, ...] = ()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A query without its values.

    Attributes:
        fields: Names as given: paths, wildcards, exclusions; None for the default.
        filter_count: Whether to count the records that meet the filter.
        total_count: Whether to count all records.
    """

    where: Filter | None = None
    sort: tuple[SortKey, ...] = ()
    fields: tuple[str, ...] | None = None
    deep: tuple[Deep, ...] = ()
    filter_count: bool = False
    total_count: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed query.

    Attributes:
        values: What the shape's slots refer to, as the client sent them.
        limit: Rows asked for; None for the default, 0 for all.
        page: The page, from 1.
    """

    shape: Shape = Shape()
    values: tuple[Any, ...] = ()
    limit: int | None = None
    page: int = 1


EVERYTHING = Query()
